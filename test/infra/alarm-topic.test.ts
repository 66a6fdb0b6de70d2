import { CfnParameter, Stack, Validations } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it } from 'vitest';
import { APP_FLAGS } from '../../infra/function.ts';
import { EcrRegistryHelper } from '../../infra/index.ts';
import { alarmsOf } from './monitored.ts';
import { DEMO, HOME, newApp, resource, type Synthesized, synth } from './synth.ts';

const TOPIC = 'arn:aws:sns:eu-west-1:111122223333:on-call';

describe('the topic of the alarms', () => {
  const { template } = synth(() => ({ settings: DEMO }));
  const topic = resource(template, 'AWS::SNS::Topic');

  it('is one of its own that the alarms of the account may publish to, over TLS only', () => {
    const { Topics, PolicyDocument } = resource(template, 'AWS::SNS::TopicPolicy').properties;
    expect(Topics).toEqual([{ Ref: topic.id }]);
    expect(PolicyDocument.Statement).toHaveLength(2);
    expect(PolicyDocument.Statement).toEqual(
      expect.arrayContaining([
        {
          Sid: 'AlarmsOfThisAccount',
          Effect: 'Allow',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Action: 'sns:Publish',
          Resource: { Ref: topic.id },
          Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:cloudwatch:eu-west-1:111122223333:alarm:*' } },
        },
        expect.objectContaining({
          Effect: 'Deny',
          Principal: '*',
          Action: 'sns:Publish',
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      ]),
    );
  });

  it('has no key, as under that of SNS alarms would be lost without a word', () => {
    expect(topic.properties ?? {}).not.toHaveProperty('KmsMasterKeyId');
  });

  it('has no subscriber', () => {
    template.resourceCountIs('AWS::SNS::Subscription', 0);
  });
});

it('a key of yours lets CloudWatch use it', () => {
  const { template } = synth((stack) => ({ settings: DEMO, alarmKey: new kms.Key(stack, 'Mine') }));
  const key = resource(template, 'AWS::KMS::Key', 'Mine');
  expect(resource(template, 'AWS::SNS::Topic').properties.KmsMasterKeyId).toEqual({
    'Fn::GetAtt': [key.id, 'Arn'],
  });
  expect(key.properties.KeyPolicy.Statement).toContainEqual({
    Effect: 'Allow',
    Principal: { Service: 'cloudwatch.amazonaws.com' },
    Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
    Resource: '*',
  });
});

it('an e-mail address is subscribed to it', () => {
  const { template } = synth((stack) => ({
    settings: { ...DEMO, alarmEmail: new CfnParameter(stack, 'Email').valueAsString },
  }));
  const fixed = synth(() => ({ settings: { ...DEMO, alarmEmail: 'on-call@example.com' } })).template;
  for (const [of, Endpoint] of [
    [template, { Ref: 'Email' }],
    [fixed, 'on-call@example.com'],
  ] as const) {
    expect(resource(of, 'AWS::SNS::Subscription').properties).toEqual({
      ...{ Protocol: 'email', Endpoint },
      TopicArn: { Ref: resource(of, 'AWS::SNS::Topic').id },
    });
  }
});

describe('synth warns of a topic without a subscriber', () => {
  const warned = (props: Parameters<typeof synth>[0]) => synth(props, HOME, newApp({ warns: true }));
  const warnings = ({ stack }: Synthesized) =>
    Annotations.fromStack(stack)
      .findWarning('*', Match.stringLikeRegexp('nobody gets the alarms'))
      .map(({ entry }) => String(entry.data));
  const path = '/Test/Helper/Monitoring/AlarmTopic';

  it('that the stack makes', () => {
    expect(warnings(warned(() => ({ settings: DEMO })))).toEqual([
      expect.stringMatching(/Set alarmEmail or alarmTopic in the settings \[ack: .*:no-subscriber\]$/),
    ]);
  });

  it('that another stack of the app makes', () => {
    const { stack } = warned((one) => ({ settings: DEMO, alarmTopic: new sns.Topic(one, 'Mine') }));
    Annotations.fromStack(stack).hasWarning('/Test/Mine', Match.stringLikeRegexp('nobody gets'));
  });

  it('in the app of this project also with the flag', () => {
    const { stack } = warned((one) => {
      one.node.setContext(APP_FLAGS, '-c cluster=demo');
      return { settings: DEMO };
    });
    Annotations.fromStack(stack).hasWarning(path, Match.stringLikeRegexp('or add -c alarmEmail=ADDRESS'));
  });

  it.each<[string, Parameters<typeof synth>[0]]>([
    ['not with an e-mail address', () => ({ settings: { ...DEMO, alarmEmail: 'me@example.com' } })],
    ['not of a topic whose subscribers are unknown', () => ({ settings: { ...DEMO, alarmTopic: TOPIC } })],
  ])('%s', (_, props) => {
    expect(warnings(warned(props))).toEqual([]);
  });

  it('not with a subscriber that is added later, wherever its construct is', () => {
    const stack = new Stack(newApp({ warns: true }), 'Test', { env: HOME });
    const { monitoring } = new EcrRegistryHelper(stack, 'Helper', { settings: DEMO });
    (monitoring.topic as sns.Topic).addSubscription(
      new subscriptions.SqsSubscription(new sqs.Queue(stack, 'Mine')),
    );
    Annotations.fromStack(stack).hasNoWarning('*', Match.stringLikeRegexp('nobody gets'));
  });

  it('not where it is acknowledged', () => {
    const stack = new Stack(newApp({ warns: true }), 'Test', { env: HOME });
    const { monitoring } = new EcrRegistryHelper(stack, 'Helper', { settings: DEMO });
    const id = 'Annotation::ecr-registry-helper:no-subscriber';
    Validations.of(monitoring).acknowledge({ id, reason: 'subscribed by hand' });
    Annotations.fromStack(stack).hasNoWarning('*', Match.stringLikeRegexp('nobody gets'));
  });
});

describe('a topic of yours', () => {
  it.each([
    ['in the settings', () => ({ settings: { ...DEMO, alarmTopic: TOPIC } }), TOPIC],
    [
      'in the settings, known at deployment',
      (stack: Stack) => ({
        settings: { ...DEMO, alarmTopic: new CfnParameter(stack, 'Mine').valueAsString },
      }),
      { Ref: 'Mine' },
    ],
    [
      'as a property',
      (stack: Stack) => ({ settings: DEMO, alarmTopic: sns.Topic.fromTopicArn(stack, 'Mine', TOPIC) }),
      TOPIC,
    ],
  ])('%s gets the alarms, and none is made', (_, props, arn) => {
    const { template } = synth(props);
    template.resourceCountIs('AWS::SNS::Topic', 0);
    template.resourceCountIs('AWS::SNS::TopicPolicy', 0);
    for (const { properties } of alarmsOf(template)) {
      expect(properties).toMatchObject({ AlarmActions: [arn], OKActions: [arn] });
    }
  });

  it('may be of another stack of the app', () => {
    const { template } = synth((stack) => {
      const other = new Stack(stack.node.root as Stack, 'Other', {
        env: { account: '111122223333', region: 'eu-west-1' },
      });
      return { settings: DEMO, alarmTopic: new sns.Topic(other, 'Mine') };
    });
    template.resourceCountIs('AWS::SNS::Topic', 0);
  });

  const given = (stack: Stack) => sns.Topic.fromTopicArn(stack, 'Mine', TOPIC);
  const far = TOPIC.replace('eu-west-1', 'us-east-1');
  it.each<[string, Parameters<typeof synth>[0], RegExp]>([
    [
      'given twice',
      (stack) => ({ settings: { ...DEMO, alarmTopic: TOPIC }, alarmTopic: given(stack) }),
      /alarmTopic: given both in the settings and as a property/,
    ],
    [
      'with an e-mail address beside it',
      () => ({ settings: { ...DEMO, alarmTopic: TOPIC, alarmEmail: 'me@example.com' } }),
      /alarmEmail: .* subscribe the address to it yourself/,
    ],
    [
      'as a property with an e-mail address in the settings',
      (stack) => ({ settings: { ...DEMO, alarmEmail: 'me@example.com' }, alarmTopic: given(stack) }),
      /alarmEmail: .* subscribe the address to it yourself/,
    ],
    [
      'with a key for it',
      (stack) => ({ settings: DEMO, alarmTopic: given(stack), alarmKey: new kms.Key(stack, 'Key') }),
      /alarmKey: .* set the key on it/,
    ],
    [
      'in another region',
      () => ({ settings: { ...DEMO, alarmTopic: far } }),
      /alarmTopic: it is in us-east-1, and alarms of eu-west-1 reach only topics of eu-west-1/,
    ],
  ])('%s is refused', (_, props, message) => {
    expect(() => synth(props)).toThrow(message);
  });
});

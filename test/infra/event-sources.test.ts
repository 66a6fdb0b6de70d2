import { CfnParameter } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, it } from 'vitest';
import { NAMESPACE_CREATED } from '../../infra/event-sources.ts';
import type { SettingsInput } from '../../infra/index.ts';
import { created } from '../sandbox/aws/log-batch.ts';
import { secret } from './deployments.ts';
import { DEMO, HOME, resource, synth } from './synth.ts';

const audited = { newNamespaces: 'audit-log' as const };

describe('with newNamespaces', () => {
  const { template } = synth(() => ({
    settings: {
      ...audited,
      clusters: [
        { name: 'demo' },
        { name: 'demo', id: 'again', rbac: 'manual' },
        { name: 'dev', region: HOME.region ?? '' },
      ],
    },
  }));

  it('subscribes the function to the log of each cluster, once', () => {
    const handler = {
      'Fn::GetAtt': [resource(template, 'AWS::Lambda::Function', 'HelperRefresher').id, 'Arn'],
    };
    const filters = Object.values(template.findResources('AWS::Logs::SubscriptionFilter'));
    expect(filters.map(({ Properties }) => Properties)).toEqual(
      ['demo', 'dev'].map((name) => ({
        LogGroupName: `/aws/eks/${name}/cluster`,
        DestinationArn: handler,
        FilterPattern: NAMESPACE_CREATED,
      })),
    );
  });

  it('allows only these logs of this account to invoke it, before they do', () => {
    const filter = resource(template, 'AWS::Logs::SubscriptionFilter', 'HelperNewNamespacesClusterdemo');
    const permission = resource(template, 'AWS::Lambda::Permission', 'HelperNewNamespacesClusterdemo');
    expect(permission.properties).toMatchObject({
      Action: 'lambda:InvokeFunction',
      Principal: 'logs.amazonaws.com',
      SourceAccount: HOME.account,
    });
    expect(JSON.stringify(permission.properties.SourceArn)).toContain(
      `:logs:${HOME.region}:${HOME.account}:log-group:/aws/eks/demo/cluster:*`,
    );
    expect(filter.dependsOn).toContain(permission.id);
  });

  it('makes no log group of its own for it', () => {
    expect(JSON.stringify(template.findResources('AWS::Logs::LogGroup'))).not.toContain('/aws/eks/');
  });
});

it.each([
  ['without newNamespaces', {}],
  ['while it is not enabled', { ...audited, enabled: false }],
])('subscribes to nothing %s', (_, more) => {
  const { template } = synth(() => ({ settings: { clusters: [{ name: 'demo' }], ...more } }));
  template.resourceCountIs('AWS::Logs::SubscriptionFilter', 0);
});

it.each([
  ['of another region', { name: 'far', region: 'us-east-1' }, /its region is us-east-1/],
  [
    'of another account',
    { name: 'far', accountId: '444455556666', roleArn: 'arn:aws:iam::444455556666:role/r' },
    /its account is 444455556666/,
  ],
  [
    'behind a role',
    { name: 'far', roleArn: 'arn:aws:iam::444455556666:role/r' },
    /the function uses a role there/,
  ],
])('refuses a cluster %s by name', (_, cluster, reason) => {
  const settings = { ...audited, clusters: [{ name: 'demo' }, cluster] };
  expect(() => synth(() => ({ settings }))).toThrow(reason);
  expect(() => synth(() => ({ settings }))).toThrow(
    /newNamespaces: the log of the cluster far cannot invoke the function/,
  );
});

it('newNamespaces takes a cluster whose name is known only at deployment', () => {
  const { template } = synth((stack) => ({
    settings: { ...audited, clusters: [{ name: new CfnParameter(stack, 'Name').valueAsString }] },
  }));
  expect(resource(template, 'AWS::Logs::SubscriptionFilter').properties.LogGroupName).toEqual({
    'Fn::Join': ['', ['/aws/eks/', { Ref: 'Name' }, '/cluster']],
  });
});

describe('the filter of the audit log', () => {
  const ref = { resource: 'namespaces', name: 'a' };

  it.each([
    [true, 'a create', created('a')],
    [true, 'generateName', created('a', { objectRef: { resource: 'namespaces' } })],
    [true, 'a server-side apply', created('a', { verb: 'patch' })],
    [false, 'a change', created('a', { verb: 'patch', responseStatus: { code: 200 } })],
    [false, 'a refused create', created('a', { responseStatus: { code: 409 } })],
    [false, 'a dry run', created('a', { requestURI: '/api/v1/namespaces?dryRun=All' })],
    [false, 'a subresource', created('a', { objectRef: { ...ref, subresource: 'finalize' } })],
    [false, 'another API', created('a', { objectRef: { ...ref, apiGroup: 'example.com' } })],
    [false, 'a secret', created('a', { objectRef: { resource: 'secrets' } })],
    [false, 'a request under way', created('a', { stage: 'RequestReceived' })],
  ])('says %s of %s', (expected, _, record) => {
    expect(passes(NAMESPACE_CREATED, record)).toBe(expected);
  });

  it('is no longer than CloudWatch Logs takes', () => {
    expect(NAMESPACE_CREATED.length).toBeLessThanOrEqual(1024);
  });
});

const far = secret('hub-a1b2c3', 'us-west-2');
const otherAccount = secret('hub-a1b2c3', 'eu-west-1', '444455556666');
const near = secret('team/quay-d4e5f6');

/** Settings whose registries are read with these secrets; the first is that of static keys. */
function reading(keysSecretId: string, ...secretIds: string[]): SettingsInput {
  const stored = secretIds.map((secretId) => ({ type: 'stored' as const, secretId }));
  return {
    ...DEMO,
    storedChanges: true,
    secrets: [{ registries: [{ type: 'ecr', keysSecretId }] }, ...stored.map(toEntry)],
  };
}

const toEntry = (registry: { type: 'stored'; secretId: string }, at: number) => ({
  name: `stored-${at}`,
  registries: [registry],
});

describe('with storedChanges', () => {
  const { template, stack } = synth(() => ({ settings: reading('aws-conf', 'docker-hub', near, near) }));
  const rule = resource(template, 'AWS::Events::Rule', 'HelperStoredChanges');

  it('one rule is for new values of the secrets that registries are read with, and of no other', () => {
    const prefix = (name: string) => ({ prefix: secret(`${name}-`) });
    expect(rule.properties.State).toBe('ENABLED');
    expect(rule.properties.EventPattern).toEqual({
      source: ['aws.secretsmanager'],
      'detail-type': ['Secret Label Updated'],
      resources: [prefix('aws-conf'), prefix('docker-hub'), near],
      detail: { labelUpdated: ['AWSCURRENT'], name: ['aws-conf', 'docker-hub', 'team/quay'] },
    });
  });

  it('EventBridge may invoke the function by this rule, and the role gets no permission', () => {
    const { id } = resource(template, 'AWS::Lambda::Function', 'HelperRefresher');
    const functionArn = { 'Fn::GetAtt': [id, 'Arn'] };
    expect(rule.properties.Targets).toEqual([expect.objectContaining({ Arn: functionArn })]);
    template.hasResourceProperties('AWS::Lambda::Permission', {
      FunctionName: functionArn,
      Principal: 'events.amazonaws.com',
      SourceArn: { 'Fn::GetAtt': [rule.id, 'Arn'] },
    });
    const without = synth(() => ({
      settings: { ...reading('aws-conf', 'docker-hub', near, near), storedChanges: false },
    }));
    const policyOf = (one: typeof template) => resource(one, 'AWS::IAM::Policy', 'HelperRole').properties;
    expect(policyOf(template)).toEqual(policyOf(without.template));
  });

  it('there is no warning where every secret is in the account and region of the stack', () => {
    Annotations.fromStack(stack).hasNoWarning('*', Match.stringLikeRegexp('storedChanges'));
  });
});

it.each([
  ['another region', far],
  ['another account', otherAccount],
])('warns of a secret of %s, whose events stay there', (_, arn) => {
  const { stack } = synth(() => ({ settings: reading('aws-conf', arn) }));
  const warned = Annotations.fromStack(stack).findWarning('*', Match.stringLikeRegexp('^storedChanges: '));
  expect(warned.map(({ entry }) => entry.data)).toEqual([
    expect.stringContaining(`the next scheduled run reads a change of ${arn}, unless a rule there`),
  ]);
});

it('storedChanges starts the state machine of a fleet', () => {
  const { template } = synth(() => ({ settings: { ...reading('aws-conf'), fleet: true } }));
  const { properties } = resource(template, 'AWS::Events::Rule', 'HelperStoredChanges');
  const { id } = resource(template, 'AWS::StepFunctions::StateMachine');
  const role = resource(template, 'AWS::IAM::Role', 'HelperFleetRuleRole');
  expect(properties.Targets).toEqual([
    expect.objectContaining({ Arn: { Ref: id }, Input: '{}', RoleArn: { 'Fn::GetAtt': [role.id, 'Arn'] } }),
  ]);
  // of any rule of the account, as there are two that start it
  const [{ Condition }] = role.properties.AssumeRolePolicyDocument.Statement;
  expect(Object.values(Condition).flatMap((one) => Object.keys(one as object))).toEqual([
    'aws:SourceAccount',
  ]);
});

it('storedChanges is off while the schedule is suspended', () => {
  const { template } = synth(() => ({ settings: { ...reading('aws-conf'), enabled: false } }));
  expect(resource(template, 'AWS::Events::Rule', 'HelperStoredChanges').properties.State).toBe('DISABLED');
});

it('without storedChanges there is no rule for it', () => {
  const { template } = synth(() => ({ settings: { ...reading('aws-conf'), storedChanges: false } }));
  template.resourceCountIs('AWS::Events::Rule', 1);
});

it('storedChanges takes a secret whose ARN is known only at deployment', () => {
  const { template } = synth((stack) => ({
    settings: reading('aws-conf', new secretsmanager.Secret(stack, 'Hub').secretArn),
  }));
  const { EventPattern } = resource(template, 'AWS::Events::Rule', 'HelperStoredChanges').properties;
  expect(EventPattern.resources).toContainEqual({ Ref: expect.stringMatching(/^Hub/) });
  expect(EventPattern.detail).toEqual({ labelUpdated: ['AWSCURRENT'] });
});

it('storedChanges refuses more secrets than a rule takes', () => {
  const ids = Array.from({ length: 20 }, (_, at) => `a-rather-long-name-of-a-secret-of-the-registry-${at}`);
  const settings = reading('aws-conf', ...ids.slice(0, 10));
  expect(() => synth(() => ({ settings }))).not.toThrow();
  expect(() => synth(() => ({ settings: reading('aws-conf', ...ids) }), HOME)).toThrow(
    /storedChanges: the rule for 21 secrets takes \d{4} characters, and EventBridge allows 2048; put several/,
  );
});

/** As CloudWatch Logs reads the terms that are used here: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html */
function passes(pattern: string, record: object): boolean {
  const terms = /\(\$\.([\w.]+) (?:(NOT EXISTS)|(!?=) (?:"([^"]*)"|(\d+)))\)/g;
  const evaluated = pattern.slice(1, -1).replace(terms, (_, path: string, absent, sign, text, number) => {
    const value = path
      .split('.')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], record);
    if (absent) return String(value === undefined);
    const glob = new RegExp(`^${String(text).replaceAll('*', '.*')}$`);
    const is = number === undefined ? glob.test(String(value)) : value === Number(number);
    return String(is === (sign === '='));
  });
  return evaluated
    .trim()
    .split(' && ')
    .every((part) => part.includes('true'));
}

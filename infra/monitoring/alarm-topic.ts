import { ArnFormat, Stack, Token, TokenComparison } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { SettingsError } from '../../lambda/errors.ts';
import type { Settings } from '../../lambda/settings.ts';

export interface AlarmTopicProps {
  /**
   * Where the alarms go. Its policy must let `cloudwatch.amazonaws.com` publish, and so must that of its key.
   * @default - that of `settings.alarmTopic`, or one of its own
   */
  readonly alarmTopic?: sns.ITopic;
  /**
   * Of the topic of its own. The policy of an imported key must allow `cloudwatch.amazonaws.com` kms:Decrypt and
   * kms:GenerateDataKey*, or alarms are lost without a word. @default - none; alarms tell no secret
   */
  readonly alarmKey?: kms.IKey;
}

const CLOUDWATCH = new iam.ServicePrincipal('cloudwatch.amazonaws.com');

/**
 * The topic of the alarms: the one that props or settings name, or one of its own with the address as a subscriber.
 * @throws SettingsError when two are given, when a given one is of another region or would get a key or a subscriber
 */
export function alarmTopicOf(
  scope: Construct,
  { alarmTopic, alarmKey }: AlarmTopicProps,
  { alarmTopic: arn, alarmEmail }: Pick<Settings, 'alarmTopic' | 'alarmEmail'>,
): sns.ITopic {
  if (alarmTopic && arn) {
    throw new SettingsError('alarmTopic: given both in the settings and as a property of the construct');
  }
  const given = alarmTopic ?? (arn && sns.Topic.fromTopicArn(scope, 'AlarmTopic', arn));
  if (!given) return ownTopic(scope, alarmKey, alarmEmail);
  // beside an alarmTopic of the settings, their own check has refused it already
  if (alarmEmail) {
    throw new SettingsError(
      'alarmEmail: alarmTopic is a topic of yours; subscribe the address to it yourself',
    );
  }
  if (alarmKey) throw new SettingsError('alarmKey: alarmTopic is a topic of yours; set the key on it');
  const { region } = Stack.of(scope);
  if (Token.compareStrings(given.env.region, region) === TokenComparison.DIFFERENT) {
    throw new SettingsError(
      `alarmTopic: it is in ${given.env.region}, and alarms of ${region} reach only topics of ${region}`,
    );
  }
  return given;
}

function ownTopic(scope: Construct, key: kms.IKey | undefined, email: string | undefined): sns.Topic {
  const topic = new sns.Topic(scope, 'AlarmTopic', { enforceSSL: true, masterKey: key });
  // a policy of its own takes the place of the default one, which let the account's alarms publish
  topic.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'AlarmsOfThisAccount',
      principals: [CLOUDWATCH],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { ArnLike: { 'aws:SourceArn': alarmsOf(Stack.of(scope)) } },
    }),
  );
  // CloudWatch asks KMS itself: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
  key?.grant(CLOUDWATCH, 'kms:Decrypt', 'kms:GenerateDataKey*');
  if (email) topic.addSubscription(new EmailSubscription(email));
  return topic;
}

function alarmsOf(stack: Stack): string {
  return stack.formatArn({
    service: 'cloudwatch',
    resource: 'alarm',
    resourceName: '*',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

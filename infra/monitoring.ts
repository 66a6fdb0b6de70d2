import { Annotations, Aspects, Duration, Names, Stack, Token, TokenComparison } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { CfnQueryDefinition } from 'aws-cdk-lib/aws-logs';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct, type IConstruct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import {
  type CLUSTER_DIMENSIONS,
  type ClusterMetric,
  type DeploymentMetric,
  METRICS_NAMESPACE,
} from '../lambda/refresh/report.ts';
import { listedClusters } from '../lambda/settings/locations.ts';
import { staleAfterHours } from '../lambda/settings/schedule.ts';
import { clusterId, type Settings } from '../lambda/settings/schema.ts';
import { clusterScope } from './cluster-access.ts';
import { Dashboard, fleetMetric, QUERIES, type Watched } from './dashboard.ts';
import type { Fleet } from './fleet.ts';
import { APP_FLAGS } from './function.ts';

export interface AlarmTopicProps {
  /**
   * SNS topic for alarms. Its policy must allow `cloudwatch.amazonaws.com` to publish, and so must that of its key.
   * @default - that of `settings.alarmTopic`, or a new one
   */
  readonly alarmTopic?: sns.ITopic;
  /**
   * KMS key of the new topic. The policy of an imported key must allow `cloudwatch.amazonaws.com` kms:Decrypt and
   * kms:GenerateDataKey*, or alarms are lost without an error. @default - none; alarms contain no secret
   */
  readonly alarmKey?: kms.IKey;
}

const HOUR = Duration.hours(1);
const SUM = { statistic: 'Sum', period: HOUR };
const ONE_POINT = { threshold: 1, evaluationPeriods: 1 };
const { BREACHING, IGNORE, NOT_BREACHING } = cloudwatch.TreatMissingData;
const SEE = 'What to do: docs/operate';
/** A first run takes 15 minutes at most, and its metrics some more. */
const WARM_UP_MINUTES = 30;
const CLOUDWATCH = new iam.ServicePrincipal('cloudwatch.amazonaws.com');

/**
 * Alarms and their SNS topic, a dashboard, and saved queries of the log. docs/metrics.md lists metrics and alarms.
 * @throws SettingsError for a topic that cannot be used
 */
export class Monitoring extends Construct {
  readonly topic: sns.ITopic;
  /** In the order of the dashboard. */
  readonly alarms: readonly cloudwatch.Alarm[];
  readonly dashboard: Dashboard;

  constructor(scope: Construct, id: string, watched: Watched, topic: AlarmTopicProps) {
    super(scope, id);
    const { settings, fleet, logGroup } = watched;
    this.topic = resolveTopic(this, topic, settings);
    Aspects.of(this.topic).add({ visit: warnWithoutSubscriber });
    const ofClusters = fleet ? fleetAlarms(this, settings, fleet) : clusterAlarms(this, settings);
    this.alarms = [...ofClusters, policyAlarm(this, settings), ...runAlarms(this, watched)];
    const notify = new SnsAction(this.topic);
    for (const alarm of this.alarms) {
      alarm.addAlarmAction(notify);
      alarm.addOkAction(notify);
    }
    this.dashboard = new Dashboard(this, 'Dashboard', watched, this.alarms);
    const folder = Names.uniqueResourceName(this, { maxLength: 128, separator: '-' });
    for (const [name, lines] of Object.entries(QUERIES)) {
      new CfnQueryDefinition(this, name.replaceAll(' ', ''), {
        name: `${folder}/${name}`,
        queryString: lines.join('\n| '),
        logGroupNames: [logGroup.logGroupName],
      });
    }
  }
}

interface HeartbeatProps {
  readonly description: string;
  readonly beat: cloudwatch.IMetric;
  readonly label: string;
  readonly hours: number;
}

/** An alarm for no beat in any of the last hours, also where the function never ran. */
function addHeartbeatAlarm(scope: Construct, id: string, props: HeartbeatProps): cloudwatch.Alarm {
  const alarm = new cloudwatch.Alarm(scope, id, {
    alarmDescription: props.description,
    // without FILL CloudWatch looks further back for missing points, and one old beat would count for days
    metric: new cloudwatch.MathExpression({
      expression: 'FILL(beat, 0)',
      usingMetrics: { beat: props.beat },
      label: props.label,
      period: HOUR,
    }),
    comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
    threshold: 1,
    evaluationPeriods: props.hours,
    treatMissingData: BREACHING,
  });
  // else a new alarm is on until the metrics of the first refresh arrive
  (alarm.node.defaultChild as cloudwatch.CfnAlarm).warmUpConfiguration = {
    warmUpPeriodDurationInMinutes: WARM_UP_MINUTES,
    onlyStartEvaluatingAfterWarmUpPeriodEnds: true,
  };
  return alarm;
}

function clusterAlarms(scope: Construct, settings: Settings): cloudwatch.Alarm[] {
  const hours = staleAfterHours(settings.schedule);
  return listedClusters(settings).flatMap((listed, at) => {
    const cluster = clusterId(listed);
    const inner = clusterScope(scope, cluster, at);
    const dimensionsMap: Record<(typeof CLUSTER_DIMENSIONS)[number], string> = {
      service: settings.name,
      cluster,
    };
    const shared = { namespace: METRICS_NAMESPACE, dimensionsMap, statistic: 'Maximum', period: HOUR };
    const metric = (metricName: ClusterMetric) => new cloudwatch.Metric({ ...shared, metricName });
    const blocked = new cloudwatch.Alarm(inner, 'Blocked', {
      ...ONE_POINT,
      alarmDescription: `The last refresh of cluster ${cluster} was blocked in namespaces by a quota, policy, webhook or object of their owners. ${SEE}/alarm-blocked-namespaces.md`,
      metric: metric('SecretsBlocked'),
      // between two runs nothing is known, so nothing changes
      treatMissingData: IGNORE,
    });
    // while suspended it would be on already, and could not report a schedule that does not start again
    if (!settings.enabled) return [blocked];
    const stale = addHeartbeatAlarm(inner, 'Stale', {
      description: `Cluster ${cluster} had no complete refresh for ${hours} hours; a token expires 12 hours after it was fetched. ${SEE}/alarm-stale-cluster.md`,
      beat: metric('ClusterFresh'),
      label: `complete refreshes of ${cluster}`,
      hours,
    });
    return [stale, blocked];
  });
}

/** The alarms of a fleet, in place of two for each cluster. */
function fleetAlarms(scope: Construct, settings: Settings, fleet: Fleet): cloudwatch.Alarm[] {
  const hours = staleAfterHours(settings.schedule);
  const failing = [
    new cloudwatch.Alarm(scope, 'FailedClusters', {
      ...ONE_POINT,
      alarmDescription: `Clusters failed in the last run of the fleet. The function retries each for six hours. ${SEE}/alarm-failed-clusters.md`,
      metric: fleetMetric(settings, 'FailedClusters'),
      treatMissingData: IGNORE,
    }),
    new cloudwatch.Alarm(scope, 'FailedFleet', {
      ...ONE_POINT,
      alarmDescription: `A run of the fleet failed within the last hour: clusters failed, or not all could be found. ${SEE}/alarm-failed-fleet.md`,
      metric: fleet.stateMachine.metricFailed(SUM),
      treatMissingData: NOT_BREACHING,
    }),
  ];
  if (!settings.enabled) return failing;
  const silent = addHeartbeatAlarm(scope, 'SilentFleet', {
    description: `No run of the fleet found a cluster for ${hours} hours; a token expires 12 hours after it was fetched. ${SEE}/alarm-silent-fleet.md`,
    beat: fleetMetric(settings, 'DiscoveredClusters'),
    label: 'discovered clusters',
    hours,
  });
  return [silent, ...failing];
}

/** One for all clusters, also of a fleet: it looks back over a whole gap, as each cluster reports in an hour of its own. */
function policyAlarm(scope: Construct, { name, schedule }: Settings): cloudwatch.Alarm {
  const metricName: DeploymentMetric = 'PolicyProblems';
  const metric = { namespace: METRICS_NAMESPACE, metricName, dimensionsMap: { service: name } };
  return new cloudwatch.Alarm(scope, 'Policy', {
    alarmDescription: `On a cluster the admission policy is not in force, or differs from the settings. Runs write tokens all the same. ${SEE}/alarm-admission-policy.md`,
    metric: new cloudwatch.MathExpression({
      // without FILL CloudWatch looks further back for missing points
      expression: 'FILL(problems, 0)',
      usingMetrics: { problems: new cloudwatch.Metric({ ...metric, statistic: 'Maximum', period: HOUR }) },
      label: 'clusters with a problem of the admission policy',
      period: HOUR,
    }),
    threshold: 1,
    evaluationPeriods: staleAfterHours(schedule),
    datapointsToAlarm: 1,
    treatMissingData: NOT_BREACHING,
  });
}

function runAlarms(scope: Construct, { refresher, deadLetterQueue }: Watched): cloudwatch.Alarm[] {
  return [
    new cloudwatch.Alarm(scope, 'FailedRun', {
      ...ONE_POINT,
      alarmDescription: `A run failed within the last hour. It is retried for six hours. ${SEE}/alarm-failed-run.md`,
      // a run that goes on failing is retried each half hour: one alarm for all its retries
      metric: refresher.metricErrors(SUM),
      treatMissingData: NOT_BREACHING,
    }),
    new cloudwatch.Alarm(scope, 'DeadLetter', {
      ...ONE_POINT,
      alarmDescription: `A run failed for six hours and is not retried any more. ${SEE}/alarm-dead-letter.md`,
      metric: deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        statistic: 'Maximum',
        period: Duration.minutes(5),
      }),
      // SQS sends no metrics of a queue that nobody used for hours, also while a message is in it
      treatMissingData: IGNORE,
    }),
    new cloudwatch.Alarm(scope, 'Throttled', {
      ...ONE_POINT,
      alarmDescription: `Lambda throttled runs within the last hour: the concurrency of the account or of the function was used up. ${SEE}/alarm-throttled-function.md`,
      metric: refresher.metricThrottles(SUM),
      treatMissingData: NOT_BREACHING,
    }),
  ];
}

/**
 * The topic of the props or of the settings, or a new one with the e-mail address as its subscriber.
 * @throws SettingsError when both name one, or one is given that is in another region or would get a key or a subscriber
 */
function resolveTopic(
  scope: Construct,
  { alarmTopic, alarmKey }: AlarmTopicProps,
  { alarmTopic: arn, alarmEmail }: Settings,
): sns.ITopic {
  if (alarmTopic && arn) {
    throw new SettingsError('alarmTopic: given both in the settings and as a property of the construct');
  }
  const given = alarmTopic ?? (arn && sns.Topic.fromTopicArn(scope, 'AlarmTopic', arn));
  if (!given) return newTopic(scope, alarmKey, alarmEmail);
  // beside an alarmTopic of the settings, their own check has refused it already
  if (alarmEmail) {
    throw new SettingsError('alarmEmail: alarmTopic is your own topic; subscribe the address to it yourself');
  }
  if (alarmKey) throw new SettingsError('alarmKey: alarmTopic is your own topic; set the key on it');
  const { region } = Stack.of(scope);
  if (Token.compareStrings(given.env.region, region) === TokenComparison.DIFFERENT) {
    throw new SettingsError(
      `alarmTopic: it is in ${given.env.region}, and alarms of ${region} reach only topics of ${region}`,
    );
  }
  return given;
}

function newTopic(scope: Construct, key: kms.IKey | undefined, email: string | undefined): sns.Topic {
  const { partition, region, account } = Stack.of(scope);
  const alarms = `arn:${partition}:cloudwatch:${region}:${account}:alarm:*`;
  const topic = new sns.Topic(scope, 'AlarmTopic', { enforceSSL: true, masterKey: key });
  // with a policy of its own a topic has no default policy, which allowed the alarms of the account to publish
  topic.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'AlarmsOfThisAccount',
      principals: [CLOUDWATCH],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { ArnLike: { 'aws:SourceArn': alarms } },
    }),
  );
  // CloudWatch itself calls KMS: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
  key?.grant(CLOUDWATCH, 'kms:Decrypt', 'kms:GenerateDataKey*');
  if (email) topic.addSubscription(new EmailSubscription(email));
  return topic;
}

/** Warns at synth, when all subscriptions of the app are known; those of an imported topic are unknown. */
function warnWithoutSubscriber(topic: IConstruct): void {
  if (!(topic instanceof sns.Topic)) return;
  const all = topic.node.root.node.findAll();
  if (all.some((node) => node instanceof sns.CfnSubscription && node.topicArn === topic.topicArn)) return;
  const byFlag = topic.node.tryGetContext(APP_FLAGS) ? ', or add -c alarmEmail=ADDRESS' : '';
  Annotations.of(topic).addWarningV2(
    'ecr-registry-helper:no-subscriber',
    `nobody gets the alarms: their topic has no subscriber. Set alarmEmail or alarmTopic in the settings${byFlag}`,
  );
}

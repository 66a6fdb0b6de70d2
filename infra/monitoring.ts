import { Annotations, Aspects, Duration, Stack, Token, TokenComparison } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { CfnQueryDefinition } from 'aws-cdk-lib/aws-logs';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct, type IConstruct } from 'constructs';
import { FILES_URL } from '../lambda/context.ts';
import { SettingsError } from '../lambda/errors.ts';
import { listedClusters } from '../lambda/settings/locations.ts';
import { staleAfterHours } from '../lambda/settings/schedule.ts';
import { clusterId, type Settings } from '../lambda/settings/schema.ts';
import { clusterScope } from './cluster-access.ts';
import { addDashboard, dashboardUrl, metricOf, QUERIES, type Watched } from './dashboard.ts';
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
   * kms:GenerateDataKey*, or alarms are lost without an error. @default - that of `settings.kmsKeyArn`, or none; alarms contain no secret
   */
  readonly alarmKey?: kms.IKey;
}

const HOUR = Duration.hours(1);
const SUM = { statistic: 'Sum', period: HOUR };
const { BREACHING, IGNORE, NOT_BREACHING } = cloudwatch.TreatMissingData;
/** A first run takes 15 minutes at most, and its metrics some more. */
const WARM_UP_MINUTES = 30;
const CLOUDWATCH = new iam.ServicePrincipal('cloudwatch.amazonaws.com');

interface AlarmText {
  readonly happened: string;
  /** Shows why: of this command line, or of the AWS CLI. */
  readonly command: string;
  /** A page of the docs. */
  readonly runbook: string;
  /** The id of the cluster that it is for. */
  readonly cluster?: string;
}

type AlarmProps = AlarmText & Pick<cloudwatch.AlarmProps, 'metric'> & Partial<cloudwatch.AlarmProps>;

/**
 * Alarms and their SNS topic, a dashboard, and saved queries of the log. docs/metrics.md lists metrics and alarms.
 * @throws SettingsError for a topic that cannot be used
 */
export class Monitoring extends Construct {
  readonly topic: sns.ITopic;
  /** In the order of the dashboard. */
  readonly alarms: cloudwatch.Alarm[] = [];
  /** In a partition whose console is not public, the name of the dashboard. */
  readonly dashboardUrl: string;
  private readonly watched: Watched;

  /** @param key of the new topic, where `props` have none */
  constructor(scope: Construct, id: string, watched: Watched, props: AlarmTopicProps, key?: kms.IKey) {
    super(scope, id);
    this.watched = watched;
    const { settings, fleet, logGroup } = watched;
    this.topic = resolveTopic(this, props, settings, key);
    Aspects.of(this.topic).add({ visit: warnWithoutSubscriber });
    // by name, as the dashboard itself shows the alarms
    const dashboardName = `${settings.name}-${Stack.of(this).region}`;
    this.dashboardUrl = dashboardUrl(this, dashboardName);
    if (fleet) this.addFleetAlarms(fleet);
    else this.addClusterAlarms();
    this.addPolicyAlarm();
    this.addRunAlarms();
    addDashboard(this, watched, dashboardName, this.alarms);
    for (const [name, lines] of Object.entries(QUERIES)) {
      new CfnQueryDefinition(this, name.replaceAll(' ', ''), {
        name: `${settings.name}/${name}`,
        queryString: lines.join('\n| '),
        logGroupNames: [logGroup.logGroupName],
      });
    }
  }

  /** Adds an alarm for one point of at least 1. @param id its words are the name of the alarm */
  private addAlarm(scope: Construct, id: string, props: AlarmProps): cloudwatch.Alarm {
    const { happened, command, runbook, cluster, ...options } = props;
    const { settings, refresher } = this.watched;
    const cli = scope.node.tryGetContext(APP_FLAGS) ? 'npm run -s cli --' : 'npx ecr-registry-helper';
    const shown = command.startsWith('aws ')
      ? command
      : `${cli} ${command} --function ${refresher.functionName}`;
    const words = id.replace(/(?<=[a-z])[A-Z]/g, '-$&').toLowerCase();
    const alarm = new cloudwatch.Alarm(scope, id, {
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      ...options,
      alarmName: [settings.name, words, ...(cluster ? [cluster] : [])].join('/'),
      alarmDescription: [
        happened,
        `See why: ${shown} --region ${Stack.of(scope).region}`,
        `Dashboard: ${this.dashboardUrl}`,
        `Runbook: ${FILES_URL}${runbook}`,
      ].join('\n'),
    });
    const notify = new SnsAction(this.topic);
    alarm.addAlarmAction(notify);
    alarm.addOkAction(notify);
    this.alarms.push(alarm);
    return alarm;
  }

  /** Adds an alarm for a metric that is 0 in all of the last hours, also where the function never ran. */
  private addHeartbeat(scope: Construct, id: string, props: AlarmProps): void {
    const alarm = this.addAlarm(scope, id, {
      ...props,
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: staleAfterHours(this.watched.settings.schedule),
      treatMissingData: BREACHING,
    });
    // else a new alarm is on until the metrics of the first refresh arrive
    (alarm.node.defaultChild as cloudwatch.CfnAlarm).warmUpConfiguration = {
      warmUpPeriodDurationInMinutes: WARM_UP_MINUTES,
      onlyStartEvaluatingAfterWarmUpPeriodEnds: true,
    };
  }

  private addClusterAlarms(): void {
    const { settings } = this.watched;
    const hours = staleAfterHours(settings.schedule);
    for (const [at, listed] of listedClusters(settings).entries()) {
      const cluster = clusterId(listed);
      const scope = clusterScope(this, cluster, at);
      // while suspended it would be on already, and could not report a schedule that does not start again
      if (settings.enabled) {
        this.addHeartbeat(scope, 'Stale', {
          cluster,
          happened: `Cluster ${cluster} had no complete refresh for ${hours} hours. A token expires 12 hours after it was fetched.`,
          command: `doctor --cluster ${cluster}`,
          runbook: 'docs/operate/alarm-stale-cluster.md',
          metric: filled(
            'beat',
            metricOf(settings, 'ClusterFresh', cluster),
            `complete refreshes of ${cluster}`,
          ),
        });
      }
      this.addAlarm(scope, 'Blocked', {
        cluster,
        happened: `The last refresh of cluster ${cluster} was blocked in namespaces by a quota, policy, webhook or object of their owners.`,
        command: `status --cluster ${cluster}`,
        runbook: 'docs/operate/alarm-blocked-namespaces.md',
        metric: metricOf(settings, 'SecretsBlocked', cluster),
        // between two runs nothing is known, so nothing changes
        treatMissingData: IGNORE,
      });
    }
  }

  /** The alarms of a fleet, in place of two for each cluster. */
  private addFleetAlarms({ stateMachine }: Fleet): void {
    const { settings } = this.watched;
    const hours = staleAfterHours(settings.schedule);
    if (settings.enabled) {
      this.addHeartbeat(this, 'SilentFleet', {
        happened: `No run of the fleet found a cluster for ${hours} hours. A token expires 12 hours after it was fetched.`,
        command: 'doctor',
        runbook: 'docs/operate/alarm-silent-fleet.md',
        metric: filled('beat', metricOf(settings, 'DiscoveredClusters'), 'discovered clusters'),
      });
    }
    this.addAlarm(this, 'FailedClusters', {
      happened: 'Clusters failed in the last run of the fleet. The function retries each for six hours.',
      command: 'status',
      runbook: 'docs/operate/alarm-failed-clusters.md',
      metric: metricOf(settings, 'FailedClusters'),
      treatMissingData: IGNORE,
    });
    this.addAlarm(this, 'FailedFleet', {
      happened: 'A run of the fleet failed within the last hour: clusters failed, or not all could be found.',
      command: `aws stepfunctions list-executions --state-machine-arn ${stateMachine.stateMachineArn} --status-filter FAILED --max-items 1`,
      runbook: 'docs/operate/alarm-failed-fleet.md',
      metric: stateMachine.metricFailed(SUM),
    });
  }

  /** One for all clusters, also of a fleet: it looks back over a whole gap, as each cluster reports in an hour of its own. */
  private addPolicyAlarm(): void {
    const { settings } = this.watched;
    const label = 'clusters with a problem of the admission policy';
    this.addAlarm(this, 'Policy', {
      happened:
        'On a cluster the admission policy is not in force, or differs from the settings. Runs write tokens all the same.',
      command: 'doctor',
      runbook: 'docs/operate/alarm-admission-policy.md',
      metric: filled('problems', metricOf(settings, 'PolicyProblems'), label),
      evaluationPeriods: staleAfterHours(settings.schedule),
      datapointsToAlarm: 1,
    });
  }

  private addRunAlarms(): void {
    const { refresher, deadLetterQueue } = this.watched;
    this.addAlarm(this, 'FailedRun', {
      happened: 'A run failed within the last hour. It is retried for six hours.',
      command: 'doctor',
      runbook: 'docs/operate/alarm-failed-run.md',
      // a run that goes on failing is retried each half hour: one alarm for all its retries
      metric: refresher.metricErrors(SUM),
    });
    this.addAlarm(this, 'DeadLetter', {
      happened: 'A run failed for six hours and is not retried any more.',
      command: 'status',
      runbook: 'docs/operate/alarm-dead-letter.md',
      metric: deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        statistic: 'Maximum',
        period: Duration.minutes(5),
      }),
      // SQS sends no metrics of a queue that nobody used for hours, also while a message is in it
      treatMissingData: IGNORE,
    });
    this.addAlarm(this, 'Throttled', {
      happened:
        'Lambda throttled runs within the last hour: the concurrency of the account or of the function was used up.',
      command: `aws lambda get-function-concurrency --function-name ${refresher.functionName}`,
      runbook: 'docs/operate/alarm-throttled-function.md',
      metric: refresher.metricThrottles(SUM),
    });
  }
}

/** A metric that is 0 in an hour without points: CloudWatch looks further back for them, and an old one would count for days. */
function filled(id: string, metric: cloudwatch.IMetric, label: string): cloudwatch.MathExpression {
  const usingMetrics = { [id]: metric };
  return new cloudwatch.MathExpression({ expression: `FILL(${id}, 0)`, usingMetrics, label, period: HOUR });
}

/**
 * The topic of the props or of the settings, or a new one with the e-mail address as its subscriber.
 * @throws SettingsError when both name one, or one is given that is in another region or would get a key or a subscriber
 */
function resolveTopic(
  scope: Construct,
  { alarmTopic, alarmKey }: AlarmTopicProps,
  settings: Settings,
  key: kms.IKey | undefined,
): sns.ITopic {
  const { alarmTopic: arn, alarmEmail } = settings;
  if (alarmTopic && arn) {
    throw new SettingsError('alarmTopic: given both in the settings and as a property of the construct');
  }
  const given = alarmTopic ?? (arn && sns.Topic.fromTopicArn(scope, 'AlarmTopic', arn));
  if (!given) return newTopic(scope, settings, alarmKey ?? key);
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

function newTopic(scope: Construct, { name, alarmEmail }: Settings, key: kms.IKey | undefined): sns.Topic {
  const { partition, region, account } = Stack.of(scope);
  const alarms = `arn:${partition}:cloudwatch:${region}:${account}:alarm:*`;
  const topicName = `${name}-alarms`;
  const topic = new sns.Topic(scope, 'AlarmTopic', { topicName, enforceSSL: true, masterKey: key });
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
  if (alarmEmail) topic.addSubscription(new EmailSubscription(alarmEmail));
  return topic;
}

/** Warns at synth, when all subscriptions of the app are known; those of an imported topic are unknown. */
function warnWithoutSubscriber(topic: IConstruct): void {
  if (!(topic instanceof sns.Topic)) return;
  const all = topic.node.root.node.findAll();
  if (all.some((node) => node instanceof sns.CfnSubscription && node.topicArn === topic.topicArn)) return;
  const byFlag = topic.node.tryGetContext(APP_FLAGS)?.startsWith('-c ')
    ? ', or add -c alarmEmail=ADDRESS'
    : '';
  Annotations.of(topic).addWarningV2(
    'ecr-registry-helper:no-subscriber',
    `nobody gets the alarms: their topic has no subscriber. Set alarmEmail or alarmTopic in the settings${byFlag}`,
  );
}

import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type CLUSTER_DIMENSIONS, type ClusterMetric, METRICS_NAMESPACE } from '../../lambda/metrics.ts';
import { listedClusters } from '../../lambda/settings/fleet-settings.ts';
import { staleAfterHours } from '../../lambda/settings/schedule.ts';
import { clusterId, type Settings } from '../../lambda/settings.ts';
import { clusterPlace } from '../access/cluster-place.ts';
import { type AlarmTopicProps, alarmTopicOf } from './alarm-topic.ts';
import { Dashboard, type Watched } from './dashboard.ts';
import { fleetAlarms } from './fleet-alarms.ts';
import { heartbeatAlarm } from './heartbeat.ts';
import { saveQueries } from './queries.ts';

const HOUR = Duration.hours(1);
const AT_LEAST_ONE = { threshold: 1, evaluationPeriods: 1 };
const { IGNORE, NOT_BREACHING } = cloudwatch.TreatMissingData;

/**
 * Tells when something needs a person: alarms, the topic that they speak to, a dashboard, and saved queries of the log.
 * docs/metrics.md has metrics and alarms in one table each.
 * @throws SettingsError for a topic that cannot be used
 */
export class Monitoring extends Construct {
  readonly topic: sns.ITopic;
  /** In the order in which the dashboard shows them. */
  readonly alarms: readonly cloudwatch.Alarm[];
  readonly dashboard: Dashboard;

  constructor(scope: Construct, id: string, watched: Watched, topic: AlarmTopicProps) {
    super(scope, id);
    const { settings, refresher, deadLetterQueue, logGroup, fleet } = watched;
    this.topic = alarmTopicOf(this, topic, settings);
    const ofClusters = fleet ? fleetAlarms(this, settings, fleet) : this.ofClusters(settings);
    this.alarms = [...ofClusters, ...this.ofRuns(refresher, deadLetterQueue)];
    const notify = new SnsAction(this.topic);
    for (const alarm of this.alarms) {
      alarm.addAlarmAction(notify);
      alarm.addOkAction(notify);
    }
    this.dashboard = new Dashboard(this, 'Dashboard', watched, this.alarms);
    saveQueries(this, logGroup);
  }

  private ofClusters(settings: Settings): cloudwatch.Alarm[] {
    const { name, schedule, enabled } = settings;
    const after = Duration.hours(staleAfterHours(schedule));
    return listedClusters(settings).flatMap((cluster, at) => {
      const id = clusterId(cluster);
      const place = clusterPlace(this, id, at);
      const dimensionsMap: Record<(typeof CLUSTER_DIMENSIONS)[number], string> = {
        service: name,
        cluster: id,
      };
      const shared = { namespace: METRICS_NAMESPACE, dimensionsMap, statistic: 'Maximum', period: HOUR };
      const metric = (metricName: ClusterMetric) => new cloudwatch.Metric({ ...shared, metricName });
      const blocked = new cloudwatch.Alarm(place, 'Blocked', {
        alarmDescription: described(
          `The last refresh of the cluster ${id} found secrets that something of the namespaces' owners keeps from being written.`,
          '#alarm-blocked-namespaces',
        ),
        metric: metric('SecretsBlocked'),
        ...AT_LEAST_ONE,
        // between two runs nothing is known, so nothing changes
        treatMissingData: IGNORE,
      });
      // While suspended there is none: it would be in alarm already, and could not tell of a schedule that does not start again.
      if (!enabled) return [blocked];
      const stale = heartbeatAlarm(place, 'Stale', {
        alarmDescription: described(
          `The cluster ${id} had no whole refresh for ${after.toHours()} hours; the token of its secrets ends 12 hours after it was fetched.`,
          '#alarm-stale-cluster',
        ),
        beat: metric('ClusterFresh'),
        label: `whole refreshes of ${id}`,
        after,
      });
      return [stale, blocked];
    });
  }

  private ofRuns(refresher: lambda.IFunction, deadLetterQueue: sqs.IQueue): cloudwatch.Alarm[] {
    return [
      new cloudwatch.Alarm(this, 'FailedRun', {
        alarmDescription: described(
          'A run failed within the last hour. It is tried again for six hours.',
          '#alarm-failed-run',
        ),
        // a run that goes on failing comes back each half hour: one alarm for all its tries
        metric: refresher.metricErrors({ statistic: 'Sum', period: HOUR }),
        ...AT_LEAST_ONE,
        treatMissingData: NOT_BREACHING,
      }),
      new cloudwatch.Alarm(this, 'DeadLetter', {
        alarmDescription: described(
          'A run failed for six hours and is not tried again.',
          '#alarm-dead-letter',
        ),
        metric: deadLetterQueue.metricApproximateNumberOfMessagesVisible({
          statistic: 'Maximum',
          period: Duration.minutes(5),
        }),
        ...AT_LEAST_ONE,
        // SQS stops to send metrics of a queue that nobody uses for hours, though a message may still lie there
        treatMissingData: IGNORE,
      }),
      new cloudwatch.Alarm(this, 'Throttled', {
        alarmDescription: described(
          'Lambda turned runs away within the last hour, as the concurrency of the account or of the function was used up.',
          '#alarm-throttled-function',
        ),
        metric: refresher.metricThrottles({ statistic: 'Sum', period: HOUR }),
        ...AT_LEAST_ONE,
        treatMissingData: NOT_BREACHING,
      }),
    ];
  }
}

function described(what: string, anchor: `#alarm-${string}`): string {
  return `${what} What to do: docs/operations.md${anchor}`;
}

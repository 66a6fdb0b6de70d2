import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { CLUSTER_DIMENSIONS, type ClusterMetric, METRICS_NAMESPACE } from '../../lambda/metrics.ts';
import { staleAfterHours } from '../../lambda/settings/schedule.ts';
import type { Settings } from '../../lambda/settings.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { fleetMetric } from './fleet-alarms.ts';
import { QUERIES } from './queries.ts';

/** What is looked at. */
export interface Watched {
  readonly settings: Settings;
  readonly refresher: lambda.IFunction;
  readonly logGroup: logs.ILogGroup;
  readonly failedQueue: sqs.IQueue;
  readonly deadLetterQueue: sqs.IQueue;
  readonly fleet: Fleet | undefined;
}

const WIDTH = 24;
/** What one widget takes: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const MOST_ALARMS = 100;
const HOUR = Duration.hours(1);

/** Answers at one look: is everything fresh, what failed, how long did it take. */
export class Dashboard extends Construct {
  /** CloudFormation makes it up. */
  readonly dashboardName: string;

  constructor(scope: Construct, id: string, watched: Watched, alarms: readonly cloudwatch.IAlarm[]) {
    super(scope, id);
    const dashboard = new cloudwatch.Dashboard(this, 'Resource', {
      defaultInterval: Duration.days(3),
      widgets: [
        ...alarmRows(alarms),
        ...(watched.fleet ? [fleetRow(watched.settings, watched.fleet)] : clusterRows(watched.settings)),
        functionRow(watched),
        ...logRows(watched.logGroup),
      ],
    });
    this.dashboardName = dashboard.dashboardName;
  }
}

function alarmRows(alarms: readonly cloudwatch.IAlarm[]): cloudwatch.IWidget[][] {
  const rows: cloudwatch.IWidget[][] = [];
  for (let at = 0; at < alarms.length; at += MOST_ALARMS) {
    const shown = alarms.slice(at, at + MOST_ALARMS);
    const height = Math.ceil(shown.length / 4) + 1;
    rows.push([new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms: shown, width: WIDTH, height })]);
  }
  return rows;
}

/** In place of a line for each cluster. */
function fleetRow(settings: Settings, { stateMachine }: Fleet): cloudwatch.IWidget[] {
  const sum = { statistic: 'Sum', period: HOUR };
  return [
    graph('Clusters', 2, [
      fleetMetric(settings, 'DiscoveredClusters', 'found'),
      fleetMetric(settings, 'FailedClusters', 'failed'),
    ]),
    graph('Runs of the fleet', 2, [stateMachine.metricSucceeded(sum), stateMachine.metricFailed(sum)]),
  ];
}

/** Metrics are searched for, so that it takes any number of clusters, and shows also those that left the settings. */
function clusterRows({ name: service, schedule }: Settings): cloudwatch.IWidget[][] {
  const schema = [METRICS_NAMESPACE, ...CLUSTER_DIMENSIONS].join(',');
  const search = (metric: ClusterMetric, statistic = 'Maximum') =>
    `SEARCH('{${schema}} MetricName="${metric}" service="${service}"', '${statistic}')`;
  // with an empty label each line has that of its cluster
  const found = (expression: string, label = '', period = HOUR) =>
    new cloudwatch.MathExpression({ expression, label, period });
  const summed = (metric: ClusterMetric, label: string) => found(`SUM(${search(metric, 'Sum')})`, label);
  const after = Duration.hours(staleAfterHours(schedule));
  return [
    [
      graph(`Fresh: 1 with a whole refresh within ${after.toHours()} hours, else 0`, 2, [
        found(`FILL(${search('ClusterFresh')}, 0)`, '', after),
      ]),
      graph('How long the refresh of a cluster took (ms)', 2, [found(search('RefreshDuration'))]),
    ],
    [
      new cloudwatch.GraphWidget({
        title: 'Secrets by outcome, all clusters',
        left: [
          summed('SecretsRefreshed', 'refreshed'),
          summed('SecretsCreated', 'created'),
          summed('SecretsUnchanged', 'unchanged'),
          summed('SecretsSkipped', 'skipped'),
          summed('SecretsBlocked', 'blocked'),
          summed('SecretsFailed', 'failed'),
        ],
        stacked: true,
        width: WIDTH / 2,
      }),
      graph('Failed secrets by cluster', 4, [found(search('SecretsFailed'))]),
      graph('Blocked secrets by cluster', 4, [found(search('SecretsBlocked'))]),
    ],
  ];
}

function functionRow({ refresher, failedQueue, deadLetterQueue }: Watched): cloudwatch.IWidget[] {
  const sum = { statistic: 'Sum', period: HOUR };
  const most = (label: string) => ({ statistic: 'Maximum', period: HOUR, label });
  return [
    graph('Runs', 3, [
      refresher.metricInvocations(sum),
      refresher.metricErrors(sum),
      refresher.metricThrottles(sum),
    ]),
    graph('The longest run (ms)', 3, [refresher.metricDuration(most('duration'))]),
    graph('Runs that failed', 3, [
      failedQueue.metricApproximateNumberOfMessagesDelayed(most('just failed')),
      failedQueue.metricApproximateNumberOfMessagesNotVisible(most('tried again, waiting')),
      failedQueue.metricApproximateNumberOfMessagesVisible(most('due to be tried')),
      deadLetterQueue.metricApproximateNumberOfMessagesVisible(most('given up')),
    ]),
  ];
}

function graph(title: string, columns: number, left: cloudwatch.IMetric[]): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({
    title,
    left,
    leftYAxis: { min: 0, showUnits: false },
    width: WIDTH / columns,
  });
}

function logRows({ logGroupName }: logs.ILogGroup): cloudwatch.IWidget[][] {
  return Object.entries(QUERIES).map(([title, lines]) => [
    new cloudwatch.LogQueryWidget({
      title,
      logGroupNames: [logGroupName],
      queryLines: [...lines],
      width: WIDTH,
    }),
  ]);
}

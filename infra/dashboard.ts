import { CfnMapping, Duration, Stack, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  CLUSTER_DIMENSIONS,
  type ClusterMetric,
  METRICS_NAMESPACE,
  type MetricName,
} from '../lambda/refresh/report.ts';
import { staleAfterHours } from '../lambda/settings/schedule.ts';
import type { Settings } from '../lambda/settings/schema.ts';
import type { Fleet } from './fleet.ts';

/** What dashboard and alarms watch. */
export interface Watched {
  readonly settings: Settings;
  readonly refresher: lambda.IFunction;
  readonly logGroup: logs.ILogGroup;
  readonly failedQueue: sqs.IQueue;
  readonly deadLetterQueue: sqs.IQueue;
  readonly fleet: Fleet | undefined;
}

/**
 * Queries of the function's log in CloudWatch Logs Insights, by lines. `report` is the report of lambda/report.ts; its
 * lists are read by jsonParse and unnest, as Insights finds no more than 200 fields of a line by itself.
 */
export const QUERIES = {
  'Failed runs': [
    'fields @timestamp, origin, coalesce(message, record.status) as reason, remedy, coalesce(requestId, record.requestId) as request',
    // the second is the line of Lambda on a run that it ended
    'filter (level = "ERROR" and ispresent(service)) or (type = "platform.report" and record.status in ["timeout", "failure"])',
    'sort @timestamp desc',
    'limit 50',
  ],
  'Problems by namespace': [
    'filter report.action = "refresh"',
    'fields jsonParse(@message) as run',
    'unnest run.report.clusters into cluster',
    'unnest cluster.problems into problem',
    'filter ispresent(problem.namespace)',
    'stats count(*) as runs, latest(@timestamp) as last by cluster.id, problem.namespace, problem.secret, problem.outcome, problem.reason, problem.remedy',
    'sort last desc',
    'limit 1000',
  ],
  'Runs and durations': [
    'filter report.action = "refresh"',
    'fields jsonParse(@message) as run',
    'unnest run.report.clusters into cluster',
    'display @timestamp, origin, report.durationMs, cluster.id, cluster.ok, cluster.durationMs, cluster.created, cluster.refreshed, cluster.unchanged, cluster.skipped, cluster.blocked, cluster.failed, cluster.error.reason',
    'sort @timestamp desc',
    'limit 100',
  ],
} as const;

const WIDTH = 24;
/** Of one widget: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const MOST_ALARMS = 100;
const HOUR = Duration.hours(1);
const SUM = { statistic: 'Sum', period: HOUR };

/** Adds a dashboard that shows whether everything is fresh, what failed, and how long runs take. */
export function addDashboard(
  scope: Construct,
  watched: Watched,
  dashboardName: string,
  alarms: readonly cloudwatch.IAlarm[],
): void {
  const { settings, fleet, logGroup } = watched;
  new cloudwatch.Dashboard(new Construct(scope, 'Dashboard'), 'Resource', {
    dashboardName,
    defaultInterval: Duration.days(3),
    widgets: [
      ...alarmRows(alarms),
      ...(fleet ? [fleetRow(settings, fleet)] : clusterRows(settings)),
      functionRow(watched),
      ...logRows(logGroup),
    ],
  });
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

/** A metric of a deployment, or with `cluster`, an id, of one of its clusters: the highest value of an hour. */
export function metricOf({ name }: Settings, metricName: MetricName, cluster?: string): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: { service: name, ...(cluster !== undefined && { cluster }) },
    statistic: 'Maximum',
    period: HOUR,
  });
}

/** In place of a line for each cluster. */
function fleetRow(settings: Settings, { stateMachine }: Fleet): cloudwatch.IWidget[] {
  return [
    graph('Clusters', 2, [
      metricOf(settings, 'DiscoveredClusters').with({ label: 'found' }),
      metricOf(settings, 'FailedClusters').with({ label: 'failed' }),
    ]),
    graph('Runs of the fleet', 2, [stateMachine.metricSucceeded(SUM), stateMachine.metricFailed(SUM)]),
  ];
}

/** With a search for metrics, so that it shows any number of clusters, also those that left the settings. */
function clusterRows({ name: service, schedule }: Settings): cloudwatch.IWidget[][] {
  const schema = [METRICS_NAMESPACE, ...CLUSTER_DIMENSIONS].join(',');
  const search = (metric: ClusterMetric, statistic = 'Maximum') =>
    `SEARCH('{${schema}} MetricName="${metric}" service="${service}"', '${statistic}')`;
  // with an empty label each line has that of its cluster
  const found = (expression: string, label = '', period = HOUR) =>
    new cloudwatch.MathExpression({ expression, label, period });
  const after = Duration.hours(staleAfterHours(schedule));
  const outcomes = ['Refreshed', 'Created', 'Unchanged', 'Skipped', 'Blocked', 'Failed'] as const;
  return [
    [
      graph(`Fresh: 1 with a complete refresh within ${after.toHours()} hours, else 0`, 2, [
        found(`FILL(${search('ClusterFresh')}, 0)`, '', after),
      ]),
      graph('Duration of the refresh of a cluster (ms)', 2, [found(search('RefreshDuration'))]),
    ],
    [
      new cloudwatch.GraphWidget({
        title: 'Secrets by outcome, all clusters',
        left: outcomes.map((outcome) =>
          found(`SUM(${search(`Secrets${outcome}`, 'Sum')})`, outcome.toLowerCase()),
        ),
        stacked: true,
        width: WIDTH / 2,
      }),
      graph('Failed secrets by cluster', 4, [found(search('SecretsFailed'))]),
      graph('Blocked secrets by cluster', 4, [found(search('SecretsBlocked'))]),
    ],
  ];
}

function functionRow({ refresher, failedQueue, deadLetterQueue }: Watched): cloudwatch.IWidget[] {
  const most = (label: string) => ({ statistic: 'Maximum', period: HOUR, label });
  return [
    graph('Runs', 3, [
      refresher.metricInvocations(SUM),
      refresher.metricErrors(SUM),
      refresher.metricThrottles(SUM),
    ]),
    graph('Longest run (ms)', 3, [refresher.metricDuration(most('duration'))]),
    graph('Failed runs', 3, [
      failedQueue.metricApproximateNumberOfMessagesDelayed(most('just failed')),
      failedQueue.metricApproximateNumberOfMessagesNotVisible(most('retried, waiting')),
      failedQueue.metricApproximateNumberOfMessagesVisible(most('due for a retry')),
      deadLetterQueue.metricApproximateNumberOfMessagesVisible(most('given up')),
    ]),
  ];
}

function graph(title: string, columns: number, left: cloudwatch.IMetric[]): cloudwatch.GraphWidget {
  const width = WIDTH / columns;
  return new cloudwatch.GraphWidget({ title, left, leftYAxis: { min: 0, showUnits: false }, width });
}

function logRows({ logGroupName }: logs.ILogGroup): cloudwatch.IWidget[][] {
  const shared = { logGroupNames: [logGroupName], width: WIDTH };
  return Object.entries(QUERIES).map(([title, lines]) => [
    new cloudwatch.LogQueryWidget({ ...shared, title, queryLines: [...lines] }),
  ]);
}

const CONSOLES: Readonly<Record<string, { host: string }>> = {
  aws: { host: 'console.aws.amazon.com' },
  'aws-cn': { host: 'console.amazonaws.cn' },
  'aws-us-gov': { host: 'console.amazonaws-us-gov.com' },
  'aws-eusc': { host: 'console.amazonaws-eusc.eu' },
};

/** The URL of a dashboard, or its name alone in a partition whose console is not public. Once in a scope. */
export function dashboardUrl(scope: Construct, dashboardName: string): string {
  const { partition, region } = Stack.of(scope);
  if (!Token.isUnresolved(partition) && !(partition in CONSOLES)) return dashboardName;
  // lazy: it is not in the template where synth knows the partition
  const hosts = new CfnMapping(scope, 'ConsoleHosts', { lazy: true, mapping: { ...CONSOLES } });
  const console = `https://${hosts.findInMap(partition, 'host')}/cloudwatch/home`;
  return `${console}?region=${region}#dashboards/dashboard/${dashboardName}`;
}

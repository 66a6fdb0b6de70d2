import { QUERIES } from '../infra/dashboard.ts';
import { CLUSTER_DIMENSIONS, METRICS_NAMESPACE, unitOf } from '../lambda/refresh/report.ts';
import { type Alarm, alarmsOf, widgetsOf } from '../test/infra/monitored.ts';
import { DEMO, synth } from '../test/infra/synth.ts';
import { code, markdownPage, markdownTable, type Page, sentence } from './markdown.ts';
import { CLUSTER_METRICS, DEPLOYMENT_METRICS, FLEET_METRICS } from './metric-meanings.ts';

/** Every metric, alarm and saved query, as the code and the templates of a cluster and a fleet have them. */
export const metricsPage: Page = { file: 'docs/reference/metrics.md', write: writeMetrics };

/** What the metrics of AWS mean here; the templates say which ones alarms and dashboard use. */
const OF_AWS: Readonly<Record<string, string>> = {
  'AWS/Lambda Invocations': 'Runs, including retries.',
  'AWS/Lambda Errors':
    'Runs that threw, or that Lambda ended. A manual run throws only if its event or the settings are wrong.',
  'AWS/Lambda Throttles': 'Runs that Lambda rejected, as no concurrency was left.',
  'AWS/Lambda Duration': 'How long a run took.',
  'AWS/SQS ApproximateNumberOfMessagesDelayed': 'Failed runs in their first quarter of an hour in the queue.',
  'AWS/SQS ApproximateNumberOfMessagesNotVisible':
    'Failed runs that are being retried, or were within half an hour.',
  'AWS/SQS ApproximateNumberOfMessagesVisible':
    'Failed runs that are due for a retry. In the dead-letter queue: runs that are retried no more.',
  'AWS/States ExecutionsSucceeded': 'Runs of the fleet in which no cluster failed.',
  'AWS/States ExecutionsFailed': 'Runs of the fleet that failed.',
};

const ANSWERS: Readonly<Record<keyof typeof QUERIES, string>> = {
  'Failed runs': 'When and why runs failed and how to fix it, also those that Lambda ended.',
  'Problems by namespace': 'Which namespace has which problem, how often and when last.',
  'Runs and durations': 'Each refresh of each cluster: its outcome, counts and time.',
};

/** An alarm or the dashboard, and the metric that it reads. */
interface Reading {
  readonly metric: string;
  readonly dimensions: string;
  readonly by: string;
}

function writeMetrics(): string {
  const { template } = synth(() => ({ settings: DEMO }));
  const { template: ofFleet } = synth(() => ({ settings: { ...DEMO, fleet: true } }));
  const alarms = alarmsOf(template);
  const known = alarms.map(({ id }) => id);
  const fleetAlarms = alarmsOf(ofFleet).filter(({ id }) => !known.includes(id));
  const readings = [
    ...[...alarms, ...fleetAlarms].map((alarm) => ({
      metric: `${alarm.metric.namespace} ${alarm.metric.name}`,
      dimensions: Object.keys(alarm.metric.dimensions).join(', '),
      by: `alarm ${code(nameOf(alarm))}`,
    })),
    ...[template, ofFleet].flatMap(dashboardReadings),
  ];
  const own = (metrics: Readonly<Record<string, string>>, dimensions: readonly string[]) =>
    markdownTable(
      ['Metric', 'Unit', 'Dimensions', 'Meaning', 'Read by'],
      Object.entries(metrics).map(([name, meaning]) => [
        ...[code(name), unitOf(name), dimensions.map(code).join(', '), sentence(meaning)],
        readersOf(`${METRICS_NAMESPACE} ${name}`, readings),
      ]),
    );
  return markdownPage(
    '# Metrics, alarms and queries',
    '<!-- Written by `npm run docs:reference`. -->',
    'How the alarms work, and where they go: [metrics and alarms](../metrics.md).',
    '## Metrics of a cluster',
    `In the CloudWatch namespace ${code(METRICS_NAMESPACE)}, for each cluster of a refresh. In a fleet they have no dimension \`cluster\`.`,
    own(CLUSTER_METRICS, CLUSTER_DIMENSIONS),
    '## Metrics of a run',
    'In the same namespace, once for all clusters of a run.',
    own(DEPLOYMENT_METRICS, ['service']),
    '## Metrics of a fleet',
    'In the same namespace, beside those above.',
    own(FLEET_METRICS, ['service']),
    '## Metrics of AWS services',
    'Those that the alarms and the dashboard read.',
    markdownTable(['Metric', 'Dimensions', 'Meaning', 'Read by'], awsRows(readings)),
    '## Alarms',
    'Of a deployment with the cluster `demo`. Those that name the cluster are one a cluster.',
    alarmTable(alarms),
    '## Alarms of a fleet',
    'In place of those of each cluster.',
    alarmTable(fleetAlarms),
    '## Queries',
    'CloudWatch Logs Insights has these queries of the log, saved in a folder.',
    ...Object.entries(QUERIES).flatMap(([name, lines]) => [
      `### ${name}`,
      ANSWERS[name as keyof typeof QUERIES],
      `\`\`\`\n${lines.join('\n| ')}\n\`\`\``,
    ]),
  );
}

/** The metrics in the widgets of a dashboard: listed, or searched by an expression. */
function dashboardReadings(template: Parameters<typeof widgetsOf>[0]): Reading[] {
  const text = widgetsOf(template)
    .map(({ properties }) => JSON.stringify(properties.metrics ?? []).replaceAll('\\"', '"'))
    .join('\n');
  const searched = [...text.matchAll(/\{([\w/]+),([\w,]+)\} MetricName="(\w+)"/g)];
  const listed = [...text.matchAll(/\["([\w/]+)","(\w+)","(\w+)"/g)];
  const found = [
    ...searched.map(([, space, dimensions, name]) => [space, name, dimensions]),
    ...listed.map(([, space, name, dimension]) => [space, name, dimension]),
  ];
  if (found.length === 0) throw new Error('the dashboard reads no metric');
  return found.map(([space, name, dimensions = '']) => ({
    metric: `${space} ${name}`,
    dimensions,
    by: 'dashboard',
  }));
}

function readersOf(metric: string, readings: readonly Reading[]): string {
  return [...new Set(readings.filter((one) => one.metric === metric).map(({ by }) => by))].join(', ');
}

function awsRows(readings: readonly Reading[]): string[][] {
  const ofAws = Map.groupBy(
    readings.filter(({ metric }) => !metric.startsWith(`${METRICS_NAMESPACE} `)),
    ({ metric }) => metric,
  );
  const unread = Object.keys(OF_AWS).filter((metric) => !ofAws.has(metric));
  if (unread.length > 0) throw new Error(`nothing reads ${unread.join(', ')}`);
  return [...ofAws]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([metric, [first]]) => {
      const meaning = OF_AWS[metric];
      if (!meaning) throw new Error(`${metric} has no meaning in generate-docs/metrics.ts`);
      const [space = '', name = ''] = metric.split(' ');
      return [
        `${code(space)} ${code(name)}`,
        code(first?.dimensions ?? ''),
        meaning,
        readersOf(metric, readings),
      ];
    });
}

/** The name; where CloudFormation gives it, the id in the template without the parts that belong to the deployment. */
function nameOf({ id, properties }: Alarm): string {
  return properties.AlarmName ?? id.replace(/^HelperMonitoring(Clusterdemo)?(\w+)[0-9A-F]{8}$/, '$2');
}

function alarmTable(alarms: readonly Alarm[]): string {
  const rows = alarms.map((alarm) => {
    const { id, properties, metric } = alarm;
    const description = textOf(properties.AlarmDescription);
    const [meaning = ''] = description.split(/\n| What to do:/);
    const [, runbook] = /docs\/(operat[\w./-]+\.md(?:#[\w-]+)?)/.exec(description) ?? [];
    if (!runbook) throw new Error(`the description of ${id} names no runbook`);
    return [
      code(nameOf(alarm)),
      sentence(meaning),
      conditionOf(properties, metric.name),
      properties.TreatMissingData,
      `[runbook](../${runbook})`,
    ];
  });
  return markdownTable(['Alarm', 'Meaning', 'In alarm when', 'Without data', 'What to do'], rows);
}

/** A text of a template, without what only the deployment knows. */
function textOf(text: string | { readonly 'Fn::Join': readonly [string, readonly unknown[]] }): string {
  if (typeof text === 'string') return text;
  return text['Fn::Join'][1].filter((part) => typeof part === 'string').join('');
}

const COMPARISONS: Readonly<Record<string, (threshold: number) => string>> = {
  LessThanThreshold: (threshold) => `is below ${threshold}`,
  GreaterThanOrEqualToThreshold: (threshold) => `is ${threshold} or more`,
};

/** When an alarm goes off, in words. */
function conditionOf(properties: Alarm['properties'], metric: string): string {
  const {
    Metrics = [],
    ComparisonOperator,
    EvaluationPeriods,
    DatapointsToAlarm = EvaluationPeriods,
  } = properties;
  const stat = Metrics.find(({ MetricStat }: { MetricStat?: object }) => MetricStat)?.MetricStat;
  const isFilled = Metrics.some(({ Expression = '' }) => Expression.startsWith('FILL('));
  const statistic = stat?.Stat ?? properties.Statistic;
  const minutes = (stat?.Period ?? properties.Period) / 60;
  const period = minutes === 60 ? 'an hour' : `${minutes} minutes`;
  const compare = COMPARISONS[ComparisonOperator];
  if (!compare) throw new Error(`${ComparisonOperator} has no words in generate-docs/metrics.ts`);
  const which = DatapointsToAlarm === EvaluationPeriods ? 'each' : DatapointsToAlarm;
  const times =
    EvaluationPeriods === 1 ? `within ${period}` : `in ${which} of ${EvaluationPeriods} periods of ${period}`;
  return `The ${statistic} of ${code(metric)} ${compare(properties.Threshold)} ${times}${isFilled ? '; no data counts as 0' : ''}`;
}

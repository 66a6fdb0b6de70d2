import { describe, expect, it } from 'vitest';
import { METRICS_NAMESPACE } from '../../lambda/refresh/report.ts';
import { rowsOf } from '../unit/markdown-tables.ts';
import { alarmsOf, queriesOf, widgetsOf } from './monitored.ts';
import { DEMO, synth } from './synth.ts';

const PAGE = 'docs/metrics.md';
const { template } = synth(() => ({ settings: DEMO }));
/** Each alarm by the name that the page gives it: its id in the template without what is of the deployment. */
const alarms = alarmsOf(template).map((alarm) => ({
  ...alarm,
  name: alarm.id.replace(/^HelperMonitoring(Clusterdemo)?(\w+)[0-9A-F]{8}$/, '$2'),
}));
const own = rowsOf(PAGE, 'What the function sends');
const ofDeployment = rowsOf(PAGE, 'What it sends once a run');
const ofAws = rowsOf(PAGE, 'What AWS sends of the function and its queues');
const metrics = [
  ...[...own, ...ofDeployment].map((row) => ({ ...row, metric: `${METRICS_NAMESPACE} ${row.metric}` })),
  ...ofAws,
] as Record<string, string>[];

describe('the tables of metrics', () => {
  it('say which alarms read them, by exactly their dimensions', () => {
    for (const { metric, dimensions, 'read by': readers = '' } of metrics) {
      const reading = alarms.filter(({ metric: { namespace, name } }) => `${namespace} ${name}` === metric);
      const named = [...readers.matchAll(/alarm (\w+)/g)].map(([, name]) => name);
      expect([metric, named]).toEqual([metric, reading.map(({ name }) => name)]);
      for (const { metric: watched } of reading) {
        expect(Object.keys(watched.dimensions).sort()).toEqual(dimensions?.split(', ').sort());
      }
    }
    expect(metrics.filter(({ 'read by': readers }) => readers?.includes('alarm'))).toHaveLength(
      alarms.length,
    );
  });

  it('name all that the dashboard shows', () => {
    const shown = widgetsOf(template).flatMap(({ type, properties }) =>
      type === 'metric' ? JSON.stringify(properties.metrics) : [],
    );
    const searched = shown.flatMap((text) => [...text.matchAll(/\{(\w+),[^}]*\} MetricName=\\+"(\w+)/g)]);
    const listed = shown.flatMap((text) => [...text.matchAll(/\["(AWS\/\w+)","(\w+)"/g)]);
    const found = [...searched, ...listed].map(([, namespace, name]) => `${namespace} ${name}`);
    const named = metrics.filter(({ 'read by': readers }) => readers?.includes('dashboard'));
    expect(new Set(found)).toEqual(new Set(named.map(({ metric }) => metric)));
  });
});

it('the table of alarms says what each watches, what it makes of silence, and where to read on', () => {
  const rows = rowsOf(PAGE, 'Alarms').map(({ alarm = '', watches, 'without data': silence, ...row }) => ({
    ...{ name: alarm.split(',')[0], watches, silence },
    runbook: /\(operate\/([\w-]+\.md)\)/.exec(row['what to do'] ?? '')?.[1],
  }));
  expect(rows).toEqual(
    alarms
      .map(({ name, metric, properties }) => ({
        ...{ name, watches: metric.name, silence: properties.TreatMissingData },
        runbook: /[\w-]+\.md$/.exec(properties.AlarmDescription)?.[0],
      }))
      .sort(
        (one, other) =>
          rows.findIndex(({ name }) => name === one.name) - rows.findIndex(({ name }) => name === other.name),
      ),
  );
});

it('the table of queries names those that are saved', () => {
  const rows = rowsOf(PAGE, 'Dashboard and queries');
  expect(rows.map(({ query }) => query)).toEqual([...queriesOf(template).keys()]);
});

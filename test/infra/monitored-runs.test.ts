import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterOf, invoke, jsonLines, SCHEDULED } from '../integration/run.ts';
import { startWorld, type World } from '../sandbox/world.ts';
import { alarmsOf, queriesOf, type Watched, widgetsOf } from './monitored.ts';
import { synth } from './synth.ts';

const settings = { clusters: [{ name: 'demo', id: 'eu.demo' }, { name: 'gone' }] };
const { template } = synth(() => ({ settings }));

/** Lambda's own line on a run that it ended: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html */
const TIMED_OUT = {
  type: 'platform.report',
  record: { requestId: '00000000-0000-4000-8000-000000000000', status: 'timeout', metrics: {} },
};

interface Sent extends Record<string, unknown> {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string }[];
    }[];
  };
}

let world: World;
let lines: Record<string, unknown>[];
let sent: Watched[];

/** A run that is whole but for a full quota, one without the second cluster, and one that is refused. */
beforeAll(async () => {
  world = await startWorld(settings);
  clusterOf(world, 'eu.demo').quotas.set('default', { name: 'small', secrets: 0 });
  const whole = await invoke(world, SCHEDULED);
  if (!whole.value?.ok) throw whole.error;
  world.aws.removeCluster({ name: 'gone' });
  const failed = await invoke(world, SCHEDULED);
  expect(failed.error).toBeDefined();
  const refused = await invoke(world, { action: 'explode' });
  lines = jsonLines([whole, failed, refused].map(({ output }) => output).join('\n'));
  sent = lines.filter((line): line is Sent => '_aws' in line).flatMap(metricsIn);
});
afterAll(() => world.close());

/** What CloudWatch makes of a line in the embedded metric format. */
function metricsIn(line: Sent): Watched[] {
  return line._aws.CloudWatchMetrics.flatMap(({ Namespace: namespace, Dimensions, Metrics }) =>
    Dimensions.flatMap((names) => {
      const dimensions = Object.fromEntries(names.map((name) => [name, line[name]]));
      return Metrics.map(({ Name: name }) => ({ namespace, name, dimensions }));
    }),
  );
}

describe('what the function sends', () => {
  it('is what the alarms of each cluster watch, to the dimension', () => {
    const watched = alarmsOf(template).filter(({ metric }) => !metric.namespace.startsWith('AWS/'));
    expect(
      watched.map(({ metric: { name, dimensions } }) => `${name} ${dimensions.cluster ?? ''}`).sort(),
    ).toEqual([
      'ClusterFresh eu.demo',
      'ClusterFresh gone',
      'PolicyProblems ',
      'SecretsBlocked eu.demo',
      'SecretsBlocked gone',
    ]);
    for (const { metric } of watched) expect(sent).toContainEqual(metric);
  });

  it('is what the dashboard searches for', () => {
    const searches = JSON.stringify(widgetsOf(template)).matchAll(
      /SEARCH\('\{([^}]+)\} MetricName=\\+"(\w+)\\+" service=\\+"([^"\\]+)\\+"', '\w+'\)/g,
    );
    const found = [...searches].map(([, schema = '', name, service]) => ({ schema, name, service }));
    const ofClusters = sent.filter(({ dimensions }) => 'cluster' in dimensions);
    expect(new Set(found.map(({ name }) => name))).toEqual(new Set(ofClusters.map(({ name }) => name)));
    for (const { schema, name, service } of found) {
      const [namespace, ...dimensions] = schema.split(',');
      const meant = sent.filter((metric) => metric.name === name && metric.namespace === namespace);
      expect(meant.length).toBeGreaterThan(0);
      for (const metric of meant) {
        expect(Object.keys(metric.dimensions)).toEqual(dimensions);
        expect(metric.dimensions.service).toBe(service);
      }
    }
  });
});

describe('a saved query', () => {
  it.each([...queriesOf(template)])('"%s" reads only fields that the log has', (_, query) => {
    const fields = fieldsRead(query);
    expect(fields.length).toBeGreaterThan(4);
    const missing = fields.filter((field) => ![...lines, TIMED_OUT].some((line) => has(line, field)));
    expect(missing).toEqual([]);
  });

  it('would be caught with a field that the log has not', () => {
    const query = [
      'fields @timestamp, jsonParse(@message) as run, coalesce(message, massage) as reason',
      'filter level = "ERROR" and report.action in ["refresh"]',
      'unnest run.report.clusters into cluster',
      'unnest cluster.problems into problem',
      'stats count(*) as runs by cluster.id, problem.name, reason',
      'sort runs desc',
    ].join('\n| ');
    const fields = fieldsRead(query);
    expect(fields).toEqual([
      'message',
      'massage',
      'level',
      'report.action',
      'report.clusters',
      'report.clusters.problems',
      'report.clusters.id',
      'report.clusters.problems.name',
    ]);
    expect(fields.filter((field) => !lines.some((line) => has(line, field)))).toEqual([
      'massage',
      'report.clusters.problems.name',
    ]);
  });
});

const WORDS =
  /^(fields|filter|unnest|into|as|and|or|in|sort|asc|desc|limit|stats|by|display|ispresent|coalesce|count|latest|jsonParse)$/;

/**
 * The fields of a log line that a query of CloudWatch Logs Insights reads, by their paths; what it takes out of lists by
 * `unnest` has the path of the list in front. Fields of Insights' own (`@timestamp`) are left out.
 */
function fieldsRead(query: string): string[] {
  const named = new Map<string, string>();
  const read = new Set<string>();
  const pathOf = (field: string) => {
    const [first = '', ...rest] = field.split('.');
    return [named.get(first) ?? first, ...rest].filter((part) => part !== '').join('.');
  };
  for (const line of query.replaceAll(/"[^"]*"/g, '').split('|')) {
    const [, list, item] = /^\s*unnest (\S+) into (\w+)/.exec(line) ?? [];
    // what is computed has a name of the query's own
    const computed = [...line.matchAll(/\bas (\w+)/g)].map(([, name]) => name ?? '');
    for (const [word] of line.matchAll(/(?<![\w.@])[a-zA-Z][\w.]*/g)) {
      if (!WORDS.test(word) && word !== item && !computed.includes(word)) read.add(pathOf(word));
    }
    if (list && item) named.set(item, pathOf(list));
    for (const name of computed) named.set(name, '');
  }
  return [...read].filter((path) => path !== '');
}

/** Whether a value has something at a path; of a list, any of its items. */
function has(value: unknown, path: string): boolean {
  if (Array.isArray(value)) return value.some((item) => has(item, path));
  if (path === '') return value !== undefined;
  if (typeof value !== 'object' || value === null) return false;
  const [first = '', ...rest] = path.split('.');
  return has((value as Record<string, unknown>)[first], rest.join('.'));
}

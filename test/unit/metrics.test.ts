import { afterEach, describe, expect, test, vi } from 'vitest';
import { CLUSTER_METRICS } from '../../generate-docs/metric-meanings.ts';
import { publish } from '../../lambda/handler.ts';
import {
  CLUSTER_DIMENSIONS,
  METRICS_NAMESPACE,
  type PolicyReport,
  type Report,
  runMetrics,
  unitOf,
} from '../../lambda/refresh/report.ts';
import type { RunRequest } from '../../lambda/request.ts';
import { clusterReportOf, reportOf } from './factories.ts';

interface Line {
  readonly _aws: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
  readonly [field: string]: unknown;
}

afterEach(() => vi.restoreAllMocks());

/** The lines in the embedded metric format that a run prints. */
function linesOf(report: Report, request: Partial<RunRequest> = {}, inFleet = false): Line[] {
  let printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    printed += chunk;
    return true;
  });
  publish(
    'ecr-registry-helper',
    runMetrics(report, { origin: 'manual', action: 'refresh', ...request }, inFleet),
  );
  vi.restoreAllMocks();
  return printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

const counts = { created: 1, refreshed: 2, unchanged: 3, skipped: 4, blocked: 5, failed: 0, durationMs: 6 };
const values = {
  SecretsCreated: 1,
  SecretsRefreshed: 2,
  SecretsUnchanged: 3,
  SecretsSkipped: 4,
  SecretsBlocked: 5,
  SecretsFailed: 0,
  RefreshDuration: 6,
};

test('a cluster is one line with exactly the dimensions service and cluster, and nothing else', () => {
  const [line, ...others] = linesOf(reportOf({ clusters: [clusterReportOf({ id: 'prod', ...counts })] }));
  expect(others).toEqual([]);
  expect(line).toEqual({
    _aws: {
      Timestamp: expect.any(Number),
      CloudWatchMetrics: [
        {
          Namespace: METRICS_NAMESPACE,
          Dimensions: [[...CLUSTER_DIMENSIONS]],
          Metrics: Object.keys(CLUSTER_METRICS).map((Name) => ({ Name, Unit: unitOf(Name) })),
        },
      ],
    },
    service: 'ecr-registry-helper',
    cluster: 'prod',
    ClusterFresh: 1,
    ...values,
  });
});

test('a cluster of which nothing was learned tells nothing of blocked namespaces, and keeps their alarm', () => {
  const blockedIn = (cluster: object) =>
    linesOf(reportOf({ clusters: [clusterReportOf({ id: 'prod', ...counts, ...cluster })] })).at(0)
      ?.SecretsBlocked;
  expect(blockedIn({ ok: false, blocked: 0 })).toBeUndefined();
  expect(blockedIn({ ok: false, blocked: 2 })).toBe(2);
  expect(blockedIn({ ok: true, blocked: 0 })).toBe(0);
});

test('clusters do not mix', () => {
  const clusters = [
    clusterReportOf({ id: 'a', created: 1 }),
    clusterReportOf({ id: 'b', ok: false, failed: 9 }),
  ];
  const lines = linesOf(reportOf({ ok: false, clusters }));
  expect(
    lines.map(({ cluster, SecretsCreated, SecretsFailed }) => [cluster, SecretsCreated, SecretsFailed]),
  ).toEqual([
    ['a', 1, 0],
    ['b', 0, 9],
  ]);
});

describe('ClusterFresh', () => {
  const fresh = (given: Partial<Report>, invocation: Partial<RunRequest> = {}) =>
    linesOf(reportOf(given), invocation).map(({ cluster, ClusterFresh }) => [cluster, ClusterFresh]);

  test('is of the clusters in which nothing failed, whatever became of the others', () => {
    const clusters = [clusterReportOf({ id: 'a' }), clusterReportOf({ id: 'b', ok: false })];
    expect(fresh({ ok: false, clusters })).toEqual([
      ['a', 1],
      ['b', undefined],
    ]);
  });

  test('is of a whole cluster, also when the run was for that cluster only', () => {
    expect(fresh({}, { clusters: ['prod'] })).toEqual([['prod', 1]]);
  });

  test('is not of a run for some namespaces', () => {
    expect(fresh({}, { namespaces: ['team-a'] })).toEqual([['prod', undefined]]);
  });
});

test('in a fleet no metric has a cluster', () => {
  const lines = linesOf(reportOf({ clusters: [clusterReportOf({ created: 1 })] }), {}, true);
  expect(lines).toEqual([expect.objectContaining({ SecretsCreated: 1, ClusterFresh: 1 })]);
  expect(lines[0]).not.toHaveProperty('cluster');
});

test('a plan is not measured', () => {
  expect(linesOf(reportOf({ action: 'plan' }))).toEqual([]);
});

test('each metric has a meaning, and that of time its unit', () => {
  for (const meaning of Object.values(CLUSTER_METRICS)) expect(meaning.length).toBeGreaterThan(15);
  const timed = Object.keys(CLUSTER_METRICS).filter((name) => unitOf(name) === 'Milliseconds');
  expect(timed).toEqual(['RefreshDuration']);
});

describe('the admission policies of a run', () => {
  const states = (...given: (PolicyReport['state'] | undefined)[]) =>
    linesOf(
      reportOf({
        clusters: given.map((state, at) =>
          clusterReportOf({ id: `c${at}`, ...(state && { policy: { state } }) }),
        ),
      }),
    ).filter((line) => 'PolicyProblems' in line);

  test.for<[(PolicyReport['state'] | undefined)[], number]>([
    [['in force'], 0],
    [['missing', 'in force', 'outdated'], 2],
    [['in force', undefined], 0],
  ])('%j: %i with a problem, in one line without a cluster', ([given, count]) => {
    const [line, ...others] = states(...given);
    expect(others).toEqual([]);
    expect(line).toMatchObject({ service: 'ecr-registry-helper', PolicyProblems: count });
    expect(line?._aws.CloudWatchMetrics[0]?.Dimensions).toEqual([['service']]);
  });

  test('are not told of where none could be tried', () => {
    expect(states(undefined, undefined)).toEqual([]);
  });
});

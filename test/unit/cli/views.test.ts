import { expect, test } from 'vitest';
import type { CleanupReport, Removal } from '../../../lambda/cleanup.ts';
import { cleanupView, refreshView, statusView } from '../../../lambda/cli/views.ts';
import type { ClusterStatus, SecretStatus } from '../../../lambda/status.ts';
import { clusterReportOf, reportOf } from '../factories.ts';

const COUNTS = { missing: 1, expired: 0, stale: 0, blocked: 0, foreign: 0, fresh: 149, skipped: 0 };
const secrets: SecretStatus[] = Array.from({ length: 150 }, (_, at) => ({
  namespace: `team-${at}`,
  secret: 'ecr-docker-creds',
  condition: at === 0 ? 'missing' : 'fresh',
}));

function statusOf(cluster: Partial<ClusterStatus>): string {
  return statusView({
    ok: false,
    action: 'status',
    startedAt: '2026-11-24T08:00:00.000Z',
    durationMs: 12,
    clusters: [{ id: 'prod', ok: false, counts: COUNTS, secrets, ...cluster }],
  });
}

test('of a big cluster the worst are shown, and how many more there are', () => {
  const text = statusOf({});
  expect(text).toContain('team-0 ');
  expect(text).toContain('team-99 ');
  expect(text).not.toContain('team-100');
  expect(text).toContain('and 50 more: --namespaces narrows it, --json shows all');
});

test('those that the function left out count too', () => {
  expect(statusOf({ moreSecrets: 1_000 })).toContain(
    'and 1050 more: --namespaces narrows it, --json shows 150',
  );
});

test('of a small cluster all are shown', () => {
  expect(statusOf({ secrets: secrets.slice(0, 3) })).not.toContain('more');
});

const policy = {
  state: 'missing',
  reason: 'the admission policy x is not in force',
  remedy: 'Apply it.',
} as const;

test('a policy that is missing is a warning with its remedy, and the run is ok', () => {
  const text = refreshView(reportOf({ clusters: [clusterReportOf({ id: 'prod', policy })] }));
  expect(text).toContain('warning: cluster prod: the admission policy x is not in force');
  expect(text).toContain('-> cluster prod: Apply it.');
});

test('of one that is in force nothing is said', () => {
  const inForce = clusterReportOf({ policy: { state: 'in force' } });
  expect(refreshView(reportOf({ clusters: [inForce] }))).not.toMatch(/warning|policy/);
});

function cleanupOf(dryRun: boolean): string {
  const removal = (namespace: string, outcome: Removal['outcome']) => ({
    namespace,
    object: 'secret x',
    outcome,
  });
  const report: CleanupReport = {
    ok: false,
    action: 'cleanup',
    dryRun,
    startedAt: '2026-11-24T08:00:00.000Z',
    durationMs: 12,
    cluster: 'prod',
    removed: 1,
    kept: 1,
    ignored: 0,
    failed: 1,
    removals: [removal('broken', 'failed'), removal('copied', 'kept'), removal('old', 'removed')],
  };
  return cleanupView(report);
}

test.for([
  [false, 'removed'],
  [true, 'would be removed'],
] as const)('a secret that is kept is not listed as removed (dry run: %s)', ([dryRun, removed]) => {
  const lines = cleanupOf(dryRun).split('\n');
  expect(lines).toContain('broken     secret x  failed');
  expect(lines).toContain('copied     secret x  kept');
  expect(lines).toContain(`old        secret x  ${removed}`);
});

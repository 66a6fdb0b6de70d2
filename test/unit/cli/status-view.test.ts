import { expect, test } from 'vitest';
import { statusView } from '../../../lambda/cli/views/status-view.ts';
import type { ClusterStatus, SecretStatus } from '../../../lambda/status-report.ts';

const COUNTS = { missing: 1, expired: 0, stale: 0, blocked: 0, foreign: 0, fresh: 149, skipped: 0 };
const secrets: SecretStatus[] = Array.from({ length: 150 }, (_, at) => ({
  namespace: `team-${at}`,
  secret: 'ecr-docker-creds',
  condition: at === 0 ? 'missing' : 'fresh',
}));

function viewOf(cluster: Partial<ClusterStatus>): string {
  return statusView({
    ok: false,
    action: 'status',
    startedAt: '2026-11-24T08:00:00.000Z',
    durationMs: 12,
    clusters: [{ id: 'prod', ok: false, counts: COUNTS, secrets, ...cluster }],
  });
}

test('of a big cluster the worst are shown, and how many more there are', () => {
  const text = viewOf({});
  expect(text).toContain('team-0 ');
  expect(text).toContain('team-99 ');
  expect(text).not.toContain('team-100');
  expect(text).toContain('and 50 more: --namespaces narrows it, --json shows all');
});

test('those that the function left out count too', () => {
  expect(viewOf({ moreSecrets: 1_000 })).toContain(
    'and 1050 more: --namespaces narrows it, --json shows 150',
  );
});

test('of a small cluster all are shown', () => {
  expect(viewOf({ secrets: secrets.slice(0, 3) })).not.toContain('more');
});

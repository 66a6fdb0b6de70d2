import { expect, it } from 'vitest';
import { exitCodeOf } from '../../../lambda/cli/run.ts';
import type { Answer } from '../../../lambda/handler.ts';
import { CONDITIONS } from '../../../lambda/status.ts';

const RUN = { startedAt: '2026-11-24T12:00:00.000Z', durationMs: 5 };
const ERROR = { code: 'NoError', reason: 'it is not there', remedy: 'Make it.' };

function refresh(action: 'refresh' | 'plan', blocked: number, failed: number): Answer {
  const counts = { created: 0, refreshed: 3, unchanged: 0, skipped: 1, blocked, failed };
  const ok = failed === 0;
  return {
    ...RUN,
    ok,
    action,
    secrets: [],
    clusters: [{ ...counts, id: 'demo', ok, durationMs: 5, problems: [] }],
  };
}

function status(found: Partial<Record<(typeof CONDITIONS)[number], number>>, error?: typeof ERROR): Answer {
  const none = Object.fromEntries(CONDITIONS.map((condition) => [condition, 0]));
  const counts = { ...none, ...found } as Record<(typeof CONDITIONS)[number], number>;
  const ok =
    !error && Object.keys(found).every((condition) => ['fresh', 'skipped', 'blocked'].includes(condition));
  const cluster = { id: 'demo', ok, counts, secrets: [], ...(error && { error }) };
  return { ...RUN, ok, action: 'status', clusters: [cluster] };
}

it.each<[number, string, Answer]>([
  [0, 'a refresh', refresh('refresh', 0, 0)],
  [4, 'a refresh that was blocked somewhere', refresh('refresh', 1, 0)],
  [1, 'a refresh that failed somewhere, and was blocked elsewhere', refresh('refresh', 1, 1)],
  [4, 'a plan that would be blocked somewhere', refresh('plan', 1, 0)],
  [0, 'secrets that are fresh or skipped', status({ fresh: 3, skipped: 1 })],
  [3, 'a missing secret', status({ fresh: 3, missing: 1 })],
  [3, 'an expired one', status({ expired: 1 })],
  [3, 'a stale one', status({ stale: 1 })],
  [3, 'a foreign one', status({ foreign: 1 })],
  [4, 'a blocked one', status({ fresh: 3, blocked: 1 })],
  [3, 'a blocked one and a stale one', status({ blocked: 1, stale: 1 })],
  [1, 'a cluster that could not be asked', status({ missing: 1 }, ERROR)],
  [0, 'a doctor that found nothing', { ...RUN, ok: true, action: 'doctor', findings: [] }],
  [1, 'a doctor that found something', { ...RUN, ok: false, action: 'doctor', findings: [] }],
])('is %i for %s', (code, _, answer) => {
  expect(exitCodeOf(answer)).toBe(code);
});

import { expect, test } from 'vitest';
import type { RunContext } from '../../lambda/context.ts';
import { type FleetResult, fleetFailedError, summarize } from '../../lambda/fleet.ts';
import { ManualClock } from './manual-clock.ts';

const problemOf = async (results: readonly FleetResult[]) => {
  const summary = await summarize({
    request: { results },
    ...{ clock: new ManualClock(), startedAt: 0 },
  } as unknown as RunContext);
  return summary.ok ? 'ok' : fleetFailedError(summary).problem;
};
const down = (id: string, reason = 'it is down') => ({ id, ok: false, reason });

test.for<[string, readonly FleetResult[], string]>([
  ['all are refreshed', [{ id: 'a', ok: true }], 'ok'],
  ['none was found', [], 'found no cluster of the fleet'],
  [
    'some failed',
    [{ id: 'a', ok: true }, down('b'), { id: 'c', ok: false }],
    '2 of 3 clusters were not refreshed: b: it is down; c',
  ],
])('%s', async ([, given, text]) => {
  expect(await problemOf(given)).toBe(text);
});

test('1,000 long reasons stay within the 32 KiB of a cause, and none is lost without a word', async () => {
  const results = Array.from({ length: 1_000 }, (_, at) =>
    down(`arn${at}${'x'.repeat(150)}`, 'y'.repeat(5_000)),
  );
  const text = await problemOf(results);
  expect(Buffer.byteLength(text)).toBeLessThan(32 * 1024);
  expect(text).toMatch(/; and 950 more$/);
});

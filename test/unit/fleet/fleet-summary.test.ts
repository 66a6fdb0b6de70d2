import { expect, test } from 'vitest';
import { fleetFailure, summarize } from '../../../lambda/fleet/fleet-summary.ts';

const said = (given: Parameters<typeof summarize>[0]) => {
  const summary = summarize(given, 0);
  return summary.ok ? 'ok' : fleetFailure(summary);
};
const down = (id: string, reason = 'it is down') => ({ id, ok: false, reason });

test.for<[string, Parameters<typeof summarize>[0], string]>([
  ['all are refreshed', { results: [{ id: 'a', ok: true }], problems: [] }, 'ok'],
  ['none was found', { results: [] }, 'no cluster of the fleet was found'],
  [
    'some failed',
    { results: [{ id: 'a', ok: true }, down('b'), { id: 'c', ok: false }] },
    '2 of 3 clusters were not refreshed: b: it is down; c',
  ],
  [
    'all that was found is refreshed, but not everything was looked through',
    { results: [{ id: 'a', ok: true }], problems: [{ where: 'eu-west-1', reason: 'denied' }] },
    '0 of 1 clusters were not refreshed: eu-west-1: denied',
  ],
])('%s', ([, given, text]) => {
  expect(said(given)).toBe(text);
});

test('1,000 long reasons stay within the 32 KiB of a cause, and none is lost without a word', () => {
  const results = Array.from({ length: 1_000 }, (_, at) =>
    down(`arn${at}${'x'.repeat(150)}`, 'y'.repeat(5_000)),
  );
  const text = said({ results });
  expect(Buffer.byteLength(text)).toBeLessThan(32 * 1024);
  expect(text).toMatch(/; and 950 more$/);
});

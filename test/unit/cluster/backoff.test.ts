import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FailedTry, retryDelay } from '../../../lambda/cluster/backoff.ts';

const now = Date.parse('2026-11-23T08:00:00Z');
const failed = (given: Partial<FailedTry>): FailedTry => ({
  attempt: 1,
  firstAt: now,
  now,
  deadline: now + 600_000,
  code: 503,
  ...given,
});
const range = (given: Partial<FailedTry>) =>
  [0, 1 - Number.EPSILON].map((random) => retryDelay(failed(given), random));

describe('the wait', () => {
  test.for<[string, Partial<FailedTry>, number, number]>([
    ['after the first try', {}, 125, 250],
    ['after the third', { attempt: 3 }, 500, 1_000],
    ['grows to ten seconds at most', { attempt: 7 }, 5_000, 10_000],
    ['stays there', { attempt: 1_000 }, 5_000, 10_000],
    ['without an answer', { code: undefined }, 125, 250],
    ['of a race', { code: 409, raced: true }, 125, 250],
    ['in seconds that the server asks for', { code: 429, retryAfter: '3' }, 3_000, 3_250],
    ['until a date that the server asks for', { retryAfter: 'Mon, 23 Nov 2026 08:00:05 GMT' }, 5_000, 5_250],
    ['until a date that is over', { retryAfter: 'Mon, 23 Nov 2026 07:00:00 GMT' }, 0, 250],
    ['of an asked nothing', { retryAfter: '0' }, 0, 250],
    ['with a header that says nothing', { retryAfter: 'soon' }, 125, 250],
    ['with an empty header', { retryAfter: '' }, 125, 250],
  ])('%s', ([, given, least, most]) => {
    const [low = Number.NaN, high = Number.NaN] = range(given);
    expect(low).toBe(least);
    expect(high).toBeCloseTo(most, 3);
  });
});

describe('it is not tried again', () => {
  test.for<[string, Partial<FailedTry>]>([
    ['after two minutes', { firstAt: now - 120_000 }],
    ['after two minutes without an answer', { firstAt: now - 120_000, code: undefined }],
    ['when the wait would reach the deadline', { deadline: now + 125 }],
    ['when the deadline is over', { deadline: now - 1 }],
    ['when the server asks for more than there is', { code: 429, retryAfter: '600' }],
    ['when the server asks for years', { retryAfter: '999999999' }],
    ...[400, 401, 403, 404, 405, 409, 410, 413, 422, 501].map((code): [string, Partial<FailedTry>] => [
      `after a ${code}`,
      { code, retryAfter: '1' },
    ]),
  ])('%s', ([, given]) => {
    expect(range(given)).toEqual([undefined, undefined]);
  });
});

test('throttling is waited out as long as there is time', () => {
  expect(retryDelay(failed({ code: 429, firstAt: now - 500_000, retryAfter: '1' }), 0)).toBe(1_000);
});

describe('whatever failed', () => {
  const anyTry = fc.record<FailedTry>({
    attempt: fc.integer({ min: 1, max: 2_000 }),
    firstAt: fc.integer({ min: now - 900_000, max: now }),
    now: fc.constant(now),
    deadline: fc.integer({ min: now - 10_000, max: now + 900_000 }),
    code: fc.constantFrom(undefined, 200, 401, 403, 409, 410, 422, 429, 500, 502, 503, 504),
    retryAfter: fc.oneof(
      fc.constant(undefined),
      fc.string(),
      fc.integer({ min: -10, max: 1_000 }).map(String),
      fc
        .date({ noInvalidDate: true, min: new Date(now - 60_000), max: new Date(now + 60_000) })
        .map((date) => date.toUTCString()),
    ),
    raced: fc.boolean(),
  });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  test('the wait is not negative and ends before the deadline', () => {
    fc.assert(
      fc.property(anyTry, random, (given, share) => {
        const delay = retryDelay(given, share);
        if (delay === undefined) return;
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(now + delay).toBeLessThan(given.deadline);
      }),
      { numRuns: 1_000 },
    );
  });

  test('the server is not asked sooner than it wants', () => {
    fc.assert(
      fc.property(anyTry, fc.integer({ min: 0, max: 60 }), random, (given, seconds, share) => {
        const delay = retryDelay({ ...given, retryAfter: String(seconds) }, share);
        if (delay !== undefined) expect(delay).toBeGreaterThanOrEqual(seconds * 1_000);
      }),
    );
  });

  test('it ends: a server that is away is given up after two minutes', () => {
    fc.assert(
      fc.property(random, fc.constantFrom(undefined, 500, 502, 503, 504), (share, code) => {
        let [time, attempt] = [now, 1];
        for (; attempt < 1_000; attempt += 1) {
          const delay = retryDelay(failed({ attempt, now: time, code, deadline: now + 900_000 }), share);
          if (delay === undefined) break;
          time += delay;
        }
        expect(attempt).toBeLessThan(40);
        expect(time - now).toBeGreaterThanOrEqual(120_000);
        expect(time - now).toBeLessThan(130_000);
      }),
    );
  });
});

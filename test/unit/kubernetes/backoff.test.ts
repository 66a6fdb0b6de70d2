import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../../lambda/kubernetes/api-error.ts';
import { pauseBefore, requestedWait } from '../../../lambda/kubernetes/transport.ts';
import { DEPLOYMENT } from './deployment.ts';

const now = Date.parse('2026-11-23T08:00:00Z');

describe('the pause before a round', () => {
  test.for([
    [1, 500, 1_000],
    [2, 1_000, 2_000],
    [5, 8_000, 16_000],
    [7, 30_000, 60_000],
    [1_000, 30_000, 60_000],
  ] as const)('of retry %i is from %i to %i ms', ([retries, least, most]) => {
    expect(pauseBefore(retries, 0)).toBe(most);
    expect(pauseBefore(retries, 1 - Number.EPSILON)).toBeCloseTo(least, 3);
  });
});

describe('the wait that a Retry-After asks for', () => {
  test.for<[string | undefined, number]>([
    ['3', 3_000],
    ['60', 60_000],
    ['61', 60_000],
    ['99999999', 60_000],
    ['9'.repeat(400), 60_000],
    ['0', 1_000],
    ['-5', 1_000],
    ['0.5', 1_000],
    ['soon', 1_000],
    ['', 1_000],
    [undefined, 1_000],
    ['Mon, 23 Nov 2026 08:00:05 GMT', 5_000],
    ['Mon, 23 Nov 2026 07:00:00 GMT', 1_000],
    ['Tue, 24 Nov 2026 08:00:00 GMT', 60_000],
  ])('%j is %i ms', ([header, wait]) => {
    expect(requestedWait(header, now)).toBe(wait);
  });

  test('is from a second to a minute, whatever the header', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String)), (header) => {
        const wait = requestedWait(header, now);
        expect(wait >= 1_000 && wait <= 60_000).toBe(true);
      }),
    );
  });
});

test('only an overloaded or broken server, and a write that raced with another, is transient', () => {
  const codes = [400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 501, 502, 503, 504];
  expect(codes.filter((code) => new ApiError(code, '{}', DEPLOYMENT).isTransient)).toEqual([
    409, 429, 500, 502, 503, 504,
  ]);
});

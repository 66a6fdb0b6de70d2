import { expect, it } from 'vitest';
import { duration, since, until } from '../../../lambda/cli/views.ts';

const AT = '2026-11-24T12:00:00.000Z';

it.each([
  [0, '0 ms'],
  [999.4, '999 ms'],
  [1_000, '1 s'],
  [59_999, '59.9 s'],
  [90_000, '1.5 min'],
  [3_600_000, '1 h'],
  [43_200_000, '12 h'],
  [47 * 3_600_000, '47 h'],
  [72 * 3_600_000, '3 d'],
])('%d ms are %s', (ms, shown) => {
  expect(duration(ms)).toBe(shown);
});

it.each([
  [undefined, '-', '-'],
  ['2026-11-24T04:00:00.000Z', '8 h', '8 h ago'],
  ['2026-11-24T16:00:00.000Z', '0 ms', 'in 4 h'],
])('%s was %s ago, or ends %s', (then, age, end) => {
  expect([since(then, AT), until(then, AT)]).toEqual([age, end]);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { longestGapMinutes } from '../../../lambda/settings/schedule.ts';

const NEVER_DAILY = Number.POSITIVE_INFINITY;

test.for<[string, number | undefined]>([
  ['rate(1 minute)', 1],
  ['rate(90 minutes)', 90],
  ['rate(1 hour)', 60],
  ['rate(8 hours)', 480],
  ['rate(1 day)', 1440],
  ['rate(1 hours)', undefined],
  ['rate(8 hour)', undefined],
  ['rate(0 hours)', undefined],
  ['rate(8.5 hours)', undefined],
  ['rate(8  hours)', undefined],
  ['rate(8 weeks)', undefined],
  [' rate(8 hours)', undefined],
  ['rate(8 hours)\n', undefined],
  ['', undefined],
  ['0 */8 * * *', undefined],
  ['cron(0 0/8 * * ? *)', 480],
  ['cron(0 */8 * * ? *)', 480],
  ['cron(0 */10 * * ? *)', 600],
  ['cron(0 0,8,16 * * ? *)', 480],
  ['cron(30 16,0,8 * * ? *)', 480],
  ['cron(0 8,20 ? * * *)', 720],
  ['cron(0 6-18/6 * * ? *)', 720],
  ['cron(15 3 * * ? *)', 1440],
  ['cron(0/15 * * * ? *)', 15],
  ['cron(50 * * * ? *)', 60],
  ['cron(0,50 0/12 * * ? *)', 670],
  // the predecessor's mistake: eight was meant to be hours
  ['cron(*/8 * * * ? *)', 8],
  ['cron(0 0/8 ? * MON-FRI *)', NEVER_DAILY],
  ['cron(0 0/8 1 * ? *)', NEVER_DAILY],
  ['cron(0 0/8 * 1-6 ? *)', NEVER_DAILY],
  ['cron(0 0/8 * * ? 2026)', NEVER_DAILY],
  ['cron(0 0/8 * * *)', undefined],
  ['cron(0 0/8 * * * *)', undefined],
  ['cron(0 0/8 ? * ? *)', undefined],
  ['cron(0 0/8 * ? ? *)', undefined],
  ['cron(0 0/8 * * ? ?)', undefined],
  ['cron(? 0/8 * * ? *)', undefined],
  ['cron(60 0/8 * * ? *)', undefined],
  ['cron(0 24 * * ? *)', undefined],
  ['cron(0 20-4 * * ? *)', undefined],
  ['cron(0 0-24 * * ? *)', undefined],
  ['cron(0 0/0 * * ? *)', undefined],
  ['cron(0 0/00 * * ? *)', undefined],
  ['cron(0 , * * ? *)', undefined],
  ['cron(0 1, * * ? *)', undefined],
  ['cron(0 -8 * * ? *)', undefined],
  ['cron(0 a * * ? *)', undefined],
])('%j: %s minutes', ([expression, minutes]) => {
  expect(longestGapMinutes(expression)).toBe(minutes);
});

/** A cron field, and whether it takes a value, told in another way than the code does. */
interface Field {
  readonly text: string;
  readonly takes: (value: number) => boolean;
}

function fieldUpTo(largest: number): fc.Arbitrary<Field> {
  const value = fc.nat(largest);
  const step = fc.integer({ min: 1, max: 99 });
  const part = fc.oneof(
    fc.constant<Field>({ text: '*', takes: () => true }),
    value.map((at): Field => ({ text: `${at}`, takes: (v) => v === at })),
    step.map((by): Field => ({ text: `*/${by}`, takes: (v) => v % by === 0 })),
    fc.tuple(value, step).map(([from, by]): Field => {
      return { text: `${from}/${by}`, takes: (v) => v >= from && (v - from) % by === 0 };
    }),
    fc.tuple(value, value, step).map(([a, b, by]): Field => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      return { text: `${from}-${to}/${by}`, takes: (v) => v >= from && v <= to && (v - from) % by === 0 };
    }),
  );
  return fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => ({
    text: parts.map(({ text }) => text).join(','),
    takes: (v) => parts.some(({ takes }) => takes(v)),
  }));
}

function gapByTrying(minutes: Field, hours: Field): number {
  let [last, longest]: [number | undefined, number] = [undefined, 0];
  for (let minute = 0; minute < 3 * 24 * 60; minute += 1) {
    if (!minutes.takes(minute % 60) || !hours.takes(Math.floor(minute / 60) % 24)) continue;
    if (last !== undefined) longest = Math.max(longest, minute - last);
    last = minute;
  }
  return longest;
}

test('the gap of a daily cron is the one that three days show', () => {
  fc.assert(
    fc.property(fieldUpTo(59), fieldUpTo(23), (minutes, hours) => {
      const expression = `cron(${minutes.text} ${hours.text} * * ? *)`;
      expect(longestGapMinutes(expression), expression).toBe(gapByTrying(minutes, hours));
    }),
    { numRuns: 300 },
  );
});

test('any text is a schedule or none, and soon', () => {
  const pieces = fc.constantFrom(
    'cron(',
    'rate(',
    ')',
    '0',
    '00',
    '8',
    '/',
    '-',
    ',',
    '*',
    '?',
    ' ',
    'hours',
  );
  fc.assert(
    fc.property(
      fc.array(pieces).map((all) => all.join('')),
      (text) => {
        const gap = longestGapMinutes(text);
        expect(gap === undefined || gap > 0).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

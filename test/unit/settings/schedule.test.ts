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
  // every day, in other words
  ...['1/1', '*/1', '1-31', '1-15,16-31', '1-31/1', '01-31', '1,2/1'].map((day): [string, number] => [
    `cron(0 0/8 ${day} * ? *)`,
    480,
  ]),
  ...['1/1', '*/1', '1-12', 'JAN-DEC', 'jan-dec', 'Jan-Jun,7-12', 'JAN/1'].map((month): [string, number] => [
    `cron(0 0/8 * ${month} ? *)`,
    480,
  ]),
  ...['*', '1-7', 'SUN-SAT', 'sun-sat', 'MON-SUN', '2-1', 'SUN,MON,TUE,WED,THU,FRI,SAT', 'MON-FRI,7,1'].map(
    (weekday): [string, number] => [`cron(0 0/8 ? * ${weekday} *)`, 480],
  ),
  ...['1970-2199', '2020-2199', '2026/1', '*/1'].map((year): [string, number] => [
    `cron(0 0/8 * * ? ${year})`,
    480,
  ]),
  ['cron(0 0/8 1/1 JAN-DEC ? 2020-2199)', 480],
  ['cron(0 0/12 1/1 * ? *)', 720],
  // not every day
  ...['2-31', '1-30', '1/2', '*/2', '1,15', 'L', 'LW', 'L-3', '15W', '1-15,L'].map(
    (day): [string, number] => [`cron(0 0/8 ${day} * ? *)`, NEVER_DAILY],
  ),
  ...['JAN-NOV', '2-12', '1/2', 'JAN,FEB'].map((month): [string, number] => [
    `cron(0 0/8 * ${month} ? *)`,
    NEVER_DAILY,
  ]),
  ...['MON-SAT', 'SAT-SUN', '1-6', 'MON', '6L', 'FRIL', '3#2', 'TUE#1', 'L'].map(
    (weekday): [string, number] => [`cron(0 0/8 ? * ${weekday} *)`, NEVER_DAILY],
  ),
  ...['2026-2198', '2027-2199', '2026/2'].map((year): [string, number] => [
    `cron(0 0/8 * * ? ${year})`,
    NEVER_DAILY,
  ]),
  // none
  ...['0-31', '1-32', '31-1', 'SUN', 'x', '1#2', '1/0', '001'].map((day): [string, undefined] => [
    `cron(0 0/8 ${day} * ? *)`,
    undefined,
  ]),
  ...['0-12', '1-13', 'DEC-JAN', 'JANUARY', 'SUN', 'L'].map((month): [string, undefined] => [
    `cron(0 0/8 * ${month} ? *)`,
    undefined,
  ]),
  ...['0-6', '1-8', 'JAN', '*/1', '1/1', 'SUN-SAT/1', '3#6', 'W'].map((weekday): [string, undefined] => [
    `cron(0 0/8 ? * ${weekday} *)`,
    undefined,
  ]),
  ...['1969-2199', '1970-2200', 'x', '20'].map((year): [string, undefined] => [
    `cron(0 0/8 * * ? ${year})`,
    undefined,
  ]),
  ['cron(0 0/8 1/1 * SUN-SAT *)', undefined],
  ['cron(MON 0/8 * * ? *)', undefined],
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

/** The longest gap between two scheduled runs that leaves a token of 12 hours time for retries. */
export const LONGEST_GAP_MINUTES = 10 * 60;

const MINUTES_A_DAY = 24 * 60;
const RATE = /^rate\((\d{1,5}) (minute|hour|day)(s?)\)$/;
const MINUTES_PER_UNIT: Record<string, number> = { minute: 1, hour: 60, day: MINUTES_A_DAY };
const CRON = /^cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)$/;
const PART = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\d{1,2}))?$/;
/** What a cron field may hold: numbers, or names in their place; ranges of weekdays go on beyond Saturday. */
interface Field {
  readonly first: number;
  readonly last: number;
  /** Of the numbers from the first. */
  readonly names?: readonly string[];
  /** What leaves values out in other ways: the last day, the working day nearest to one, the nth of a weekday. */
  readonly some?: RegExp;
  /** From which number on all are needed to run every day; default: the first. */
  readonly from?: number;
}

const MINUTES: Field = { first: 0, last: 59 };
const HOURS: Field = { first: 0, last: 23 };
const DAYS: Field = { first: 1, last: 31, some: /^(?:LW?|L-\d{1,2}|\d{1,2}W)$/i };
const MONTHS: Field = {
  first: 1,
  last: 12,
  names: ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'],
};
const WEEKDAYS: Field = {
  first: 1,
  last: 7,
  names: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'],
  some: /^(?:L|\w{1,3}L|\w{1,3}#[1-5])$/i,
};
/** No run is of a year before this program. */
const YEARS: Field = { first: 1970, last: 2199, from: 2026 };

/**
 * The longest time in minutes between two runs of an EventBridge schedule expression, or undefined if
 * it is none. Only expressions that run every day are read: any other leaves a gap of more than a day.
 * Forms: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 */
export function longestGapMinutes(expression: string): number | undefined {
  const [, count, unit, plural] = RATE.exec(expression) ?? [];
  if (count && unit) {
    if ((count === '1') === (plural === 's')) return undefined;
    const minutes = Number(count) * (MINUTES_PER_UNIT[unit] ?? 0);
    return minutes > 0 ? minutes : undefined;
  }
  const [, minuteField = '', hourField = '', day = '', month = '', weekday = '', year = ''] =
    CRON.exec(expression) ?? [];
  const minutes = values(minuteField, MINUTES);
  const hours = values(hourField, HOURS);
  if (minutes === undefined || hours === undefined || (day === '?') === (weekday === '?')) return undefined;
  const days = day === '?' ? isEvery(weekday, WEEKDAYS) : isEvery(day, DAYS);
  const all = [days, isEvery(month, MONTHS), isEvery(year, YEARS)];
  if (all.includes(undefined)) return undefined;
  if (all.includes(false)) return Number.POSITIVE_INFINITY;
  const runs = hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute));
  return Math.max(...runs.map((run, at) => (runs[at + 1] ?? MINUTES_A_DAY + (runs[0] ?? 0)) - run));
}

/**
 * How many hours a cluster may go without a whole refresh: the longest gap in full hours, and one for retries. A
 * schedule that is known only at deployment counts as the longest that is taken.
 */
export function staleAfterHours(expression: string): number {
  return Math.ceil((longestGapMinutes(expression) ?? LONGEST_GAP_MINUTES) / 60) + 1;
}

/** Whether a cron field leaves no value out; undefined if it is none. */
function isEvery(text: string, field: Field): boolean | undefined {
  if (field === WEEKDAYS && text.includes('/')) return undefined;
  const { first, last, from = first, some } = field;
  if (text.split(',').some((part) => some?.test(part))) return false;
  const found = values(text, field);
  return found && found.filter((value) => value >= from).length === last - from + 1;
}

/** The values of one cron field (`*`, `8`, `0/8`, `8-18/2`, `MON-FRI`, lists of these) in order, or undefined if it is none. */
function values(text: string, field: Field): number[] | undefined {
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const [match, star, from = '', to, step] = PART.exec(part) ?? [];
    if (match === undefined) return undefined;
    const start = star ? field.first : numberOf(from, field);
    let end = to !== undefined ? numberOf(to, field) : star || step ? field.last : start;
    if (start === undefined || end === undefined || Number(step) === 0) return undefined;
    const count = field.last - field.first + 1;
    if (start > end && field === WEEKDAYS) end += count;
    if (start > end) return undefined;
    for (let value = start; value <= end; value += Number(step ?? 1)) {
      found.add(value > field.last ? value - count : value);
    }
  }
  return [...found].sort((a, b) => a - b);
}

function numberOf(text: string, { first, last, names = [] }: Field): number | undefined {
  const named = names.indexOf(text.toUpperCase());
  if (named >= 0) return first + named;
  const value = /^\d+$/.test(text) && text.length <= `${last}`.length ? Number(text) : Number.NaN;
  return value >= first && value <= last ? value : undefined;
}

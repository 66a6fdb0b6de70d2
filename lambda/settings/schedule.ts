/** The longest gap between two scheduled runs that leaves a token of 12 hours time for retries. */
export const LONGEST_GAP_MINUTES = 10 * 60;

const MINUTES_A_DAY = 24 * 60;
const RATE = /^rate\((\d{1,5}) (minute|hour|day)(s?)\)$/;
const CRON = /^cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)$/;
const EVERY_DAY = /^[*?]$/;
const PART = /^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/;
const MINUTES_PER_UNIT: Record<string, number> = { minute: 1, hour: 60, day: MINUTES_A_DAY };

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
  const [, minuteField, hourField, day, month, weekday, year] = CRON.exec(expression) ?? [];
  if (!minuteField || !hourField) return undefined;
  const minutes = values(minuteField, 59);
  const hours = values(hourField, 23);
  if (minutes === undefined || hours === undefined) return undefined;
  if (month === '?' || year === '?') return undefined;
  if (![day, month, weekday, year].every((f) => f && EVERY_DAY.test(f))) return Number.POSITIVE_INFINITY;
  if ((day === '?') === (weekday === '?')) return undefined;
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

/** The values of one cron field (`*`, `8`, `0/8`, `8-18/2`, lists of these) in order, or undefined if it is none. */
function values(cronField: string, largest: number): number[] | undefined {
  const found = new Set<number>();
  for (const part of cronField.split(',')) {
    const [match, star, from, to, step] = PART.exec(part) ?? [];
    if (match === undefined) return undefined;
    const first = star ? 0 : Number(from);
    const last = to !== undefined ? Number(to) : star || step ? largest : first;
    if (first > last || last > largest || Number(step) === 0) return undefined;
    for (let value = first; value <= last; value += Number(step ?? 1)) found.add(value);
  }
  return [...found].sort((a, b) => a - b);
}

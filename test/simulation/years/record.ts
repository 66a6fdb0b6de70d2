import { DAY_MS } from './plan.ts';

/** What a year came to. */
export interface YearResult {
  readonly seed: number;
  readonly runs: number;
  readonly failedRuns: number;
  readonly deadLetters: number;
  readonly deployments: number;
  readonly cleanups: number;
  /** How many clusters were looked through for what settings have left behind. */
  readonly inspections: number;
  readonly faults: number;
  readonly changes: number;
  /** In which a covered, unblocked secret had no valid token. */
  readonly lackingMinutes: number;
  /** The same in faults that are longer than the schedule bears. */
  readonly excusedMinutes: number;
  readonly violations: readonly string[];
  /** What happened last before the first violation. */
  readonly story: readonly string[];
}

/** Lines that are printed before the first violation. */
const MOST_LINES = 40;
/** A year with so many is over. */
const MOST_VIOLATIONS = 20;

/** What happened in a year, for a person who looks for the reason of a violation. */
export class YearRecord {
  readonly violations: string[] = [];
  /** What happened last before the first violation. */
  story: readonly string[] = [];
  readonly #beganAt: number;
  readonly #lines: string[] = [];

  /** @param beganAt milliseconds since the epoch */
  constructor(beganAt: number) {
    this.#beganAt = beganAt;
  }

  get isFull(): boolean {
    return this.violations.length >= MOST_VIOLATIONS;
  }

  say(at: number, line: string): void {
    this.#lines.push(`${this.when(at)}  ${line}`);
    if (this.#lines.length > 10 * MOST_LINES) this.#lines.splice(0, 9 * MOST_LINES);
  }

  violate(at: number, what: string): void {
    if (this.violations.length === 0) this.story = this.#lines.slice(-MOST_LINES);
    this.violations.push(`${this.when(at)}: ${what}`);
  }

  /** A time of the year as a day and a time of day. */
  when(at: number): string {
    return `day ${Math.floor(at / DAY_MS)} ${new Date(this.#beganAt + at).toISOString().slice(11, 19)}`;
  }
}

import { inspect } from 'node:util';
import type { Logger } from '@aws-lambda-powertools/logger';

/**
 * An error that a person acts on: `problem` says what failed on which object, `fix` what to do, and the message both.
 * It has no cause: the answer to a failed call may echo a secret.
 */
export class HelperError extends Error {
  /** Its name in reports, logs and alarms, such as `ClusterNotFoundError`. */
  readonly code: string;
  readonly problem: string;
  readonly fix: string;
  /** Whether the same request may succeed later. */
  readonly isTransient: boolean;

  constructor(code: string, problem: string, fix: string, { isTransient = false } = {}) {
    super(`${problem}. ${fix}`);
    this.name = code;
    this.code = code;
    this.problem = problem;
    this.fix = fix;
    this.isTransient = isTransient;
  }
}

/** Whether an error has one of these codes. */
export function hasCode(fault: unknown, ...codes: readonly string[]): fault is HelperError {
  return fault instanceof HelperError && codes.includes(fault.code);
}

/** The settings, or props of a construct, are wrong. */
export class SettingsError extends HelperError {
  constructor(problem: string, fix = 'Correct the settings.') {
    super('SettingsError', `settings: ${problem}`, fix);
  }
}

const VALID_EVENTS = 'Send {} to refresh everything, or { "action": "plan" } to see what it would do.';

export class EventError extends HelperError {
  constructor(problem: string, fix = VALID_EVENTS) {
    super('EventError', `event: ${problem}`, fix);
  }
}

/** The event names something that the settings do not cover: it may narrow them and never widen them. */
export class NotCoveredError extends HelperError {
  constructor(what: 'cluster' | 'namespace' | 'secret' | 'log group', name: string, known: string) {
    super(
      'NotCoveredError',
      `event: the settings cover no ${what} ${JSON.stringify(name)}; ${known}`,
      'Add it to the settings, or leave it out.',
    );
  }
}

export class DeadlineError extends HelperError {
  constructor() {
    super(
      'DeadlineError',
      'the run reached its time limit',
      'Raise concurrency in the settings, or memorySize of the construct.',
    );
  }
}

/** A run that nobody waits for was not ok: thrown so that AWS retries it and an alarm fires. */
export class RefreshFailedError extends HelperError {
  constructor(summary: string) {
    super('RefreshFailedError', summary, 'The report in the log says what failed and how to fix it.');
  }
}

/** A bug of this function, of which only the kind and the place may be printed. */
export class InternalError extends HelperError {
  constructor(fault: unknown) {
    super(
      'InternalError',
      `unexpected ${fault instanceof Error ? codeOf(fault) : typeof fault}`,
      'Report it with the stack.',
    );
    const stack = fault instanceof Error ? fault.stack?.replace(fault.message, '') : undefined;
    const frames = stack?.match(/^ {4}at .*$/gm) ?? [];
    this.stack = [`${this.name}: ${this.message}`, ...frames].join('\n');
  }
}

/** An error as it is, or as an {@link InternalError}. */
export function toHelperError(fault: unknown): HelperError {
  return fault instanceof HelperError ? fault : new InternalError(fault);
}

/** The code of a failed call: its name, which AWS, Node or undici define; its text may echo what was sent. */
export function codeOf(fault: unknown): string {
  const name = fault instanceof Error ? fault.name : '';
  const code = (fault as { code?: unknown } | undefined)?.code;
  const known = [/^(Error|TypeError|AggregateError)$/.test(name) ? undefined : name, code, name];
  return (
    known.find((one): one is string => typeof one === 'string' && /^[\w.#:-]{1,64}$/.test(one)) ?? 'Error'
  );
}

/** The value of a JSON text; undefined where it is none: the error of `JSON.parse` would echo the text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const MASK = '[redacted]';

/**
 * A value that may not be printed: a token, a key, a presigned URL, a docker config.
 * Printing, logging, interpolating or serializing it gives `[redacted]`; only `reveal` returns it.
 */
export class Redacted {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one call that needs it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

/** Control characters, marks that change the direction of a line or print nothing, and halves of characters. */
export const UNSAFE = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Removes what a terminal would interpret: names and messages come from clusters, stored credentials and AWS, and may
 * contain escape sequences.
 */
export function plain<Value>(value: Value): Value {
  if (typeof value === 'string') return value.replace(UNSAFE, '') as Value;
  if (Array.isArray(value)) return value.map(plain) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)])) as Value;
}

/** CloudWatch Logs takes 256 KiB a line: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html */
const MOST_BYTES = 190_000;
const LONGEST_TEXT = 2_000;
/** How many items of each list a line keeps, until it fits. */
const LISTS = [Number.POSITIVE_INFINITY, 100, 50, 20, 10, 5, 1, 0];

/** Logs one line, cut to what CloudWatch Logs takes. */
export function log(
  logger: Logger,
  level: 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  logger[level](cut(plain(message)), bounded(fields));
}

/** A text of at most 2,000 characters, and how many more there were. */
export function cut(text: string): string {
  const more = text.length - LONGEST_TEXT;
  return more > 0 ? `${text.slice(0, LONGEST_TEXT)}… (${more} more characters)` : text;
}

/**
 * Fields of a line without control characters, with long texts cut, and its lists only as long as the line takes less
 * than 190 kB as JSON: the first items, and how many more there were.
 */
export function bounded(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  let json = '{}';
  for (const most of LISTS) {
    json = JSON.stringify(fields, (_key, value: unknown) => {
      if (typeof value === 'string') return cut(plain(value));
      if (!Array.isArray(value) || value.length <= most) return value;
      return [...value.slice(0, most), `and ${value.length - most} more`];
    });
    if (Buffer.byteLength(json) <= MOST_BYTES) return JSON.parse(json);
  }
  return { cut: `${Buffer.byteLength(json)} bytes` };
}

const FIRST_MS = 250;
const LONGEST_MS = 10_000;
/** How long one request is repeated when the server is away; when it only asks to wait, until the deadline. */
const PATIENCE_MS = 120_000;
const PASSING = new Set([429, 500, 502, 503, 504]);

/** Whether a code says that the same request may be answered otherwise in a while. */
export function isPassing(code: number): boolean {
  return PASSING.has(code);
}

/** A try that failed: the server's answer, or none where the connection failed. */
export interface FailedTry {
  /** 1 for the first. */
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly firstAt: number;
  readonly now: number;
  readonly deadline: number;
  /** The HTTP code, or undefined when there was no whole answer. */
  readonly code: number | undefined;
  /** The header: seconds or a date. */
  readonly retryAfter?: string | undefined;
  /** Another writer was faster (409 without a field conflict). */
  readonly raced?: boolean;
}

/**
 * Milliseconds to wait before a request is sent again, or undefined when it has failed for good: the answer is
 * no passing one, patience is over, or the wait would reach beyond the deadline.
 * @param random a number from 0 up to 1, by which tries of many requests are spread
 */
export function retryDelay(failed: FailedTry, random: number): number | undefined {
  const { attempt, code, now } = failed;
  const throttled = code === 429;
  const passing = code === undefined || isPassing(code) || failed.raced === true;
  if (!passing || (!throttled && now - failed.firstAt >= PATIENCE_MS)) return undefined;
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 16));
  const asked = askedWait(failed.retryAfter, now);
  const delay = asked === undefined ? ceiling * (0.5 + random / 2) : asked + FIRST_MS * random;
  return now + delay < failed.deadline ? delay : undefined;
}

/** The wait in ms that a Retry-After header asks for: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after */
function askedWait(header: string | undefined, now: number): number | undefined {
  if (!header) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

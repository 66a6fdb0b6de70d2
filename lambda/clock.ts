import { setTimeout as wait } from 'node:timers/promises';

/** Time as the function sees it; injected, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects at once when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => wait(ms, undefined, { signal }),
};

/** The moment by which a run has to be over, so that there is time left to report. */
export interface Deadline {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Aborts when the moment has come. */
  readonly signal: AbortSignal;
}

/** Starts a deadline at `at` (ms since the epoch); `stop` must be called, else its timer stays. */
export function startDeadline(clock: Clock, at: number): Deadline & { stop(): void } {
  const due = new AbortController();
  const stopped = new AbortController();
  clock.sleep(Math.max(0, at - clock.now()), stopped.signal).then(
    () => due.abort(),
    () => undefined,
  );
  return { at, signal: due.signal, stop: () => stopped.abort() };
}

import type { Clock, Deadline } from '../../lambda/context.ts';
import { readEnvironment } from '../../lambda/context.ts';
import { runAction } from '../../lambda/handler.ts';
import type { Report } from '../../lambda/refresh/report.ts';
import type { RunRequest } from '../../lambda/request.ts';
import { readSettings } from '../../lambda/settings/rules.ts';
import type { World } from '../sandbox/world.ts';
import { type Captured, captured } from './capture.ts';
import { searched } from './searched.ts';

/** A clock that a test moves, and that passes over every wait at once, keeping its length. */
export class MovedClock implements Clock {
  /** The waits so far, in milliseconds. */
  readonly waits: number[] = [];
  readonly #timeouts = new Set<{ at: number; call: () => void }>();
  #now = Date.now();

  now(): number {
    return this.#now;
  }

  /** Moves it without a time-out, as where nobody waits for an answer. */
  skip(ms: number): void {
    this.#now += ms;
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const timeout of this.#timeouts) {
      if (timeout.at > this.#now) continue;
      this.#timeouts.delete(timeout);
      timeout.call();
    }
  }

  /** Time-outs come only where a test advances the clock past them. */
  after(ms: number, call: () => void): () => void {
    const timeout = { at: this.#now + ms, call };
    this.#timeouts.add(timeout);
    return () => this.#timeouts.delete(timeout);
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.waits.push(ms);
    this.#now += ms;
  }
}

export interface Timing {
  readonly clock: MovedClock;
  /** Default: an hour away, and never reached by itself. */
  readonly deadline?: Deadline;
}

/**
 * A refresh as the handler runs it, but with a clock and a deadline of the test. A secret in what it shows
 * fails the test.
 */
export async function refreshTimed(
  world: Pick<World, 'env' | 'aws'>,
  { clock, deadline = { at: clock.now() + 3_600_000, signal: new AbortController().signal } }: Timing,
  invocation: RunRequest = { origin: 'manual', action: 'refresh' },
): Promise<Captured<Report>> {
  const run = await captured(world.env, () =>
    runAction(readSettings(process.env), invocation, {
      environment: readEnvironment(process.env),
      clock,
      deadline,
    }),
  );
  return searched(run) as Captured<Report>;
}

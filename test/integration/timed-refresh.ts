import { act } from '../../lambda/actions.ts';
import type { Clock, Deadline } from '../../lambda/clock.ts';
import type { Invocation } from '../../lambda/event.ts';
import type { Report } from '../../lambda/report.ts';
import { readSettings } from '../../lambda/settings.ts';
import type { World } from '../sandbox/world.ts';
import { type Captured, captured } from './capture.ts';
import { searched } from './searched.ts';

/** A clock that a test moves, and that passes over every wait at once, keeping its length. */
export class MovedClock implements Clock {
  /** The waits so far, in milliseconds. */
  readonly waits: number[] = [];
  #now = Date.now();

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
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
  invocation: Invocation = { origin: 'manual', action: 'refresh' },
): Promise<Captured<Report>> {
  const run = await captured(world.env, () =>
    act(readSettings(process.env), invocation, { region: world.aws.region, clock, deadline }),
  );
  return searched(run) as Captured<Report>;
}

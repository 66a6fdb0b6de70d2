import type { Clock } from '../../lambda/context.ts';

/** A clock that stands still until it is moved on; who sleeps wakes when it reaches that moment. */
export class ManualClock implements Clock {
  #now: number;
  readonly #sleepers = new Set<{ until: number; wake: () => void }>();

  constructor(start = '2026-11-23T08:00:00Z') {
    this.#now = Date.parse(start);
  }

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const sleeper of this.#sleepers) if (sleeper.until <= this.#now) sleeper.wake();
  }

  after(ms: number, call: () => void): () => void {
    const sleeper = {
      until: this.#now + ms,
      wake: () => {
        this.#sleepers.delete(sleeper);
        call();
      },
    };
    this.#sleepers.add(sleeper);
    return () => this.#sleepers.delete(sleeper);
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => () => {
        this.#sleepers.delete(sleeper);
        settle();
      };
      const sleeper = { until: this.#now + ms, wake: end(resolve) };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', end(reject), { once: true });
    });
  }
}

import { createRequire, syncBuiltinESMExports } from 'node:module';
import { setImmediate as turn } from 'node:timers/promises';
import type { Traffic } from './traffic.ts';

type Promises = { setTimeout: (ms?: number, value?: unknown, options?: { signal?: AbortSignal }) => unknown };
type FastTimers = { tick(ms: number): void };

const load = createRequire(import.meta.url);
const promises = load('node:timers/promises') as Promises;
/** undici counts the time of its requests by ticks of its own, and lets tests give them. */
const fastTimers = load('undici/lib/util/timers.js') as FastTimers;

/** The time-outs of the function: of a request to an API server and of a call to AWS. */
const ANSWER_TIMEOUT_MS = 15_000;
const CALL_TIMEOUT_MS = 10_000;
/** Turns of the event loop without a request under way after which nothing can come but by time. */
const QUIET_TURNS = 3;
const LONGEST_UNQUIET_MS = 3_000;

interface Moment {
  readonly at: number;
  /** Nobody waits for it: it comes only when time passes for another reason. */
  readonly passive: boolean;
  readonly come: () => void;
}

/**
 * The time of this machine, taken over: it stands still while requests are under way and moves on at once to the next
 * moment that somebody waits for when there are none. The clock, the waits of `node:timers/promises` and the
 * time-outs of undici and the AWS SDK follow it, so that the function runs as it is.
 */
export class MachineTime {
  /** Waits that end there or later are a run's deadline and make no time pass (ms since the epoch). */
  horizon = Number.POSITIVE_INFINITY;
  readonly #traffic: Traffic;
  readonly #moments = new Set<Moment>();
  readonly #timeouts = new Map<number, () => void>();
  readonly #natural = {
    Date: globalThis.Date,
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    wait: promises.setTimeout,
  };
  #now: number;
  #isPassing = false;

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
    this.#now = this.#natural.Date.now();
  }

  now(): number {
    return this.#now;
  }

  /** Waits that nobody has ended. */
  get pending(): number {
    return this.#moments.size;
  }

  /** Takes the machine's time over until `restore`. */
  take(): void {
    const { Date: Machine, setTimeout: after, clearTimeout: clear } = this.#natural;
    const now = () => this.#now;
    globalThis.Date = class extends Machine {
      constructor(...given: [] | [value: number | string | Date]) {
        if (given.length === 0) super(now());
        else super(...given);
      }

      static override now(): number {
        return now();
      }
    } as DateConstructor;
    const setTimeout = (call: (...given: unknown[]) => void, ms = 0, ...given: unknown[]) => {
      const timer = after(() => {
        this.#timeouts.delete(Number(timer));
        call(...given);
      }, ms);
      if (ms === CALL_TIMEOUT_MS) this.#timeouts.set(Number(timer), () => call(...given));
      return timer;
    };
    globalThis.setTimeout = setTimeout as unknown as typeof globalThis.setTimeout;
    globalThis.clearTimeout = ((timer: NodeJS.Timeout | number | undefined) => {
      this.#timeouts.delete(Number(timer));
      clear(timer);
    }) as typeof globalThis.clearTimeout;
    promises.setTimeout = (ms = 0, _value, { signal } = {}) => this.#wait(ms, signal);
    syncBuiltinESMExports();
  }

  /** Gives the machine its own time back. */
  restore(): void {
    const { Date: Machine, setTimeout, clearTimeout, wait } = this.#natural;
    Object.assign(globalThis, { Date: Machine, setTimeout, clearTimeout });
    promises.setTimeout = wait;
    syncBuiltinESMExports();
  }

  /** Calls after so many milliseconds of real time, unless the returned function is called before. */
  afterReal(ms: number, call: () => void): () => void {
    const timer = this.#natural.setTimeout(call, ms).unref();
    return () => this.#natural.clearTimeout(timer);
  }

  /** Lets so many milliseconds go by at once; what was waiting for a moment of them comes. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#next(); next && next.at <= until; next = this.#next()) this.#come(next);
    this.#now = Math.max(this.#now, until);
  }

  /** Time goes on though a request is held; until the returned function is called. */
  hold(): () => void {
    return this.#traffic.stall();
  }

  /** Lets a request that has begun to stall run into its time-out. */
  stall(of: 'cluster' | 'aws'): void {
    const goOn = this.#traffic.stall();
    const timeOut = of === 'aws' ? CALL_TIMEOUT_MS : ANSWER_TIMEOUT_MS;
    const come = () => {
      goOn();
      if (of === 'cluster') {
        // the first only makes the new ones count
        fastTimers.tick(0);
        fastTimers.tick(timeOut + 1_000);
      } else {
        for (const [timer, end] of [...this.#timeouts]) {
          globalThis.clearTimeout(timer);
          end();
        }
      }
    };
    this.#moments.add({ at: this.#now + timeOut, passive: false, come });
    void this.#passOn();
  }

  #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const at = this.#now + ms;
      const moment: Moment = { at, passive: at >= this.horizon, come: resolve };
      this.#moments.add(moment);
      const end = () => {
        if (this.#moments.delete(moment)) reject(signal?.reason);
      };
      signal?.addEventListener('abort', end, { once: true });
      void this.#passOn();
    });
  }

  async #passOn(): Promise<void> {
    if (this.#isPassing) return;
    this.#isPassing = true;
    while ([...this.#moments].some(({ passive }) => !passive)) {
      await this.#quiet();
      const next = this.#next();
      if (next && [...this.#moments].some(({ passive }) => !passive)) this.#come(next);
    }
    this.#isPassing = false;
  }

  async #quiet(): Promise<void> {
    const startedAt = performance.now();
    for (let turns = 0; turns < QUIET_TURNS; turns += 1) {
      await turn();
      const isBusy = this.#traffic.isUnderWay && performance.now() - startedAt < LONGEST_UNQUIET_MS;
      if (isBusy) turns = 0;
    }
  }

  #next(): Moment | undefined {
    return [...this.#moments].sort((one, other) => one.at - other.at)[0];
  }

  #come(moment: Moment): void {
    this.#moments.delete(moment);
    this.#now = Math.max(this.#now, moment.at);
    moment.come();
  }
}

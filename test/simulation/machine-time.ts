import { createRequire, syncBuiltinESMExports } from 'node:module';
import { setImmediate as turn } from 'node:timers/promises';
import { FIRST_TIMEOUT_MS, LATER_TIMEOUT_MS } from '../../lambda/kubernetes/transport.ts';
import type { Held, Traffic } from './traffic.ts';

type Promises = { setTimeout: (ms?: number, value?: unknown, options?: { signal?: AbortSignal }) => unknown };

const load = createRequire(import.meta.url);
const promises = load('node:timers/promises') as Promises;

/** The time-outs of the function: of a call to AWS, and of requests to an API server. */
const CALL_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUTS_MS: readonly number[] = [FIRST_TIMEOUT_MS, LATER_TIMEOUT_MS];
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
 * The time of this machine, taken over: it stands still while requests are under way, and moves on at once to the next
 * moment that somebody waits for when there are none but held ones. The clock, the waits of `node:timers/promises`
 * and the time-outs of requests follow it, so that the function runs as it is.
 */
export class MachineTime {
  /** A wait until then is a run's deadline, and makes no time pass (ms since the epoch). */
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

  /** By how much this machine's clock is wrong, in milliseconds; `now` stays right. */
  skew = 0;

  /** @param startsAt milliseconds since the epoch; default: now */
  constructor(traffic: Traffic, startsAt = Date.now()) {
    this.#traffic = traffic;
    this.#now = startsAt;
  }

  now(): number {
    return this.#now;
  }

  /** Waits that nobody has ended. */
  get pending(): number {
    return this.#moments.size;
  }

  /** When the next moment comes that somebody waits for or that was set (ms since the epoch). */
  get nextAt(): number {
    return this.#next()?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Takes the machine's time over until `restore`. */
  take(): void {
    const { Date: Machine, setTimeout: after, clearTimeout: clear } = this.#natural;
    const now = () => this.#now + this.skew;
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
      if (ANSWER_TIMEOUTS_MS.includes(ms)) return this.#timeOut(ms, () => call(...given));
      const timer = after(() => {
        this.#timeouts.delete(Number(timer));
        call(...given);
      }, ms);
      if (ms === CALL_TIMEOUT_MS) this.#timeouts.set(Number(timer), () => call(...given));
      return timer;
    };
    globalThis.setTimeout = setTimeout as unknown as typeof globalThis.setTimeout;
    globalThis.clearTimeout = ((timer: NodeJS.Timeout | Moment | number | undefined) => {
      if (typeof timer === 'object' && 'come' in timer) {
        this.#moments.delete(timer);
        return;
      }
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

  /** Calls at that moment (ms since the epoch), whenever time passes it. */
  at(at: number, come: () => void): void {
    this.#moments.add({ at, passive: true, come });
  }

  /** Time goes on though a request to an API server is held; until the returned function is called. */
  hold(request: Held, left: () => void = () => undefined): () => void {
    const goOn = this.#traffic.hold(request, left);
    void this.#passOn();
    return goOn;
  }

  /** Holds a request to an API server that long. Rejects when its client gives it up. */
  async hang(ms: number, request: Held): Promise<void> {
    const left = new AbortController();
    const goOn = this.#traffic.hold(request, () => left.abort());
    try {
      await this.#wait(ms, left.signal);
    } finally {
      goOn();
    }
  }

  /** Lets a call to AWS that has begun to stall run into its time-out. */
  stall(): void {
    const goOn = this.#traffic.stall();
    const come = () => {
      goOn();
      for (const [timer, end] of [...this.#timeouts]) {
        globalThis.clearTimeout(timer);
        end();
      }
    };
    this.#moments.add({ at: this.#now + CALL_TIMEOUT_MS, passive: false, come });
    void this.#passOn();
  }

  /** A time-out makes no time pass: only that a request is held does. */
  #timeOut(ms: number, come: () => void): Moment {
    const moment: Moment = { at: this.#now + ms, passive: true, come };
    this.#moments.add(moment);
    return moment;
  }

  #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const at = this.#now + ms;
      const moment: Moment = { at, passive: at === this.horizon, come: resolve };
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
    while (this.#isAwaited) {
      await this.#quiet();
      const next = this.#next();
      if (next && this.#isAwaited) this.#come(next);
      // a held request without any time-out ends by other means
      else if (!next) break;
    }
    this.#isPassing = false;
  }

  get #isAwaited(): boolean {
    return this.#traffic.isHolding || [...this.#moments].some(({ passive }) => !passive);
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

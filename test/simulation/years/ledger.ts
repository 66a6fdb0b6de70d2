import { type Expected, hostsOf } from '../expected.ts';
import type { Held } from '../held.ts';
import type { Deadlines } from './deadlines.ts';

/** One registry host of one secret that has to be valid. */
interface Obligation {
  target: Expected;
  readonly host: string;
  /** From when on; all times in milliseconds since the year began. */
  due: number;
  validUntil: number;
  /** When others last changed it, or it began. */
  changedAt: number;
  /** Until when its time is counted. */
  countedTo: number;
}

/** A time in which a pod could not pull. */
export interface Lack {
  readonly key: string;
  readonly host: string;
  readonly from: number;
  readonly to: number;
}

/** Until when these credentials open a registry host; 0 for such as never did. */
type ExpiryOf = (host: string, auth: string) => number;

/** Counts for how long covered secrets had no valid token. */
export class Ledger {
  readonly lacks: Lack[] = [];
  /** Milliseconds without a valid token in faults that are longer than the schedule bears. */
  excusedMs = 0;
  readonly #deadlines: Deadlines;
  readonly #expiryOf: ExpiryOf;
  readonly #obligations = new Map<string, Obligation[]>();

  constructor(deadlines: Deadlines, expiryOf: ExpiryOf) {
    this.#deadlines = deadlines;
    this.#expiryOf = expiryOf;
  }

  /** Takes what has to be valid from now on; what is new is due after the next run. */
  require(now: number, targets: readonly Expected[], heldOf: (key: string) => Held | undefined): void {
    const wanted = new Map(targets.map((target) => [target.key, target]));
    for (const [key, obligations] of this.#obligations) {
      for (const one of obligations) this.#count(one, now);
      if (!wanted.has(key)) this.#obligations.delete(key);
    }
    for (const [key, target] of wanted) {
      const before = this.#obligations.get(key) ?? [];
      const held = heldOf(key);
      const obligations = hostsOf(target.entry).map((host): Obligation => {
        const known = before.find((one) => one.host === host);
        if (known) return Object.assign(known, { target });
        const validUntil = this.#validUntil(held, host);
        const due = this.#deadlines.fixedBy(now, target);
        return { target, host, due, validUntil, changedAt: now, countedTo: now };
      });
      this.#obligations.set(key, obligations);
    }
  }

  /** Takes what a secret holds from now on. */
  observe(now: number, key: string, held: Held | undefined): void {
    for (const one of this.#obligations.get(key) ?? []) {
      this.#count(one, now);
      one.validUntil = this.#validUntil(held, one.host);
    }
  }

  /** Somebody has changed a secret: it is due again after the next run. */
  excuse(now: number, key: string): void {
    for (const one of this.#obligations.get(key) ?? []) {
      this.#count(one, now);
      one.due = this.#deadlines.fixedBy(now, one.target);
      one.changedAt = now;
    }
  }

  /** What has to be valid, and until when it is. */
  *obligations(): Generator<Readonly<Obligation>> {
    for (const obligations of this.#obligations.values()) yield* obligations;
  }

  /** Counts all up to now. */
  close(now: number): void {
    for (const one of this.obligations()) this.#count(one, now);
  }

  #validUntil(held: Held | undefined, host: string): number {
    const auth = held?.auths?.[host];
    return auth === undefined ? 0 : this.#expiryOf(host, auth);
  }

  #count(one: Obligation, now: number): void {
    const from = Math.max(one.countedTo, one.due, one.validUntil);
    one.countedTo = Math.max(one.countedTo, now);
    if (from >= now) return;
    const unexplained = this.#deadlines.unexplained({ from, to: now }, one.target);
    this.excusedMs += now - from - unexplained.reduce((sum, part) => sum + part.to - part.from, 0);
    for (const part of unexplained) this.lacks.push({ key: one.target.key, host: one.host, ...part });
  }
}

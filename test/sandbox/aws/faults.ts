/** One call as the emulator saw it; `outcome` is `ok`, an error code, or the kind of an injected fault. */
export interface AwsCall {
  service: string;
  operation: string;
  region: string;
  /** The caller, when the signature was good. */
  principalArn: string | undefined;
  at: Date;
  /** The one thing the call is about: a cluster's name, a secret's id, a role's ARN. */
  detail: string | undefined;
  outcome: string;
}

/**
 * What happens instead of the right answer. A stalled call is answered rightly once it is released. A reset cuts the
 * connection: `before` anything was done (default), or `after` it was done but not answered. A dripping one begins to
 * answer and sends a byte now and then, until the client hangs up.
 */
export type AwsFault =
  | { kind: 'error'; code: string; status: number; message?: string }
  | { kind: 'throttle' }
  | { kind: 'drip' }
  | { kind: 'reset'; when?: 'before' | 'after' }
  | { kind: 'stall' }
  | { kind: 'body'; status: number; body: string; contentType?: string };

/** Which calls a fault hits, and how many of them (default 1; Infinity for all that come). */
export interface AwsFaultPlan {
  /** Default: all. */
  operation?: string;
  times?: number;
  /** Narrows it to some calls of that operation. */
  when?: (call: AwsCall) => boolean;
  with: AwsFault;
}

/** A fault that is set: take it away, let stalled calls go on, see how many calls it hit. */
export interface PlannedFault {
  readonly hits: number;
  /** Lets all stalled calls go on, and later ones pass. */
  release(): void;
}

interface Pending {
  plan: AwsFaultPlan;
  left: number;
  hits: number;
  released: PromiseWithResolvers<void>;
}

/** The faults that tests have set, first set first used. */
export class AwsFaults {
  readonly #pending = new Set<Pending>();

  plan(plan: AwsFaultPlan): PlannedFault {
    const pending = { plan, left: plan.times ?? 1, hits: 0, released: Promise.withResolvers<void>() };
    this.#pending.add(pending);
    return {
      get hits() {
        return pending.hits;
      },
      release: () => {
        this.#pending.delete(pending);
        pending.released.resolve();
      },
    };
  }

  /** The fault for this call, if any; `released` ends a stall. */
  take(call: AwsCall): { fault: AwsFault; released: Promise<void> } | undefined {
    for (const pending of this.#pending) {
      const { plan } = pending;
      if (plan.operation !== undefined && plan.operation !== call.operation) continue;
      if (plan.when?.(call) === false) continue;
      pending.left -= 1;
      pending.hits += 1;
      if (pending.left <= 0) this.#pending.delete(pending);
      return { fault: plan.with, released: pending.released.promise };
    }
    return undefined;
  }
}

import { invariants } from './invariants.ts';
import type { Witness } from './witness.ts';

/** What is wrong with how a schedule was played: `invariant: what`, one a line. */
export function judge(witness: Witness): string[] {
  return Object.entries(invariants).flatMap(([name, invariant]) =>
    invariant(witness).map((wrong) => `${name}: ${wrong}`),
  );
}

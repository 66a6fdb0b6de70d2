import fc from 'fast-check';
import { describe } from './describe.ts';
import { Fleet } from './fleet.ts';
import { judge } from './judge.ts';
import { play } from './play.ts';
import { schedule } from './schedule.ts';

/** How many schedules to play, and which. */
export interface Batch {
  readonly seed: number;
  readonly runs: number;
  /** Of a failure, to play that one alone. */
  readonly path?: string | undefined;
}

export interface Finding {
  readonly seed: number;
  readonly path: string;
  readonly shrinks: number;
  /** The schedule, shrunk, and what is wrong, for a person. */
  readonly text: string;
}

const LONGEST_SHRINKING_MS = 120_000;

/** Plays random schedules on clusters of its own; the first that breaks an invariant is shrunk and ends it. */
export async function check({ seed, runs, path }: Batch): Promise<Finding | undefined> {
  const fleet = await Fleet.start();
  try {
    const property = fc.asyncProperty(schedule, async (one) => {
      const wrong = judge(await play(one, fleet));
      if (wrong.length > 0) throw new Error(wrong.join('\n'));
    });
    const limit = { interruptAfterTimeLimit: LONGEST_SHRINKING_MS };
    const found = await fc.check(property, {
      seed,
      numRuns: runs,
      ...limit,
      ...(path !== undefined && { path }),
    });
    if (!found.failed || !found.counterexample) return undefined;
    const [one] = found.counterexample;
    const why =
      found.errorInstance instanceof Error ? found.errorInstance.message : String(found.errorInstance);
    return {
      seed,
      path: found.counterexamplePath ?? '',
      shrinks: found.numShrinks,
      text: `${describe(one)}\nviolations\n${why.replace(/^/gm, '  ')}`,
    };
  } finally {
    await fleet.close();
  }
}

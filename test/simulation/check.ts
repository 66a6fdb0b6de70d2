import fc from 'fast-check';
import { describe } from './describe.ts';
import { Fleet } from './fleet.ts';
import { judge } from './judge.ts';
import { play } from './play.ts';
import { schedule } from './schedule.ts';

/** Schedules whose seeds follow each other. */
export interface Batch {
  readonly seed: number;
  readonly runs: number;
}

export interface Finding {
  /** Of the schedule alone. */
  readonly seed: number;
  readonly shrinks: number;
  /** The schedule, shrunk, and what is wrong, for a person. */
  readonly text: string;
}

const LONGEST_SHRINKING_MS = 120_000;

/** Plays random schedules on clusters of its own; the first that breaks an invariant is shrunk and ends it. */
export async function check({ seed: first, runs }: Batch): Promise<Finding | undefined> {
  const fleet = await Fleet.start();
  try {
    for (let seed = first; seed < first + runs; seed += 1) {
      const finding = await checkOne(seed, fleet);
      if (finding) return finding;
    }
    return undefined;
  } finally {
    await fleet.close();
  }
}

async function checkOne(seed: number, fleet: Fleet): Promise<Finding | undefined> {
  const property = fc.asyncProperty(schedule, async (one) => {
    const wrong = judge(await play(one, fleet));
    if (wrong.length > 0) throw new Error(wrong.join('\n'));
  });
  const found = await fc.check(property, {
    seed,
    numRuns: 1,
    interruptAfterTimeLimit: LONGEST_SHRINKING_MS,
  });
  if (!found.failed || !found.counterexample) return undefined;
  const [one] = found.counterexample;
  const why =
    found.errorInstance instanceof Error ? found.errorInstance.message : String(found.errorInstance);
  return {
    seed,
    shrinks: found.numShrinks,
    text: `${describe(one)}\nviolations\n${why.replace(/^/gm, '  ')}`,
  };
}

import { availableParallelism } from 'node:os';
import { playInWorkers } from '../workers.ts';
import type { PlayOptions } from './play-year.ts';
import type { YearResult } from './record.ts';

/** Which years to play: one for each seed, from the first on. */
export interface YearsOptions {
  readonly seed: number;
  readonly years: number;
  readonly hasRetries: boolean;
}

type Sums = Omit<YearResult, 'seed' | 'violations' | 'story'>;
const PROGRESS_YEARS = 10;

/** Plays years and prints what they came to. @returns whether nothing was violated */
export async function playYears({ seed, years, hasRetries }: YearsOptions): Promise<boolean> {
  const startedAt = performance.now();
  const results: YearResult[] = [];
  const batches = Array.from({ length: years }, (_, at): PlayOptions => ({ seed: seed + at, hasRetries }));
  const workers = availableParallelism();
  await playInWorkers<PlayOptions, YearResult>({ file: 'years/worker.ts', batches, workers }, (result) => {
    results.push(result);
    if (result.violations.length > 0) console.log(`seed ${result.seed}: ${result.violations[0]}`);
    const { length } = results;
    if (length % PROGRESS_YEARS === 0 && length < years) console.log(`${length} of ${years} years`);
    return true;
  });
  const violated = results.filter(({ violations }) => violations.length > 0);
  const [first] = violated.toSorted((one, other) => one.seed - other.seed);
  if (first) printViolations(first, hasRetries);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const sum = (of: keyof Sums) => results.reduce((total, result) => total + result[of], 0);
  console.log(`
virtual years              ${results.length} (seeds ${seed} to ${seed + years - 1}${hasRetries ? '' : ', without retries'})
runs                       ${sum('runs')}, ${sum('failedRuns')} failed, ${sum('deadLetters')} dead letters
deployments                ${sum('deployments')}, ${sum('cleanups')} cleanups, ${sum('inspections')} clusters inspected after them
faults, other changes      ${sum('faults')}, ${sum('changes')}
minutes without a token    ${sum('lackingMinutes')} (and ${sum('excusedMinutes')} in faults longer than the schedule bears)
violations                 ${violated.reduce((total, { violations }) => total + violations.length, 0)} in ${violated.length} years
seconds                    ${seconds}`);
  return violated.length === 0;
}

function printViolations({ seed, story, violations }: YearResult, hasRetries: boolean): void {
  console.log(`\nA year breaks what must hold. Before that:\n\n${story.join('\n')}\n`);
  for (const violation of violations) console.log(`  ${violation}`);
  const flags = hasRetries ? '' : ' --without-retries';
  console.log(`\nnpm run test:simulation -- --years 1 --seed ${seed}${flags}`);
}

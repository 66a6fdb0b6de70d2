import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Batch, Finding } from './check.ts';
import { playInWorkers } from './workers.ts';
import { playYears } from './years/report.ts';

const DEFAULT_RUNS = 2_000;
/** Schedules that one worker plays on the same clusters. */
const BATCH = 50;
/** More than the cores of a small machine: a schedule mostly waits for its own connections. */
const WORKERS = 4;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    runs: { type: 'string' },
    years: { type: 'string' },
    'without-retries': { type: 'boolean', default: false },
  },
});
const seed = wholeNumber('seed', values.seed ?? String(randomInt(2 ** 31)), 0);
console.log(`seed ${seed}`);
if (values.years === undefined) await playSchedules();
else {
  const years = wholeNumber('years', values.years, 1);
  if (!(await playYears({ seed, years, hasRetries: !values['without-retries'] }))) process.exitCode = 1;
}

async function playSchedules(): Promise<void> {
  // a seed alone is one that an earlier run has printed: just its schedule
  const runs = wholeNumber('runs', values.runs ?? String(values.seed === undefined ? DEFAULT_RUNS : 1), 1);
  const startedAt = performance.now();
  let played = 0;
  const findings: Finding[] = [];
  await playInWorkers<Batch, Finding | undefined>(
    { file: 'worker.ts', batches: split(seed, runs), workers: WORKERS },
    (finding, batch) => {
      played += batch.runs;
      if (finding) findings.push(finding);
      if (played % 500 < BATCH && played < runs) console.log(`${played} of ${runs}`);
      return !finding;
    },
  );
  for (const { seed: of, shrinks, text } of findings) {
    console.log(`\nA schedule breaks what must hold (shrunk ${shrinks} times):\n\n${text}\n`);
    console.log(`npm run test:simulation -- --seed ${of}`);
  }
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.log(`\n${played} schedules, ${findings.length} violations (seed ${seed}, ${seconds} s)`);
  if (findings.length > 0) process.exitCode = 1;
}

/** Every schedule has a seed of its own, so that each can be played again by itself. */
function split(first: number, count: number): Batch[] {
  return Array.from({ length: Math.ceil(count / BATCH) }, (_, at) => ({
    seed: first + at * BATCH,
    runs: Math.min(BATCH, count - at * BATCH),
  }));
}

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  console.error(`--${name} takes a whole number from ${least}, and got ${JSON.stringify(text)}`);
  process.exit(2);
}

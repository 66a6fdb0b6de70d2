import { type ChildProcess, fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Batch, Finding } from './check.ts';

const DEFAULT_RUNS = 2_000;
/** Schedules that one worker plays on the same clusters. */
const BATCH = 50;
/** More than the cores of a small machine: a schedule mostly waits for its own connections. */
const WORKERS = 4;

const { values } = parseArgs({ options: { seed: { type: 'string' }, runs: { type: 'string' } } });
const seed = wholeNumber('seed', values.seed ?? String(randomInt(2 ** 31)), 0);
// a seed alone is one that an earlier run has printed: just its schedule
const runs = wholeNumber('runs', values.runs ?? String(values.seed === undefined ? DEFAULT_RUNS : 1), 1);
const batches = split(seed, runs);

console.log(`seed ${seed}`);
const startedAt = performance.now();
let played = 0;
const findings: Finding[] = [];
await Promise.all(Array.from({ length: Math.min(WORKERS, batches.length) }, work));

for (const { seed: of, shrinks, text } of findings) {
  console.log(`\nA schedule breaks what must hold (shrunk ${shrinks} times):\n\n${text}\n`);
  console.log(`npm run test:simulation -- --seed ${of}`);
}
const seconds = Math.round((performance.now() - startedAt) / 1_000);
console.log(`\n${played} schedules, ${findings.length} violations (seed ${seed}, ${seconds} s)`);
if (findings.length > 0) process.exitCode = 1;

/** Every schedule has a seed of its own, so that each can be played again by itself. */
function split(first: number, count: number): Batch[] {
  return Array.from({ length: Math.ceil(count / BATCH) }, (_, at) => ({
    seed: first + at * BATCH,
    runs: Math.min(BATCH, count - at * BATCH),
  }));
}

async function work(): Promise<void> {
  const worker = fork(join(import.meta.dirname, 'worker.ts'));
  try {
    for (let batch = batches.shift(); batch && findings.length === 0; batch = batches.shift()) {
      const finding = await ask(worker, batch);
      played += batch.runs;
      if (finding) findings.push(finding);
      if (played % 500 < BATCH && played < runs) console.log(`${played} of ${runs}`);
    }
  } finally {
    worker.kill();
  }
}

async function ask(worker: ChildProcess, batch: Batch): Promise<Finding | undefined> {
  const done = new AbortController();
  const { signal } = done;
  worker.send(batch);
  const gone = once(worker, 'exit', { signal }).then(([code]) => {
    throw new Error(`a worker ended with ${code} at --seed ${batch.seed} --runs ${batch.runs}`);
  });
  try {
    const [answer] = await Promise.race([once(worker, 'message', { signal }), gone]);
    const { finding, fault } = answer as { finding?: Finding; fault?: string };
    if (fault) throw new Error(fault);
    return finding;
  } finally {
    gone.catch(() => undefined);
    done.abort();
  }
}

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  console.error(`--${name} takes a whole number from ${least}, and got ${JSON.stringify(text)}`);
  process.exit(2);
}

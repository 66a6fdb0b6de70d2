import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import pMap from 'p-map';
import { linkPackages, runSimulation, runTests, typeErrors } from './checks.ts';
import { mutants } from './mutants.ts';
import { copyTree, type Mutant, mutate, SIMULATION, TextNotFoundError } from './mutate.ts';
import { failures, judge, judgeSimulation, type Verdict } from './verdict.ts';

const ROOT = join(import.meta.dirname, '../..');
const AT_ONCE = Math.min(4, availableParallelism());
/** Schedules of the simulation; always the same, so that it is no luck which mutants they find. */
const SCHEDULES = { seed: 1, runs: 50 };

interface Finding {
  readonly kind: Verdict['kind'] | 'lost' | 'broken';
  readonly text: string;
}

const chosen = choose(process.argv.slice(2));
const startedAt = performance.now();
const scratch = await mkdtemp(join(tmpdir(), 'mutants-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const control = join(scratch, 'control');
const lost = await makeTrees();
const untyped = await typeErrors(scratch);
const wrong = await withoutMutant();
if (wrong.length > 0) {
  console.log(`without any mutant there fails already\n  ${wrong.join('\n  ')}`);
  process.exitCode = 1;
} else {
  const widest = Math.max(...chosen.map(({ name }) => name.length));
  const results = await pMap(
    chosen,
    async (mutant) => {
      const findings = await withMutant(mutant);
      for (const { kind, text } of findings) {
        const verdict = kind === 'caught' ? kind : kind.toUpperCase();
        console.log(`${verdict.padEnd(8)}  ${mutant.name.padEnd(widest)}  ${text}`);
      }
      return findings.every(({ kind }) => kind === 'caught');
    },
    { concurrency: AT_ONCE },
  );
  const caught = results.filter(Boolean).length;
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.log(`\n${caught} of ${chosen.length} mutants caught, in ${seconds} s`);
  if (caught < chosen.length) process.exitCode = 1;
}

/** The mutants of these names, or all. */
function choose(names: string[]): readonly Mutant[] {
  const unknown = names.find((name) => !mutants.some((mutant) => mutant.name === name));
  if (unknown === undefined)
    return names.length === 0 ? mutants : mutants.filter(({ name }) => names.includes(name));
  const known = mutants.map(({ name }) => name).join('\n  ');
  console.error(`there is no mutant ${JSON.stringify(unknown)}; known are\n  ${known}`);
  process.exit(2);
}

function nameOfTree(mutant: Mutant): string {
  return `mutant-${chosen.indexOf(mutant)}`;
}

/** Makes a tree without and one with each mutant; tells of mutants whose text was not found. */
async function makeTrees(): Promise<ReadonlyMap<Mutant, string>> {
  await linkPackages(scratch, join(ROOT, 'node_modules'));
  // all are copied from the one, as somebody may edit the sources meanwhile
  await copyTree(ROOT, control);
  const notFound = new Map<Mutant, string>();
  for (const mutant of chosen) {
    const tree = join(scratch, nameOfTree(mutant));
    await copyTree(control, tree);
    try {
      await mutate(tree, mutant);
    } catch (fault) {
      if (!(fault instanceof TextNotFoundError)) throw fault;
      notFound.set(mutant, fault.message);
    }
  }
  return notFound;
}

/** What fails without a mutant: then its failing with one shows nothing. */
async function withoutMutant(): Promise<string[]> {
  const type = untyped.get('control');
  if (type !== undefined) return [type];
  const used = new Set(chosen.flatMap(({ caughtBy }) => caughtBy));
  const files = [...used].filter((by) => by !== SIMULATION);
  const [report, violations] = await Promise.all([
    files.length > 0 ? runTests(control, files, { bail: false }) : { testResults: [] },
    used.has(SIMULATION) ? runSimulation(control, SCHEDULES) : [],
  ]);
  const missing = report && report.testResults.length < files.length;
  return [
    ...(missing ? ['a test file of the table is not there'] : failures(report)),
    ...(violations ?? ['the simulation did not come to an end']),
  ];
}

/** What each that must find a mutant made of it, or why it could not be tried. */
async function withMutant(mutant: Mutant): Promise<Finding[]> {
  const text = lost.get(mutant);
  if (text !== undefined) return [{ kind: 'lost', text }];
  const type = untyped.get(nameOfTree(mutant));
  if (type !== undefined) return [{ kind: 'broken', text: type }];
  const tree = join(scratch, nameOfTree(mutant));
  const findings: Finding[] = [];
  for (const by of mutant.caughtBy) {
    const verdict =
      by === SIMULATION
        ? judgeSimulation(await runSimulation(tree, SCHEDULES))
        : judge(await runTests(tree, [by], { bail: true }));
    findings.push(findingOf(verdict, by, mutant));
  }
  return findings;
}

function findingOf(verdict: Verdict, by: string, { harm }: Mutant): Finding {
  const { kind } = verdict;
  if (kind === 'caught') return { kind, text: `by ${by} > ${verdict.test}` };
  return { kind, text: `${by}: ${kind === 'survived' ? harm : verdict.why}` };
}

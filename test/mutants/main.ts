import { rmSync } from 'node:fs';
import { cp, mkdtemp } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pMap from 'p-map';
import { readDeclarations } from './declarations.ts';
import { mutants } from './mutants.ts';
import { type Mutant, MutantOutdatedError, mutated, SIMULATION } from './mutate.ts';
import { linkPackages, Tree } from './tree.ts';
import { type Change, typeErrors } from './type-check.ts';
import { judge, judgeSimulation, type Verdict } from './verdict.ts';

const ROOT = join(import.meta.dirname, '../..');
const AT_ONCE = Math.min(4, availableParallelism());
/** Schedules of the simulation; always the same, so that it is no luck which mutants they find. */
const SCHEDULES = { seed: 1, runs: 200 };
/** What is made or fetched, and no source. */
const NO_SOURCE = new Set(['node_modules', '.git', '.cache', 'dist', 'cdk.out']);

interface Finding {
  readonly kind: Verdict['kind'] | 'outdated' | 'broken';
  readonly text: string;
}

const chosen = choose(process.argv.slice(2));
const startedAt = performance.now();
const scratch = await mkdtemp(join(tmpdir(), 'mutants-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const control = join(scratch, 'control');
const free = await makeTrees();
const { changes, outdated } = findChanges();
const types = await typeErrors(control, [...changes.values()]);
const failing = types.unchanged === undefined ? await checkWithoutMutant() : [types.unchanged];
if (failing.length > 0) {
  console.log(`these checks fail without any mutant\n  ${failing.join('\n  ')}`);
  process.exitCode = 1;
} else {
  const widest = Math.max(...chosen.map(({ name }) => name.length));
  const results = await inTrees(chosen.toSorted(longestFirst), async (tree, mutant) => {
    const findings = await checkMutant(tree, mutant);
    for (const { kind, text } of findings) {
      const verdict = kind === 'caught' ? kind : kind.toUpperCase();
      console.log(`${verdict.padEnd(8)}  ${mutant.name.padEnd(widest)}  ${text}`);
    }
    return findings.every(({ kind }) => kind === 'caught');
  });
  const caught = results.filter(Boolean).length;
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.log(`\n${caught} of ${chosen.length} mutants caught, in ${seconds} s`);
  if (caught < chosen.length) process.exitCode = 1;
}
for (const tree of free) tree.close();

/** The mutants of these names, or all. */
function choose(names: string[]): readonly Mutant[] {
  const unknown = names.find((name) => !mutants.some((mutant) => mutant.name === name));
  if (unknown === undefined)
    return names.length === 0 ? mutants : mutants.filter(({ name }) => names.includes(name));
  const known = mutants.map(({ name }) => name).join('\n  ');
  console.error(`unknown mutant ${JSON.stringify(unknown)}; expected one of\n  ${known}`);
  process.exit(2);
}

/** Copies the sources, as somebody may edit them meanwhile, to a tree that stays and to those in which mutants are made. */
async function makeTrees(): Promise<Tree[]> {
  await linkPackages(scratch, join(ROOT, 'node_modules'));
  await cp(ROOT, control, { recursive: true, filter: (path) => !NO_SOURCE.has(basename(path)) });
  const folders = Array.from({ length: AT_ONCE }, (_, nth) => join(scratch, `tree-${nth}`));
  for (const folder of folders) await cp(control, folder, { recursive: true });
  return folders.map((folder) => new Tree(folder));
}

/** What each mutant changes, or why it does not fit the code. */
function findChanges(): { changes: ReadonlyMap<Mutant, Change>; outdated: ReadonlyMap<Mutant, string> } {
  const declarations = readDeclarations(control);
  const found = new Map<Mutant, Change>();
  const unfit = new Map<Mutant, string>();
  for (const mutant of chosen) {
    try {
      found.set(mutant, mutated(declarations, mutant));
    } catch (fault) {
      if (!(fault instanceof MutantOutdatedError)) throw fault;
      unfit.set(mutant, fault.message);
    }
  }
  return { changes: found, outdated: unfit };
}

/** Which checks fail without a mutant: then a failure with one shows nothing. */
async function checkWithoutMutant(): Promise<string[]> {
  const checks = new Set(chosen.toSorted(longestFirst).flatMap(({ caughtBy }) => caughtBy));
  const verdicts = await inTrees([...checks], async (tree, check) => {
    const verdict = await run(tree, check);
    if (verdict.kind === 'survived') return [];
    return [`${check}: ${verdict.kind === 'caught' ? verdict.test : verdict.why}`];
  });
  return verdicts.flat();
}

/** What each check that must find a mutant made of it, or why it could not be tried. */
async function checkMutant(tree: Tree, mutant: Mutant): Promise<Finding[]> {
  const change = changes.get(mutant);
  if (!change) return [{ kind: 'outdated', text: outdated.get(mutant) ?? '' }];
  const type = types.of.get(change);
  if (type !== undefined) return [{ kind: 'broken', text: type }];
  return await tree.withText(change.file, change.text, async () => {
    const findings: Finding[] = [];
    for (const check of mutant.caughtBy) findings.push(findingOf(await run(tree, check), check, mutant));
    return findings;
  });
}

/** Does tasks in the trees, one at a time in each. */
function inTrees<T, R>(tasks: readonly T[], work: (tree: Tree, task: T) => Promise<R>): Promise<R[]> {
  const inFreeTree = async (task: T) => {
    const tree = free.pop();
    if (!tree) throw new Error('no tree is free');
    try {
      return await work(tree, task);
    } finally {
      free.push(tree);
    }
  };
  return pMap(tasks, inFreeTree, { concurrency: free.length });
}

async function run(tree: Tree, check: string): Promise<Verdict> {
  return check === SIMULATION
    ? judgeSimulation(await tree.runSimulation(SCHEDULES))
    : judge(await tree.runTests(check));
}

/** Orders what takes longest to begin first, so that no core is idle at the end. */
function longestFirst({ caughtBy: a }: Mutant, { caughtBy: b }: Mutant): number {
  return lengthOf(b) - lengthOf(a);
}

function lengthOf(checks: readonly string[]): number {
  if (checks.includes(SIMULATION)) return 2;
  return checks.some((check) => check.startsWith('test/integration/')) ? 1 : 0;
}

function findingOf(verdict: Verdict, check: string, { harm }: Mutant): Finding {
  const { kind } = verdict;
  if (kind === 'caught') return { kind, text: `by ${check} > ${verdict.test}` };
  return { kind, text: `${check}: ${kind === 'survived' ? harm : verdict.why}` };
}

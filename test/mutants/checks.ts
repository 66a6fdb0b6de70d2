import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

/** Far beyond what the tests of one file take; who waits longer waits for a defect. */
const LONGEST_MS = 180_000;

const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.enum(['passed', 'failed']),
      /** Why the file could not be run. */
      message: z.string(),
      assertionResults: z.array(
        z.object({
          ancestorTitles: z.array(z.string()),
          title: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).nullable(),
        }),
      ),
    }),
  ),
});

/** What vitest reports as JSON, as far as it is read. */
export type TestReport = z.output<typeof report>;

/** Gives all trees of a folder the packages of this one. */
export async function linkPackages(folder: string, packages: string): Promise<void> {
  await symlink(packages, join(folder, 'node_modules'), 'dir');
}

/**
 * The first type error of the `lambda/` of each tree that has one, by the tree's name; what a mutation leaves unused
 * is none. The compiler reads the types of the packages once for all trees of the folder.
 */
export async function typeErrors(folder: string): Promise<ReadonlyMap<string, string>> {
  const config = {
    extends: './control/tsconfig.json',
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ['*/lambda'],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { code, output } = await node(folder, ['node_modules/typescript/bin/tsc']);
  const found = new Map<string, string>();
  for (const line of output.split('\n')) {
    const [, tree, said] = /^([^/]+)\/(lambda\/.*)$/.exec(line) ?? [];
    if (tree && said && !found.has(tree)) found.set(tree, said);
  }
  if (code !== 0 && found.size === 0) throw new Error(`the compiler did not run: ${output}`);
  return found;
}

/**
 * Runs test files of a tree.
 * @param bail ends at the first failure
 * @returns vitest's report, or undefined when it took too long or broke
 */
export async function runTests(
  tree: string,
  files: readonly string[],
  { bail }: { bail: boolean },
): Promise<TestReport | undefined> {
  const reportFile = join(tree, 'report.json');
  const options = [
    ...['--project=unit', '--project=integration', `--bail=${bail ? 1 : 0}`, '--maxWorkers=1'],
    // the caches would stand in the packages, which all trees share
    ...['--cache=false', '--fsModuleCache=false'],
    ...['--reporter=json', `--outputFile=${reportFile}`],
  ];
  // that of another run in this tree must not be taken for this one's
  await rm(reportFile, { force: true });
  await node(tree, ['../node_modules/vitest/vitest.mjs', 'run', ...options, ...files]);
  try {
    return report.parse(JSON.parse(await readFile(reportFile, 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * Plays the schedules of a seed with a tree until one breaks what must hold.
 * @returns what is wrong, one `invariant: what` each, or undefined when it took too long or broke
 */
export async function runSimulation(
  tree: string,
  { seed, runs }: { seed: number; runs: number },
): Promise<string[] | undefined> {
  const player = fork(join(tree, 'test/mutants/simulate.ts'), [`${seed}`, `${runs}`], {
    stdio: 'ignore',
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
  });
  const end = () => player.kill('SIGKILL');
  process.once('exit', end);
  let wrong: string[] | undefined;
  player.once('message', (found: string[]) => {
    wrong = found;
  });
  await once(player, 'exit');
  process.off('exit', end);
  return wrong;
}

function node(cwd: string, args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const options = { cwd, timeout: LONGEST_MS, killSignal: 'SIGKILL', maxBuffer: 64 << 20 } as const;
    const child = execFile(process.execPath, args, options, (_fault, stdout, stderr) => {
      process.off('exit', end);
      resolve({ code: child.exitCode, output: stdout + stderr });
    });
    const end = () => child.kill('SIGKILL');
    process.once('exit', end);
  });
}

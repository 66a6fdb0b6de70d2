import { execFile } from 'node:child_process';
import { cp, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** A file that gets another text. */
export interface Change {
  readonly file: string;
  readonly text: string;
}

/** The first type error of the sources, and of those changes that cause one. */
export interface TypeErrors<T> {
  readonly unchanged: string | undefined;
  readonly of: ReadonlyMap<T, string>;
}

/**
 * Finds the type errors of `lambda/` in a tree and of changes to it. Changes of different files are checked together, as
 * each tree takes time; where such a tree has an error, each of its changes is checked by itself. So an error is missed
 * only where another change removes what it is about.
 * @param tree beside a folder `node_modules`
 * @throws an error when the compiler does not run
 */
export async function typeErrors<T extends Change>(
  tree: string,
  changes: readonly T[],
): Promise<TypeErrors<T>> {
  const unchanged: T[] = [];
  const together = groupsOf(changes);
  const errors = await check(tree, 'together', [unchanged, ...together]);
  const alone = together.filter((group) => errors.has(group)).flatMap((group) => group.map((one) => [one]));
  const found = alone.length > 0 ? await check(tree, 'alone', alone) : [];
  return {
    unchanged: errors.get(unchanged),
    of: new Map([...found].flatMap(([group, error]) => group.map((one) => [one, error]))),
  };
}

/** As few groups as can be of changes of which no two are of one file. */
function groupsOf<T extends Change>(changes: readonly T[]): T[][] {
  const groups: T[][] = [];
  for (const one of changes) {
    const group = groups.find((others) => !others.some(({ file }) => file === one.file));
    if (group) group.push(one);
    else groups.push([one]);
  }
  return groups;
}

/** The first type error of each group that has one, when all of its changes are made in a tree. */
async function check<T extends Change>(
  tree: string,
  name: string,
  groups: readonly T[][],
): Promise<Map<T[], string>> {
  const folder = join(tree, '..', name);
  for (const [nth, group] of groups.entries()) {
    await cp(join(tree, 'lambda'), join(folder, `${nth}`, 'lambda'), { recursive: true });
    for (const { file, text } of group) await writeFile(join(folder, `${nth}`, file), text);
  }
  // it makes the sources modules
  await cp(join(tree, 'package.json'), join(folder, 'package.json'));
  const config = {
    extends: `../${basename(tree)}/tsconfig.json`,
    // a change may leave something unused
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ['*/lambda'],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { code, output } = await compile(folder);
  const found = new Map<T[], string>();
  for (const line of output.split('\n')) {
    const [, nth, error] = /^(\d+)\/(lambda\/.*)$/.exec(line) ?? [];
    const group = groups[Number(nth)];
    if (group && error && !found.has(group)) found.set(group, error);
  }
  if (code !== 0 && found.size === 0) throw new Error(`the compiler failed: ${output}`);
  return found;
}

function compile(folder: string): Promise<{ code: number | null; output: string }> {
  const compiler = join(folder, '../node_modules/typescript/bin/tsc');
  return new Promise((resolve) => {
    const options = { cwd: folder, maxBuffer: 64 << 20 };
    const child = execFile(process.execPath, [compiler], options, (_fault, stdout, stderr) => {
      process.off('exit', end);
      resolve({ code: child.exitCode, output: stdout + stderr });
    });
    const end = () => child.kill('SIGKILL');
    process.once('exit', end);
  });
}

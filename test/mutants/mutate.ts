import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** A small deliberate defect of `lambda/`, kept to show that a test finds it. */
export interface Mutant {
  readonly name: string;
  /** Of the tree, such as `lambda/cluster/verdict.ts`. */
  readonly file: string;
  /** Exact text that stands in the file once. */
  readonly find: string;
  readonly replace: string;
  /** What it would do to those who run this. */
  readonly harm: string;
  /** What must find it, each by itself: test files, and `SIMULATION`. */
  readonly caughtBy: readonly [string, ...string[]];
}

/** The simulation, as one of those that find mutants. */
export const SIMULATION = 'test/simulation';

/** What is made or fetched, and no source. */
const NO_SOURCE = new Set(['node_modules', '.git', '.cache', 'dist', 'cdk.out']);

/** The text of a mutant stands in its file no more, or more than once, so that the table is out of date. */
export class TextNotFoundError extends Error {
  constructor({ file }: Mutant, times: number) {
    super(`its text stands ${times} times in ${file}; correct it in test/mutants`);
    this.name = 'TextNotFoundError';
  }
}

/** Copies the sources of a tree to a folder that is not there yet. */
export async function copyTree(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, filter: (path) => !NO_SOURCE.has(basename(path)) });
}

/**
 * Puts a mutant's defect into a tree.
 * @throws TextNotFoundError
 */
export async function mutate(tree: string, mutant: Mutant): Promise<void> {
  const path = join(tree, mutant.file);
  await writeFile(path, mutated(await readFile(path, 'utf8'), mutant));
}

/**
 * The text of a mutant's file with the defect in it.
 * @throws TextNotFoundError
 */
export function mutated(text: string, mutant: Mutant): string {
  const [before = '', ...after] = text.split(mutant.find);
  if (after.length !== 1) throw new TextNotFoundError(mutant, after.length);
  return before + mutant.replace + after[0];
}

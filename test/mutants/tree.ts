import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestReport, TestRequest } from './run-tests.ts';

/** Far beyond what the tests of one file take; what takes longer hangs. */
const LONGEST_MS = 180_000;

/** Gives all trees of a folder the packages of this one. */
export async function linkPackages(folder: string, packages: string): Promise<void> {
  await symlink(packages, join(folder, 'node_modules'), 'dir');
}

/** A copy of the sources in which one file at a time is changed, and what runs its tests. */
export class Tree {
  readonly #folder: string;
  /** Files that were written since the last test run. */
  readonly #changed = new Set<string>();
  #tests: ChildProcess | undefined;

  /** @param folder in a folder that has the packages */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Does work while a file has another text. */
  async withText<T>(file: string, text: string, work: () => Promise<T>): Promise<T> {
    const path = join(this.#folder, file);
    const original = await readFile(path, 'utf8');
    try {
      await writeFile(path, text);
      this.#changed.add(file);
      return await work();
    } finally {
      await writeFile(path, original);
      this.#changed.add(file);
    }
  }

  /**
   * Runs the tests of one file until the first fails.
   * @returns undefined when they took too long or the process ended
   */
  async runTests(file: string): Promise<TestReport | undefined> {
    this.#tests ??= this.#fork('run-tests.ts', []);
    const request: TestRequest = { file, changed: [...this.#changed] };
    this.#changed.clear();
    const report = await answerOf<TestReport>(this.#tests, request);
    if (!report) this.close();
    return report;
  }

  /**
   * Plays the schedules of a seed until one breaks an invariant.
   * @returns what is wrong, as `invariant: violation`; undefined when it took too long or the process ended
   */
  async runSimulation({ seed, runs }: { seed: number; runs: number }): Promise<string[] | undefined> {
    const player = this.#fork('simulate.ts', [`${seed}`, `${runs}`]);
    const violations = await answerOf<string[]>(player);
    end(player);
    return violations;
  }

  /** Ends the process that runs tests; the next run starts another. */
  close(): void {
    if (this.#tests) end(this.#tests);
    this.#tests = undefined;
  }

  #fork(script: string, args: string[]): ChildProcess {
    const child = fork(join(this.#folder, 'test/mutants', script), args, {
      cwd: this.#folder,
      stdio: 'ignore',
      // a group of its own, to end its children with it
      detached: true,
      // beside the trees: each process compiles anew only what was changed
      env: { ...process.env, NODE_COMPILE_CACHE: join(this.#folder, '../compiled') },
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  }
}

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach(end));

/** Ends a process and those that it has started. */
function end({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // it has ended already
  }
}

async function answerOf<T>(child: ChildProcess, request?: TestRequest): Promise<T | undefined> {
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(LONGEST_MS)]);
  const answer = once(child, 'message', { signal }).then(([message]) => message as T);
  const ended = once(child, 'exit', { signal }).then(() => undefined);
  if (request) child.send(request);
  try {
    return await Promise.race([answer, ended]);
  } catch {
    return undefined;
  } finally {
    answer.catch(() => undefined);
    ended.catch(() => undefined);
    done.abort();
  }
}

import { join } from 'node:path';
// biome-ignore lint/suspicious/noDeprecatedImports: only its form with a mode is deprecated
import { createVitest, type TestModule } from 'vitest/node';

/** Asks for the tests of one file. */
export interface TestRequest {
  readonly file: string;
  /** Files that were changed since the last request. */
  readonly changed: readonly string[];
}

/** What came of the tests of one file that were run until the first failed. */
export interface TestReport {
  readonly passed: number;
  readonly failure?: { readonly test: string; readonly message: string } | undefined;
  /** Why the file could not be run. */
  readonly problem?: string | undefined;
}

// A process of tree.ts. It keeps vitest, so that a run only transforms the files that were changed; vitest runs each
// file in a new process.
const tree = process.cwd();
let ended: TestModule[] = [];
const vitest = await createVitest({
  ...{ root: tree, watch: false, project: ['unit', 'integration', 'cli'], bail: 1, maxWorkers: 1 },
  // the caches would be in the packages, which all trees share
  ...{ cache: false, fsModuleCache: false },
  reporters: [{ onTestModuleEnd: (module) => void ended.push(module) }],
});

process.on('disconnect', () => process.exit());
process.on('message', async ({ file, changed }: TestRequest) => {
  for (const one of changed) vitest.invalidateFile(join(tree, one));
  ended = [];
  await vitest.runTestFiles([join(tree, file)]);
  process.send?.(reportOf(ended, file));
});

function reportOf([module, ...others]: readonly TestModule[], file: string): TestReport {
  if (!module || others.length > 0) {
    return { passed: 0, problem: `vitest ran ${ended.length} test files for ${file}` };
  }
  const passed = [...module.children.allTests('passed')].length;
  const [failed] = module.children.allTests('failed');
  if (!failed)
    return { passed, problem: module.ok() ? undefined : (module.errors()[0]?.message ?? 'failed') };
  const error = failed.result().errors?.[0];
  return { passed, failure: { test: failed.fullName, message: error?.stack ?? error?.message ?? '' } };
}

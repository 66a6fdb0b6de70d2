import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { columns } from '../bench/table.ts';
import { DEFAULT_VERSION, releaseOf, VERSION_VARIABLE } from './control-plane/versions.ts';
import { readVersions, type VersionsOption } from './versions-option.ts';

/** What became of the tests on one release. */
interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What is read of vitest's report in JSON. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const ROOT = join(import.meta.dirname, '../..');
const STARTS_SERVER = /^import .* from '\.\/(?:control-plane\/start|conformance\/servers|world)\.ts';$/m;
const REPORTS = join(ROOT, '.cache/e2e');

// npm run test:e2e: the end-to-end tests; with --kubernetes those that start an API server, once for each version, and then
// a table of the versions
const { versions, rest } = readArguments();
if (versions === undefined) {
  process.exitCode = await runVitest(DEFAULT_VERSION, rest);
} else {
  const rows = [['Kubernetes', 'passed', 'failed', 'skipped']];
  for (const version of versions) {
    const { passed, failed, skipped } = await countTests(version);
    rows.push([releaseOf(version), ...[passed, failed, skipped].map(String)]);
    if (failed > 0) process.exitCode = 1;
  }
  console.log(`\n${columns(rows)}`);
}

function readArguments(): VersionsOption {
  try {
    return readVersions(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    return process.exit(2);
  }
}

/** Runs the tests on a version, and counts them by a report that stays in `.cache/e2e`. */
async function countTests(version: string): Promise<Counts> {
  console.log(`\n=== Kubernetes ${releaseOf(version)}\n`);
  const report = join(REPORTS, `${version}.json`);
  mkdirSync(REPORTS, { recursive: true });
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const excluded = filesWithoutServer().flatMap((file) => ['--exclude', file]);
  const code = await runVitest(version, [...rest, ...excluded, ...reporters]);
  const counts = readCounts(report);
  // vitest also fails for what is in no test, such as an error in a timer
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** Test files for which the version of Kubernetes changes nothing; some take minutes. */
function filesWithoutServer(): string[] {
  return globSync('test/e2e/*.test.ts', { cwd: ROOT }).filter(
    (file) => !STARTS_SERVER.test(readFileSync(join(ROOT, file), 'utf8')),
  );
}

function readCounts(report: string): Counts {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, testResults }: Report = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    // the tests of a file whose set-up fails are skipped
    const broken = testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
    );
    return { passed: numPassedTests, failed: numFailedTests + broken.length, skipped: numPendingTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** @returns its exit code */
async function runVitest(version: string, args: readonly string[]): Promise<number> {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const env = { ...process.env, [VERSION_VARIABLE]: version };
  const child = spawn(process.execPath, [vitest, 'run', '--project', 'e2e', ...args], {
    cwd: ROOT,
    env,
    stdio: 'inherit',
  });
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

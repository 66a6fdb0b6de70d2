import { errorClasses } from '../unit/error-classes.ts';
import type { TestReport } from './checks.ts';

/** Whether a mutant was found by the tests of one file, and by which test first. */
export type Verdict =
  | { readonly kind: 'caught'; readonly test: string }
  /** All tests passed. */
  | { readonly kind: 'survived' }
  /** Something failed that does not show that a test looks at what is wrong: the code did not load, or a wait ran out. */
  | { readonly kind: 'unclear'; readonly why: string };

/** Failures of a test that looked: at values, at what the product threw, at secrets in an output. */
const LOOKED = [
  /^AssertionError: /,
  /^Error: promise (?:resolved|rejected) /,
  new RegExp(`^(?:ApiAnswer|${errorClasses.map(([name]) => name).join('|')}): `),
  /^Error: a run shows \d+ secrets/,
  /^Error: Property failed after [\s\S]*Caused by: AssertionError: /,
];

/** Judges the report of one test file that was run until its first failure. */
export function judge(report: TestReport | undefined): Verdict {
  if (!report) return { kind: 'unclear', why: 'the tests did not come to an end' };
  const [file, ...others] = report.testResults;
  if (!file || others.length > 0) {
    return { kind: 'unclear', why: `${report.testResults.length} test files were run, not one` };
  }
  const failed = file.assertionResults.find(({ status }) => status === 'failed');
  const test = failed && [...failed.ancestorTitles, failed.title].join(' > ');
  if (!test) {
    if (file.status === 'failed')
      return { kind: 'unclear', why: `no test was run: ${firstLine(file.message)}` };
    const passed = file.assertionResults.some(({ status }) => status === 'passed');
    return passed ? { kind: 'survived' } : { kind: 'unclear', why: 'no test was run' };
  }
  const said = failed.failureMessages?.[0] ?? '';
  if (!LOOKED.some((form) => form.test(said))) return { kind: 'unclear', why: `${test}: ${firstLine(said)}` };
  return { kind: 'caught', test };
}

/** Judges what the simulation found. */
export function judgeSimulation(wrong: readonly string[] | undefined): Verdict {
  if (!wrong) return { kind: 'unclear', why: 'the simulation did not come to an end' };
  const [first] = wrong;
  return first === undefined ? { kind: 'survived' } : { kind: 'caught', test: first };
}

/** What fails in the report of a tree without a mutant. */
export function failures(report: TestReport | undefined): string[] {
  if (!report) return ['the tests did not come to an end'];
  return report.testResults
    .filter(({ status }) => status !== 'passed')
    .map(({ name, message, assertionResults }) => {
      const test = assertionResults.find(({ status }) => status === 'failed');
      return test
        ? `${name} > ${test.title}: ${firstLine(test.failureMessages?.[0] ?? '')}`
        : `${name}: ${firstLine(message)}`;
    });
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

import { join } from 'node:path';
import { errorNames, readDeclarations } from './declarations.ts';
import type { TestReport } from './run-tests.ts';

/** Whether a mutant was found by the tests of one file, and by which test first. */
export type Verdict =
  | { readonly kind: 'caught'; readonly test: string }
  /** All tests passed. */
  | { readonly kind: 'survived' }
  /** Something failed that does not show that a test checks the defect: the code did not load, or a wait ran out. */
  | { readonly kind: 'unclear'; readonly why: string };

/** What the product throws, by name. */
const THROWN = errorNames(readDeclarations(join(import.meta.dirname, '../..')));

/** Failures of a test that checked something: values, what the product threw, secrets in an output. */
const CHECKED = [
  /^AssertionError: /,
  /^Error: promise (?:resolved|rejected) /,
  new RegExp(`^(?:${THROWN.join('|')}): `),
  /^Error: a run shows \d+ secrets/,
  /^Error: Property failed after [\s\S]*Caused by: AssertionError: /,
];

/** Judges the report of one test file; it is undefined when the tests did not end. */
export function judge(report: TestReport | undefined): Verdict {
  if (!report) return { kind: 'unclear', why: 'the tests did not end' };
  const { passed, failure, problem } = report;
  if (failure) {
    const { test, message } = failure;
    return CHECKED.some((form) => form.test(message))
      ? { kind: 'caught', test }
      : { kind: 'unclear', why: `${test}: ${firstLine(message)}` };
  }
  if (problem === undefined && passed > 0) return { kind: 'survived' };
  return { kind: 'unclear', why: `no test was run: ${firstLine(problem ?? 'the file has none')}` };
}

/** Judges the violations that the simulation found; they are undefined when it did not end. */
export function judgeSimulation(violations: readonly string[] | undefined): Verdict {
  if (!violations) return { kind: 'unclear', why: 'the simulation did not end' };
  const [first] = violations;
  return first === undefined ? { kind: 'survived' } : { kind: 'caught', test: first };
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

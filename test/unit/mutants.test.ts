import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TestReport } from '../mutants/checks.ts';
import { mutants } from '../mutants/mutants.ts';
import { mutated, TextNotFoundError } from '../mutants/mutate.ts';
import { judge } from '../mutants/verdict.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('the table of mutants', () => {
  test.for(mutants)('still fits the code: $name', (mutant) => {
    const text = readFileSync(join(ROOT, mutant.file), 'utf8');
    expect(mutated(text, mutant)).not.toBe(text);
    for (const file of mutant.caughtBy) expect(existsSync(join(ROOT, file)), file).toBe(true);
  });

  test('calls each by a name of its own', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  test('is out of date when a text is there no more, or twice', () => {
    const [mutant] = mutants;
    if (!mutant) throw new Error('there are no mutants');
    expect(() => mutated('', mutant)).toThrow(TextNotFoundError);
    expect(() => mutated(mutant.find + mutant.find, mutant)).toThrow('stands 2 times');
  });
});

describe('a mutant', () => {
  const of = (...tests: [title: string, failure?: string][]): TestReport => ({
    testResults: [
      {
        name: 'some.test.ts',
        status: tests.some(([, failure]) => failure) ? 'failed' : 'passed',
        message: '',
        assertionResults: tests.map(([title, failure]) => ({
          ancestorTitles: ['a run'],
          title,
          status: failure ? 'failed' : 'passed',
          failureMessages: failure ? [failure] : [],
        })),
      },
    ],
  });

  test.for([
    'AssertionError: expected 1 to be 2\n    at …',
    'Error: promise resolved "{}" instead of rejecting',
    'EcrCallError: ECR in eu-west-1 gave no token',
    'Error: a run shows 2 secrets, such as what begins with A',
  ])('is caught by a test that fails with %j', (failure) => {
    expect(judge(of(['ends'], ['is ok', failure], ['is whole', failure]))).toEqual({
      kind: 'caught',
      test: 'a run > is ok',
    });
  });

  test.for([
    'TypeError: undefined is no function',
    'ReferenceError: token is not defined',
    'TestTimeoutError: Test timed out in 5000ms.',
    'Error: Cannot find module',
  ])('is not caught by a test that fails with %j', (failure) => {
    expect(judge(of(['is ok', failure]))).toEqual({ kind: 'unclear', why: `a run > is ok: ${failure}` });
  });

  test('survives when all pass', () => {
    expect(judge(of(['is ok']))).toEqual({ kind: 'survived' });
  });

  test.for<[string, TestReport | undefined]>([
    ['without a report', undefined],
    ['without a file', { testResults: [] }],
    ['without a test', of()],
    ['without a load', { testResults: [{ ...of().testResults[0], status: 'failed' }] } as TestReport],
  ])('is not caught %s', ([, report]) => {
    expect(judge(report)).toMatchObject({ kind: 'unclear' });
  });
});

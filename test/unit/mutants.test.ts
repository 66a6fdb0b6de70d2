import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Declaration,
  declarationsOf,
  errorNames,
  parse,
  readDeclarations,
} from '../mutants/declarations.ts';
import { type Edit, edited } from '../mutants/edit.ts';
import { mutants } from '../mutants/mutants.ts';
import { type Mutant, MutantOutdatedError, mutated } from '../mutants/mutate.ts';
import type { TestReport } from '../mutants/run-tests.ts';
import { typeErrors } from '../mutants/type-check.ts';
import { judge } from '../mutants/verdict.ts';

const ROOT = join(import.meta.dirname, '../..');
const declarations = readDeclarations(ROOT);

describe('the table of mutants', () => {
  test.for(mutants)('fits the code: $name', (mutant) => {
    const { file, text } = mutated(declarations, mutant);
    expect(text).not.toBe(declarations.find((one) => one.file === file)?.text);
    expect(() => parse(text)).not.toThrow();
    for (const by of mutant.caughtBy) expect(existsSync(join(ROOT, by)), by).toBe(true);
  });

  test('has a name for each mutant', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  const mutant: Mutant = { name: 'two', in: 'one', set: 'one', to: '2', harm: 'none', caughtBy: ['no test'] };
  const twice = [
    ...declarationsOf('lambda/a.ts', 'const one = 1;'),
    ...declarationsOf('lambda/b.ts', 'const one = 1;'),
  ];

  const other = declarationsOf('lambda/c.ts', 'function one() {}');

  test('is outdated where nothing declares what a mutant changes', () => {
    expect(() => mutated([], mutant)).toThrow(MutantOutdatedError);
    expect(() => mutated(other, mutant)).toThrow('it fits 0 places in one of lambda/c.ts');
  });

  test('is outdated where a mutant fits several declarations', () => {
    expect(() => mutated(twice, mutant)).toThrow('it fits 2 places in one of lambda/a.ts, lambda/b.ts');
  });

  test('names one of several declarations that a mutant fits by its file', () => {
    expect(mutated([...twice, ...other], { ...mutant, in: 'b: one' })).toEqual({
      file: 'lambda/b.ts',
      text: 'const one = 2;',
    });
  });

  test('needs no file where a mutant fits one of several declarations', () => {
    expect(mutated([...twice.slice(1), ...other], mutant).file).toBe('lambda/b.ts');
  });
});

describe('an edit', () => {
  test.for<[Edit, before: string, after: string]>([
    [{ remove: 'log(' }, 'function f() { log(a); return b; }', 'function f() {  return b; }'],
    [{ remove: 'if (a)' }, 'function f() { if (a) throw b; }', 'function f() {  }'],
    [{ remove: 'throw' }, 'function f() { if (a) g(); else throw b; }', 'function f() { if (a) g(); }'],
    [{ remove: 'a' }, 'const f = { a, b };', 'const f = { b };'],
    [{ remove: 'b &&' }, 'const f = { a, ...(b && { b }), };', 'const f = { a };'],
    [{ remove: 'a' }, 'const f = [a, ];', 'const f = [ ];'],
    [{ remove: 'b' }, 'const f = g(a, b);', 'const f = g(a);'],
    [{ remove: 'b' }, 'const f = a || b || c;', 'const f = a || c;'],
    [{ remove: 'a' }, 'const f = (a ?? b) && c;', 'const f = (b) && c;'],
    [{ always: 'a' }, 'function f() { if (a) g(); }', 'function f() { if (true) g(); }'],
    [{ never: 'b' }, 'const f = a && b.c > 1 ? 2 : 3;', 'const f = a && false ? 2 : 3;'],
    [{ never: 'a' }, 'const f = b.some((c) => c.a);', 'const f = b.some((c) => false);'],
    [
      { never: 'a > 0' },
      'function f() { do g(); while (a > 0); }',
      'function f() { do g(); while (false); }',
    ],
    [{ set: 'a', to: '2' }, 'const f = { a: 1, b };', 'const f = { a: 2, b };'],
    [{ set: 'b', to: '2' }, 'const f = { a: 1, b };', 'const f = { a: 1, b: 2 };'],
    [{ set: '#a', to: '2' }, 'function f() { this.#a = 1; }', 'function f() { this.#a = 2; }'],
    [
      { set: 'return', to: '2' },
      'function f() { g(() => { return 0; }); return 1; }',
      'function f() { g(() => { return 0; }); return 2; }',
    ],
    [{ before: 'g(', insert: 'h();' }, 'function f() { g(); }', 'function f() { h();\ng(); }'],
    [
      { before: 'g(', insert: 'h();' },
      'function f() { if (a) g(); }',
      'function f() { if (a) { h();\ng(); } }',
    ],
    [{ replace: 'g(a, b)', by: 'a' }, 'const f = g(\n  a,\n  b,\n);', 'const f = a;'],
  ])('%j', ([edit, before, after]) => {
    expect(edited(first(before), edit)).toEqual([after]);
    expect(() => parse(after)).not.toThrow();
  });

  test.for<[Edit, code: string, places: number]>([
    [{ remove: 'b' }, 'function f(b) { return a; }', 0],
    [{ replace: 'a', by: 'b' }, 'const f = ab + c.aa;', 0],
    [{ never: 'a' }, 'function f() { if (a) g(); if (a) h(); }', 2],
    [{ set: 'return', to: '1' }, 'function f() { if (a) return 2; return 3; }', 2],
  ])('%j of %s fits %i places', ([edit, code, places]) => {
    expect(edited(first(code), edit)).toHaveLength(places);
  });
});

describe('a mutant', () => {
  const failed = (message: string): TestReport => ({
    passed: 1,
    failure: { test: 'a run > is ok', message },
  });

  test.for([
    'AssertionError: expected 1 to be 2\n    at …',
    'Error: promise resolved "{}" instead of rejecting',
    'SettingsError: settings: there are none',
    'Error: a run shows 2 secrets, such as what begins with A',
  ])('is caught by a test that fails with %j', (message) => {
    expect(judge(failed(message))).toEqual({ kind: 'caught', test: 'a run > is ok' });
  });

  test.for([
    'TypeError: undefined is no function',
    'ReferenceError: token is not defined',
    'TestTimeoutError: Test timed out in 5000ms.',
    'Error: Cannot find module',
  ])('is not caught by a test that fails with %j', (message) => {
    expect(judge(failed(message))).toEqual({ kind: 'unclear', why: `a run > is ok: ${message}` });
  });

  test('survives when all pass', () => {
    expect(judge({ passed: 1 })).toEqual({ kind: 'survived' });
  });

  test.for<[string, TestReport | undefined]>([
    ['without a report', undefined],
    ['without a test', { passed: 0 }],
    ['where the file could not be run', { passed: 0, problem: 'Cannot find module' }],
    ['where the file failed after its tests', { passed: 1, problem: 'a hook failed' }],
  ])('is not caught %s', ([, report]) => {
    expect(judge(report)).toMatchObject({ kind: 'unclear' });
  });
});

describe('the type check', () => {
  test('says which of several changes has an error', async ({ onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), 'type-check-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const tree = join(folder, 'tree');
    await mkdir(join(tree, 'lambda'), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const file of ['package.json', 'tsconfig.json']) await cp(join(ROOT, file), join(tree, file));
    await writeFile(join(tree, 'lambda/a.ts'), 'export const a = (): number => 1;\n');
    await writeFile(join(tree, 'lambda/b.ts'), "import { a } from './a.ts';\nexport const b = a() + 1;\n");

    const wrong = { file: 'lambda/a.ts', text: 'export const a = (): undefined => undefined;\n' };
    const [right, other] = [
      { file: 'lambda/b.ts', text: "import { a } from './a.ts';\nexport const b = a() + 2;\n" },
      { file: 'lambda/a.ts', text: 'export const a = (): number => 2;\n' },
    ];
    const { unchanged, of } = await typeErrors(tree, [wrong, right, other]);
    expect(unchanged).toBeUndefined();
    expect([...of]).toEqual([[wrong, expect.stringContaining('lambda/b.ts(2,')]]);
  });
});

test('the errors of the product are found by their codes, but not those of the command line', () => {
  const code = `throw new HelperError(\n  'AError', 'x'); class B extends HelperError { x = super('BError') }`;
  expect(errorNames(declarationsOf('lambda/a.ts', `const a = () => { ${code} };`))).toEqual([
    'ApiError',
    'AError',
    'BError',
  ]);
  expect(errorNames(declarationsOf('lambda/cli/a.ts', `const a = () => { ${code} };`))).toEqual(['ApiError']);
  expect(errorNames(declarations)).toEqual(expect.arrayContaining(['SettingsError', 'EcrCallError']));
});

function first(text: string): Declaration {
  const [declaration] = declarationsOf('f.ts', text);
  if (!declaration) throw new Error('it declares nothing');
  return declaration;
}

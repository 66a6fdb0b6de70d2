import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findDeclarations, readDeclarations } from '../mutants/declarations.ts';

/** The core may import nothing else: what a scheduled refresh of an EKS cluster runs through. */
const CORE = [
  'lambda/handler.ts',
  'lambda/request.ts',
  'lambda/context.ts',
  'lambda/errors.ts',
  'lambda/aws.ts',
  ...globSync('lambda/settings/*.ts').filter((file) => !file.endsWith('/packing.ts')),
  ...globSync('lambda/registries/*.ts'),
  ...globSync('lambda/kubernetes/*.ts').filter(
    (file) => !/\/(?:argocd-rights|inject-pods|kubeconfig|rbac|web-identity)\.ts$/.test(file),
  ),
  ...globSync('lambda/refresh/*.ts'),
];
/** Imports all that the function can do, for its table of actions. */
const TABLE = 'lambda/handler.ts';
/** Files that one other imports, under 40 lines, and that tests or the bundle need. */
const SEAMS: readonly string[] = [];

const IMPORT = /^(?:import|export) (type )?[^;]*?from '(\.[^']+\.ts)';|\bimport\('(\.[^']+\.ts)'\)/gm;

const sources = new Map(
  globSync(['lambda/**/*.ts', 'infra/**/*.ts']).map((file) => [file, readFileSync(file, 'utf8')]),
);

/** The modules that a file imports; types leave no import behind. */
function importsOf(file: string, { types = false } = {}): string[] {
  return [...(sources.get(file) ?? '').matchAll(IMPORT)].flatMap(([, type, given = '', dynamic]) =>
    type && !types ? [] : normalize(join(dirname(file), dynamic ?? given)),
  );
}

const linesOf = (file: string) => (sources.get(file) ?? '').split('\n').length - 1;

/** Without blank lines and comments, which Biome puts on lines of their own. */
function codeOf(files: readonly string[]): number {
  const lines = files.flatMap((file) => (sources.get(file) ?? '').split('\n'));
  return lines.filter((line) => !/^\s*(?:$|\/\/|\/\*|\*(?:\s|\/|$))/.test(line)).length;
}

const filesIn = (folder: string, less = 'none') =>
  [...sources.keys()].filter((file) => file.startsWith(folder) && !file.startsWith(less));

test('the core is small, and imports nothing that is built on it', () => {
  console.info(
    CORE.map((file) => `${file.padEnd(34)} ${String(codeOf([file])).padStart(4)} lines of code`).join('\n'),
  );
  console.info(`the core: ${CORE.length} files, ${codeOf(CORE)} lines of code`);
  const outside = CORE.filter((file) => file !== TABLE).flatMap((file) =>
    importsOf(file)
      .filter((imported) => !CORE.includes(imported))
      .map((imported) => `${file} imports ${imported}`),
  );
  expect(outside).toEqual([]);
  expect(CORE.length).toBeLessThanOrEqual(27);
  expect(codeOf(CORE)).toBeLessThanOrEqual(CORE_LINES);
});

/** Bounds: only a new feature may raise one. */
const CORE_LINES = 4_539;
const LAMBDA_LINES = 7_614;
const CLI_LINES = 1_154;
const INFRA_LINES = 2_282;

test.for([
  ['lambda/', 'lambda/cli/', LAMBDA_LINES],
  ['lambda/cli/', 'none', CLI_LINES],
  ['infra/', 'none', INFRA_LINES],
] as const)('%s is small', ([folder, less, most]) => {
  expect(codeOf(filesIn(folder, less))).toBeLessThanOrEqual(most);
});

test.for([
  ['lambda/', 'lambda/cli/', 47],
  ['lambda/cli/', 'none', 6],
  ['infra/', 'none', 17],
] as const)('%s has few files, each of a size that can be read', ([folder, less, most]) => {
  const files = filesIn(folder, less);
  expect(files.length).toBeLessThanOrEqual(most);
  expect(files.filter((file) => linesOf(file) > 400)).toEqual([]);
});

describe('imports', () => {
  test('go in one direction', () => {
    const wrong = [...sources.keys()].flatMap((file) =>
      importsOf(file, { types: true })
        .filter((imported) => file.startsWith('lambda/') && !imported.startsWith('lambda/'))
        .map((imported) => `${file} imports ${imported}`),
    );
    const cli = filesIn('lambda/', 'lambda/cli/').flatMap((file) =>
      importsOf(file, { types: true }).filter((imported) => imported.startsWith('lambda/cli/')),
    );
    expect([...wrong, ...cli]).toEqual([]);
  });

  test('have no cycle', () => {
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' > '));
      if (path.includes(file) || done.has(file)) return;
      for (const imported of importsOf(file)) visit(imported, [...path, file]);
      done.add(file);
    };
    for (const file of sources.keys()) visit(file, []);
    expect(cycles).toEqual([]);
  });

  test('do not part what belongs together', () => {
    const importers = (file: string) =>
      [...sources.keys()].filter((other) => importsOf(other, { types: true }).includes(file)).length;
    const small = [...sources.keys()].filter((file) => linesOf(file) < 40 && importers(file) === 1);
    expect(small.filter((file) => !SEAMS.includes(file))).toEqual([]);
  });
});

describe('docs/audit.md', () => {
  const text = readFileSync('docs/audit.md', 'utf8');

  test('lists every file of the core, and names none that does not exist', () => {
    const listed = [...text.matchAll(/^\*\*`(lambda\/[^`]+)`\*\*/gm)].map(([, file]) => file);
    expect(listed.toSorted()).toEqual(CORE.toSorted());
    const named = [...text.matchAll(/\b(?:lambda|infra|test)\/[\w/-]+(?:\.\w+)+/g)].map(([file]) => file);
    expect(named.filter((file) => !existsSync(file))).toEqual([]);
  });

  test('lists at most 10 calls to the PATCH, each of a function of the file that it names', () => {
    const all = readDeclarations('.');
    const calls = [...text.matchAll(/^\d+\. `([\w.#]+)` \(`([^`]+)`\)/gm)];
    expect(calls.map(([, name]) => name)).toEqual(expect.arrayContaining(['handler', 'exchange']));
    expect(calls.length).toBeLessThanOrEqual(10);
    const gone = calls.filter(
      ([, name = '', file]) => !findDeclarations(all, name).some((one) => one.file === file),
    );
    expect(gone.map(([call]) => call)).toEqual([]);
  });
});

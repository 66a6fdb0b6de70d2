import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { bundleCli, bundleLambda } from '../../../build.ts';
import { billOfMaterials } from '../../../sbom.ts';

/** They ask for no more than to be named. */
const PERMISSIVE = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Unlicense',
];

interface Component {
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly 'bom-ref': string;
  readonly hashes?: { alg: string; content: string }[];
  readonly licenses: { license: { id?: string } }[];
}

interface Bom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly metadata: { readonly component: Component };
  readonly components: Component[];
  readonly dependencies: { readonly ref: string; readonly dependsOn?: string[] }[];
}

const { contents, metafile } = await bundleLambda();
const text = billOfMaterials('.', metafile, contents);
const bom: Bom = JSON.parse(text);
const lock: { packages: Record<string, { version: string }> } = JSON.parse(
  readFileSync('package-lock.json', 'utf8'),
);
const nameOf = ({ group, name }: Component) => (group ? `${group}/${name}` : name);

/** By another way than the code: the folders of node_modules of which the metafile has bytes in the output. */
const bundled = new Set(
  Object.values(metafile.outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([path, { bytesInOutput }]) => bytesInOutput > 0 && path.includes('node_modules/'))
    .map(([path]) => {
      const [scopeOrName = '', name = ''] = path.split('node_modules/').at(-1)?.split('/') ?? [];
      const installed = scopeOrName.startsWith('@') ? `${scopeOrName}/${name}` : scopeOrName;
      return `${path.slice(0, path.lastIndexOf('node_modules/'))}node_modules/${installed}`;
    }),
);

it('is CycloneDX of what was bundled, without a time or a number of its own', () => {
  expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' });
  expect(bom).not.toHaveProperty('serialNumber');
  expect(bom.metadata).not.toHaveProperty('timestamp');
  expect(bom.metadata.component).toMatchObject({
    name: 'ecr-registry-helper',
    hashes: [{ alg: 'SHA-256', content: createHash('sha256').update(contents).digest('hex') }],
  });
  expect(billOfMaterials('.', metafile, contents)).toBe(text);
});

it('names every package that has bytes in the bundle, at the version of the lock file, and no other', () => {
  const locked = [...bundled].map((folder) => ({
    name: folder.split('node_modules/').at(-1),
    version: lock.packages[folder]?.version,
  }));
  const named = bom.components.map((component) => ({ name: nameOf(component), version: component.version }));
  const byName = (a: { name: string | undefined }, b: { name: string | undefined }) =>
    String(a.name) < String(b.name) ? -1 : 1;
  expect(named.sort(byName)).toEqual(locked.sort(byName));
  expect(named.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['@aws-sdk/client-ecr', 'undici', 'zod']),
  );
});

it.each(bom.components)('$purl is found by its package URL', (component) => {
  const { purl, version } = component;
  expect(decodeURIComponent(purl)).toBe(`pkg:npm/${nameOf(component)}@${version}`);
  expect(purl).not.toMatch(/npm\/@/);
});

it.each(bom.components)('$purl has a permissive licence', ({ licenses }) => {
  expect(licenses).not.toEqual([]);
  for (const { license } of licenses) expect(PERMISSIVE).toContain(license.id);
});

it('has a licence as permissive for every package that the command line brings beside', async () => {
  const cli = await bundleCli();
  const { components }: Bom = JSON.parse(billOfMaterials('.', cli.metafile, cli.contents));
  const ids = components.map(({ name, licenses }) => [name, licenses.map(({ license }) => license.id)]);
  expect(ids.filter(([, found]) => found?.length !== 1 || !PERMISSIVE.includes(String(found[0])))).toEqual(
    [],
  );
  expect(components.map(nameOf)).toEqual(expect.arrayContaining(['commander', '@aws-sdk/client-lambda']));
});

it('says by which package each one came in', () => {
  const dependsOn = new Map(bom.dependencies.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
  const reached = new Set([bom.metadata.component['bom-ref']]);
  for (const ref of reached) for (const next of dependsOn.get(ref) ?? []) reached.add(next);
  expect([...reached].sort()).toEqual([...dependsOn.keys()].sort());
  expect(reached.size).toBe(bom.components.length + 1);
});

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Metafile } from 'esbuild';
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildLambda, bundleCli } from '../../../build.ts';
import { licenceTexts } from '../../../licences.ts';
import { billOfMaterials } from '../../../sbom.ts';

/** What each licence that is in use says, and no other. */
const SAYS: Readonly<Record<string, RegExp>> = {
  '0BSD': /with or without fee is hereby granted/,
  'Apache-2.0': /Apache License\s+Version 2\.0/,
  'BSD-3-Clause': /Neither the name/,
  'BlueOak-1.0.0': /Blue Oak Model License/,
  ISC: /for any\s+purpose\s+with\s+or\s+without\s+fee\s+is\s+hereby\s+granted,\s+provided/,
  MIT: /The above copyright notice and this permission notice\s+(\(including the next paragraph\) )?shall be\s+included/,
  'MIT-0': /MIT No Attribution/,
  Unlicense: /released into the public domain/,
};

interface Component {
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly licenses: { license: { id: string } }[];
}

const bundles = { function: await buildLambda(), 'command line': await bundleCli() };

describe.each(Object.entries(bundles))(
  'the licences of the bundle of the %s',
  (_, { metafile, contents }) => {
    const parts = licenceTexts('.', metafile).split(/^-{80}$/m);
    const { components }: { components: Component[] } = JSON.parse(billOfMaterials('.', metafile, contents));
    const names = components.map(({ group, name }) => (group ? `${group}/${name}` : name));

    it.each(components.map((one, at) => ({ ...one, full: names[at] })))(
      'have the text of $full $version once',
      ({ full, version, licenses }) => {
        const id = licenses[0]?.license.id ?? '';
        const [part, ...more] = parts.filter((text) =>
          text.split('\n').includes(`${full} ${version} (${id})`),
        );
        expect(more).toEqual([]);
        expect(SAYS).toHaveProperty([id]);
        expect(part).toMatch(SAYS[id] ?? /^$/);
      },
    );

    it('name no package that is not in it', () => {
      const named = parts.flatMap((text) => [...text.matchAll(/^(\S+) \d+\.\d+\.\d\S* \(.*\)$/gm)]);
      expect(named.map(([, name]) => name).sort()).toEqual(names.sort());
    });
  },
);

it('lie beside the function as they are, and add little to its package', () => {
  const text = readFileSync('dist/lambda/THIRD-PARTY-LICENSES.txt', 'utf8');
  expect(text).toBe(licenceTexts('.', bundles.function.metafile));
  expect(gzipSync(text).length).toBeLessThan(30e3);
});

it('are missing for a package without a file, which ends the build', () => {
  const root = mkdtempSync(join(tmpdir(), 'helper-licences-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const path = 'node_modules/bare/index.js';
  mkdirSync(dirname(join(root, path)), { recursive: true });
  const about = { name: 'bare', version: '1.0.0', license: 'MIT' };
  writeFileSync(join(root, dirname(path), 'package.json'), JSON.stringify(about));
  const outputs = { 'x.mjs': { inputs: { [path]: { bytesInOutput: 1 } } } };
  expect(() => licenceTexts(root, { inputs: {}, outputs } as unknown as Metafile)).toThrow(
    'node_modules/bare has no licence file',
  );
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { bundledInputs, packageFolder } from './sbom.ts';

/** https://spdx.org/licenses/MIT-0.html */
const MIT_0 = `MIT No Attribution

Copyright Amazon.com, Inc. or its affiliates. All Rights Reserved.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

interface Package {
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Of its files; empty where it comes without. */
  readonly text: string;
}

/**
 * The licences and notices of the packages that have bytes in a bundle, each text once, behind the packages that it is
 * of. A package without such a file has that of another one of its scope and licence.
 * @param root the folder of the project, to which the metafile's paths are relative
 * @throws {Error} for a package whose text is not found
 */
export function licenceTexts(root: string, metafile: Metafile): string {
  const folders = new Set([...bundledInputs(metafile)].map(packageFolder).filter((folder) => folder !== ''));
  const packages = [...folders].sort().map((folder) => read(root, folder));
  const named = new Map<string, string[]>();
  for (const one of packages) {
    const text = one.text || textOfScope(one, packages);
    named.set(text, [...(named.get(text) ?? []), `${one.name} ${one.version} (${one.license})`]);
  }
  const rule = '-'.repeat(80);
  return [...named].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`).join(`\n${rule}\n\n`);
}

function read(root: string, folder: string): Package {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const files = readdirSync(join(root, folder)).filter((file) =>
    /^((un)?licen[cs]e|notice)(\.|-|$)/i.test(file),
  );
  const texts = files.sort().map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
  return { folder, name, version, license, text: texts.join('\n\n') };
}

function textOfScope({ folder, name, license }: Package, packages: readonly Package[]): string {
  const [scope = ''] = name.split('/');
  const sibling = packages.find(
    (one) => one.text && one.license === license && one.name.startsWith(`${scope}/`),
  );
  if (sibling) return sibling.text;
  if (scope === '@aws-lambda-powertools' && license === 'MIT-0') return MIT_0;
  throw new Error(`${folder} has no licence file, nor has another package of its scope under ${license}`);
}

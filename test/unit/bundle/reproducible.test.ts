import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type Bundle, bundleLambda } from '../../../build.ts';

const sha256 = ({ contents }: Bundle) => createHash('sha256').update(contents).digest('hex');

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'helper-checkout-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Each of these files, and what says how it is to be read: `package.json` and `tsconfig.json` on its way up. */
function copyTo(folder: string, files: Iterable<string>): void {
  const paths = new Set(files);
  for (const path of paths) {
    for (let up = dirname(path); ; up = dirname(up)) {
      for (const name of ['package.json', 'tsconfig.json']) {
        if (existsSync(join(up, name))) paths.add(join(up, name));
      }
      if (up === '.') break;
    }
  }
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(path, join(folder, path));
  }
}

it('is the same to the byte in another folder', async () => {
  const here = await bundleLambda();
  const folder = newFolder();
  copyTo(folder, Object.keys(here.metafile.inputs));
  const there = await bundleLambda(folder);
  expect(sha256(there)).toBe(sha256(here));
  expect(Object.keys(there.metafile.inputs).sort()).toEqual(Object.keys(here.metafile.inputs).sort());
}, 60_000);

import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type Ended, run } from '../cli/process.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const ADDRESS = 'https://git.example/owner/name';
const UNTRACKED = ['.git', '.cache', 'node_modules', 'dist', 'cdk.out'];

/** A copy of the project, as a release changes package.json. */
const folder = mkdtempSync(join(tmpdir(), 'helper-release-'));
const assets = join(folder, '.cache/release/assets');
cpSync('.', folder, { recursive: true, filter: (path) => !UNTRACKED.includes(basename(path)) });
symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
const changelog = readFileSync('CHANGELOG.md', 'utf8');
afterAll(() => rmSync(folder, { recursive: true }));

it('does not begin without an address, the tag of the version, and its section of the changelog', async () => {
  expect(await release(`v${version}`)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no section/),
  });
  writeFileSync(
    join(folder, 'CHANGELOG.md'),
    changelog.replace('## [Unreleased]', `## [Unreleased]\n\n## [${version}] - 2026-11-29`),
  );
  expect((await release(`v${version}`)).stderr).toContain("'' is not the address of a repository");
  expect((await release(`v${version}`, '/')).stderr).toContain("'/' is not the address of a repository");
  expect((await release('v9.9.9', ADDRESS)).stderr).toContain("the tag is 'v9.9.9'");
  expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).not.toHaveProperty('repository');
});

it('makes the package with the address, and the files of the release with their hashes', {
  timeout: 300_000,
}, async () => {
  const ended = await release(`v${version}`, ADDRESS);
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 });
  const archive = `ecr-registry-helper-${version}.tgz`;
  expect(readdirSync(assets).sort()).toEqual([
    'SHA256SUMS',
    'THIRD-PARTY-LICENSES.txt',
    archive,
    'index.mjs',
    'sbom.cdx.json',
    'settings.schema.json',
  ]);
  const packed = await run('tar', ['-xzOf', join(assets, archive), 'package/package.json']);
  expect(JSON.parse(packed.stdout)).toMatchObject({
    version,
    repository: { type: 'git', url: `git+${ADDRESS}.git` },
    homepage: `${ADDRESS}#readme`,
    bugs: { url: `${ADDRESS}/issues` },
  });
  const construct = await run('tar', ['-xzOf', join(assets, archive), 'package/dist/lib/index.mjs']);
  expect(construct.stdout).toContain(`"${ADDRESS}/blob/v${version}/"`);
  const sums = readFileSync(join(assets, 'SHA256SUMS'), 'utf8').trim().split('\n');
  expect(sums.map((line) => line.split(/\s+/))).toEqual(
    readdirSync(assets)
      .filter((name) => name !== 'SHA256SUMS')
      .sort()
      .map((name) => [
        createHash('sha256')
          .update(readFileSync(join(assets, name)))
          .digest('hex'),
        name,
      ]),
  );
  const notes = readFileSync(join(folder, '.cache/release/notes.md'), 'utf8');
  const section = changelog.slice(changelog.indexOf('## [Unreleased]') + '## [Unreleased]'.length);
  expect(notes.trim()).toBe(section.split(/^## \[/m)[0]?.trim());
});

function release(...args: string[]): Promise<Ended> {
  return run(join(folder, '.ci/release'), args, { cwd: folder });
}

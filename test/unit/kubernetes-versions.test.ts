import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runNode } from '../cli/process.ts';
import {
  DEFAULT_RELEASE,
  DEFAULT_VERSION,
  RELEASES,
  releaseOf,
  VERSIONS,
} from '../e2e/control-plane/versions.ts';
import { readVersions } from '../e2e/versions-option.ts';

describe('--kubernetes', () => {
  const rest = ['test/e2e/plan.test.ts', '-t', 'all', '--reporter=json', '--outputFile.json=report.json'];

  it('leaves all other arguments to vitest, and chooses nothing where it is missing', () => {
    expect(readVersions(rest)).toEqual({ rest });
    expect(readVersions([])).toEqual({ rest: [] });
  });

  it.each([
    ['1.33', ['1.33']],
    ['1.33,1.30,1.33', ['1.30', '1.33']],
    ['all', VERSIONS],
  ])('%s chooses versions, the oldest first', (value, versions) => {
    expect(readVersions(['--kubernetes', value, ...rest])).toEqual({ versions, rest });
    expect(readVersions([...rest, `--kubernetes=${value}`])).toEqual({ versions, rest });
  });

  it.each([
    [['--kubernetes', '1.29'], 'unknown Kubernetes version "1.29"; expected one of 1.30, 1.31, '],
    [['--kubernetes', '1.30,1.30.14'], 'unknown Kubernetes version "1.30.14"; expected one of 1.30, '],
    [['--kubernetes'], '--kubernetes needs a version, several with commas between them, or all: 1.30, '],
    [['--kubernetes', '-t', 'x'], '--kubernetes needs a version'],
    [['--kubernetes='], '--kubernetes needs a version'],
  ])('%j is refused before anything runs', async (args, message) => {
    const ended = await runNode('test/e2e/main.ts', args);
    expect(ended).toEqual({ code: 2, stdout: '', stderr: expect.stringContaining(message) });
  });
});

describe('the releases', () => {
  it('are one for each minor version from 1.30, without a gap', () => {
    expect(VERSIONS).toEqual(RELEASES.map((_, at) => `1.${30 + at}`));
    expect(RELEASES.map((_, at) => releaseOf(`1.${30 + at}`))).toEqual(RELEASES);
    expect(releaseOf(DEFAULT_VERSION)).toBe(DEFAULT_RELEASE);
  });

  it('are those of the weekly workflow', () => {
    const { jobs } = parse(readFileSync('.github/workflows/kubernetes-versions.yml', 'utf8'));
    expect(jobs.e2e.strategy.matrix.kubernetes).toEqual(VERSIONS);
  });

  const rows = readFileSync('docs/support.md', 'utf8').matchAll(
    /^\| (1\.\d+) \| (1\.\d+\.\d+) \| ([^|]+) \|/gm,
  );
  const listed = [...rows].map(([, version = '', release, lastRun]) => ({ version, release, lastRun }));

  it('are those of the table of docs/support.md', () => {
    const named = listed.map(({ version, release }) => [version, release]);
    expect(named).toEqual(RELEASES.map((release, at) => [VERSIONS[at], release]));
  });

  it('are what README.md and the pages claim, up to the last on which the tests ran', () => {
    const ran = listed.filter(({ lastRun }) => lastRun !== 'Not yet').map(({ version }) => version);
    expect(ran).toEqual(VERSIONS.slice(0, ran.length));
    const [first, last] = [ran[0], ran.at(-1)];
    expect(readFileSync('README.md', 'utf8')).toContain(`Supports Kubernetes ${first} to ${last}: `);
    expect(readFileSync('docs/support.md', 'utf8')).toContain(`| Kubernetes | ${first} to ${last} |`);
    for (const page of ['README.md', 'docs/before-you-deploy.md']) {
      expect(readFileSync(page, 'utf8')).toContain(`| \`version\` | \`${first}\` to \`${last}\` |`);
    }
  });
});

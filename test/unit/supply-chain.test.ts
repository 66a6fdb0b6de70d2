import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly inBundle?: boolean;
}

interface Job {
  readonly permissions?: Record<string, string>;
  readonly steps: readonly {
    readonly uses?: string;
    readonly run?: string;
    readonly with?: Record<string, unknown>;
  }[];
}

interface Workflow {
  readonly on: Record<string, unknown>;
  readonly permissions: unknown;
  readonly jobs: Record<string, Job>;
}

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
const own = json('package.json');
const locked = Object.entries<Locked>(json('package-lock.json').packages).filter(([folder]) => folder !== '');
const nameOf = (folder: string) => folder.split('node_modules/').at(-1) ?? '';

describe('what npm installs', () => {
  it('runs install scripts of the packages that are allowed to, and those are all that have some', () => {
    const having = locked
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([folder]) => nameOf(folder));
    const allowed = Object.entries(own.allowScripts).filter(([, is]) => is);
    expect(allowed.map(([name]) => name).sort()).toEqual([...new Set(having)].sort());
  });

  it('is of the very versions that package.json names', () => {
    const named = Object.entries<string>({ ...own.dependencies, ...own.devDependencies });
    const versions = new Map(locked.map(([folder, { version }]) => [folder, version]));
    expect(named).toEqual(named.map(([name]) => [name, versions.get(`node_modules/${name}`)]));
  });

  it('is checked against the hash of the lock file, which asks no registry of its own', () => {
    const unchecked = locked.filter(
      ([, { integrity, inBundle }]) => !inBundle && !integrity?.startsWith('sha512-'),
    );
    expect(unchecked.map(([folder]) => folder)).toEqual([]);
    expect(locked.filter(([, entry]) => 'resolved' in entry)).toEqual([]);
  });
});

/** What jobs may write, by the file of their workflow. */
const WRITTEN: Readonly<Record<string, readonly string[]>> = {
  'docs.yml': ['publish: pages', 'publish: id-token'],
  'release.yml': ['npm: id-token', 'github: contents'],
};

const folder = '.github/workflows';
describe.each(readdirSync(folder))('the workflow %s', (file) => {
  const text = readFileSync(`${folder}/${file}`, 'utf8');
  const workflow: Workflow = parse(text);
  const jobs = Object.entries(workflow.jobs);
  const steps = jobs.flatMap(([, job]) => job.steps);
  const writing = jobs.filter(([, { permissions = {} }]) =>
    Object.values(permissions).some((right) => right !== 'read'),
  );

  it('uses actions at a commit, and says which version that is', () => {
    const used = steps.flatMap(({ uses }) => (uses && !uses.startsWith('./') ? [uses] : []));
    expect(used.length).toBeGreaterThan(0);
    for (const uses of used) {
      expect(uses).toMatch(/^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/);
      expect(text).toMatch(new RegExp(`uses: ${uses} # v\\d+\\.\\d+\\.\\d+$`, 'm'));
    }
  });

  it('has no permissions but those that a job names, and writes only a release and the site of the docs', () => {
    expect(workflow.permissions).toEqual({});
    const written = writing.flatMap(([name, { permissions = {} }]) =>
      Object.keys(permissions).flatMap((what) => (permissions[what] === 'read' ? [] : `${name}: ${what}`)),
    );
    expect(written).toEqual(WRITTEN[file] ?? []);
  });

  it('runs nothing of this repository or of its packages in a job that may write', () => {
    for (const [, { steps: own }] of writing) {
      expect(workflow.on).not.toHaveProperty('pull_request');
      const used = own.flatMap(({ uses }) => uses?.replace(/@.*/, '') ?? []);
      expect(['actions/deploy-pages', 'actions/download-artifact', 'actions/setup-node']).toEqual(
        expect.arrayContaining(used),
      );
      for (const { run } of own) if (run) expect(run).toMatch(/^(?:npm publish|gh release create) /);
    }
  });

  it('keeps its token from what it checks out, and runs nobody else with its secrets', () => {
    expect(workflow.on).not.toHaveProperty('pull_request_target');
    expect(workflow.on).not.toHaveProperty('workflow_run');
    const checkouts = steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    for (const checkout of checkouts) expect(checkout.with).toMatchObject({ 'persist-credentials': false });
    expect(text).not.toContain('secrets.');
  });
});

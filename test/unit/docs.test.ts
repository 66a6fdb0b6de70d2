import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { slugOf } from '../../docs/.vitepress/links.ts';
import { CLUSTER_METRICS } from '../../generate-docs/metric-meanings.ts';
import { clusterRights } from '../../lambda/kubernetes/rbac.ts';
import { listedClusters } from '../../lambda/settings/locations.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';

const pages = globSync(['*.md', 'docs/**/*.md', 'examples/*.md', 'test/**/*.md', '.github/**/*.md']);

describe('a page', () => {
  it.each(pages)('%s links only to files and headings that are there', (page) => {
    const links = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '');
    const broken = links.filter((link) => {
      if (/^(https?|mailto):/.test(link)) return false;
      const [path = '', anchor] = link.split('#');
      const file = path ? join(dirname(page), path) : page;
      return !existsSync(file) || (anchor !== undefined && !anchorsOf(file).includes(anchor));
    });
    expect(broken).toEqual([]);
  });
});

describe('the runbook of an alarm', () => {
  const runbooks = globSync('docs/operate/alarm-*.md');

  it.each(runbooks)('%s says what the alarm means and what to do, and whether it is urgent', (page) => {
    const text = readFileSync(page, 'utf8');
    for (const part of ['**Means:**', '**Urgent:**', '**Look:**', '**Do:**']) expect(text).toContain(part);
  });

  it('is there for each alarm of the stack, and for no other', () => {
    const named = globSync('infra/**/*.ts').flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/\/(alarm-[a-z-]+\.md)/g)].map(([, name]) => name),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(runbooks.map((page) => basename(page)).sort()).toEqual([...new Set(named)].sort());
  });

  it('is on the page of somebody who was just paged', () => {
    const text = readFileSync('docs/operate/README.md', 'utf8');
    for (const page of runbooks) expect(text).toContain(`| [`.concat(titleOf(page), `](${basename(page)})`));
  });
});

describe('README.md', () => {
  it('is short enough to be read', () => {
    expect(readFileSync('README.md', 'utf8').split('\n').length - 1).toBeLessThanOrEqual(150);
  });
});

const settings = checkSettings({ clusters: [{ name: 'prod' }], secrets: [{ serviceAccounts: ['default'] }] });
/** The objects that a deployment has in a cluster. */
const ours = listedClusters(settings).flatMap((cluster) =>
  clusterRights(settings, cluster).map(({ kind, metadata: { name } }) => ({
    kind: kind.toLowerCase(),
    name,
  })),
);

describe('docs/migrate.md', () => {
  const deletions = [
    ...readFileSync('docs/migrate.md', 'utf8').matchAll(/^ *kubectl .*?\bdelete ([a-z]+) ([\w.-]+)/gm),
  ].map(([, kind = '', name = '']) => ({ kind, name }));

  it('removes what the CronJob left by its names', () => {
    expect(deletions.filter(({ name }) => /^ecr-registry-helper|^aws-conf/.test(name))).toEqual([
      { kind: 'cronjob', name: 'ecr-registry-helper' },
      { kind: 'serviceaccount', name: 'ecr-registry-helper-sa' },
      { kind: 'clusterrolebinding', name: 'ecr-registry-helper-check' },
      { kind: 'clusterrole', name: 'ecr-registry-helper-cluster-role-check' },
      { kind: 'secret', name: 'aws-conf' },
      { kind: 'secret', name: 'aws-conf' },
    ]);
  });

  it('removes nothing of ours', () => {
    const secrets = settings.secrets.map(({ name }) => ({ kind: 'secret', name }));
    expect(ours).toContainEqual({ kind: 'clusterrole', name: 'ecr-registry-helper' });
    for (const one of [...ours, ...secrets]) expect(deletions).not.toContainEqual(one);
  });
});

describe('docs/uninstall.md', () => {
  it('deletes by their label the objects of each kind that a deployment has', () => {
    const [, kinds = ''] =
      /kubectl delete ([a-z,]+) -l app/.exec(readFileSync('docs/uninstall.md', 'utf8')) ?? [];
    const plural = ours.map(({ kind }) => kind.replace(/y$/, 'ie').concat('s'));
    expect(kinds.split(',').sort()).toEqual([...new Set(plural)].sort());
  });
});

describe('docs/dependencies.md', () => {
  it('has a reason for each dependency, and for nothing else', () => {
    const rows = readFileSync('docs/dependencies.md', 'utf8').matchAll(/^\| (`.+?) \| (.+) \|$/gm);
    const named = [...rows].flatMap(([, names = '']) =>
      [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    );
    const { dependencies, devDependencies, peerDependencies } = JSON.parse(
      readFileSync('package.json', 'utf8'),
    );
    const used = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies });
    expect(named.sort()).toEqual(used.sort());
  });
});

describe('docs/cost.md', () => {
  it('counts the metrics that a cluster has', () => {
    expect(readFileSync('docs/cost.md', 'utf8')).toContain(
      `${Object.keys(CLUSTER_METRICS).length} metrics × clusters`,
    );
  });
});

describe('docs/architecture.svg', () => {
  const svg = readFileSync('docs/architecture.svg', 'utf8');

  it('loads and runs nothing', () => {
    expect(svg).not.toMatch(/<script|<foreignObject|<image|href=|@import|url\(\s*['"]?http|\son\w+=/i);
  });

  it('has a title and a description for who cannot see it', () => {
    expect(svg).toMatch(/<title[^>]*>[^<]+<\/title>/);
    expect(svg).toMatch(/<desc[^>]*>[^<]+<\/desc>/);
  });
});

/** The title of the runbook of an alarm, as lists name it. */
function titleOf(page: string): string {
  const [, title = ''] = /^# Alarm: (.+)$/m.exec(readFileSync(page, 'utf8')) ?? [];
  return title.charAt(0).toUpperCase() + title.slice(1);
}

/** A page without its code. */
function prose(page: string): string {
  return readFileSync(page, 'utf8')
    .replace(/^ *```[\s\S]*?^ *```/gm, '')
    .replace(/`[^`\n]+`/g, '');
}

function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, 'utf8')
    .replace(/^ *```[\s\S]*?^ *```/gm, '')
    .matchAll(/^#{1,6} (.+)$/gm);
  return [...headings].map(([, heading = '']) => slugOf(heading));
}

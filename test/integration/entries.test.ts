import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import {
  authsOf,
  clusterOf,
  deploy,
  holders,
  NAMESPACES,
  refreshed,
  reportOf,
  SECRET,
  writesTo,
} from './run.ts';

type Entries = NonNullable<SettingsInput['secrets']>;

const deployEntries = (...secrets: Entries) => deploy({ clusters: [{ name: 'demo' }], secrets });
const otherRegistry = (accountId: string) => [{ type: 'ecr', accountId } as const];

describe('namespaces of an entry', () => {
  it('are those that include takes in and exclude does not', async () => {
    const world = await deployEntries({
      namespaces: { include: ['team-*', 'default'], exclude: ['*-old'] },
    });
    const cluster = clusterOf(world);
    for (const name of ['team-a', 'team-b-old', 'teams', 'team-c']) cluster.addNamespace(name);
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, created: 3, skipped: 0 });
    expect(holders(cluster)).toEqual(['default', 'team-a', 'team-c']);
  });

  it('are chosen by a label selector on the server', async () => {
    const world = await deployEntries({ namespaces: { selector: 'tier in (web, api),team=x' } });
    const cluster = clusterOf(world);
    cluster.addNamespace('one', { labels: { team: 'x', tier: 'web' } });
    cluster.addNamespace('two', { labels: { team: 'x', tier: 'db' } });
    await refreshed(world);
    expect(holders(cluster)).toEqual(['one']);
    const list = cluster.requests.find(({ method }) => method === 'GET');
    expect(list?.query.get('labelSelector')).toBe('tier in (web, api),team=x');
  });

  it('are left alone where the ignore label says so, or on their way out', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    cluster.addNamespace('mine', { labels: { 'ecr-registry-helper/ignore': 'true' } });
    cluster.addNamespace('heard', { labels: { 'ecr-registry-helper/ignore': 'false' } });
    cluster.addNamespace('closing', { terminating: true });
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, created: 5, skipped: 2 });
    expect(holders(cluster)).toEqual(['heard', ...NAMESPACES].sort());
    expect(writesTo(cluster)).toHaveLength(5);
  });

  it('are left alone with any value of the ignore label but one that says no', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    const ignored = ['true', 'True', 'yes', 'on', '1', '', 'maybe', 'until-friday'];
    const written = ['false', 'False', 'no', 'OFF', '0'];
    for (const [at, value] of [...ignored, ...written].entries()) {
      cluster.addNamespace(`with-${at}`, { labels: { 'ecr-registry-helper/ignore': value } });
    }
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, skipped: ignored.length });
    expect(holders(cluster)).toEqual(
      [...written.map((_, at) => `with-${at + ignored.length}`), ...NAMESPACES].sort(),
    );
  });

  it('must exist where they are named in full, while the others go on', async () => {
    const world = await deployEntries({ namespaces: { include: ['default', 'defualt'] } });
    const report = await refreshed(world);
    expect(report.ok).toBe(false);
    expect(reportOf(report)).toMatchObject({
      ok: false,
      ...{ created: 1, failed: 1 },
      problems: [
        {
          namespace: 'defualt',
          secret: SECRET,
          outcome: 'failed',
          reason: 'there is no namespace defualt',
          remedy:
            'Correct namespaces of this entry, or create the namespace: kubectl create namespace defualt',
        },
      ],
    });
  });

  it('are told of up to a hundred times, and counted beyond', async () => {
    const include = Array.from({ length: 105 }, (_, at) => `team-${at}`);
    const world = await deployEntries({ namespaces: { include } });
    const report = reportOf(await refreshed(world));
    expect(report).toMatchObject({ ok: false, failed: 105, moreProblems: 5 });
    expect(report.problems).toHaveLength(100);
  });

  it.each([
    { namespaces: { include: ['temas-*'] }, reason: 'no namespace matches temas-*' },
    { namespaces: { selector: 'team=x' }, reason: 'no namespace matches * with team=x' },
  ])('must be some: $reason', async ({ namespaces, reason }) => {
    const world = await deployEntries({ name: 'a', namespaces }, { name: 'b' });
    const report = await refreshed(world);
    expect(report.ok).toBe(false);
    expect(reportOf(report)).toMatchObject({ created: 4, failed: 1 });
    expect(reportOf(report).problems).toMatchObject([{ namespace: '*', secret: 'a', reason }]);
  });
});

describe('several entries', () => {
  it('give each namespace, for one secret name, to the first that matches', async () => {
    const world = await deployEntries(
      { registries: otherRegistry('444455556666'), namespaces: { include: ['kube-*'] } },
      { registries: otherRegistry('777788889999'), namespaces: { include: ['*'] } },
    );
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, created: 4 });
    const cluster = clusterOf(world);
    expect(Object.keys(authsOf(cluster, 'kube-system'))).toEqual([
      '444455556666.dkr.ecr.eu-west-1.amazonaws.com',
    ]);
    expect(Object.keys(authsOf(cluster, 'default'))).toEqual([
      '777788889999.dkr.ecr.eu-west-1.amazonaws.com',
    ]);
    expect(writesTo(cluster)).toHaveLength(4);
  });

  it('of other names stand beside each other', async () => {
    const world = await deployEntries(
      { name: 'a' },
      { name: 'b', namespaces: { include: ['default'] } },
      { name: 'c', namespaces: { exclude: ['kube-*'] } },
    );
    const report = await refreshed(world);
    const cluster = clusterOf(world);
    expect(reportOf(report)).toMatchObject({ ok: true, created: 6 });
    expect(['a', 'b', 'c'].map((name) => holders(cluster, name))).toEqual([
      NAMESPACES,
      ['default'],
      ['default'],
    ]);
    expect(report.secrets.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });
});

import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../lambda/settings.ts';
import type { AdmissionRequest } from '../sandbox/kubernetes/admission.ts';
import type { Fault } from '../sandbox/kubernetes/faults.ts';
import {
  authsOf,
  clusterOf,
  deploy,
  holders,
  NAMESPACES,
  refreshed,
  reportOf,
  requestsTo,
  SECRET,
} from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

type Entries = NonNullable<SettingsInput['secrets']>;

const deployEntries = (...secrets: Entries) => deploy({ clusters: [{ name: 'demo' }], secrets });
const otherRegistry = (accountId: string) => [{ type: 'ecr', accountId } as const];

describe('namespaces of an entry', () => {
  it('are those that include takes in and exclude does not', async () => {
    const world = await deployEntries({
      namespaces: { include: ['team-*', 'default'], exclude: ['*-old'] },
    });
    const cluster = clusterOf(world);
    for (const name of ['team-a', 'team-b-old', 'teams', 'team-']) cluster.addNamespace(name);
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, created: 3, skipped: 0 });
    expect(holders(cluster)).toEqual(['default', 'team-', 'team-a']);
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
    expect(requestsTo(cluster, 'PATCH')).toHaveLength(5);
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
          remedy: 'Correct namespaces of this entry, or create the namespace.',
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
    expect(requestsTo(cluster, 'PATCH')).toHaveLength(4);
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

describe('a secret that is there already', () => {
  const config = { '.dockerconfigjson': '{"auths":{"old":{"auth":"b2xk"}}}' };
  const type = 'kubernetes.io/dockerconfigjson';

  it('of the CronJob is taken over and keeps its uid', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    const before = cluster.putSecret('default', SECRET, {
      type,
      stringData: config,
      manager: 'kubectl-create',
    });
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, created: 3, refreshed: 1 });
    expect(cluster.secret('default', SECRET)?.metadata.uid).toBe(before.metadata.uid);
    expect(Object.keys(authsOf(cluster))).toEqual(['111122223333.dkr.ecr.eu-west-1.amazonaws.com']);
    const forced = cluster.requests.filter(({ query }) => query.get('force') === 'true');
    expect(forced.map(({ path }) => path)).toEqual([`/api/v1/namespaces/default/secrets/${SECRET}`]);
  });

  it.each([
    ['another manager', { adoptFrom: ['helm'] }, 'it is managed by "vault-agent"'],
    ['nobody', { adoptFrom: [] }, 'it is managed by "vault-agent"'],
  ])('of somebody else is blocked when adoptFrom names %s', async (_who, entry, reason) => {
    const world = await deployEntries(entry);
    const cluster = clusterOf(world);
    const theirs = cluster.putSecret('default', SECRET, { type, stringData: config, manager: 'vault-agent' });
    const report = await refreshed(world);
    expect(report.ok).toBe(true);
    expect(reportOf(report)).toMatchObject({
      ok: true,
      ...{ created: 3, blocked: 1, failed: 0 },
      problems: [
        {
          namespace: 'default',
          secret: SECRET,
          outcome: 'blocked',
          reason,
          remedy: 'Let its owner delete it, or add "vault-agent" to adoptFrom.',
        },
      ],
    });
    expect(cluster.secret('default', SECRET)).toEqual(theirs);
  });

  it.each([{ adoptFrom: ['vault-agent'] }, { adoptFrom: ['*'] }])(
    'of somebody else is taken over by $adoptFrom',
    async (entry) => {
      const world = await deployEntries(entry);
      const cluster = clusterOf(world);
      cluster.putSecret('default', SECRET, { type, stringData: config, manager: 'vault-agent' });
      expect(reportOf(await refreshed(world))).toMatchObject({
        ok: true,
        created: 3,
        refreshed: 1,
        blocked: 0,
      });
      expect(Object.keys(authsOf(cluster))).toEqual(['111122223333.dkr.ecr.eu-west-1.amazonaws.com']);
    },
  );

  it('of a manager to adopt from, who wrote a later expiry on it, is blocked and not taken for fresh', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    const annotations = { 'ecr-registry-helper/expires-at': '2099-01-01T00:00:00Z' };
    cluster.putSecret('default', SECRET, {
      type,
      stringData: config,
      annotations,
      manager: 'kubectl-create',
    });
    expect(reportOf(await refreshed(world))).toMatchObject({
      ...{ created: 3, unchanged: 0, blocked: 1 },
      problems: [{ reason: 'somebody else set a later ecr-registry-helper/expires-at on it' }],
    });
  });

  it('of a manager to adopt from, which another run with a later token adopts first, is ours and fresh', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, { type, stringData: config, manager: 'kubectl-create' });
    const annotations = { 'ecr-registry-helper/expires-at': '2099-01-01T00:00:00Z' };
    cluster.fault(({ query, path }) => {
      if (query.get('force') !== 'true' || !path.includes('/default/')) return undefined;
      cluster.removeSecret('default', SECRET);
      const ours = { manager: 'ecr-registry-helper', operation: 'Apply' } as const;
      cluster.putSecret('default', SECRET, { type, stringData: config, annotations, ...ours });
      return undefined;
    });
    expect(reportOf(await refreshed(world))).toMatchObject({ created: 3, unchanged: 1, blocked: 0 });
  });

  it.each([
    ['finalizers', { finalizers: ['example.com/keep'] }],
    [
      'owner references',
      { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: '1-2' }] },
    ],
  ])('with %s of somebody else is blocked, and what keeps it is named', async (what, seed) => {
    const world = await deploy();
    clusterOf(world).putSecret('default', SECRET, {
      ...{ type, stringData: config, manager: 'kubectl-create' },
      ...seed,
    });
    expect(reportOf(await refreshed(world))).toMatchObject({
      ...{ ok: true, created: 3, blocked: 1 },
      problems: [
        {
          reason: `what is there has ${what}`,
          remedy: 'Take them off it, or delete it: what something else keeps is not taken over.',
        },
      ],
    });
  });

  const opaque = { stringData: { some: 'thing' }, reason: 'a secret of another type has its name' };
  const immutable = { type, stringData: config, immutable: true, reason: 'it is marked immutable' };

  it.each([opaque, immutable])('is blocked without recreate: $reason', async ({ reason, ...seed }) => {
    const world = await deploy();
    const cluster = clusterOf(world);
    const theirs = cluster.putSecret('default', SECRET, seed);
    expect(reportOf(await refreshed(world))).toMatchObject({
      ok: true,
      ...{ created: 3, blocked: 1 },
      problems: [{ namespace: 'default', reason, remedy: 'Delete it, or set recreate for this entry.' }],
    });
    expect(cluster.secret('default', SECRET)).toEqual(theirs);
  });

  it.each([opaque, immutable])('is replaced with recreate: $reason', async ({ reason: _, ...seed }) => {
    const world = await deployEntries({ recreate: true });
    const cluster = clusterOf(world);
    const theirs = cluster.putSecret('default', SECRET, seed);
    expect(reportOf(await refreshed(world))).toMatchObject({
      ok: true,
      created: 3,
      refreshed: 1,
      blocked: 0,
    });
    const ours = cluster.secret('default', SECRET);
    expect(ours?.metadata.uid).not.toBe(theirs.metadata.uid);
    expect(ours?.type).toBe(type);
    expect(requestsTo(cluster, 'DELETE')).toEqual([`/api/v1/namespaces/default/secrets/${SECRET}`]);
  });

  it.each<[string, string, number, Fault]>([
    ['the answer to its deletion was lost', 'DELETE', 1, { kind: 'reset', when: 'after' }],
    ['the answer to its deletion was cut off', 'DELETE', 1, { kind: 'truncated' }],
    // the first says that another manager has it
    ['the refusal that told of it was cut off', 'PATCH', 2, { kind: 'truncated' }],
  ])('is replaced though %s', async (_why, verb, nth, fault) => {
    const world = await deployEntries({ recreate: true });
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, opaque);
    cluster.fault(({ method, path, attempt }) =>
      method === verb && path.includes('/default/') && attempt === nth ? fault : undefined,
    );
    expect((await refreshTimed(world, { clock: new MovedClock() })).value).toMatchObject({
      ok: true,
      clusters: [{ created: 3, refreshed: 1 }],
    });
    expect(cluster.secret('default', SECRET)?.type).toBe(type);
  });

  it('is left alone when another run has replaced it meanwhile', async () => {
    const world = await deployEntries({ recreate: true });
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, opaque);
    let good: unknown;
    cluster.fault(({ method, path, attempt }) => {
      if (method !== 'GET' || !path.endsWith(SECRET) || attempt > 1) return undefined;
      cluster.removeSecret('default', SECRET);
      const manager = 'ecr-registry-helper';
      good = cluster.putSecret('default', SECRET, { type, stringData: config, manager, operation: 'Apply' })
        .metadata.uid;
      return undefined;
    });
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, failed: 0 });
    expect(cluster.secret('default', SECRET)?.metadata.uid).toBe(good);
    expect(requestsTo(cluster, 'DELETE')).toEqual([]);
  });

  it('holds our token also when another run replaced it just before our deletion', async () => {
    const world = await deployEntries({ recreate: true });
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, opaque);
    let good: unknown;
    cluster.fault(({ method, attempt }) => {
      if (method !== 'DELETE' || attempt > 1) return undefined;
      cluster.removeSecret('default', SECRET);
      const manager = 'ecr-registry-helper';
      good = cluster.putSecret('default', SECRET, { type, stringData: config, manager, operation: 'Apply' })
        .metadata.uid;
      return undefined;
    });
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, refreshed: 1, failed: 0 });
    expect(cluster.secret('default', SECRET)?.metadata.uid).toBe(good);
    expect(Object.keys(authsOf(cluster))).toEqual(['111122223333.dkr.ecr.eu-west-1.amazonaws.com']);
    expect(requestsTo(cluster, 'DELETE')).toHaveLength(1);
  });

  it('is made where somebody else deleted what was to be replaced', async () => {
    const world = await deployEntries({ recreate: true });
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, opaque);
    cluster.fault(({ method, path }) => {
      if (method === 'GET' && path.endsWith(SECRET)) cluster.removeSecret('default', SECRET);
      return undefined;
    });
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, failed: 0 });
    expect(cluster.secret('default', SECRET)?.type).toBe(type);
  });

  it('is not replaced when somebody changed it for another in between', async () => {
    const world = await deployEntries({ recreate: true });
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, opaque);
    cluster.fault(({ method }) => {
      if (method !== 'DELETE') return undefined;
      cluster.removeSecret('default', SECRET);
      cluster.putSecret('default', SECRET, { stringData: { quite: 'another' } });
      return undefined;
    });
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: false, created: 3, failed: 1 });
    expect(cluster.secret('default', SECRET)?.data).toEqual({
      quite: Buffer.from('another').toString('base64'),
    });
  });

  it('is blocked with recreate while finalizers keep it after its deletion', async () => {
    const world = await deployEntries({ recreate: true });
    clusterOf(world).putSecret('default', SECRET, { ...opaque, finalizers: ['example.com/keep'] });
    expect(reportOf(await refreshed(world))).toMatchObject({
      ...{ ok: true, created: 3, blocked: 1 },
      problems: [
        {
          reason: 'it was deleted, and one that cannot be written is still there',
          remedy: 'Look at its finalizers, and who makes it anew.',
        },
      ],
    });
  });

  it('is blocked with recreate where somebody else puts it back at once', async () => {
    const world = await deployEntries({ recreate: true });
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, opaque);
    cluster.fault(({ method, path, attempt }) => {
      const isLast = method === 'PATCH' && path.includes('/default/') && attempt === 4;
      if (isLast) cluster.putSecret('default', SECRET, { type, stringData: config, manager: 'vault-agent' });
      return undefined;
    });
    expect(reportOf(await refreshed(world))).toMatchObject({
      ...{ ok: true, created: 3, blocked: 1 },
      problems: [{ reason: 'it is managed by "vault-agent"' }],
    });
  });

  it('is not replaced, only asked about, by a plan', async () => {
    const world = await deployEntries({ recreate: true });
    const cluster = clusterOf(world);
    const theirs = cluster.putSecret('default', SECRET, opaque);
    const seen: AdmissionRequest[] = [];
    cluster.admission.push((request) => {
      seen.push(request);
      return undefined;
    });
    expect(reportOf(await refreshed(world, { action: 'plan' }))).toMatchObject({ created: 3, refreshed: 1 });
    expect(cluster.secrets()).toEqual([theirs]);
    expect(seen.every(({ dryRun }) => dryRun)).toBe(true);
    expect(seen.filter(({ operation }) => operation === 'DELETE')).toHaveLength(1);
  });
});

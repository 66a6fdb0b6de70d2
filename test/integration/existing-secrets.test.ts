import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import type { AdmissionRequest } from '../sandbox/kubernetes/admission.ts';
import type { Fault } from '../sandbox/kubernetes/faults.ts';
import { authsOf, clusterOf, deploy, refreshed, reportOf, requestsTo, SECRET } from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

type Entries = NonNullable<SettingsInput['secrets']>;

const deployEntries = (...secrets: Entries) => deploy({ clusters: [{ name: 'demo' }], secrets });
/** What a token has that was fetched half an hour after those of a run. */
const laterExpiry = () => ({
  'ecr-registry-helper/expires-at': `${new Date(Date.now() + 12.5 * 3_600_000).toISOString().slice(0, 19)}Z`,
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
    const forced = cluster.requests.filter(
      ({ query }) => query.get('force') === 'true' && !query.has('dryRun'),
    );
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
          remedy: 'Ask its owner to delete it, or add "vault-agent" to adoptFrom.',
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
    const annotations = laterExpiry();
    cluster.putSecret('default', SECRET, {
      type,
      stringData: config,
      annotations,
      manager: 'kubectl-create',
    });
    expect(reportOf(await refreshed(world))).toMatchObject({
      ...{ created: 3, unchanged: 0, blocked: 1 },
      problems: [{ reason: 'another field manager set a later ecr-registry-helper/expires-at on it' }],
    });
  });

  it('of a manager to adopt from, who wrote an expiry on it that no token has, is adopted', async () => {
    const world = await deploy();
    const annotations = { 'ecr-registry-helper/expires-at': '2099-01-01T00:00:00Z' };
    const seed = { type, stringData: config, annotations, manager: 'kubectl-create' };
    clusterOf(world).putSecret('default', SECRET, seed);
    expect(reportOf(await refreshed(world))).toMatchObject({ created: 3, refreshed: 1, blocked: 0 });
  });

  it('of a manager to adopt from, which another run with a later token adopts first, is ours and fresh', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, { type, stringData: config, manager: 'kubectl-create' });
    const annotations = laterExpiry();
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
          reason: `it has ${what}`,
          remedy: `Remove its ${what}, or delete it: this function does not overwrite them.`,
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
    ['the denial that showed it was cut off', 'PATCH', 2, { kind: 'truncated' }],
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
    const clock = new MovedClock();
    const { value } = await refreshTimed(world, { clock });
    expect(value).toMatchObject({ ok: true, clusters: [{ refreshed: 1, failed: 0 }] });
    // in the round that replaces it, and not in one more
    expect(clock.waits).toHaveLength(1);
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

  it('that somebody changed for another in between is looked at before that one is replaced', async () => {
    const world = await deployEntries({ recreate: true });
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, opaque);
    cluster.fault(({ method, attempt }) => {
      if (method !== 'DELETE' || attempt > 1) return undefined;
      cluster.removeSecret('default', SECRET);
      cluster.putSecret('default', SECRET, { stringData: { quite: 'another' } });
      return undefined;
    });
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, created: 3, refreshed: 1 });
    const deletions = cluster.requests.filter(({ method }) => method === 'DELETE');
    expect(deletions.map(({ status }) => status)).toEqual([409, 200]);
  });

  it('is blocked with recreate while finalizers keep it after its deletion', async () => {
    const world = await deployEntries({ recreate: true });
    clusterOf(world).putSecret('default', SECRET, { ...opaque, finalizers: ['example.com/keep'] });
    expect(reportOf(await refreshed(world))).toMatchObject({
      ...{ ok: true, created: 3, blocked: 1 },
      problems: [
        {
          reason: 'it was deleted to be re-created, but still exists or was created again by something else',
          remedy: 'Check its finalizers, and what else creates it.',
        },
      ],
    });
  });

  it('is blocked with recreate where somebody else puts it back at once', async () => {
    const world = await deployEntries({ recreate: true });
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, opaque);
    let isDeleted = false;
    cluster.fault(({ method, path }) => {
      const isLast = isDeleted && method === 'PATCH' && path.includes('/default/');
      isDeleted ||= method === 'DELETE';
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

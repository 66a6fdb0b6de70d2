import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import type { StatusReport } from '../../lambda/status.ts';
import type { KubernetesEmulator } from '../sandbox/kubernetes/server.ts';
import { PULL_SECRET, putOurs } from './ours.ts';
import { clusterOf, deploy, invoke, refreshed, reportOf, SECRET } from './run.ts';

type EntryInput = NonNullable<SettingsInput['secrets']>[number];

const conditionOf = async (world: Parameters<typeof invoke>[0]) => {
  const { value } = await invoke<StatusReport>(world, { action: 'status' });
  return value?.clusters[0]?.secrets.find(({ namespace }) => namespace === 'default');
};

/** A secret of ours, put there again by somebody who copied or restored its metadata. */
function restore(cluster: KubernetesEmulator, manager: string, more: Record<string, string> = {}): void {
  putOurs(cluster, 'default');
  const { labels = {}, annotations = {} } = cluster.secret('default', SECRET)?.metadata ?? {};
  cluster.removeSecret('default', SECRET);
  cluster.putSecret('default', SECRET, {
    ...{ ...PULL_SECRET, labels, annotations: { ...annotations, ...more }, manager },
  });
}

describe('a secret that carries our label and annotations', () => {
  it.each<[string, (cluster: KubernetesEmulator) => void]>([
    ['was restored from a backup', (cluster) => restore(cluster, 'velero-server')],
    [
      'lost its managed fields',
      (cluster) => {
        putOurs(cluster, 'default');
        cluster.stripManagers('default', SECRET);
      },
    ],
  ])('and %s is adopted by the next refresh, and then fresh', async (_what, arrange) => {
    const world = await deploy();
    arrange(clusterOf(world));
    expect(await conditionOf(world)).toMatchObject({
      condition: 'foreign',
      reason: expect.stringContaining('no Apply entry of ours'),
    });
    const plan = await refreshed(world, { action: 'plan' });
    expect(reportOf(plan)).toMatchObject({ ok: true, refreshed: 1, adopted: 1, blocked: 0 });
    expect(reportOf(await refreshed(world))).toMatchObject({
      ok: true,
      refreshed: 1,
      adopted: 1,
      blocked: 0,
    });
    expect(await conditionOf(world)).toMatchObject({ condition: 'fresh' });
    expect(reportOf(await refreshed(world))).not.toHaveProperty('adopted');
  });

  it.each([false, true])(
    'and holds the same stored credentials stays ours when they change (immutable: %s)',
    async (immutable) => {
      const stored = [{ type: 'stored' as const, secretId: 'conf' }];
      const secrets = [{ registries: stored, namespaces: { include: ['default'] }, recreate: true }];
      const world = await deploy({ clusters: [{ name: 'demo' }], secrets });
      const cluster = clusterOf(world);
      const store = (password: string) => {
        const auths = { 'hub.example.com': { username: 'u', password } };
        world.aws.addSecret({ name: 'conf', value: JSON.stringify({ auths }) });
      };
      store('first');
      await refreshed(world);
      const { data = {}, metadata } = cluster.secret('default', SECRET) ?? {};
      const { labels = {}, annotations = {} } = metadata ?? {};
      cluster.removeSecret('default', SECRET);
      cluster.putSecret('default', SECRET, {
        ...{ ...PULL_SECRET, data, labels, annotations, immutable, manager: 'velero-server' },
      });
      expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, blocked: 0 });
      expect(await conditionOf(world)).toMatchObject({ condition: 'fresh' });

      store('second');
      expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, refreshed: 1, blocked: 0 });
      expect(cluster.secret('default', SECRET)?.data).not.toEqual(data);
      expect(await conditionOf(world)).toMatchObject({ condition: 'fresh' });
    },
  );

  it('and is adopted by another run between the conflict and the look at its metadata is written', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    restore(cluster, 'velero-server');
    cluster.fault(({ method, path }) => {
      if (method !== 'GET' || path !== '/api/v1/namespaces/default/secrets') return undefined;
      cluster.removeSecret('default', SECRET);
      putOurs(cluster, 'default', 2);
      return undefined;
    });
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, refreshed: 1, blocked: 0 });
  });

  it('but was made by kubectl apply is managed by it', async () => {
    const world = await deploy();
    const lastApplied = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    restore(clusterOf(world), 'kubectl-client-side-apply', lastApplied);
    const blocked = { reason: 'it is managed by "kubectl-client-side-apply"' };
    expect(await conditionOf(world)).toMatchObject({ condition: 'blocked', ...blocked });
    expect(reportOf(await refreshed(world))).toMatchObject({ blocked: 1, problems: [blocked] });
  });

  it('with an expiry that no token has is stale, and written over', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, {
      ...{ ...PULL_SECRET, manager: 'ecr-registry-helper', operation: 'Apply' },
      annotations: {
        'ecr-registry-helper/fetched-at': '2026-01-01T00:00:00Z',
        'ecr-registry-helper/expires-at': '9999-01-01T00:00:00Z',
      },
    });
    expect(await conditionOf(world)).toMatchObject({ condition: 'stale' });
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, refreshed: 1, unchanged: 0 });
    expect(await conditionOf(world)).toMatchObject({ condition: 'fresh' });
  });
});

describe('a field manager', () => {
  it('is adopted from only where its whole name stands in adoptFrom', async () => {
    const world = await deploy({ clusters: [{ name: 'demo' }], secrets: [{ adoptFrom: ['Tool "A"'] }] });
    const cluster = clusterOf(world);
    cluster.putSecret('default', SECRET, { ...PULL_SECRET, manager: 'Tool "A"' });
    cluster.putSecret('kube-public', SECRET, { ...PULL_SECRET, manager: 'Tool "A" 2' });
    expect(reportOf(await refreshed(world))).toMatchObject({
      ...{ adopted: 1, blocked: 1 },
      problems: [{ namespace: 'kube-public', reason: 'it is managed by "Tool \\"A\\" 2"' }],
    });
  });
});

describe('an annotation of ours that another manager sets', () => {
  it.each<[string, EntryInput, Record<string, string>]>([
    ['the pull role', {}, { 'ecr-registry-helper/pull-role': 'x' }],
    [
      'the expiry, where only what is stored is written',
      { registries: [{ type: 'stored', secretId: 'conf' }] },
      { 'ecr-registry-helper/expires-at': '2026-01-01T00:00:00Z' },
    ],
  ])('(%s) never lets status and refresh disagree', async (_what, entry, added) => {
    const namespaces = { include: ['default'] };
    const world = await deploy({ clusters: [{ name: 'demo' }], secrets: [{ ...entry, namespaces }] });
    world.aws.addSecret({
      name: 'conf',
      value: '{"auths":{"hub.example.com":{"username":"u","password":"p-1"}}}',
    });
    const cluster = clusterOf(world);
    await refreshed(world);
    const { data = {}, metadata } = cluster.secret('default', SECRET) ?? {};
    cluster.putSecret('default', SECRET, {
      ...{ ...PULL_SECRET, data, labels: metadata?.labels ?? {}, manager: 'kubectl-annotate' },
      annotations: { ...metadata?.annotations, ...added },
    });
    const { blocked } = reportOf(await refreshed(world));
    expect((await conditionOf(world))?.condition).toBe(blocked > 0 ? 'blocked' : 'fresh');
  });
});

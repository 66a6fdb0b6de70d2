import { describe, expect, it } from 'vitest';
import { RefreshFailedError } from '../../lambda/errors.ts';
import type { KubernetesEmulator } from '../sandbox/kubernetes/server.ts';
import type { World } from '../sandbox/world.ts';
import { PULL_SECRET } from './ours.ts';
import { clusterOf, deploy, invoke, SCHEDULED, SECRET, writesTo } from './run.ts';

const ITEM = { action: 'refresh', clusters: ['demo'] };
const now = () => new Date().toISOString();
const queued = (requestPayload: unknown, timestamp = now()) => ({
  Records: [{ eventSource: 'aws:sqs', body: JSON.stringify({ requestPayload, timestamp }) }],
});

/** A cluster that answers in one namespace what nobody expects, so that its run fails. */
async function deployFailing(): Promise<World> {
  const world = await deploy();
  clusterOf(world).fault(({ method, path }) =>
    method === 'PATCH' && path.includes('/kube-system/') ? { kind: 'status', status: 418 } : undefined,
  );
  return world;
}

/** The namespaces that a run which fails has written to. */
async function writtenBy(world: World, event: unknown): Promise<string[]> {
  const { requests } = clusterOf(world);
  requests.length = 0;
  expect((await invoke(world, event)).error).toBeInstanceOf(RefreshFailedError);
  const paths = writesTo(clusterOf(world));
  return [...new Set(paths.map((path) => /namespaces\/([^/]+)/.exec(path)?.[1] ?? ''))].sort();
}

const seconds = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
/** The namespaces that got a PATCH since a request. */
const writesSince = (cluster: KubernetesEmulator, from: number) =>
  cluster.requests
    .slice(from)
    .filter(({ method, query }) => method === 'PATCH' && !query.has('dryRun'))
    .map(({ path }) => path.split('/')[4]);

/** A deployment of which the first run of an event has left one namespace of four unwritten. */
async function failedOnce(event: unknown): Promise<{ world: World; cluster: KubernetesEmulator }> {
  const world = await deploy();
  const cluster = clusterOf(world);
  const end = cluster.fault(({ method, path }) =>
    method === 'PATCH' && path.includes('/kube-public/') ? { kind: 'status', status: 400 } : undefined,
  );
  await invoke(world, event);
  end();
  return { world, cluster };
}

const ALL = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
const LEFT = ['kube-system'];

describe('a retry', () => {
  it.each<[string, (due: string) => unknown]>([
    ['of the schedule by Lambda', (time) => ({ ...SCHEDULED, time })],
    ['of the schedule by the queue', (time) => queued({ ...SCHEDULED, time })],
    ['of an item of a fleet by the queue', (startedAt) => queued({ ...ITEM, startedAt })],
  ])('%s writes only what the run has left', async (_, again) => {
    const world = await deployFailing();
    const due = now();
    expect(await writtenBy(world, { ...SCHEDULED, time: due })).toEqual(ALL);
    expect(await writtenBy(world, again(due))).toEqual(LEFT);
    expect(await writtenBy(world, again(due))).toEqual(LEFT);
  });

  it('of a run that says no time writes all once more, and then what is left', async () => {
    const world = await deployFailing();
    expect(await writtenBy(world, queued({}, 'never'))).toEqual(ALL);
    const later = new Date(Date.now() + 2_000).toISOString();
    const failedAt = now();
    expect(await writtenBy(world, queued({}, later))).toEqual(ALL);
    expect(await writtenBy(world, queued({}, failedAt))).toEqual(LEFT);
  });

  it('of a run that was due before the life of a token writes all', async () => {
    const world = await deployFailing();
    const time = new Date(Date.now() - 12 * 3_600_000).toISOString();
    expect(await writtenBy(world, { ...SCHEDULED, time: now() })).toEqual(ALL);
    expect(await writtenBy(world, queued({ ...SCHEDULED, time }))).toEqual(ALL);
  });

  it.each<[string, (cluster: KubernetesEmulator) => void]>([
    [
      'another manager changed',
      (cluster) => {
        const { labels = {}, annotations = {} } = cluster.secret('default', SECRET)?.metadata ?? {};
        cluster.putSecret('default', SECRET, {
          ...PULL_SECRET,
          labels,
          annotations,
          manager: 'kubectl-create',
        });
      },
    ],
    [
      'is only marked as ours, as after a restore',
      (cluster) => {
        const { labels = {}, annotations = {} } = cluster.secret('default', SECRET)?.metadata ?? {};
        cluster.removeSecret('default', SECRET);
        cluster.putSecret('default', SECRET, { ...PULL_SECRET, labels, annotations, manager: 'velero' });
      },
    ],
    [
      'says that it was fetched in the future',
      (cluster) => {
        const { labels = {} } = cluster.secret('default', SECRET)?.metadata ?? {};
        cluster.removeSecret('default', SECRET);
        cluster.putSecret('default', SECRET, {
          ...{ ...PULL_SECRET, labels, manager: 'ecr-registry-helper', operation: 'Apply' },
          annotations: { 'ecr-registry-helper/fetched-at': seconds(Date.now() + 3_600_000) },
        });
      },
    ],
  ])('writes a secret that %s', async (_what, change) => {
    const event = { ...SCHEDULED, time: seconds(Date.now() - 60_000) };
    const { world, cluster } = await failedOnce(event);
    change(cluster);
    const from = cluster.requests.length;
    const { value } = await invoke(world, event);
    expect(value).toMatchObject({ ok: true });
    expect(new Set(writesSince(cluster, from))).toEqual(new Set(['default', 'kube-public']));
  });

  it('puts a secret that it does not write into a service account that lacks it', async () => {
    const secrets = [{ serviceAccounts: ['default'], namespaces: { include: ['default'] } }];
    const world = await deploy({ clusters: [{ name: 'demo' }], secrets });
    const cluster = clusterOf(world);
    cluster.serviceAccounts.put('default', 'default', {});
    const event = { ...SCHEDULED, time: seconds(Date.now() - 60_000) };
    await invoke(world, event);
    cluster.serviceAccounts.put('default', 'default', { imagePullSecrets: [] });
    const { value } = await invoke(world, event);
    expect(value).toMatchObject({ ok: true, clusters: [{ unchanged: 1, linked: 1 }] });
    expect(writesTo(cluster).filter((path) => path.includes('/secrets/'))).toHaveLength(1);
  });
});

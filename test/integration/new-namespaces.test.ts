import { describe, expect, it } from 'vitest';
import { RefreshFailedError } from '../../lambda/errors.ts';
import { controlMessage, created, logBatch } from '../sandbox/aws/log-batch.ts';
import type { World } from '../sandbox/world.ts';
import {
  clusterOf,
  deploy,
  FUNCTION_ROLE,
  holders,
  invoke,
  jsonLines,
  refreshed,
  reportOf,
  requestsTo,
  SCHEDULED,
} from './run.ts';

type Entries = NonNullable<NonNullable<Parameters<typeof deploy>[0]>['secrets']>;
type Entry = Exclude<Entries[number], { type: unknown }>;

/** A cluster whose audit log tells of new namespaces. Each test has a region of its own, as the function stays warm. */
async function deployed(region: string, entry: Omit<Entry, 'registries'> = {}) {
  const registries = [{ type: 'ecr' as const, region }];
  return await deploy({
    clusters: [{ name: 'demo' }],
    secrets: [{ ...entry, registries }],
    newNamespaces: 'audit-log',
  });
}

const batchOf = (...names: string[]) => logBatch(names.map((name) => created(name)));
const queued = (requestPayload: unknown) => ({
  Records: [{ eventSource: 'aws:sqs', body: JSON.stringify({ requestPayload }) }],
});
const tokensFetched = ({ aws }: World) =>
  aws.calls.filter(({ operation }) => operation === 'GetAuthorizationToken').length;

describe('a batch of audit records', () => {
  it('gives each new namespace its secret, and no other', async () => {
    const world = await deployed('eu-west-1');
    const cluster = clusterOf(world);
    cluster.addNamespace('new-a');
    cluster.addNamespace('new-b');
    const { value, output } = await invoke(world, batchOf('new-a', 'new-b', 'new-a'));
    expect(value).toMatchObject({ ok: true, clusters: [{ id: 'demo', created: 2, skipped: 0 }] });
    expect(holders(cluster)).toEqual(['new-a', 'new-b']);
    const [log, metrics] = jsonLines(output);
    expect(log).toMatchObject({ origin: 'logged', logged: { unreadable: 0, uncovered: 0 } });
    expect(metrics).toMatchObject({ SecretsCreated: 2 });
    expect(metrics).not.toHaveProperty('ClusterFresh');
  });

  it('leaves out and counts what the settings do not cover, what has vanished, is ignored or not selected', async () => {
    const world = await deployed('eu-west-2', {
      namespaces: { include: ['new-*'], exclude: ['new-not'], selector: 'team=x' },
    });
    const cluster = clusterOf(world);
    cluster.addNamespace('new-x', { labels: { team: 'x' } });
    cluster.addNamespace('new-ignored', {
      labels: { team: 'x', 'ecr-registry-helper/ignore': 'true' },
    });
    cluster.addNamespace('new-y', { labels: { team: 'y' } });
    cluster.addNamespace('new-not', { labels: { team: 'x' } });
    const names = ['new-x', 'new-ignored', 'new-y', 'new-gone', 'new-not', 'default'];
    const { value, output } = await invoke(world, batchOf(...names));
    expect(value).toMatchObject({ ok: true, clusters: [{ created: 1, skipped: 3, failed: 0 }] });
    expect(jsonLines(output)[0]).toMatchObject({ logged: { uncovered: 2 } });
    expect(holders(cluster)).toEqual(['new-x']);
  });

  it('calls nothing when there is nothing to do', async () => {
    const world = await deployed('eu-west-3', { namespaces: { include: ['kube-*'] } });
    for (const event of [controlMessage(), batchOf(), batchOf('default'), logBatch(['{', '[]'])]) {
      expect(await refreshed(world, event)).toMatchObject({ ok: true, secrets: [], clusters: [] });
    }
    expect(world.aws.calls).toEqual([]);
    expect(clusterOf(world).requests).toEqual([]);
  });

  it('finds more than a hundred namespaces in the list of all', async () => {
    const world = await deployed('eu-north-1');
    const cluster = clusterOf(world);
    const names = Array.from({ length: 101 }, (_, at) => `new-${at}`);
    for (const name of names.slice(1)) cluster.addNamespace(name);
    const report = await refreshed(world, batchOf(...names));
    expect(reportOf(report)).toMatchObject({ ok: true, created: 100, skipped: 1 });
    expect(holders(cluster)).toEqual(names.slice(1).sort());
    expect(requestsTo(cluster, 'GET')).toHaveLength(1);
  });

  it('that failed throws, and comes back from the queue as lenient as it was', async () => {
    const world = await deployed('eu-central-2');
    clusterOf(world).addNamespace('new-a');
    world.aws.deny(FUNCTION_ROLE, 'ecr:GetAuthorizationToken');
    const batch = batchOf('new-a', 'new-gone', 'Not a name');
    expect((await invoke(world, batch)).error).toBeInstanceOf(RefreshFailedError);
    world.aws.allow(FUNCTION_ROLE, 'ecr:GetAuthorizationToken');
    const { value, output } = await invoke(world, queued(batch));
    expect(value).toMatchObject({ ok: true, clusters: [{ created: 1, skipped: 1 }] });
    expect(jsonLines(output)[0]).toMatchObject({ origin: 'queued', logged: { unreadable: 1 } });
  });

  it('that failed is not retried once newNamespaces is off', async () => {
    const { value } = await invoke(await deploy(), queued(batchOf('new-a')));
    expect(value).toMatchObject({ ok: true, clusters: [] });
  });
});

describe('the token of a warm function', () => {
  it('is used again by the log, and by nothing else', async () => {
    const world = await deployed('eu-central-1');
    const cluster = clusterOf(world);
    cluster.addNamespace('new-a');
    await refreshed(world, SCHEDULED);
    expect(tokensFetched(world)).toBe(1);
    cluster.addNamespace('new-b');
    expect(await refreshed(world, batchOf('new-b'))).toMatchObject({ clusters: [{ created: 1 }] });
    expect(tokensFetched(world)).toBe(1);
    await refreshed(world, { namespaces: ['new-b'] });
    await refreshed(world, SCHEDULED);
    await refreshed(world, queued(batchOf('new-b')));
    expect(tokensFetched(world)).toBe(4);
  });
});

import { describe, expect, it } from 'vitest';
import { clusterOf, deploy, holders, NAMESPACES, refreshed, requestsTo } from './run.ts';

const CONCURRENCY = 4;

describe('at scale', () => {
  it('ten clusters are refreshed by one run, each over no more sessions than it has writes at once', async () => {
    const ids = Array.from({ length: 10 }, (_, at) => `cluster-${at}`);
    const teams = Array.from({ length: 50 }, (_, at) => `team-${at}`);
    const world = await deploy({ clusters: ids.map((name) => ({ name })), concurrency: CONCURRENCY });
    for (const id of ids) for (const team of teams) clusterOf(world, id).addNamespace(team);
    const report = await refreshed(world);
    expect(report.clusters.map(({ id, ok, created }) => [id, ok, created])).toEqual(
      ids.map((id) => [id, true, NAMESPACES.length + teams.length]),
    );
    for (const id of ids) {
      const cluster = clusterOf(world, id);
      expect(holders(cluster)).toEqual([...NAMESPACES, ...teams].sort());
      expect(cluster.tlsSessions).toBeLessThanOrEqual(CONCURRENCY);
      await expect.poll(() => cluster.openSockets).toBe(0);
    }
    // one token serves them all
    const asked = world.aws.calls.map(({ operation }) => operation);
    expect(asked.filter((operation) => operation === 'GetAuthorizationToken')).toHaveLength(1);
    expect(asked.filter((operation) => operation === 'DescribeCluster')).toHaveLength(10);
  });

  it('a page is written before the next is asked for, so that no more than one is held', async () => {
    const world = await deploy({ clusters: [{ name: 'demo' }], concurrency: CONCURRENCY });
    const cluster = clusterOf(world);
    for (let at = 0; at < 1_200 - NAMESPACES.length; at += 1) cluster.addNamespace(`team-${at}`);
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ created: 1_200 }] });
    const lists = cluster.requests.flatMap(({ method }, at) => (method === 'GET' ? [at] : []));
    expect(lists).toHaveLength(3);
    const [, second = 0, third = 0] = lists;
    // all of a page are done but those that the other writers are busy with
    expect(second).toBeGreaterThan(500 - CONCURRENCY);
    expect(third).toBeGreaterThan(1_000 - CONCURRENCY);
    expect(requestsTo(cluster, 'PATCH')).toHaveLength(1_200);
  });
});

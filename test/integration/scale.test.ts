import { describe, expect, it } from 'vitest';
import { clusterOf, deploy, holders, NAMESPACES, refreshed, writesTo } from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

const CONCURRENCY = 4;
const never = new Promise<never>(() => undefined);

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

  it('clusters that do not answer give their places to the next', async () => {
    const dead = Array.from({ length: 10 }, (_, at) => `dead-${at}`);
    const clusters = [...dead, 'sound'].map((name) => ({ name }));
    const world = await deploy({ clusters, concurrency: CONCURRENCY });
    for (const id of dead) clusterOf(world, id).fault(() => ({ kind: 'stall', until: never }));
    const clock = new MovedClock();
    const due = new AbortController();
    const deadline = { at: clock.now() + 600_000, signal: due.signal };
    const run = refreshTimed(world, { clock, deadline });
    const listed = () => dead.filter((id) => clusterOf(world, id).requests.length > 0);
    await expect.poll(() => listed().length).toBe(dead.length);
    expect(clusterOf(world, 'sound').requests).toEqual([]);
    clock.advance(20_000);
    await expect.poll(() => holders(clusterOf(world, 'sound'))).toEqual(NAMESPACES);
    due.abort();
    expect((await run).value).toMatchObject({
      ok: false,
      clusters: [...dead.map(() => ({ ok: false })), { ok: true }],
    });
  });

  it('all pages are listed before the first write, which would make a list wait for etcd', async () => {
    const world = await deploy({ clusters: [{ name: 'demo' }], concurrency: CONCURRENCY });
    const cluster = clusterOf(world);
    for (let at = 0; at < 1_200 - NAMESPACES.length; at += 1) cluster.addNamespace(`team-${at}`);
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ created: 1_200 }] });
    expect(cluster.requests.slice(0, 3).map(({ method }) => method)).toEqual(['GET', 'GET', 'GET']);
    expect(writesTo(cluster)).toHaveLength(1_200);
  });
});

import { describe, expect, it, vi } from 'vitest';
import { DeadlineError } from '../../lambda/errors.ts';
import { invocationContext } from '../sandbox/bundle.ts';
import type { World } from '../sandbox/world.ts';
import {
  clusterOf,
  deploy,
  FUNCTION_ROLE,
  holders,
  invoke,
  reportOf,
  requestsTo,
  SCHEDULED,
  SECRET,
} from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

const never = new Promise<never>(() => undefined);
const { problem, fix: remedy } = new DeadlineError();

/** Invokes the handler with so many milliseconds for its work, beside the margin that it keeps for the report. */
async function shortOfTime(world: World, ms = 200) {
  const startedAt = performance.now();
  const run = await invoke(world, {}, invocationContext(5_000 + ms));
  expect(performance.now() - startedAt).toBeLessThan(5_000 + ms);
  return run.value;
}

describe('a run whose time is over', () => {
  it('reports before the deadline when the API server stalls', async () => {
    const world = await deploy();
    clusterOf(world).fault(({ method }) =>
      method === 'PATCH' ? { kind: 'stall', until: never } : undefined,
    );
    const report = await shortOfTime(world, 1_000);
    expect(report).toMatchObject({ ok: false, clusters: [{ ok: false, created: 0, failed: 4 }] });
    expect(report?.clusters[0]?.problems).toHaveLength(4);
    expect(report?.clusters[0]?.problems[0]).toMatchObject({ secret: SECRET, reason: problem, remedy });
  });

  it.each(['AssumeRole', 'GetAuthorizationToken', 'GetSecretValue', 'DescribeCluster'])(
    'reports before the deadline when %s stalls, and hangs up',
    async (operation) => {
      const roleArn = 'arn:aws:iam::111122223333:role/reader';
      const world = await deploy({
        clusters: [{ name: 'demo', roleArn }],
        secrets: [{ registries: [{ type: 'ecr' }, { type: 'stored', secretId: 'hub' }] }],
      });
      world.aws.addRole({ arn: roleArn, trusts: [FUNCTION_ROLE] });
      world.aws.addSecret({ name: 'hub', value: '{"auths":{"quay.io":{"auth":"YTpi"}}}' });
      world.aws.fail({ operation, times: Number.POSITIVE_INFINITY, with: { kind: 'stall' } });
      expect(await shortOfTime(world)).toMatchObject({ ok: false, clusters: [{ ok: false }] });
      expect(holders(clusterOf(world))).toEqual([]);
      const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap');
      await vi.waitFor(() => expect(sockets()).toEqual([]));
    },
  );

  it('keeps what was written, and calls the rest failed', async () => {
    const world = await deploy({ clusters: [{ name: 'demo' }], concurrency: 2 });
    const cluster = clusterOf(world);
    for (let at = 0; at < 20; at += 1) cluster.addNamespace(`team-${at}`);
    const clock = new MovedClock();
    const due = new AbortController();
    let writes = 0;
    cluster.fault(({ method }) => {
      if (method !== 'PATCH') return undefined;
      writes += 1;
      if (writes <= 10) return undefined;
      // both connections are stalled by now, so that no answer is under way
      if (writes === 12) due.abort();
      return { kind: 'stall', until: never };
    });
    const { value } = await refreshTimed(world, {
      clock,
      deadline: { at: clock.now() + 60_000, signal: due.signal },
    });
    expect(value?.ok).toBe(false);
    const { created, failed, problems = [] } = value?.clusters[0] ?? {};
    expect([created, failed]).toEqual([10, 14]);
    expect(holders(cluster)).toHaveLength(10);
    expect(new Set(problems.map(({ reason }) => reason))).toEqual(new Set([problem]));
    expect(requestsTo(cluster, 'PATCH')).toHaveLength(12);
  });

  it('says so where the list did not come to its end', async () => {
    const world = await deploy();
    const due = new AbortController();
    clusterOf(world).fault(() => {
      due.abort();
      return { kind: 'stall', until: never };
    });
    const clock = new MovedClock();
    const deadline = { at: clock.now() + 60_000, signal: due.signal };
    const { value } = await refreshTimed(world, { clock, deadline });
    expect(value).toMatchObject({ ok: false, clusters: [{ ok: false, error: { reason: problem, remedy } }] });
  });

  it('ends a wait', async () => {
    const world = await deploy();
    clusterOf(world).fault(({ method }) =>
      method === 'PATCH' ? { kind: 'status', status: 503, headers: { 'retry-after': '30' } } : undefined,
    );
    const clock = new MovedClock();
    const due = new AbortController();
    clock.sleep = () => {
      due.abort();
      return Promise.reject(due.signal.reason);
    };
    const deadline = { at: clock.now() + 60_000, signal: due.signal };
    const { value } = await refreshTimed(world, { clock, deadline });
    expect(value).toMatchObject({
      clusters: [{ failed: 4, problems: Array(4).fill({ reason: expect.stringContaining('503') }) }],
    });
  });

  it('does not wait for what comes after the deadline', async () => {
    const world = await deploy();
    clusterOf(world).fault(({ method }) =>
      method === 'PATCH' ? { kind: 'status', status: 429, headers: { 'retry-after': '90' } } : undefined,
    );
    const clock = new MovedClock();
    const deadline = { at: clock.now() + 60_000, signal: new AbortController().signal };
    const { value } = await refreshTimed(world, { clock, deadline });
    // the pause before the next round is shorter than the server's, which nothing is sent after
    expect(requestsTo(clusterOf(world), 'PATCH').length).toBeLessThanOrEqual(4);
    expect(value).toMatchObject({ ok: false, clusters: [{ failed: 4 }] });
    expect(reportOf(value as NonNullable<typeof value>).problems[0]?.reason).toContain('429');
  });

  it('throws when nobody waits for it', async () => {
    const world = await deploy();
    clusterOf(world).fault(() => ({ kind: 'stall', until: never }));
    const { error } = await invoke(world, SCHEDULED, invocationContext(5_200));
    expect(error).toMatchObject({ name: 'RefreshFailedError', problem: expect.stringContaining(problem) });
  });
});

import { describe, expect, it } from 'vitest';
import { AnswerTooLongError, ServerBusyError, UnexpectedAnswerError } from '../../lambda/cluster/errors.ts';
import { LONGEST_ANSWER } from '../../lambda/cluster/exchange.ts';
import type { Fault } from '../sandbox/kubernetes/faults.ts';
import type { KubernetesEmulator } from '../sandbox/kubernetes/server.ts';
import { clusterOf, deploy, holders, requestsTo } from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

/** How long a server that is away is asked again. */
const PATIENCE_MS = 120_000;
/** Of these the last six stand on the second page. */
const MANY = Array.from({ length: 506 }, (_, at) => `team-${String(at).padStart(3, '0')}`);

describe('a list', () => {
  const runList = async (fault: (cluster: KubernetesEmulator) => void) => {
    const clock = new MovedClock();
    const namespaces = { include: ['default', 'team-50*'] };
    const world = await deploy({ clusters: [{ name: 'demo' }], secrets: [{ namespaces }], concurrency: 1 });
    for (const name of MANY) clusterOf(world).addNamespace(name);
    fault(clusterOf(world));
    const { value } = await refreshTimed(world, { clock });
    return { value, clock, cluster: clusterOf(world) };
  };
  const spoilList =
    (fault: Fault, times = Number.POSITIVE_INFINITY) =>
    (cluster: KubernetesEmulator) =>
      void cluster.fault(({ method, attempt }) => (method === 'GET' && attempt <= times ? fault : undefined));

  it.each<[string, Fault]>([
    ['503', { kind: 'status', status: 503 }],
    ['a cut', { kind: 'reset', when: 'body' }],
    ['half of the JSON', { kind: 'truncated' }],
    ['401', { kind: 'status', status: 401 }],
  ])('is tried again after %s', async (_what, fault) => {
    const { value, cluster } = await runList(spoilList(fault, 1));
    expect(value).toMatchObject({ ok: true, clusters: [{ created: 7 }] });
    expect(requestsTo(cluster, 'GET')).toHaveLength(3);
  });

  it('begins again when its pages have expired, and takes no namespace twice', async () => {
    const { value, cluster } = await runList((cluster) => {
      let expired = false;
      cluster.fault(({ query }) => {
        if (!query.has('continue') || expired) return undefined;
        expired = true;
        cluster.expireLists();
        return undefined;
      });
    });
    expect(value).toMatchObject({ ok: true, clusters: [{ created: 7 }] });
    const lists = cluster.requests.filter(({ method }) => method === 'GET');
    expect(lists.map(({ status }) => status)).toEqual([200, 410, 200, 200]);
    expect(requestsTo(cluster, 'PATCH')).toHaveLength(7);
  });

  it('is given up when its pages expire again and again', async () => {
    const { value, cluster } = await runList((cluster) => {
      // a function that never gave up would come to the end of the list
      let left = 20;
      cluster.fault(({ query }) => {
        if (!query.has('continue') || left === 0) return undefined;
        left -= 1;
        return { kind: 'status', status: 410 };
      });
    });
    expect(value).toMatchObject({ ok: false, clusters: [{ ok: false, created: 1 }] });
    expect(requestsTo(cluster, 'GET')).toHaveLength(12);
  });

  it('that never comes to its end fails the cluster, once what was found is written', async () => {
    const { value, cluster } = await runList((cluster) => {
      cluster.fault(({ query }) => (query.has('continue') ? { kind: 'status', status: 400 } : undefined));
    });
    const { problem: reason, remedy } = new UnexpectedAnswerError(400, 'without a known reason', []);
    expect(value).toMatchObject({
      ok: false,
      clusters: [{ ok: false, created: 1, error: { reason, remedy } }],
    });
    expect(holders(cluster)).toEqual(['default']);
  });

  it('fails the cluster once an answer is too long to hold', async () => {
    const { value, cluster } = await runList(spoilList({ kind: 'padded', length: LONGEST_ANSWER + 1 }));
    const { problem: reason, remedy } = new AnswerTooLongError(LONGEST_ANSWER);
    expect(value).toMatchObject({ clusters: [{ ok: false, created: 0, error: { reason, remedy } }] });
    expect(requestsTo(cluster, 'GET')).toHaveLength(1);
  });

  it('fails the cluster when the server stays away', async () => {
    const { value, clock } = await runList(spoilList({ kind: 'status', status: 503 }));
    const { problem: reason, remedy } = new ServerBusyError(503);
    expect(value).toMatchObject({
      ok: false,
      clusters: [{ ok: false, created: 0, error: { reason, remedy } }],
    });
    expect(clock.now()).toBeGreaterThan(Date.now() + PATIENCE_MS - 10_000);
  });

  it('is spoilt for one cluster only', async () => {
    const world = await deploy({ clusters: [{ name: 'one' }, { name: 'two' }] });
    spoilList({ kind: 'html', status: 403 })(clusterOf(world, 'one'));
    const { value } = await refreshTimed(world, { clock: new MovedClock() });
    expect(value).toMatchObject({ ok: false, clusters: [{ ok: false }, { ok: true, created: 4 }] });
  });
});

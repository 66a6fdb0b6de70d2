import { describe, expect, it } from 'vitest';
import { answerTooLong, LONGEST_LIST_MIB } from '../../lambda/kubernetes/exchange.ts';
import type { Fault } from '../sandbox/kubernetes/faults.ts';
import type { KubernetesEmulator } from '../sandbox/kubernetes/server.ts';
import { serverBusyError, unexpectedAnswerError } from '../unit/expected-errors.ts';
import { clusterOf, deploy, holders, requestsTo, writesTo } from './run.ts';
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
    expect(writesTo(cluster)).toHaveLength(7);
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
    const { problem: reason, fix: remedy } = unexpectedAnswerError(400, 'without a known reason', []);
    expect(value).toMatchObject({
      ok: false,
      clusters: [{ ok: false, created: 1, error: { reason, remedy } }],
    });
    expect(holders(cluster)).toEqual(['default']);
  });

  it('requests smaller pages where an answer is too long to hold', async () => {
    const { value, cluster } = await runList((cluster) => {
      cluster.fault(({ query }) =>
        Number(query.get('limit')) > 100
          ? { kind: 'padded', length: LONGEST_LIST_MIB * 1024 * 1024 + 1 }
          : undefined,
      );
    });
    expect(value).toMatchObject({ ok: true, clusters: [{ created: 7 }] });
    const limits = cluster.requests.filter(({ method }) => method === 'GET').map(({ path }) => path);
    expect(limits).toHaveLength(3 + Math.ceil(510 / 62));
  });

  it('fails the cluster once an answer of one item is too long to hold', async () => {
    const { value, cluster } = await runList(
      spoilList({ kind: 'padded', length: LONGEST_LIST_MIB * 1024 * 1024 + 1 }),
    );
    const { problem: reason, fix: remedy } = answerTooLong('32 MiB');
    expect(value).toMatchObject({ clusters: [{ ok: false, created: 0, error: { reason, remedy } }] });
    expect(requestsTo(cluster, 'GET')).toHaveLength(9);
  });

  it('fails the cluster when the server stays away', async () => {
    const { value, clock } = await runList(spoilList({ kind: 'status', status: 503 }));
    const { problem: reason, fix: remedy } = serverBusyError(503);
    expect(value).toMatchObject({
      ok: false,
      clusters: [{ ok: false, created: 0, error: { reason, remedy } }],
    });
    expect(clock.now()).toBeGreaterThan(Date.now() + PATIENCE_MS - 10_000);
    expect(clock.now()).toBeLessThan(Date.now() + PATIENCE_MS + 70_000);
  });

  it('is spoilt for one cluster only', async () => {
    const world = await deploy({ clusters: [{ name: 'one' }, { name: 'two' }] });
    spoilList({ kind: 'html', status: 403 })(clusterOf(world, 'one'));
    const { value } = await refreshTimed(world, { clock: new MovedClock() });
    expect(value).toMatchObject({ ok: false, clusters: [{ ok: false }, { ok: true, created: 4 }] });
  });

  it('that is for retries alone holds up no first attempt', async () => {
    const clock = new MovedClock();
    const secrets = ['one', 'two', 'three'].map((name) => ({ name }));
    const world = await deploy({ clusters: [{ name: 'demo' }], secrets });
    const cluster = clusterOf(world);
    const start = clock.now();
    let firstWriteAfter: number | undefined;
    cluster.fault(({ method, path }) => {
      if (method === 'PATCH') firstWriteAfter ??= clock.now() - start;
      return path === '/api/v1/secrets' ? { kind: 'status', status: 504 } : undefined;
    });
    await refreshTimed(world, { clock }, { origin: 'scheduled', action: 'refresh', dueAt: start });
    expect(firstWriteAfter).toBeLessThan(10_000);
  });

  it('of service accounts holds up no second attempt of a secret', async () => {
    const clock = new MovedClock();
    const serviceAccounts = ['one', 'two', 'three'];
    const world = await deploy({ clusters: [{ name: 'demo' }], secrets: [{ serviceAccounts }] });
    const cluster = clusterOf(world);
    const start = clock.now();
    let secondAfter: number | undefined;
    cluster.fault(({ method, path, attempt }) => {
      if (path === '/api/v1/serviceaccounts') return { kind: 'status', status: 504 };
      if (method !== 'PATCH' || !path.includes('/default/')) return undefined;
      if (attempt === 2) secondAfter = clock.now() - start;
      return attempt === 1 ? { kind: 'status', status: 503 } : undefined;
    });
    await refreshTimed(world, { clock });
    expect(secondAfter).toBeLessThan(10_000);
  });
});

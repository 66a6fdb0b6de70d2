import { describe, expect, it } from 'vitest';
import type { Fault } from '../sandbox/kubernetes/faults.ts';
import { runRefusedWrite } from './broken-runs.ts';
import { deniedVerb, refusedWrites, spoil, withoutVerb, writesDefault } from './refused-writes.ts';
import { clusterOf, deploy, holders, NAMESPACES, requestsTo, SECRET } from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

const PATIENCE_MS = 120_000;
const oneAtATime = { clusters: [{ name: 'demo' }], concurrency: 1 };

describe('a write', () => {
  it.each(refusedWrites)('is $outcome when $title, and the next is done', async (refused) => {
    const { world, clock, value } = await runRefusedWrite(refused);
    const { outcome, expected, tries = 1 } = refused;
    const cluster = clusterOf(world);
    const { problem: reason, remedy } = expected ?? {};
    const problems = expected ? [{ namespace: 'default', secret: SECRET, outcome, reason, remedy }] : [];
    expect(value?.ok).toBe(outcome !== 'failed');
    expect(value?.clusters).toMatchObject([{ ok: outcome !== 'failed', created: 1, [outcome]: 1, problems }]);
    expect(holders(cluster)).toEqual(['kube-public']);
    const writes = cluster.requests.filter(writesDefault).length;
    if (tries !== 'many') {
      expect(writes).toBe(tries);
      expect(clock.waits).toEqual([]);
    } else {
      const waited = clock.waits.reduce((sum, wait) => sum + wait, 0);
      expect(waited).toBeGreaterThanOrEqual(PATIENCE_MS);
      expect(waited).toBeLessThanOrEqual(PATIENCE_MS + 10_000);
      expect(Math.max(...clock.waits)).toBeLessThanOrEqual(10_000);
    }
  });

  it.each(['patch', 'create'])('has failed where RBAC does not let it %s', async (verb) => {
    const world = await deploy();
    withoutVerb(clusterOf(world), verb);
    const { value } = await refreshTimed(world, { clock: new MovedClock() });
    expect(value).toMatchObject({ ok: false, clusters: [{ created: 0, failed: 4, blocked: 0 }] });
    expect(value?.clusters[0]?.problems).toMatchObject(
      NAMESPACES.map((namespace) => {
        const { problem: reason, remedy } = deniedVerb(verb, namespace);
        return { namespace, outcome: 'failed', reason, remedy };
      }),
    );
  });

  const seconds = (count: number) => [count * 1_000, count * 1_000 + 250];
  const backOff = [125, 250];
  const once = (title: string, fault: Fault, waits: number[][], outcome = 'created') => ({
    title,
    fault,
    waits,
    outcome,
  });

  it.each([
    once('429 that asks for 7 seconds', { kind: 'status', status: 429, headers: { 'retry-after': '7' } }, [
      seconds(7),
    ]),
    once('429 without a time', { kind: 'status', status: 429 }, [backOff]),
    once('503 that asks for 2 seconds', { kind: 'status', status: 503, headers: { 'retry-after': '2' } }, [
      seconds(2),
    ]),
    ...[500, 502, 503, 504].map((code) => once(`${code}`, { kind: 'status', status: code }, [backOff])),
    once('the page of a proxy', { kind: 'html', status: 502 }, [backOff]),
    once('a page instead of JSON', { kind: 'html', status: 200 }, [backOff]),
    once('a cut before anything is done', { kind: 'reset', when: 'before' }, [backOff]),
    once('a cut after it is done', { kind: 'reset', when: 'after' }, [backOff], 'refreshed'),
    once('a cut in the middle of the answer', { kind: 'reset', when: 'body' }, [backOff], 'refreshed'),
    once('half of the JSON', { kind: 'truncated' }, [backOff], 'refreshed'),
    once('409 for a race', { kind: 'status', status: 409, body: { code: 409, reason: 'Conflict' } }, [
      backOff,
    ]),
    once('401', { kind: 'status', status: 401 }, []),
  ])('is tried again after $title', async ({ fault, waits, outcome }) => {
    const clock = new MovedClock();
    const world = await deploy(oneAtATime, { now: () => new Date(clock.now()) });
    const cluster = clusterOf(world);
    cluster.fault((request) => (writesDefault(request) && request.attempt === 1 ? fault : undefined));
    const { value } = await refreshTimed(world, { clock });
    const counts = outcome === 'created' ? { created: 4 } : { created: 3, [outcome]: 1 };
    expect(value).toMatchObject({ ok: true, clusters: [{ ...counts, failed: 0, problems: [] }] });
    expect(clock.waits).toHaveLength(waits.length);
    for (const [at, [least = 0, most = 0]] of waits.entries()) {
      expect(clock.waits[at]).toBeGreaterThanOrEqual(least);
      expect(clock.waits[at]).toBeLessThanOrEqual(most);
    }
    expect(requestsTo(cluster, 'PATCH')).toHaveLength(5);
    expect(holders(cluster)).toEqual(NAMESPACES);
  });

  it('is tried again after a fault also where it was long throttled before', async () => {
    const clock = new MovedClock();
    const world = await deploy(oneAtATime, { now: () => new Date(clock.now()) });
    const throttled: Fault = { kind: 'status', status: 429, headers: { 'retry-after': '60' } };
    const faults: Fault[] = [throttled, throttled, throttled, { kind: 'status', status: 503 }];
    clusterOf(world).fault((request) => (writesDefault(request) ? faults[request.attempt - 1] : undefined));
    expect((await refreshTimed(world, { clock })).value).toMatchObject({
      ok: true,
      clusters: [{ created: 4 }],
    });
  });

  it('is told as refreshed also where the answer was long on its way', async () => {
    const clock = new MovedClock();
    let travelMs = 0;
    // whenever somebody reads the time, more of it has gone by
    const now = () => {
      clock.advance(travelMs);
      return new Date(clock.now());
    };
    const world = await deploy(oneAtATime, { now });
    await refreshTimed(world, { clock });
    clock.advance(60_000);
    travelMs = 1_500;
    expect((await refreshTimed(world, { clock })).value).toMatchObject({ clusters: [{ refreshed: 4 }] });
  });

  it('waits until the time that a Retry-After names', async () => {
    const clock = new MovedClock();
    const world = await deploy();
    const at = new Date(Math.ceil(clock.now() / 1_000) * 1_000 + 9_000);
    clusterOf(world).fault((request) =>
      writesDefault(request) && request.attempt === 1
        ? { kind: 'status', status: 429, headers: { 'retry-after': at.toUTCString() } }
        : undefined,
    );
    expect((await refreshTimed(world, { clock })).value).toMatchObject({ ok: true });
    expect(clock.waits).toHaveLength(1);
    expect(clock.waits[0]).toBeGreaterThanOrEqual(9_000);
    expect(clock.waits[0]).toBeLessThanOrEqual(10_250);
  });

  it('is signed anew before its signature is too old', async () => {
    const clock = new MovedClock();
    const world = await deploy(oneAtATime, { now: () => new Date(clock.now()) });
    const cluster = clusterOf(world);
    cluster.fault(({ method }) => {
      if (method === 'PATCH') clock.advance(6 * 60_000);
      return undefined;
    });
    expect((await refreshTimed(world, { clock })).value).toMatchObject({
      ok: true,
      clusters: [{ created: 4 }],
    });
    expect(cluster.requests.map(({ status }) => status)).toEqual([200, 201, 201, 201, 201]);
  });

  it('is signed anew when the server, whose clock is ahead, refuses a signature that is young here', async () => {
    const clock = new MovedClock();
    const world = await deploy(oneAtATime, { now: () => new Date(clock.now() + 4 * 60_000) });
    const cluster = clusterOf(world);
    cluster.fault(({ method, path, attempt }) => {
      if (method === 'PATCH' && path.includes('/default/') && attempt === 1) clock.advance(12 * 60_000);
      return undefined;
    });
    expect((await refreshTimed(world, { clock })).value).toMatchObject({
      ok: true,
      clusters: [{ created: 4 }],
    });
    expect(cluster.requests.map(({ status }) => status)).toEqual([200, 201, 401, 201, 201, 201]);
  });

  it('is signed anew once for all that were refused', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    cluster.fault(({ method, attempt }) =>
      method === 'PATCH' && attempt === 1 ? { kind: 'status', status: 401 } : undefined,
    );
    const { value } = await refreshTimed(world, { clock: new MovedClock() });
    expect(value).toMatchObject({ ok: true, clusters: [{ created: 4, failed: 0 }] });
    expect(requestsTo(cluster, 'PATCH')).toHaveLength(8);
  });
});

describe('a server that asks to wait', () => {
  it('is waited for as long as the run has time', async () => {
    const clock = new MovedClock();
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      secrets: [{ namespaces: { include: ['default'] } }],
    });
    spoil(clusterOf(world), { kind: 'status', status: 429, headers: { 'retry-after': '60' } });
    const deadline = { at: clock.now() + 600_000, signal: new AbortController().signal };
    const { value } = await refreshTimed(world, { clock, deadline });
    expect(value).toMatchObject({ ok: false, clusters: [{ failed: 1 }] });
    expect(clock.waits).toHaveLength(9);
  });
});

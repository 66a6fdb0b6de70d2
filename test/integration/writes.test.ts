import { describe, expect, it } from 'vitest';
import type { Fault } from '../sandbox/kubernetes/faults.ts';
import { runRefusedWrite } from './broken-runs.ts';
import { deniedVerb, refusedWrites, withoutVerb, writesDefault } from './refused-writes.ts';
import { clusterOf, deploy, holders, NAMESPACES, SECRET, writesTo } from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

/** How long a timed run may take, where a test says nothing else. */
const RUN_MS = 3_600_000;
const sum = (waits: number[]) => waits.reduce((all, wait) => all + wait, 0);
const oneAtATime = { clusters: [{ name: 'demo' }], concurrency: 1 };

describe('a write', () => {
  it.each(refusedWrites)('is $outcome when $title, and the next is done', async (refused) => {
    const { world, clock, value } = await runRefusedWrite(refused);
    const { outcome, expected, tries = 1 } = refused;
    const cluster = clusterOf(world);
    const { problem: reason, fix: remedy } = expected ?? {};
    const problems = expected ? [{ namespace: 'default', secret: SECRET, outcome, reason, remedy }] : [];
    expect(value?.ok).toBe(outcome !== 'failed');
    expect(value?.clusters).toMatchObject([{ ok: outcome !== 'failed', created: 1, [outcome]: 1, problems }]);
    expect(holders(cluster)).toEqual(['kube-public']);
    const writes = cluster.requests.filter(writesDefault).length;
    if (tries !== 'many') {
      expect(writes).toBe(tries);
      expect(clock.waits).toEqual([]);
    } else {
      // pauses grow from a second to a minute, until the run ends
      const waited = sum(clock.waits);
      expect(waited).toBeGreaterThan(RUN_MS - 60_000);
      expect(waited).toBeLessThan(RUN_MS);
      expect(Math.max(...clock.waits)).toBeLessThanOrEqual(60_000);
      expect(writes).toBe(clock.waits.length + 1);
    }
  });

  it.each(['patch', 'create'])('has failed where RBAC does not let it %s', async (verb) => {
    const world = await deploy();
    withoutVerb(clusterOf(world), verb);
    const { value } = await refreshTimed(world, { clock: new MovedClock() });
    expect(value).toMatchObject({ ok: false, clusters: [{ created: 0, failed: 4, blocked: 0 }] });
    expect(value?.clusters[0]?.problems).toMatchObject(
      NAMESPACES.map((namespace) => {
        const { problem: reason, fix: remedy } = deniedVerb(verb, namespace);
        return { namespace, outcome: 'failed', reason, remedy };
      }),
    );
  });

  const pause = [500, 1_000];
  /** Others may wait for it, or it is the last of its round. */
  const throttled = (seconds: number) => [seconds * 1_000 - 1, (seconds + 1) * 1_000];
  const once = (title: string, fault: Fault, waited: number[], outcome = 'created') => ({
    title,
    fault,
    waited,
    outcome,
  });

  it.each([
    ...[
      ['7', 7],
      ['0', 1],
      ['-5', 1],
      ['0.5', 1],
      ['soon', 1],
      ['99999999', 60],
    ].map(([header, waited]) =>
      once(
        `429 that asks for ${header} seconds, at once for all of the cluster`,
        { kind: 'status', status: 429, headers: { 'retry-after': String(header) } },
        throttled(Number(waited)),
      ),
    ),
    once('429 without a time', { kind: 'status', status: 429 }, throttled(1)),
    ...[500, 502, 503, 504].map((code) => once(`${code}`, { kind: 'status', status: code }, pause)),
    once('the page of a proxy', { kind: 'html', status: 502 }, pause),
    once('a page instead of JSON', { kind: 'html', status: 200 }, pause),
    once('a cut before anything is done', { kind: 'reset', when: 'before' }, pause),
    once('a cut after it is done', { kind: 'reset', when: 'after' }, pause, 'refreshed'),
    once('a cut in the middle of the answer', { kind: 'reset', when: 'body' }, pause, 'refreshed'),
    once('half of the JSON', { kind: 'truncated' }, pause, 'refreshed'),
    once('409 for a race', { kind: 'status', status: 409, body: { code: 409, reason: 'Conflict' } }, pause),
    once('401', { kind: 'status', status: 401 }, [0, 0]),
  ])('is tried again after $title', async ({ fault, waited, outcome }) => {
    const clock = new MovedClock();
    const world = await deploy(oneAtATime, { now: () => new Date(clock.now()) });
    const cluster = clusterOf(world);
    cluster.fault((request) => (writesDefault(request) && request.attempt === 1 ? fault : undefined));
    const { value } = await refreshTimed(world, { clock });
    const counts = outcome === 'created' ? { created: 4 } : { created: 3, [outcome]: 1 };
    expect(value).toMatchObject({ ok: true, clusters: [{ ...counts, failed: 0, problems: [] }] });
    const [least = 0, most = 0] = waited;
    expect(sum(clock.waits)).toBeGreaterThanOrEqual(least);
    expect(sum(clock.waits)).toBeLessThanOrEqual(most);
    expect(writesTo(cluster)).toHaveLength(5);
    expect(holders(cluster)).toEqual(NAMESPACES);
  });

  it('is told as refreshed also where the answer was long on its way', async () => {
    const clock = new MovedClock();
    let travelMs = 0;
    // whenever somebody reads the time, more of it has gone by
    const now = () => {
      clock.skip(travelMs);
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
    const world = await deploy(oneAtATime);
    const at = new Date(Math.ceil(clock.now() / 1_000) * 1_000 + 9_000);
    clusterOf(world).fault((request) =>
      writesDefault(request) && request.attempt === 1
        ? { kind: 'status', status: 429, headers: { 'retry-after': at.toUTCString() } }
        : undefined,
    );
    expect((await refreshTimed(world, { clock })).value).toMatchObject({ ok: true });
    expect(clock.now()).toBeGreaterThanOrEqual(at.getTime());
    expect(sum(clock.waits)).toBeLessThanOrEqual(11_000);
  });

  it('is signed anew before its signature is too old', async () => {
    const clock = new MovedClock();
    const world = await deploy(oneAtATime, { now: () => new Date(clock.now()) });
    const cluster = clusterOf(world);
    cluster.fault(({ method }) => {
      if (method === 'PATCH') clock.skip(6 * 60_000);
      return undefined;
    });
    expect((await refreshTimed(world, { clock })).value).toMatchObject({
      ok: true,
      clusters: [{ created: 4 }],
    });
    expect(cluster.requests.map(({ status }) => status)).toEqual([200, 201, 201, 201, 201, 422]);
  });

  it('is signed anew when the server, whose clock is ahead, refuses a signature that is young here', async () => {
    const clock = new MovedClock();
    const world = await deploy(oneAtATime, { now: () => new Date(clock.now() + 4 * 60_000) });
    const cluster = clusterOf(world);
    let aged = false;
    cluster.fault(({ method }) => {
      if (method === 'PATCH' && !aged) clock.skip(12 * 60_000);
      aged ||= method === 'PATCH';
      return undefined;
    });
    expect((await refreshTimed(world, { clock })).value).toMatchObject({
      ok: true,
      clusters: [{ created: 4 }],
    });
    expect(cluster.requests.map(({ status }) => status)).toEqual([200, 201, 401, 201, 201, 201, 422]);
  });

  it('is signed anew once for all that were refused', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    cluster.fault(({ method, attempt }) =>
      method === 'PATCH' && attempt === 1 ? { kind: 'status', status: 401 } : undefined,
    );
    const { value } = await refreshTimed(world, { clock: new MovedClock() });
    expect(value).toMatchObject({ ok: true, clusters: [{ created: 4, failed: 0 }] });
    expect(writesTo(cluster)).toHaveLength(8);
  });
});

describe('a server that throttles', () => {
  it('gets one request of the cluster in each wait, as long as the run has time', async () => {
    const clock = new MovedClock();
    const world = await deploy(oneAtATime);
    clusterOf(world).fault(({ method }) =>
      method === 'PATCH' ? { kind: 'status', status: 429, headers: { 'retry-after': '60' } } : undefined,
    );
    const deadline = { at: clock.now() + 600_000, signal: new AbortController().signal };
    const { value } = await refreshTimed(world, { clock, deadline });
    expect(value).toMatchObject({ ok: false, clusters: [{ failed: 4 }] });
    expect(writesTo(clusterOf(world))).toHaveLength(10);
  });
});

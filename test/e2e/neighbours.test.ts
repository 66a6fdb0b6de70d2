import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Problem, Report } from '../../lambda/refresh/report.ts';
import { findSecrets } from '../sandbox/aws/canary.ts';
import { counts } from './expected.ts';
import type { RunRequest } from './function/invoke.ts';
import { listSecrets, makeNamespaces, PULL_SECRET } from './objects.ts';
import type { Arrival } from './recording-proxy.ts';
import { permit } from './rights.ts';
import { type Denial, hanging, type Review, startWebhooks, type Webhooks } from './webhooks.ts';
import { CLUSTER, type Recording, startWorld, type World } from './world.ts';

const MOST_IN_FLIGHT = 24;
const SCHEDULED = { source: 'aws.events', 'detail-type': 'Scheduled Event', time: '2026-11-27T08:00:00Z' };
/** So that a run which waits too long fails its test instead of its hook. */
const IN_TIME = { remainingMs: 90_000 };

let world: World;
let webhooks: Webhooks;

beforeAll(async () => {
  [world, webhooks] = await Promise.all([startWorld(), startWebhooks()]);
  await permit(world.admin, { clusters: [{ name: CLUSTER }] });
});

afterAll(() => Promise.all([world?.stop(), webhooks?.stop()]));

describe('namespaces whose webhook hangs', () => {
  const hung = namesOf('hung', 40);
  const healthy = namesOf('healthy', 8);
  const ignoring = ['hung-ignoring'];
  const all = [...hung, ...ignoring, ...healthy];
  let run: Recording<RunRequest>;
  let writes: Arrival[];

  beforeAll(async () => {
    const { admin } = world;
    await makeNamespaces(admin, healthy);
    await webhooks.guard(admin, hung, { name: 'hang.example.com', review: holdingFirst() });
    await webhooks.guard(admin, ignoring, {
      name: 'slow.example.com',
      failurePolicy: 'Ignore',
      timeoutSeconds: 6,
      review: hanging(60_000),
    });
    const secrets = [{ namespaces: { include: ['hung-*', 'healthy-*'] } }];
    run = await world.record(() => world.invoke({ secrets, concurrency: 32 }, {}, undefined, IN_TIME));
    writes = run.arrivals.filter(isWrite);
  });

  test('are all written by the end of the run, as are those beside them', async () => {
    expect(run.result.report).toMatchObject({
      ok: true,
      clusters: [{ ...counts({ created: all.length }), problems: [] }],
    });
    const { items } = await listSecrets(world.admin);
    expect(items.map(({ metadata }) => metadata.namespace)).toEqual(expect.arrayContaining(all));
  });

  test('get no second attempt before every namespace has had its first', () => {
    const namespaces = writes.map(namespaceOf);
    expect(new Set(namespaces.slice(0, all.length))).toEqual(new Set(all));
  });

  test('cost two attempts each, and those beside them one', () => {
    const attempts = countBy(writes.map(namespaceOf));
    const each = (names: readonly string[], times: number) => names.map((name) => [name, times]);
    expect(new Map(attempts)).toEqual(
      new Map([...each([...hung, ...ignoring], 2), ...each(healthy, 1)] as [string, number][]),
    );
  });

  test('never hold more requests in flight than the server has seats for us', () => {
    expect(Math.max(...run.arrivals.map(({ inFlight }) => inFlight))).toBe(MOST_IN_FLIGHT);
  });
});

describe('a webhook that denies', () => {
  const cases: Record<string, (review: Review) => Denial> = {
    '401': () => ({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' }),
    '403-as-rbac': () => ({
      code: 403,
      reason: 'Forbidden',
      message: `secrets "${PULL_SECRET}" is forbidden: User "x" cannot patch resource "secrets" in API group ""`,
    }),
    '403-terminating': () => ({
      code: 403,
      reason: 'Forbidden',
      details: { causes: [{ reason: 'NamespaceTerminating', message: 'it goes' }] },
    }),
    '404-namespaces': () => ({ code: 404, reason: 'NotFound', details: { name: 'x', kind: 'namespaces' } }),
    '409': () => ({ code: 409, reason: 'Conflict', message: 'the object has been modified' }),
    '409-managers': (review) => ({
      code: 409,
      reason: 'Conflict',
      message: `Apply failed with 1 conflict: conflict with "${pieceOf(review)}": .data..dockerconfigjson`,
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: `conflict with "${pieceOf(review)}"`,
            field: '.data..dockerconfigjson',
          },
        ],
      },
    }),
    '413': () => ({ code: 413, reason: 'RequestEntityTooLarge' }),
    '422': () => ({
      code: 422,
      reason: 'Invalid',
      details: { causes: [{ reason: 'FieldValueForbidden', field: 'type', message: 'immutable' }] },
    }),
    '429': () => ({ code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 30 } }),
    '500': (review) => ({ code: 500, reason: 'InternalError', message: JSON.stringify(review.secret) }),
    '503': () => ({ code: 503, reason: 'ServiceUnavailable', details: { retryAfterSeconds: 30 } }),
    '504': () => ({ code: 504, reason: 'Timeout' }),
    nothing: () => ({}),
  };
  const names = Object.keys(cases);
  let run: Recording<RunRequest>;

  beforeAll(async () => {
    const { admin } = world;
    await makeNamespaces(admin, ['denied-by-none']);
    for (const [name, review] of Object.entries(cases)) {
      await webhooks.guard(admin, [`denied-${name}`], { name: `deny-${name}.example.com`, review });
    }
    const secrets = [{ namespaces: { include: ['denied-*'] } }];
    run = await world.record(() => world.invoke({ secrets }, SCHEDULED, undefined, IN_TIME));
  });

  test('fails no run, be it scheduled', () => {
    expect(run.result.error).toBeUndefined();
    expect(run.result.report).toMatchObject({
      ok: true,
      clusters: [counts({ blocked: names.length, created: 1 })],
    });
  });

  test.for(names)('(%s) blocks its namespace, and is named', (name) => {
    expect(problemOf(run.result.report, `denied-${name}`)).toMatchObject({
      outcome: 'blocked',
      reason: `it was denied by the admission webhook deny-${name}.example.com`,
      remedy: expect.stringContaining(`deny-${name}.example.com`),
    });
  });

  test('is called once for each namespace', () => {
    const writes = run.arrivals.filter(isWrite);
    expect(countBy(writes.map(namespaceOf)).every(([, times]) => times === 1)).toBe(true);
  });

  test('gets nothing of the token that it echoes into any output', () => {
    const echoed = run.requests.filter(({ answer }) => findSecrets(answer).length > 0);
    expect(echoed.map(namespaceOfPath).sort()).toEqual(['denied-409-managers', 'denied-500']);
    const { stdout, stderr, report } = run.result;
    expect(findSecrets(stdout + stderr + JSON.stringify(report))).toEqual([]);
    expect(stdout + stderr).not.toContain('conflict with');
  });
});

describe('a webhook that cannot be called', () => {
  const kinds = ['Validating', 'Mutating'] as const;
  /** Long enough for more than one attempt. */
  const SHORT = { remainingMs: 12_000 };
  let run: Recording<RunRequest>;

  beforeAll(async () => {
    await makeNamespaces(world.admin, ['down-beside']);
    for (const kind of kinds) {
      const name = `down-${kind.toLowerCase()}`;
      await webhooks.guard(world.admin, [name], { name: `${name}.example.com`, kind, isDown: true });
    }
    const secrets = [{ namespaces: { include: ['down-*'] } }];
    run = await world.record(() => world.invoke({ secrets }, SCHEDULED, undefined, SHORT));
  });

  test('fails its namespace, is named, and makes the run a failure', () => {
    expect(run.result.error?.name).toBe('RefreshFailedError');
    const [cluster] = logged(run.result).clusters;
    expect(cluster).toMatchObject(counts({ failed: kinds.length, created: 1 }));
    const reasons = cluster?.problems.map(({ namespace, reason }) => [namespace, reason]);
    expect(new Map(reasons as [string, string][])).toEqual(
      new Map(
        ['down-validating', 'down-mutating'].map((name) => [
          name,
          expect.stringContaining(`${name}.example.com`),
        ]),
      ),
    );
  });

  test('is tried again, and nothing else is', () => {
    const writes = run.arrivals.filter(isWrite);
    const attempts = new Map(countBy(writes.map(namespaceOf)));
    expect(attempts.get('down-validating')).toBeGreaterThan(1);
    expect(attempts.get('down-mutating')).toBeGreaterThan(1);
    expect(attempts.get('down-beside')).toBe(1);
  });
});

/** Holds the first write of each namespace until nobody waits for it, and allows the next at once. */
function holdingFirst(): (review: Review) => Promise<undefined> {
  const seen = new Set<string>();
  return async ({ secret, gone }) => {
    const { namespace } = secret.metadata;
    if (seen.has(namespace)) return;
    seen.add(namespace);
    await once(gone, 'abort');
  };
}

/** A piece of the token that may pass for the name of a field manager. */
function pieceOf({ secret }: Review): string {
  const data = secret.data?.['.dockerconfigjson'] ?? '';
  const pieces = Array.from({ length: data.length / 16 }, (_, n) => data.slice(n * 16, n * 16 + 128));
  return pieces.find((piece) => findSecrets(piece).length > 0 && /^[\w/]+$/.test(piece)) ?? '';
}

function namesOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
}

/** The dry run that tries the admission policy is none. */
function isWrite({ method, isDryRun }: Arrival): boolean {
  return method === 'PATCH' && !isDryRun;
}

function namespaceOf({ path }: Arrival): string {
  return path.split('/')[4] ?? '';
}

function namespaceOfPath({ url }: { readonly url: URL }): string {
  return url.pathname.split('/')[4] ?? '';
}

function countBy(values: readonly string[]): [string, number][] {
  return [...new Set(values)].map((value) => [value, values.filter((other) => other === value).length]);
}

function problemOf(report: Report | undefined, namespace: string): Problem | undefined {
  return report?.clusters[0]?.problems.find((problem) => problem.namespace === namespace);
}

/** The report in the log: a run that nobody waits for throws where it would answer. */
function logged({ stdout, stderr }: RunRequest): Report {
  const line = (stdout + stderr).split('\n').find((text) => text.includes('"report":'));
  return (JSON.parse(line ?? '{}') as { report: Report }).report;
}

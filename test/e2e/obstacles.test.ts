import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Problem, Report } from '../../lambda/refresh/report.ts';
import { findSecrets } from '../sandbox/aws/canary.ts';
import { MERGE } from './drafts.ts';
import { echoSecrets } from './echoing-policy.ts';
import { counts, REGISTRY_HOST } from './expected.ts';
import type { RunRequest } from './function/invoke.ts';
import {
  done,
  EMPTY_CONFIG,
  loginsOf,
  type Metadata,
  makeNamespaces,
  makeSecret,
  PULL_SECRET,
  PULL_SECRET_TYPE,
  readSecret,
  type Secret,
  secretPath,
} from './objects.ts';
import { denyByOwnPolicy, permit } from './rights.ts';
import { CLUSTER, DEPLOYMENT, startWorld, type World } from './world.ts';

const RECREATOR = 'recreator';
const OUTDATED = 'outdated';
const SCHEDULED = { source: 'aws.events', 'detail-type': 'Scheduled Event' };

let world: World;

beforeAll(async () => {
  world = await startWorld([DEPLOYMENT, RECREATOR, OUTDATED]);
  const clusters = [{ name: CLUSTER }];
  await Promise.all([
    permit(world.admin, { clusters }),
    permit(world.admin, { clusters, name: RECREATOR, secrets: [{ recreate: true }] }),
  ]);
});

afterAll(() => world?.stop());

describe('a secret that cannot be changed into ours', () => {
  const cases = [
    ['opaque', { type: 'Opaque' }, 'a secret of another type has its name'],
    ['immutable', { immutable: true }, 'it is marked immutable'],
    ['both', { type: 'Opaque', immutable: true }, 'a secret of another type has its name'],
  ] as const;
  const before = new Map<string, Secret>();
  let kept: Report | undefined;
  let replaced: Report | undefined;

  beforeAll(async () => {
    for (const [kind, secret] of cases) {
      for (const namespace of [`kept-${kind}`, `replaced-${kind}`]) {
        await makeNamespaces(world.admin, [namespace]);
        before.set(namespace, await makeSecret(world.admin, namespace, secret, 'kubectl-create'));
      }
    }
    kept = (await world.invoke({ secrets: [entry('kept-*')] })).report;
    const recreate = { name: RECREATOR, secrets: [{ ...entry('replaced-*'), recreate: true }] };
    replaced = (await world.invoke(recreate)).report;
  });

  test.for(cases)('(%s) is blocked and left as it is', async ([kind, , reason]) => {
    const namespace = `kept-${kind}`;
    expect(kept).toMatchObject({ ok: true, clusters: [counts({ blocked: cases.length })] });
    expect(problemOf(kept, namespace)).toEqual({
      ...{ namespace, secret: PULL_SECRET, outcome: 'blocked', reason },
      remedy: expect.stringContaining('recreate'),
    });
    expect(await readSecret(world.admin, namespace)).toEqual(before.get(namespace));
  });

  test.for(cases)('(%s) is replaced with recreate, and is another object then', async ([kind]) => {
    const namespace = `replaced-${kind}`;
    expect(replaced).toMatchObject({ ok: true, clusters: [counts({ refreshed: cases.length })] });
    const after = await readSecret(world.admin, namespace);
    expect(after?.metadata.uid).not.toBe(before.get(namespace)?.metadata.uid);
    expect(after).toMatchObject({ type: PULL_SECRET_TYPE });
    expect(after).not.toHaveProperty('immutable');
    expect(loginsOf(after)).toHaveProperty([REGISTRY_HOST]);
  });
});

describe('a pull secret that somebody else manages', () => {
  const blocked = [
    ['foreign-a', 'argocd-controller', []],
    ['foreign-b', 'argocd-controller', ['kubectl-create', 'flux']],
    ['foreign-c', 'kubectl-create', []],
  ] as const;
  const adopted = [
    ['adopted-a', 'kubectl-create', undefined],
    ['adopted-b', 'argocd-controller', ['argocd-controller']],
    ['adopted-c', 'argocd-controller', ['*']],
  ] as const;
  const cases = [...blocked, ...adopted];
  const before = new Map<string, Secret>();
  let report: Report | undefined;

  beforeAll(async () => {
    for (const [namespace, manager] of cases) {
      await makeNamespaces(world.admin, [namespace]);
      before.set(namespace, await makeSecret(world.admin, namespace, {}, manager));
    }
    const secrets = cases.map(([namespace, , adoptFrom]) => ({
      ...entry(namespace),
      ...(adoptFrom && { adoptFrom: [...adoptFrom] }),
    }));
    report = (await world.invoke({ secrets })).report;
  });

  test('makes the run no failure', () => {
    const { length } = adopted;
    expect(report).toMatchObject({
      ok: true,
      clusters: [counts({ blocked: blocked.length, refreshed: length })],
    });
  });

  test.for(blocked)('(%s: %s) is blocked with adoptFrom %j', async ([namespace, manager]) => {
    expect(problemOf(report, namespace)).toMatchObject({
      outcome: 'blocked',
      reason: `it is managed by "${manager}"`,
      remedy: expect.stringContaining(`add "${manager}" to adoptFrom`),
    });
    expect(await readSecret(world.admin, namespace)).toEqual(before.get(namespace));
  });

  test.for(adopted)('(%s: %s) is adopted with adoptFrom %j, and keeps its uid', async ([namespace]) => {
    const after = await readSecret(world.admin, namespace);
    expect(after?.metadata.uid).toBe(before.get(namespace)?.metadata.uid);
    expect(loginsOf(after)).toHaveProperty([REGISTRY_HOST]);
  });

  test('is ours once it was adopted', async () => {
    const secrets = [{ ...entry('adopted-*'), adoptFrom: [] }];
    const again = (await world.invoke({ secrets })).report;
    expect(again).toMatchObject({ ok: true, clusters: [counts({ refreshed: adopted.length })] });
  });
});

describe('a secret that something else keeps', () => {
  const finalizers = ['example.com/keep'];
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: 'b0a7' }];

  test.for<[string, { finalizers?: string[]; ownerReferences?: object[] }]>([
    ['finalizers', { finalizers }],
    ['owner references', { ownerReferences }],
  ])('by its %s is not taken over, and these are named', async ([what, kept]) => {
    const namespace = `has-${what.replace(' ', '-')}`;
    await makeNamespaces(world.admin, [namespace]);
    const before = await makeSecret(world.admin, namespace, {}, 'kubectl-create', kept);
    const { report } = await world.invoke({ secrets: [entry(namespace)] });
    expect(report).toMatchObject({ ok: true, clusters: [counts({ blocked: 1 })] });
    expect(problemOf(report, namespace)?.reason).toBe(`it has ${what}`);
    expect(await readSecret(world.admin, namespace)).toEqual(before);
  });

  test('by finalizers stays after its deletion, and is blocked with recreate too', async () => {
    await makeNamespaces(world.admin, ['stuck']);
    await makeSecret(world.admin, 'stuck', { type: 'Opaque' }, 'kubectl-create', { finalizers });
    const recreate = { name: RECREATOR, secrets: [{ ...entry('stuck'), recreate: true }] };
    const { report } = await world.invoke(recreate);
    expect(report).toMatchObject({ ok: true, clusters: [counts({ blocked: 1 })] });
    expect(problemOf(report, 'stuck')?.reason).toBe(
      'it was deleted to be re-created, but still exists or was created again by something else',
    );
  });
});

test('a quota on secrets blocks, and is named', async () => {
  const { admin } = world;
  await makeNamespaces(admin, ['full']);
  const path = '/api/v1/namespaces/full/resourcequotas';
  const hard = { 'count/secrets': '0' };
  const quota = { metadata: { name: 'no-secrets' }, spec: { hard } };
  await done(admin, 'POST', path, quota);
  // the part of the controller manager, which is not here
  await done(admin, 'PUT', `${path}/no-secrets/status`, {
    ...quota,
    status: { hard, used: { 'count/secrets': '0' } },
  });
  const { report } = await world.invoke({ secrets: [entry('full')] });
  expect(report).toMatchObject({ ok: true, clusters: [counts({ blocked: 1 })] });
  expect(problemOf(report, 'full')?.reason).toBe('it was denied by the quota no-secrets');
  expect(await readSecret(admin, 'full')).toBeUndefined();
});

test('an admission policy that echoes the secret blocks, is named, and leaks nothing', async () => {
  const { admin } = world;
  const names = ['echoed-a', 'echoed-b'] as const;
  await makeNamespaces(admin, names);
  await echoSecrets(admin, names);
  const { result, requests } = await world.record(() => world.invoke({ secrets: [entry('echoed*')] }));
  const denials = requests.filter(({ method }) => method === 'PATCH');
  expect(denials.map(({ status }) => status)).toEqual([422, 422]);
  for (const { answer } of denials) expect(findSecrets(answer)).not.toEqual([]);

  expect(result.report).toMatchObject({ ok: true, clusters: [counts({ blocked: 2 })] });
  const reasons = result.report?.clusters[0]?.problems.map(({ reason }) => reason);
  expect(reasons).toEqual(Array(2).fill('it was denied by the admission policy echo'));
  expect(findSecrets(result.stdout + result.stderr + JSON.stringify(result.report))).toEqual([]);
});

describe('a secret that its owner filled', () => {
  const KEY = 'example.com/filler';
  const filled: Record<string, () => Parameters<typeof fill>[1]> = {
    // what the API server takes at most: totalAnnotationSizeLimitB of k8s.io/apimachinery/pkg/api/validation
    annotations: () => ({ annotations: { [KEY]: 'x'.repeat(2 ** 18 - KEY.length) } }),
    // MaxSecretSize of k8s.io/kubernetes/pkg/apis/core
    data: () => ({ data: { filler: bytes(2 ** 20 - 2 ** 10) } }),
    // the object is larger than etcd takes in one request, and each part of it is not
    labels: () => ({ data: { filler: bytes(2 ** 20 - 2 ** 13) }, labels: labelsOf(390_000) }),
  };
  const kinds = Object.keys(filled);
  let run: RunRequest;

  beforeAll(async () => {
    for (const [kind, parts] of Object.entries(filled)) {
      await makeNamespaces(world.admin, [`filled-${kind}`]);
      await fill(`filled-${kind}`, parts());
    }
    const secrets = [{ ...entry('filled-*'), adoptFrom: ['*'] }];
    run = await world.invoke({ secrets }, SCHEDULED);
  });

  test('fails no run, be it scheduled', () => {
    expect(run.error).toBeUndefined();
    expect(run.report).toMatchObject({ ok: true, clusters: [counts({ blocked: kinds.length })] });
  });

  test.for(kinds)('with %s is blocked, as ours does not fit', (kind) => {
    expect(problemOf(run.report, `filled-${kind}`)).toMatchObject({
      outcome: 'blocked',
      reason: expect.stringContaining('too large'),
    });
  });

  /** Makes a secret that lets ours in by its managers, and not by its size. */
  async function fill(
    namespace: string,
    { data, ...metadata }: Metadata & { data?: Record<string, string> },
  ): Promise<void> {
    await makeSecret(
      world.admin,
      namespace,
      { data: { ...EMPTY_CONFIG, ...data } },
      'kubectl-create',
      metadata,
    );
  }

  function bytes(count: number): string {
    return Buffer.alloc(count, 'x').toString('base64');
  }

  /** Labels of so many bytes in all, about. */
  function labelsOf(size: number): Record<string, string> {
    const value = 'x'.repeat(63);
    const count = Math.floor(size / 120);
    return Object.fromEntries(Array.from({ length: count }, (_, n) => [`n${n}-${'x'.repeat(48)}`, value]));
  }
});

test('hundreds of field managers fill no line of the log', async () => {
  const { admin } = world;
  await makeNamespaces(admin, ['crowded']);
  await makeSecret(admin, 'crowded', {}, 'kubectl-create');
  const managedFields = Array.from({ length: 300 }, (_, n) => ({
    manager: `${n}-${'chosen name '.repeat(10)}`,
    operation: 'Apply',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:data': { 'f:.dockerconfigjson': {} } },
  }));
  await done(admin, 'PATCH', secretPath('crowded'), { metadata: { managedFields } }, MERGE);
  const { report, stdout, stderr } = await world.invoke({ secrets: [entry('crowded')] });
  expect(report).toMatchObject({ ok: true, clusters: [counts({ blocked: 1 })] });
  const { reason = '', remedy = '' } = problemOf(report, 'crowded') ?? {};
  expect(reason).toMatch(/, 29\d more$/);
  for (const text of [reason, remedy]) {
    expect(text.match(/\d+-chosen name/g)?.length ?? 0).toBeLessThanOrEqual(3);
    expect(text.length).toBeLessThan(500);
  }
  for (const line of (stdout + stderr).split('\n')) expect(line.length).toBeLessThan(4_000);
});

test('our own policy of older settings fails the namespaces that it denies, and the command for it is given', async () => {
  const { admin } = world;
  await makeNamespaces(admin, ['outdated', 'outdated-not']);
  await permit(admin, { clusters: [{ name: CLUSTER }], name: OUTDATED });
  await denyByOwnPolicy(admin, OUTDATED, 'outdated');
  const { result, requests } = await world.record(() =>
    world.invoke({ name: OUTDATED, secrets: [entry('outdated*')] }),
  );
  expect(result.report).toMatchObject({ ok: false, clusters: [counts({ failed: 1, created: 1 })] });
  expect(problemOf(result.report, 'outdated')).toMatchObject({
    outcome: 'failed',
    remedy: expect.stringContaining('rbac'),
  });
  const writes = requests.filter(({ method, url }) => method === 'PATCH' && !url.searchParams.has('dryRun'));
  expect(writes).toHaveLength(2);
});

function entry(include: string) {
  return { namespaces: { include: [include] } };
}

function problemOf(report: Report | undefined, namespace: string): Problem | undefined {
  return report?.clusters[0]?.problems.find((problem) => problem.namespace === namespace);
}

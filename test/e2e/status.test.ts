import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StatusReport } from '../../lambda/status.ts';
import { apply, pullSecret } from './drafts.ts';
import {
  deleteNamespace,
  done,
  EMPTY_CONFIG,
  makeNamespaces,
  makeSecret,
  PULL_SECRET,
  secretPath,
} from './objects.ts';
import { permit } from './rights.ts';
import { CLUSTER, DEPLOYMENT, startWorld, type World } from './world.ts';

const HOUR = 3_600_000;
const STATUS = { action: 'status' };

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await permit(world.admin, { clusters: [{ name: CLUSTER }] });
});

afterAll(() => world?.stop());

/** Makes a secret of ours whose token was fetched so many hours ago. */
async function makeOurs(namespace: string, hours: number): Promise<void> {
  const at = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  const fetchedAt = Date.now() - hours * HOUR;
  const annotations = {
    'ecr-registry-helper/fetched-at': at(fetchedAt),
    'ecr-registry-helper/expires-at': at(fetchedAt + 12 * HOUR),
  };
  const labels = { 'app.kubernetes.io/managed-by': DEPLOYMENT };
  const draft = pullSecret({ metadata: { annotations, labels } });
  const { status } = await world.admin.request('PATCH', secretPath(namespace), apply(draft));
  expect(status).toBe(201);
}

test('a status tells each condition by metadata alone, and a refresh mends what it can', async () => {
  const { admin } = world;
  const names = ['missing', 'expired', 'stale', 'vault', 'opaque', 'edited', 'made', 'fresh', 'closing'];
  await makeNamespaces(
    admin,
    names.map((name) => `look-${name}`),
  );
  await makeNamespaces(admin, ['look-ignored'], { 'ecr-registry-helper/ignore': 'true' });
  await makeNamespaces(admin, ['other']);
  await deleteNamespace(admin, 'look-closing');
  await makeOurs('look-expired', 12.1);
  await makeOurs('look-stale', 9.1);
  await makeOurs('look-fresh', 8);
  await makeOurs('look-edited', 1);
  const edited = { data: { '.dockerconfigjson': Buffer.from('{"auths":{"x":{}}}').toString('base64') } };
  const edit = `${secretPath('look-edited')}?fieldManager=kubectl-edit`;
  await done(admin, 'PATCH', edit, edited, 'application/merge-patch+json');
  await makeSecret(admin, 'look-vault', {}, 'vault-agent');
  await makeSecret(admin, 'look-opaque', { type: 'Opaque', data: { password: 'eA==' } }, 'kubectl-create');
  await makeSecret(admin, 'look-made', { data: EMPTY_CONFIG }, 'kubectl-create');
  await makeSecret(admin, 'other', {});

  const settings = { secrets: [{ namespaces: { include: ['look-*'] } }] };
  const { result, requests } = await world.record(() => world.invoke<StatusReport>(settings, STATUS));
  const [cluster] = result.report?.clusters ?? [];
  expect(cluster).toMatchObject({
    ok: false,
    counts: { missing: 1, expired: 1, stale: 1, blocked: 3, foreign: 1, fresh: 1, skipped: 2 },
  });
  expect(cluster?.secrets.map(({ namespace, condition }) => [namespace, condition])).toEqual([
    ['look-missing', 'missing'],
    ['look-expired', 'expired'],
    ['look-stale', 'stale'],
    ['look-edited', 'blocked'],
    ['look-opaque', 'blocked'],
    ['look-vault', 'blocked'],
    ['look-made', 'foreign'],
    ['look-fresh', 'fresh'],
    ['look-closing', 'skipped'],
    ['look-ignored', 'skipped'],
  ]);
  expect(requests.map(({ method, url, status }) => [method, url.pathname, status])).toEqual([
    ['GET', '/api/v1/secrets', 200],
    ['GET', '/api/v1/namespaces', 200],
  ]);
  expect(requests[0]?.url.searchParams.get('fieldSelector')).toBe(`metadata.name=${PULL_SECRET}`);
  for (const { answer } of requests) {
    const { items } = JSON.parse(answer) as { items: object[] };
    for (const item of items) expect(Object.keys(item).sort()).toEqual(['apiVersion', 'kind', 'metadata']);
  }

  const { report: refreshed } = await world.invoke(settings);
  const blocked = refreshed?.clusters[0]?.problems.map(({ namespace, reason }) => [namespace, reason]);
  const told = cluster?.secrets.filter(({ condition }) => condition === 'blocked');
  expect(new Map(told?.map(({ namespace, reason = '' }) => [namespace, reason]))).toEqual(
    new Map(blocked as [string, string][]),
  );
  const { report: after } = await world.invoke<StatusReport>(settings, STATUS);
  expect(after).toMatchObject({
    ok: true,
    clusters: [{ ok: true, counts: { blocked: 3, fresh: 5, skipped: 2 } }],
  });
});

test('a narrowed status lists in its namespaces only', async () => {
  await makeNamespaces(world.admin, ['near-a', 'near-b']);
  await makeOurs('near-a', 1);
  const settings = { secrets: [{ namespaces: { include: ['near-*'] } }] };
  const { result, requests } = await world.record(() =>
    world.invoke<StatusReport>(settings, { ...STATUS, namespaces: ['near-a', 'near-b'] }),
  );
  expect(result.report?.clusters[0]?.secrets).toMatchObject([
    { namespace: 'near-b', condition: 'missing' },
    { namespace: 'near-a', condition: 'fresh' },
  ]);
  const lists = requests.map(({ url }) => url.pathname).slice(0, 2);
  expect(lists.sort()).toEqual(['/api/v1/namespaces/near-a/secrets', '/api/v1/namespaces/near-b/secrets']);
});

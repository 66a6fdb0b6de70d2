import { afterAll, beforeAll, expect, test } from 'vitest';
import { findSecrets } from '../sandbox/aws/canary.ts';
import { counts, REGISTRY_HOST } from './expected.ts';
import { deleteNamespace, listSecrets, loginsOf, makeNamespaces, makeSecret, readSecret } from './objects.ts';
import { permit } from './rights.ts';
import { CLUSTER, startWorld, type World } from './world.ts';

const RECREATOR = 'recreator';
const PLAN = { action: 'plan' };

let world: World;

beforeAll(async () => {
  world = await startWorld([RECREATOR]);
  await permit(world.admin, {
    name: RECREATOR,
    clusters: [{ name: CLUSTER }],
    secrets: [{ recreate: true }],
  });
});

afterAll(() => world?.stop());

test('a plan says what a refresh would do, and writes nothing', async () => {
  const { admin } = world;
  const team = (which: string) => ({ namespaces: { include: [`team-${which}`] } });
  await makeNamespaces(admin, ['team-new-a', 'team-new-b', 'team-known', 'team-leaving']);
  await makeNamespaces(admin, ['team-foreign', 'team-opaque', 'team-replaced', 'team-adopted']);
  expect((await world.invoke({ name: RECREATOR, secrets: [team('known')] })).report?.ok).toBe(true);
  await deleteNamespace(admin, 'team-leaving');
  await makeSecret(admin, 'team-foreign', {});
  await makeSecret(admin, 'team-adopted', {}, 'kubectl-create');
  await makeSecret(admin, 'team-opaque', { type: 'Opaque', data: {} }, 'kubectl-create');
  await makeSecret(admin, 'team-replaced', { type: 'Opaque', data: {} }, 'kubectl-create');
  const known = await readSecret(admin, 'team-known');
  const before = await listSecrets(admin);

  const { result, requests } = await world.record(() =>
    world.invoke({ name: RECREATOR, secrets: [{ ...team('replaced'), recreate: true }, team('*')] }, PLAN),
  );
  expect(result.report).toMatchObject({
    ok: true,
    action: 'plan',
    clusters: [{ ...counts({ created: 2, refreshed: 3, blocked: 2, skipped: 1 }) }],
  });
  const after = await listSecrets(admin);
  expect(after.items).toEqual(before.items);

  const writes = requests.filter(({ method }) => method !== 'GET');
  expect(writes.length).toBeGreaterThan(7);
  // a delete's options count in its body alone, as it has one
  const dryRuns = writes.map(({ method, url, body }) =>
    method === 'DELETE' ? JSON.parse(body).dryRun : url.searchParams.getAll('dryRun'),
  );
  expect(dryRuns).toEqual(writes.map(() => ['All']));
  expect(findSecrets(requests.map(({ url, body }) => url.href + body).join('\n'))).toEqual([]);
  // what a refresh sends shows one, so that this can fail
  expect(findSecrets(JSON.stringify(known))).not.toEqual([]);
  const applied = writes
    .filter(({ method }) => method === 'PATCH')
    .map(({ body }) => loginsOf(JSON.parse(body)));
  for (const logins of applied) expect(logins).toEqual({ [REGISTRY_HOST]: 'AWS:placeholder' });
});

test('a plan that is narrowed asks about nothing else, and sends no metrics', async () => {
  await makeNamespaces(world.admin, ['narrow-a', 'narrow-b']);
  const settings = { name: RECREATOR, secrets: [{ namespaces: { include: ['narrow-*'] } }] };
  const { result, requests } = await world.record(() =>
    world.invoke(settings, { ...PLAN, namespaces: ['narrow-b'] }),
  );
  expect(result.report?.clusters[0]).toMatchObject(counts({ created: 1 }));
  expect(requests.filter(({ method }) => method === 'PATCH')).toHaveLength(1);
  expect(result.stdout).not.toContain('CloudWatchMetrics');
  expect(await readSecret(world.admin, 'narrow-b')).toBeUndefined();
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { counts, REGISTRY_HOST } from './expected.ts';
import {
  deleteNamespace,
  listSecrets,
  loginsOf,
  makeNamespaces,
  readSecret,
  removeNamespace,
  secretPath,
} from './objects.ts';
import { permit } from './rights.ts';
import { CLUSTER, startWorld, type World } from './world.ts';

const STORED_HOST = 'registry.example.com';
const stored = [{ type: 'stored' as const, secretId: 'logins' }];

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await permit(world.admin, {
    clusters: [{ name: CLUSTER }],
    secrets: [{}, { name: 'other-creds' }].flatMap((entry) => [
      { ...entry, registries: stored, namespaces: { include: ['stored'] } },
      entry,
    ]),
  });
  const auths = { [STORED_HOST]: { username: 'reader', password: 'stored-login' } };
  world.aws.addSecret({ name: 'logins', value: JSON.stringify({ auths }) });
});

afterAll(() => world?.stop());

test('a namespace that is ignored, going away or gone since it was listed is skipped', async () => {
  const { admin } = world;
  await makeNamespaces(admin, ['skip-not', 'skip-deleted', 'skip-later', 'skip-gone']);
  await makeNamespaces(admin, ['skip-ignored'], { 'ecr-registry-helper/ignore': 'true' });
  await makeNamespaces(admin, ['skip-ignored-not'], { 'ecr-registry-helper/ignore': 'false' });
  await deleteNamespace(admin, 'skip-deleted');
  const { result, requests } = await world.record(
    () => world.invoke({ secrets: [{ namespaces: { include: ['skip-*'] } }] }),
    async ({ method }) => {
      if (method !== 'GET') return;
      await deleteNamespace(admin, 'skip-later');
      await removeNamespace(admin, 'skip-gone');
    },
  );
  expect(result.report).toMatchObject({
    ok: true,
    clusters: [{ ...counts({ created: 2, skipped: 4 }), problems: [] }],
  });
  const answers = requests.filter(({ method, url }) => method === 'PATCH' && !url.searchParams.has('dryRun'));
  expect(Object.fromEntries(answers.map(({ url, status }) => [url.pathname, status]))).toEqual({
    [secretPath('skip-not')]: 201,
    [secretPath('skip-ignored-not')]: 201,
    [secretPath('skip-later')]: 403,
    [secretPath('skip-gone')]: 404,
  });
  expect(await namespacesWith('skip-')).toEqual(['skip-ignored-not', 'skip-not']);
});

test('an event narrows a refresh to its namespaces, which are listed by name', async () => {
  await makeNamespaces(world.admin, ['narrow-a', 'narrow-b', 'narrow-c']);
  const settings = { secrets: [{ namespaces: { include: ['narrow-*'] } }] };
  const { result, requests } = await world.record(() =>
    world.invoke(settings, { clusters: [CLUSTER], namespaces: ['narrow-a', 'narrow-b'] }),
  );
  expect(result.report?.clusters[0]).toMatchObject(counts({ created: 2 }));
  const lists = requests.filter(({ method }) => method === 'GET');
  expect(lists.map(({ url }) => url.searchParams.get('fieldSelector')).sort()).toEqual([
    'metadata.name=narrow-a',
    'metadata.name=narrow-b',
  ]);
  expect(await namespacesWith('narrow-')).toEqual(['narrow-a', 'narrow-b']);
});

test.for([
  ['a namespace', { namespaces: ['kube-system'] }, '"kube-system"'],
  ['a cluster', { clusters: ['staging'] }, '"staging"'],
] as const)(
  '%s that the settings do not cover is refused before anything is sent',
  async ([, event, name]) => {
    const { result, requests } = await world.record(() =>
      world.invoke({ secrets: [{ namespaces: { include: ['narrow-*'] } }] }, event),
    );
    expect(result.error).toMatchObject({ name: 'NotCoveredError', message: expect.stringContaining(name) });
    expect(requests).toEqual([]);
  },
);

test('a selector takes the namespaces that the API server finds by it', async () => {
  await makeNamespaces(world.admin, ['label-x'], { team: 'x' });
  await makeNamespaces(world.admin, ['label-y'], { team: 'y' });
  await makeNamespaces(world.admin, ['label-none']);
  const namespaces = { include: ['label-*'], selector: 'team in (x, y),team!=y' };
  const { report } = await world.invoke({ secrets: [{ namespaces }] });
  expect(report?.clusters[0]).toMatchObject(counts({ created: 1 }));
  expect(await namespacesWith('label-')).toEqual(['label-x']);
});

test('of several entries the first that matches decides, for each secret name', async () => {
  const { admin } = world;
  await makeNamespaces(admin, ['multi-a', 'multi-b', 'multi-left-out']);
  const { report } = await world.invoke({
    secrets: [
      { namespaces: { include: ['multi-a'] }, registries: stored },
      { namespaces: { include: ['multi-*'], exclude: ['*-left-out'] } },
      { name: 'other-creds', namespaces: { include: ['multi-*'] }, registries: stored },
    ],
  });
  expect(report).toMatchObject({ ok: true, clusters: [counts({ created: 5 })] });
  const hosts = async (namespace: string, name?: string) =>
    Object.keys(loginsOf(await readSecret(admin, namespace, name)));
  expect(await hosts('multi-a')).toEqual([STORED_HOST]);
  expect(await hosts('multi-b')).toEqual([REGISTRY_HOST]);
  expect(await hosts('multi-left-out', 'other-creds')).toEqual([STORED_HOST]);
  expect(await namespacesWith('multi-')).toEqual(['multi-a', 'multi-b']);
});

test('an entry that cannot be read stops only itself, and one that matches nothing is a failure', async () => {
  await makeNamespaces(world.admin, ['unread-a']);
  const { report } = await world.invoke({
    secrets: [
      { namespaces: { include: ['unread-*'] } },
      {
        name: 'other-creds',
        namespaces: { include: ['unread-a'] },
        registries: [{ type: 'stored', secretId: 'missing' }],
      },
      { name: 'other-creds', namespaces: { include: ['no-such-*'] } },
    ],
  });
  expect(report).toMatchObject({
    ok: false,
    secrets: [{}, { error: { reason: expect.stringContaining('missing') } }, {}],
    clusters: [
      {
        ...counts({ created: 1, failed: 2 }),
        problems: expect.arrayContaining([
          expect.objectContaining({ namespace: '*', reason: expect.stringContaining('no-such-*') }),
        ]),
      },
    ],
  });
  expect(await namespacesWith('unread-')).toEqual(['unread-a']);
  expect(
    (await listSecrets(world.admin, 'other-creds')).items.map(({ metadata }) => metadata.namespace),
  ).not.toContain('unread-a');
});

async function namespacesWith(prefix: string): Promise<string[]> {
  const { items } = await listSecrets(world.admin);
  return items
    .map(({ metadata }) => metadata.namespace)
    .filter((namespace) => namespace.startsWith(prefix))
    .sort();
}

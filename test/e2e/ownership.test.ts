import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CleanupReport } from '../../lambda/cleanup.ts';
import type { StatusReport } from '../../lambda/status.ts';
import { apply, MERGE, pullSecret } from './drafts.ts';
import { counts, REGISTRY_HOST } from './expected.ts';
import {
  done,
  loginsOf,
  makeNamespaces,
  makeSecret,
  readSecret,
  type Secret,
  secretPath,
} from './objects.ts';
import { permit } from './rights.ts';
import { CLUSTER, startWorld, type World } from './world.ts';

/** Of stored credentials only: of its name the policy also takes a secret without an expiry. */
const STORED = {
  registries: [{ type: 'stored' as const, secretId: 'logins' }],
  namespaces: { include: ['restored-stored'] },
};

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await permit(world.admin, { clusters: [{ name: CLUSTER }], secrets: [STORED, {}], cleanup: true });
});

afterAll(() => world?.stop());

describe('our own secret', () => {
  const kinds: Record<string, (ours: Secret) => Promise<unknown>> = {
    'without its managed fields': ({ metadata: { namespace } }) =>
      done(world.admin, 'PATCH', secretPath(namespace), { metadata: { managedFields: [{}] } }, MERGE),
    'restored from a backup': (ours) => restore(ours, 'velero-server'),
    'copied back by kubectl replace': async (ours) => {
      await restore(ours, 'velero-server');
      const { managedFields: _, ...metadata } = await metadataOf(ours.metadata.namespace);
      const path = `${secretPath(ours.metadata.namespace)}?fieldManager=kubectl-replace`;
      await done(world.admin, 'PUT', path, { ...ours, metadata });
    },
  };

  test.for(Object.entries(kinds))(
    '(%s) is not fresh, and the next refresh adopts it',
    async ([kind, lose]) => {
      const namespace = `lost-${kind.replaceAll(' ', '-')}`;
      await makeNamespaces(world.admin, [namespace]);
      const settings = { secrets: [{ namespaces: { include: [namespace] }, adoptFrom: [] }] };
      await world.invoke(settings);
      const ours = await readSecret(world.admin, namespace);
      if (!ours) throw new Error('the first refresh made no secret');
      await lose(ours);
      const before = await readSecret(world.admin, namespace);

      expect(await conditionIn(namespace, settings)).not.toBe('fresh');
      const plan = (await world.invoke(settings, { action: 'plan' })).report;
      const run = (await world.invoke(settings)).report;
      for (const report of [plan, run]) {
        expect(report).toMatchObject({ ok: true, clusters: [{ ...counts({ refreshed: 1 }), problems: [] }] });
      }

      const after = await readSecret(world.admin, namespace);
      expect(after?.metadata.uid).toBe(before?.metadata.uid);
      expect(loginsOf(after)[REGISTRY_HOST]).not.toBe(loginsOf(before)[REGISTRY_HOST]);
      expect(await conditionIn(namespace, settings)).toBe('fresh');
      expect((await world.invoke(settings)).report).toMatchObject({ clusters: [counts({ refreshed: 1 })] });
    },
  );
});

test.for([
  ['an expiry in the year 9999', { 'expires-at': '9999-12-31T23:59:59Z' }],
  ['a time of fetching in the year 9999', { 'fetched-at': '9999-12-31T23:59:59Z' }],
] as const)('a secret with %s under our name is not fresh, and is written', async ([what, spoofed]) => {
  const namespace = `spoofed-${Object.keys(spoofed)[0]}`;
  await makeNamespaces(world.admin, [namespace]);
  const settings = { secrets: [{ namespaces: { include: [namespace] } }] };
  await world.invoke(settings);
  const ours = await readSecret(world.admin, namespace);
  const annotations = Object.fromEntries(
    Object.entries(spoofed).map(([key, value]) => [`ecr-registry-helper/${key}`, value]),
  );
  const { labels = {}, annotations: old = {} } = ours?.metadata ?? {};
  const draft = pullSecret({ metadata: { labels, annotations: { ...old, ...annotations } } });
  expect(await world.admin.request('PATCH', secretPath(namespace), forced(apply(draft)))).toMatchObject({
    status: 200,
  });

  expect(await conditionIn(namespace, settings), what).not.toBe('fresh');
  expect((await world.invoke(settings)).report).toMatchObject({
    ok: true,
    clusters: [counts({ refreshed: 1 })],
  });
  expect(loginsOf(await readSecret(world.admin, namespace))).toHaveProperty([REGISTRY_HOST]);
  expect(await conditionIn(namespace, settings)).toBe('fresh');
});

test('cleanup removes what a refresh made, and keeps and names the copy that a replicator made of it', async () => {
  const { admin } = world;
  const namespaces = ['copied-from', 'copied-to', 'copied-kept'];
  await makeNamespaces(admin, namespaces);
  await world.invoke({ secrets: [{ namespaces: { include: ['copied-from'] } }] });
  const ours = await readSecret(admin, 'copied-from');
  if (!ours) throw new Error('the refresh made no secret');
  await copy(ours, 'copied-to', 'replicator');
  const copied = await readSecret(admin, 'copied-to');

  const settings = { cleanup: true, secrets: [{ namespaces: { include: ['copied-kept'] } }] };
  const event = { action: 'cleanup', confirm: CLUSTER, namespaces };
  const dry = (await world.invoke<CleanupReport>(settings, { ...event, dryRun: true })).report;
  const run = (await world.invoke<CleanupReport>(settings, event)).report;
  for (const report of [dry, run]) {
    expect(report).toMatchObject({ ok: true, removed: 1, failed: 0 });
    expect(JSON.stringify(report)).toContain('copied-to');
  }
  expect(await readSecret(admin, 'copied-from')).toBeUndefined();
  expect(await readSecret(admin, 'copied-to')).toEqual(copied);
});

test('our own secret, restored with the stored credentials that it has, stays ours when they change', async () => {
  const [namespace = ''] = STORED.namespaces.include;
  await makeNamespaces(world.admin, [namespace]);
  const settings = { secrets: [{ ...STORED, adoptFrom: [] }] };
  const store = (password: string) => {
    const auth = Buffer.from(`reader:${password}`).toString('base64');
    const value = JSON.stringify({ auths: { 'registry.example.com': { auth } } });
    world.aws.addSecret({ name: 'logins', value });
  };
  store('first');
  await world.invoke(settings);
  const ours = await readSecret(world.admin, namespace);
  if (!ours) throw new Error('the first refresh made no secret');
  await restore(ours, 'velero-server');
  await world.invoke(settings);
  expect(await conditionIn(namespace, settings)).toBe('fresh');

  store('second');
  expect((await world.invoke(settings)).report).toMatchObject({ clusters: [counts({ refreshed: 1 })] });
  expect(loginsOf(await readSecret(world.admin, namespace))).toEqual({
    'registry.example.com': 'reader:second',
  });
});

/** Deletes a secret and re-creates it from what a backup keeps: all but the fields that the server sets. */
async function restore(ours: Secret, manager: string): Promise<void> {
  await done(world.admin, 'DELETE', secretPath(ours.metadata.namespace));
  await copy(ours, ours.metadata.namespace, manager);
}

/** Makes a secret in `namespace` with the data, labels and annotations of another, by a plain create. */
async function copy({ metadata, type, data }: Secret, namespace: string, manager: string): Promise<void> {
  const { labels = {}, annotations = {} } = metadata;
  await makeSecret(world.admin, namespace, { type, data }, manager, { labels, annotations });
}

async function metadataOf(namespace: string): Promise<Secret['metadata']> {
  const secret = await readSecret(world.admin, namespace);
  if (!secret) throw new Error(`there is no secret in ${namespace}`);
  return secret.metadata;
}

async function conditionIn(namespace: string, settings: object): Promise<string | undefined> {
  const { report } = await world.invoke<StatusReport>(settings, {
    action: 'status',
    namespaces: [namespace],
  });
  return report?.clusters[0]?.secrets.find((secret) => secret.namespace === namespace)?.condition;
}

function forced(request: ReturnType<typeof apply>): ReturnType<typeof apply> {
  return { ...request, query: { ...request.query, force: true } };
}

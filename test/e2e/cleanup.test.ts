import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CleanupReport } from '../../lambda/cleanup.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { done, listSecrets, makeNamespaces, makeSecret, PULL_SECRET, secretPath } from './objects.ts';
import { permit } from './rights.ts';
import { CLUSTER, startWorld, type World } from './world.ts';

/** Its settings allow to clean up; those of the default deployment do not. */
const CLEANER = 'cleaner';
const EVENT = { action: 'cleanup', confirm: CLUSTER };

let world: World;

beforeAll(async () => {
  world = await startWorld([CLEANER, 'careful']);
  const clusters = [{ name: CLUSTER }];
  const secrets = [{ serviceAccounts: ['default'] }];
  await permit(world.admin, { clusters, secrets, name: CLEANER, cleanup: true });
  await permit(world.admin, { clusters, name: 'careful' });
});

afterAll(() => world?.stop());

function settingsOf(...include: string[]): Partial<SettingsInput> {
  return { name: CLEANER, cleanup: true, secrets: [{ namespaces: { include } }] };
}

async function cleaned(settings: Partial<SettingsInput>, event: object = {}): Promise<CleanupReport> {
  const { report, error } = await world.invoke<CleanupReport>(settings, { ...EVENT, ...event });
  if (!report) throw new Error(`no report: ${JSON.stringify(error)}`);
  return report;
}

/** The namespaces of that prefix that hold a secret of the pull secret's name. */
async function holders(prefix: string): Promise<string[]> {
  const { items } = await listSecrets(world.admin);
  const namespaces = items.map(({ metadata }) => metadata.namespace);
  return namespaces.filter((namespace) => namespace.startsWith(prefix)).sort();
}

test('what the settings no longer cover goes, and what is not ours or ignored stays', async () => {
  const { admin } = world;
  await makeNamespaces(admin, ['left-a', 'left-b', 'left-kept', 'left-foreign', 'left-ignored']);
  await world.invoke(settingsOf('left-a', 'left-b', 'left-kept', 'left-ignored'));
  await makeSecret(admin, 'left-foreign', {});
  const labels = { 'ecr-registry-helper/ignore': 'true' };
  await done(
    admin,
    'PATCH',
    '/api/v1/namespaces/left-ignored',
    { metadata: { labels } },
    'application/merge-patch+json',
  );
  const now = settingsOf('left-kept');
  const namespaces = ['left-a', 'left-b', 'left-kept', 'left-foreign', 'left-ignored'];

  const before = await listSecrets(admin);
  const dry = await cleaned(now, { namespaces, dryRun: true });
  expect(dry).toMatchObject({ ok: true, dryRun: true, removed: 2, kept: 1, ignored: 1, failed: 0 });
  expect((await listSecrets(admin)).items).toEqual(before.items);

  const { result, requests } = await world.record(() => cleaned(now, { namespaces }));
  expect(result).toMatchObject({
    ...{ ok: true, dryRun: false, removed: 2, kept: 1, ignored: 1, failed: 0 },
    removals: ['left-a', 'left-b'].map((namespace) => ({ namespace, object: `secret ${PULL_SECRET}` })),
  });
  expect(await holders('left-')).toEqual(['left-foreign', 'left-ignored', 'left-kept']);
  const deletions = requests.filter(({ method }) => method === 'DELETE');
  for (const { body, url } of deletions) {
    const secret = before.items.find(({ metadata }) => url.pathname === secretPath(metadata.namespace));
    const { uid, resourceVersion } = secret?.metadata ?? {};
    expect(JSON.parse(body)).toMatchObject({ preconditions: { uid, resourceVersion } });
  }
  expect(deletions).toHaveLength(2);
});

test('all of ours go when all is asked for, and come back with the next refresh', async () => {
  const namespaces = ['whole-a', 'whole-b'];
  await makeNamespaces(world.admin, namespaces);
  const settings = settingsOf('whole-*');
  await world.invoke(settings);
  expect(await cleaned(settings, { namespaces })).toMatchObject({ ok: true, removed: 0, kept: 2 });
  expect(await cleaned(settings, { namespaces, all: true })).toMatchObject({ ok: true, removed: 2, kept: 0 });
  expect(await holders('whole-')).toEqual([]);
  const { report } = await world.invoke(settings);
  expect(report).toMatchObject({ ok: true, clusters: [{ created: 2 }] });
});

test('a secret that was written since it was listed is looked at again, and one of somebody else stays', async () => {
  const { admin } = world;
  const namespaces = ['moved-written', 'moved-foreign'];
  await makeNamespaces(admin, [...namespaces, 'moved-kept']);
  await world.invoke(settingsOf('moved-*'));
  let isMoved = false;
  const { result, requests } = await world.record(
    () => cleaned(settingsOf('moved-kept'), { namespaces }),
    async ({ url }) => {
      if (url.pathname !== '/api/v1/namespaces' || isMoved) return;
      isMoved = true;
      await world.invoke(settingsOf('moved-written'));
      await done(admin, 'DELETE', secretPath('moved-foreign'));
      await makeSecret(admin, 'moved-foreign', {});
      const annotations = { touched: 'true' };
      await done(
        admin,
        'PATCH',
        secretPath('moved-written'),
        { metadata: { annotations } },
        'application/merge-patch+json',
      );
    },
  );
  expect(result).toMatchObject({ ok: true, removed: 1, removals: [{ namespace: 'moved-written' }] });
  expect(await holders('moved-')).toEqual(['moved-foreign', 'moved-kept']);
  const answers = requests.filter(({ method }) => method === 'DELETE').map(({ status }) => status);
  expect(answers.sort()).toEqual([200, 409, 409]);
});

test('the secret is taken out of the service accounts before it goes', async () => {
  const { admin } = world;
  await makeNamespaces(admin, ['account-a', 'account-kept']);
  for (const namespace of ['account-a', 'account-kept']) {
    const body = { metadata: { name: 'default' }, imagePullSecrets: [{ name: 'other' }] };
    await done(admin, 'POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, body);
  }
  const settings = (...include: string[]) => ({
    ...settingsOf(),
    secrets: [{ namespaces: { include }, serviceAccounts: ['default'] }],
  });
  const { report } = await world.invoke(settings('account-*'));
  expect(report).toMatchObject({ ok: true, clusters: [{ created: 2, linked: 2 }] });
  const { result, requests } = await world.record(() =>
    cleaned(settings('account-kept'), { namespaces: ['account-a', 'account-kept'] }),
  );
  expect(result).toMatchObject({ ok: true, removed: 2, kept: 1 });
  const changes = requests.filter(({ method }) => method !== 'GET');
  expect(changes.map(({ method }) => method)).toEqual(['PATCH', 'DELETE']);
  const account = await admin.request<{ imagePullSecrets: object }>(
    'GET',
    '/api/v1/namespaces/account-a/serviceaccounts/default',
  );
  expect(account.body.imagePullSecrets).toEqual([{ name: 'other' }]);
});

test('without the setting it is refused, and where the rights are of before, RBAC refuses', async () => {
  await makeNamespaces(world.admin, ['denied-a', 'denied-kept']);
  const careful = (cleanup: boolean, ...include: string[]) => ({
    name: 'careful',
    cleanup,
    secrets: [{ namespaces: { include } }],
  });
  await world.invoke(careful(false, 'denied-*'));
  const { result, requests } = await world.record(() => world.invoke(careful(false, 'denied-kept'), EVENT));
  expect(result.error).toMatchObject({ name: 'CleanupOffError' });
  expect(requests).toEqual([]);
  expect(await cleaned(careful(true, 'denied-kept'))).toMatchObject({
    ...{ ok: false, removed: 0, failed: 1, kept: 1 },
    removals: [{ reason: `no permission to delete secret denied-a/${PULL_SECRET} (403 Forbidden)` }],
  });
  expect(await holders('denied-')).toEqual(['denied-a', 'denied-kept']);
});

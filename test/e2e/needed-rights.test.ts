import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../../lambda/handler.ts';
import type { Report } from '../../lambda/refresh/report.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import type { StatusReport } from '../../lambda/status.ts';
import { MISSING_CREATE } from './expected.ts';
import { type ClusterRole, neededRights, type Right, rightsOf, without } from './needed-rights.ts';
import { done, makeNamespaces, PULL_SECRET, secretPath } from './objects.ts';
import { permit } from './rights.ts';
import { until } from './until.ts';
import { CLUSTER, DEPLOYMENT, startWorld, type World } from './world.ts';

/** One entry may delete, the other may not. */
const RECREATOR = 'recreator';
/** May remove what it made. */
const CLEANER = 'cleaner';
const [PLAIN, REPLACED] = ['plain', 'replaced'];
const BARE = 'bare';
const TAKEN = 'taken';
const ACCOUNT = 'builder';
const namespaces = { include: [BARE, TAKEN] };

const SETTINGS: Record<string, SettingsInput> = {
  [DEPLOYMENT]: { clusters: [{ name: CLUSTER }], secrets: [{ namespaces }] },
  [RECREATOR]: {
    name: RECREATOR,
    clusters: [{ name: CLUSTER }],
    secrets: [
      { name: PLAIN, namespaces },
      { name: REPLACED, namespaces, recreate: true, serviceAccounts: [ACCOUNT] },
    ],
  },
  [CLEANER]: { name: CLEANER, clusters: [{ name: CLUSTER }], secrets: [{ namespaces }], cleanup: true },
};
const ROLES = '/apis/rbac.authorization.k8s.io/v1/clusterroles';

let world: World;

beforeAll(async () => {
  world = await startWorld([DEPLOYMENT, RECREATOR, CLEANER]);
  await makeNamespaces(world.admin, [BARE, TAKEN]);
  for (const settings of Object.values(SETTINGS)) await permit(world.admin, settings);
});

afterAll(() => world?.stop());

/** A namespace without our secrets and with a service account, and one where a secret of another type has a name of ours. */
async function prepare(): Promise<void> {
  for (const namespace of [BARE, TAKEN]) {
    for (const name of [PULL_SECRET, PLAIN, REPLACED]) {
      await world.admin.request('DELETE', secretPath(namespace, name));
    }
  }
  const accounts = `/api/v1/namespaces/${BARE}/serviceaccounts`;
  await world.admin.request('DELETE', `${accounts}/${ACCOUNT}`);
  await done(world.admin, 'POST', accounts, { metadata: { name: ACCOUNT } });
  const taken = { metadata: { name: REPLACED }, type: 'Opaque' };
  await done(world.admin, 'POST', `/api/v1/namespaces/${TAKEN}/secrets?fieldManager=kubectl-create`, taken);
}

async function deployedRole(name: string): Promise<ClusterRole> {
  const { body } = await world.admin.request<ClusterRole>('GET', `${ROLES}/${name}`);
  return { rules: body.rules };
}

/** A plan, a first refresh and one more, a status, and a cleanup where there may be one. */
async function runs(name: string): Promise<Right[]> {
  await prepare();
  const settings = SETTINGS[name] ?? {};
  const cleanup = SETTINGS[name]?.cleanup ? [{ action: 'cleanup', confirm: CLUSTER, all: true }] : [];
  const { requests } = await world.record(async () => {
    for (const event of [{ action: 'plan' }, {}, {}, { action: 'status' }, ...cleanup]) {
      const { report } = await world.invoke<Answer>(settings, event);
      expect(report).toMatchObject({ ok: true });
    }
  });
  return neededRights(requests);
}

describe.each([DEPLOYMENT, RECREATOR, CLEANER])('the role of %s', (name) => {
  test('holds what its runs need and nothing else, and would be caught with more', async () => {
    const { rules } = await deployedRole(name);
    const needed = await runs(name);
    expect(rightsOf({ rules })).toEqual(needed);

    const more = { apiGroups: ['apps'], resources: ['deployments'], verbs: ['list'] };
    const held = rightsOf({ rules: [...rules, more] });
    expect(held.filter((right) => !needed.includes(right))).toEqual(['list deployments.apps']);
  });
});

test('each right that is taken away makes a run fail, which names it', async () => {
  const whole = await deployedRole(RECREATOR);
  const failures: Record<Right, unknown> = {};
  for (const right of rightsOf(whole)) {
    await prepare();
    await become(without(whole, right));
    const event = right.startsWith('list secrets') ? { action: 'status' } : {};
    const { report } = await world.invoke<Report | StatusReport>(SETTINGS[RECREATOR] ?? {}, event);
    const [cluster] = report?.clusters ?? [];
    const problems = cluster && 'problems' in cluster ? cluster.problems : [];
    // a status names the secret whose list fails, and goes on with the others
    const unlisted = cluster && 'secrets' in cluster ? cluster.secrets.find(isOfAll) : undefined;
    const failed = problems.find(({ outcome }) => outcome === 'failed') ?? unlisted;
    failures[right] = [report?.ok, cluster?.error?.reason ?? failed?.reason];
  }
  await become(whole);
  const missing = (what: string) => [false, expect.stringContaining(`no permission to ${what}`)];
  const create = missing(`${MISSING_CREATE} secret`);
  expect(failures).toEqual({
    'create secrets/plain': create,
    'create secrets/replaced': create,
    'delete secrets/replaced': missing('delete secret'),
    'get secrets/replaced': missing('get secret'),
    'list namespaces': missing('list namespaces'),
    'list secrets/plain': missing('list secrets'),
    'list secrets/replaced': missing('list secrets'),
    'list serviceaccounts/builder': missing('list them'),
    'patch secrets/plain': missing('patch secret'),
    'patch secrets/replaced': missing('patch secret'),
    'patch serviceaccounts/builder': missing('patch it'),
  });
});

const isOfAll = ({ namespace }: { namespace: string }) => namespace === '*';

/** Gives the role of the recreator just these rights, and waits until the API server goes by them. */
async function become(role: ClusterRole): Promise<void> {
  const metadata = { name: RECREATOR };
  await done(world.admin, 'PUT', `${ROLES}/${RECREATOR}`, { metadata, ...role });
  const held = rightsOf(role);
  for (const right of rightsOf(await deployedRole(RECREATOR))) await decided(right, held.includes(right));
}

async function decided(right: Right, allowed: boolean): Promise<void> {
  const [verb, object = ''] = right.split(' ');
  const [resource, name] = object.split('/');
  const resourceAttributes = { verb, resource, ...(name && { name }) };
  const body = { spec: { user: RECREATOR, groups: [RECREATOR], resourceAttributes } };
  await until(`${right} is ${allowed}`, async () => {
    const answer = await done(
      world.admin,
      'POST',
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body,
    );
    return (answer as { status: { allowed: boolean } }).status.allowed === allowed;
  });
}

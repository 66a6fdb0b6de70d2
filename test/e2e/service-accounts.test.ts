import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CleanupReport } from '../../lambda/cleanup.ts';
import type { ApiClient } from './control-plane/api-client.ts';
import { MERGE } from './drafts.ts';
import { counts } from './expected.ts';
import { done, makeNamespaces, makeSecret, PULL_SECRET } from './objects.ts';
import { accountsAreGuarded, permit } from './rights.ts';
import { CLUSTER, DEPLOYMENT, startWorld, type World } from './world.ts';

const JSON_PATCH = 'application/json-patch+json';
const POLICY = `ValidatingAdmissionPolicy '${DEPLOYMENT}-service-accounts'`;
const entryOf = (include: string[], serviceAccounts = ['default', 'builder']) => ({
  secrets: [{ namespaces: { include }, serviceAccounts }],
});

interface Account {
  readonly metadata: { readonly resourceVersion: string; readonly labels?: object };
  readonly secrets?: object[];
  readonly imagePullSecrets?: readonly { readonly name?: string }[];
  readonly automountServiceAccountToken?: boolean;
}

let world: World;
let role: ApiClient;

beforeAll(async () => {
  world = await startWorld();
  const { admin } = world;
  await permit(admin, { clusters: [{ name: CLUSTER }], cleanup: true, ...entryOf(['*']) });
  role = await world.actAs(DEPLOYMENT);
  await makeNamespaces(admin, ['tried']);
  await makeAccount('tried', 'default', {});
  await accountsAreGuarded(admin, DEPLOYMENT, 'tried/serviceaccounts/default');
});

afterAll(() => world?.stop());

function accountPath(namespace: string, name = 'default'): string {
  return `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
}

/** Makes an account, as there is no controller that makes one called default. */
async function makeAccount(namespace: string, name: string, fields: Partial<Account>): Promise<void> {
  const body = { ...fields, metadata: { name, ...fields.metadata } };
  await done(world.admin, 'POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, body);
}

async function readAccount(namespace: string, name = 'default'): Promise<Account> {
  return (await world.admin.request<Account>('GET', accountPath(namespace, name))).body;
}

async function pullSecrets(namespace: string, name?: string) {
  return (await readAccount(namespace, name)).imagePullSecrets?.map((one) => one.name);
}

function add(path: string, value: unknown): object {
  return { op: 'add', path, value };
}

/** A JSON Patch by the role; it leaves nothing to the next case. */
async function patch(namespace: string, body: object[], name?: string) {
  const query = { dryRun: 'All' };
  const request = { body, contentType: JSON_PATCH, query };
  const answer = await role.request<{ message?: string }>('PATCH', accountPath(namespace, name), request);
  return { status: answer.status, message: answer.body.message ?? '' };
}

describe('a refresh', () => {
  test('adds the secret to the named accounts once, and keeps what others put there', async () => {
    const names = ['link-a', 'link-b', 'link-foreign'];
    await makeNamespaces(world.admin, names);
    for (const name of names) await makeAccount(name, 'default', {});
    const theirs = { imagePullSecrets: [{ name: 'theirs' }], secrets: [{ name: 'old-token' }] };
    await makeAccount('link-b', 'builder', theirs);
    await makeSecret(world.admin, 'link-foreign', {});

    const settings = entryOf(['link-*']);
    const first = await world.invoke(settings);
    expect(first.report).toMatchObject({
      ok: true,
      clusters: [{ ...counts({ created: 2, blocked: 1 }), linked: 3 }],
    });
    expect(await Promise.all(names.map((name) => pullSecrets(name)))).toEqual([
      [PULL_SECRET],
      [PULL_SECRET],
      undefined,
    ]);
    expect(await readAccount('link-b', 'builder')).toMatchObject({
      ...theirs,
      imagePullSecrets: [{ name: 'theirs' }, { name: PULL_SECRET }],
    });

    const { result, requests } = await world.record(() => world.invoke(settings));
    expect(result.report).toMatchObject({ ok: true, clusters: [{ linked: 0 }] });
    const asked = requests.filter(({ url }) => url.pathname.includes('serviceaccounts'));
    // The lists go out together, so they may reach the server in any order.
    expect(
      asked.map(({ method, url }) => `${method} ${url.pathname} ${[...url.searchParams]}`).sort(),
    ).toEqual([
      'GET /api/v1/serviceaccounts fieldSelector,metadata.name=builder,limit,500',
      'GET /api/v1/serviceaccounts fieldSelector,metadata.name=default,limit,500',
    ]);
  });

  test('keeps what somebody puts there between its list and its patch', async () => {
    await makeNamespaces(world.admin, ['race']);
    await makeAccount('race', 'default', {});
    const { result, requests } = await world.record(
      () => world.invoke(entryOf(['race'], ['default'])),
      async ({ method, url }) => {
        if (method !== 'GET' || url.pathname !== '/api/v1/serviceaccounts') return;
        await done(
          world.admin,
          'PATCH',
          accountPath('race'),
          { imagePullSecrets: [{ name: 'theirs' }] },
          MERGE,
        );
      },
    );
    expect(result.report).toMatchObject({ ok: true, clusters: [{ linked: 1 }] });
    expect(await pullSecrets('race')).toEqual(['theirs', PULL_SECRET]);
    const patches = requests.filter(({ url }) => url.pathname === accountPath('race'));
    expect(patches.map(({ status }) => status)).toEqual([422, 200]);
  });

  test('lists in the namespaces that it is narrowed to', async () => {
    await makeNamespaces(world.admin, ['narrow-a', 'narrow-b']);
    for (const name of ['narrow-a', 'narrow-b']) await makeAccount(name, 'default', {});
    const { result, requests } = await world.record(() =>
      world.invoke(entryOf(['narrow-*']), { namespaces: ['narrow-a'] }),
    );
    expect(result.report).toMatchObject({ ok: true, clusters: [{ created: 1, linked: 1 }] });
    expect([await pullSecrets('narrow-a'), await pullSecrets('narrow-b')]).toEqual([
      [PULL_SECRET],
      undefined,
    ]);
    const lists = requests.filter(
      ({ method, url }) => method === 'GET' && url.pathname.endsWith('/serviceaccounts'),
    );
    const path = '/api/v1/namespaces/narrow-a/serviceaccounts';
    expect(lists.map(({ url }) => url.pathname)).toEqual([path, path]);
  });

  test('as a plan counts the accounts and changes none', async () => {
    await makeNamespaces(world.admin, ['planned']);
    await makeAccount('planned', 'default', {});
    const { report } = await world.invoke(entryOf(['planned'], ['default']), { action: 'plan' });
    expect(report).toMatchObject({ ok: true, clusters: [{ created: 1, linked: 1 }] });
    expect(await pullSecrets('planned')).toBeUndefined();
  });

  test('fails over a name that is in none of its namespaces, and over one without a right', async () => {
    await makeNamespaces(world.admin, ['typo']);
    await makeAccount('typo', 'other', {});
    const reasons = async (name: string) => {
      const { report } = await world.invoke(entryOf(['typo'], [name]));
      expect(report).toMatchObject({ ok: false, clusters: [{ created: 0, linked: 0 }] });
      return report?.clusters[0]?.problems.map(({ reason }) => reason);
    };
    await world.invoke({ secrets: [{ namespaces: { include: ['typo'] } }] });
    expect(await reasons('builder')).toEqual([
      'there is no service account builder in any namespace of this entry',
    ]);
    expect(await reasons('other')).toEqual([
      'service accounts other: no permission to list them (403 Forbidden)',
    ]);
  });
});

test('a cleanup takes the secret out of the accounts of the namespaces that it leaves', async () => {
  await makeNamespaces(world.admin, ['leave', 'remain']);
  for (const name of ['leave', 'remain']) {
    await makeAccount(name, 'default', { imagePullSecrets: [{ name: 'theirs' }] });
  }
  expect((await world.invoke(entryOf(['leave', 'remain'], ['default']))).report?.ok).toBe(true);
  const both = () => Promise.all([pullSecrets('leave'), pullSecrets('remain')]);
  const linked = ['theirs', PULL_SECRET];

  const settings = { cleanup: true, ...entryOf(['remain'], ['default']) };
  const event = { action: 'cleanup', confirm: CLUSTER, namespaces: ['leave', 'remain'] };
  const removals = [
    { namespace: 'leave', object: 'service account default', outcome: 'removed' },
    { namespace: 'leave', outcome: 'removed' },
  ];
  const planned = await world.invoke<CleanupReport>(settings, { ...event, dryRun: true });
  expect(planned.report).toMatchObject({ ok: true, removals });
  expect(await both()).toEqual([linked, linked]);

  const cleaned = await world.invoke<CleanupReport>(settings, event);
  expect(cleaned.report).toMatchObject({ ok: true, removals });
  expect(await both()).toEqual([['theirs'], linked]);
});

describe('the role', () => {
  const ours = { name: PULL_SECRET };

  beforeAll(async () => {
    await makeNamespaces(world.admin, ['guarded', 'others']);
    await makeAccount('others', 'default', { imagePullSecrets: [{ name: 'theirs' }] });
    await makeAccount('guarded', 'default', {
      metadata: { resourceVersion: '', labels: { team: 'x' } },
      secrets: [{ name: 'old-token' }],
      imagePullSecrets: [{ name: 'theirs' }, ours, { name: 'more' }],
      automountServiceAccountToken: false,
    });
    await makeAccount('guarded', 'other', {});
  });

  test.for<[string, string, object[]]>([
    ['put its secret into an account that has none', 'tried', [add('/imagePullSecrets', [ours])]],
    ['append its secret', 'others', [add('/imagePullSecrets/-', ours)]],
    ['take its secret out', 'guarded', [{ op: 'remove', path: '/imagePullSecrets/1' }]],
    ['change nothing', 'guarded', []],
  ])('may %s', async ([, namespace, operations]) => {
    expect(await patch(namespace, operations)).toEqual({ status: 200, message: '' });
  });

  test.for<[string, string, object[], string]>([
    [
      'to take out the secret of another',
      'guarded',
      [{ op: 'remove', path: '/imagePullSecrets/0' }],
      'only gains',
    ],
    ['to put in the secret of another', 'guarded', [add('/imagePullSecrets/-', { name: 'x' })], 'only gains'],
    [
      'to put the secret of another first',
      'tried',
      [add('/imagePullSecrets', [{ name: 'x' }])],
      'only gains',
    ],
    ['to empty the list', 'guarded', [add('/imagePullSecrets', [])], 'only gains'],
    [
      'to change the order of others',
      'guarded',
      [add('/imagePullSecrets', [{ name: 'more' }, ours, { name: 'theirs' }])],
      'only gains',
    ],
    ['to append its secret once more', 'guarded', [add('/imagePullSecrets/-', ours)], 'once'],
    ['to add to secrets', 'guarded', [add('/secrets/-', ours)], 'only imagePullSecrets'],
    ['to give secrets', 'tried', [add('/secrets', [ours])], 'only imagePullSecrets'],
    ['to take secrets away', 'guarded', [{ op: 'remove', path: '/secrets' }], 'only imagePullSecrets'],
    ['to add an annotation', 'tried', [add('/metadata/annotations', { a: 'b' })], 'only imagePullSecrets'],
    ['to change a label', 'guarded', [add('/metadata/labels/team', 'y')], 'only imagePullSecrets'],
    ['to drop labels', 'guarded', [{ op: 'remove', path: '/metadata/labels' }], 'only imagePullSecrets'],
    ['to add a finalizer', 'tried', [add('/metadata/finalizers', ['a.b/c'])], 'only imagePullSecrets'],
    [
      'to add an owner',
      'tried',
      [add('/metadata/ownerReferences', [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }])],
      'only imagePullSecrets',
    ],
    [
      'to mount its token again',
      'guarded',
      [add('/automountServiceAccountToken', true)],
      'only imagePullSecrets',
    ],
  ])('is not let %s', async ([, namespace, operations, refusal]) => {
    const { status, message } = await patch(namespace, operations);
    expect([status, message]).toEqual([422, expect.stringContaining(refusal)]);
    expect(message).toContain(POLICY);
  });

  test.for<[string, 'GET' | 'POST' | 'PUT' | 'DELETE', string]>([
    ['get an account', 'GET', accountPath('guarded')],
    ['list accounts', 'GET', '/api/v1/serviceaccounts'],
    ['list those of another name', 'GET', '/api/v1/serviceaccounts?fieldSelector=metadata.name%3Dother'],
    ['create one', 'POST', '/api/v1/namespaces/guarded/serviceaccounts'],
    ['replace one', 'PUT', accountPath('guarded')],
    ['delete one', 'DELETE', accountPath('guarded')],
    ['ask for the token of one', 'POST', `${accountPath('guarded')}/token`],
  ])('has no right to %s', async ([, method, path]) => {
    const body = method === 'GET' ? {} : { body: {} };
    expect((await role.request(method, path, body)).status).toBe(403);
  });

  test('has no right to patch an account of another name, or to apply one that is not there', async () => {
    expect((await patch('guarded', [], 'other')).status).toBe(403);
    const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'builder' } };
    const applied = await role.request('PATCH', `${accountPath('guarded', 'builder')}?fieldManager=x`, {
      body,
      contentType: 'application/apply-patch+yaml',
    });
    expect(applied.status).toBe(403);
  });
});

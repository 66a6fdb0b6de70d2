import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiClient, ApiRequest } from './control-plane/api-client.ts';
import { apply, EXPIRY, expiring, MERGE, merge, pullSecret } from './drafts.ts';
import { counts } from './expected.ts';
import {
  done,
  EMPTY_CONFIG,
  makeNamespaces,
  makeSecret,
  PULL_SECRET,
  PULL_SECRET_TYPE,
  readSecret,
  type Secret,
  secretPath,
} from './objects.ts';
import { accountsAreGuarded, permit } from './rights.ts';
import { CLUSTER, DEPLOYMENT, startWorld, type World } from './world.ts';

const RECREATOR = 'recreator';
/** Has an entry of stored registries only, whose secret has no expiry. */
const STORED = 'stored';
const EXPIRES_AT = 'ecr-registry-helper/expires-at';
const JSON_PATCH = 'application/json-patch+json';
const LABELS = {
  'app.kubernetes.io/name': 'ecr-registry-helper',
  'app.kubernetes.io/managed-by': DEPLOYMENT,
};
const ARGO_CLUSTER = { 'argocd.argoproj.io/secret-type': 'cluster' };

let world: World;
let admin: ApiClient;
let role: ApiClient;

beforeAll(async () => {
  world = await startWorld([DEPLOYMENT, RECREATOR, STORED]);
  ({ admin } = world);
  const clusters = [{ name: CLUSTER }];
  await Promise.all([
    permit(admin, { clusters, cleanup: true, secrets: [{ serviceAccounts: ['default'] }] }),
    permit(admin, { clusters, name: RECREATOR, secrets: [{ recreate: true }] }),
    permit(admin, {
      clusters,
      name: STORED,
      secrets: [{ registries: [{ type: 'stored', secretId: 'hub' }], namespaces: { include: ['hub'] } }, {}],
    }),
  ]);
  role = await world.actAs(DEPLOYMENT);
  await makeNamespaces(admin, ['tried', 'ours']);
  await makeAccount('tried', []);
  await accountsAreGuarded(admin, DEPLOYMENT, 'tried/serviceaccounts/default');
  await allowed(role, secretPath('ours'), apply(pullSecret({ metadata: { labels: LABELS } })));
  // of the owner of the namespace, who may
  await done(admin, 'PATCH', secretPath('ours'), { metadata: { labels: { team: 'x' } } }, MERGE);
});

afterAll(() => world?.stop());

interface Status {
  readonly message?: string;
}

function patched(body: object[]): ApiRequest {
  return { body, contentType: JSON_PATCH };
}

async function allowed(client: ApiClient, path: string, request: ApiRequest): Promise<void> {
  const { status, body } = await client.request<Status>('PATCH', path, request);
  expect([status < 300, body.message]).toEqual([true, undefined]);
}

async function refused(path: string, request: ApiRequest, message: string, client = role): Promise<void> {
  const { status, body } = await client.request<Status>('PATCH', path, request);
  expect([status, body.message]).toEqual([422, expect.stringContaining(message)]);
  expect(body.message).not.toContain('resulted in error');
}

describe('what the function’s identity sends is refused, and leaves the secret as it was', () => {
  const labels = { ...LABELS, ...ARGO_CLUSTER };
  const annotations = { [EXPIRES_AT]: EXPIRY, 'reflector.v1.k8s.emberstack.com/reflection-allowed': 'true' };
  const token = { 'token-of-mine': 'eA==' };
  const older = { data: { '.dockerconfigjson': 'e30=' } };
  const [DATA, LABEL, ANNOTATION] = ['of data only', 'of labels only', 'of annotations only'];
  const TIME = `a token has a time in ${EXPIRES_AT}`;
  test.for<[string, ApiRequest, string]>([
    ['a data key', apply(pullSecret({ data: { ...EMPTY_CONFIG, ...token } })), DATA],
    ['a data key by a merge patch', merge({ data: token }), DATA],
    ['a data key in plain text', merge({ stringData: { server: 'https://evil' } }), DATA],
    ['the label of a cluster of Argo CD', apply(pullSecret({ metadata: { labels } })), LABEL],
    ['that label by a merge patch', merge({ metadata: { labels: ARGO_CLUSTER } }), LABEL],
    ['a label of the owner, changed', merge({ metadata: { labels: { team: 'y' } } }), LABEL],
    ['an annotation for a replicator', apply(pullSecret({ metadata: { annotations } })), ANNOTATION],
    ['that annotation by a merge patch', merge({ metadata: { annotations } }), ANNOTATION],
    ['that it is immutable', merge({ immutable: true }), 'not made immutable'],
    ['no expiry by an apply', apply(pullSecret({ metadata: { annotations: {} } })), TIME],
    ['no expiry', merge({ metadata: { annotations: { [EXPIRES_AT]: null } } }), TIME],
    ['no expiry and an older token', merge({ ...older, metadata: { annotations: null } }), TIME],
    ['no annotation at all', patched([{ op: 'remove', path: '/metadata/annotations' }]), TIME],
    ['an expiry that is no time', merge({ metadata: { annotations: { [EXPIRES_AT]: 'soon' } } }), TIME],
    ['an older token', apply(expiring('2030-05-31T23:59:59Z')), 'expires later'],
  ])('%s', async ([, request, message]) => {
    const before = await readSecret(admin, 'ours');
    await refused(secretPath('ours'), request, message);
    expect(await readSecret(admin, 'ours')).toEqual(before);
  });

  test.for<[string, ApiRequest, string]>([
    ['a new one with a data key', apply(pullSecret({ data: { ...EMPTY_CONFIG, ...token } })), DATA],
    ['a new one of Argo CD', apply(pullSecret({ metadata: { labels } })), LABEL],
    ['a new one without an expiry', apply(pullSecret({ metadata: { annotations: {} } })), TIME],
  ])('%s', async ([, request, message]) => {
    await refused(secretPath('tried'), request, message);
    expect(await readSecret(admin, 'tried')).toBeUndefined();
  });

  test('an expiry may be missing where an entry of that name has stored registries only', async () => {
    await makeNamespaces(admin, ['hub']);
    const stored = await world.actAs(STORED);
    const draft = (metadata: object) => apply(pullSecret({ metadata }), { manager: STORED });
    await allowed(stored, secretPath('hub'), draft({ annotations: {} }));
    await allowed(stored, secretPath('hub'), draft({}));
    await allowed(stored, secretPath('hub'), draft({ annotations: {} }));
    const label = draft({ annotations: {}, labels: ARGO_CLUSTER });
    await refused(secretPath('hub'), label, LABEL, stored);
  });
});

describe('an expiry that an owner has written', () => {
  test.for<[string, string]>([
    ['year-9999', '9999-12-31T23:59:59Z'],
    ['year-2999', '2999-12-31T23:59:59Z'],
    ['no-day', '2031-02-30T00:00:00Z'],
    ['no-hour', '2031-02-01T24:00:00Z'],
    ['no-time', 'soon'],
    ['empty', ''],
    ['other-zone', '2031-02-01T00:00:00+01:00'],
    ['long', '9'.repeat(200_000)],
  ])('(%s) is written over', async ([namespace, expiry]) => {
    await makeNamespaces(admin, [namespace]);
    await makeSecret(admin, namespace, {}, 'kubectl-create');
    await done(
      admin,
      'PATCH',
      `${secretPath(namespace)}?fieldManager=kubectl-create`,
      { metadata: { annotations: { [EXPIRES_AT]: expiry } } },
      MERGE,
    );
    const { report } = await world.invoke({ secrets: [{ namespaces: { include: [namespace] } }] });
    expect(report).toMatchObject({ ok: true, clusters: [counts({ refreshed: 1 })] });
    const after = await readSecret(admin, namespace);
    expect(Date.parse(after?.metadata.annotations?.[EXPIRES_AT] ?? '')).toBeLessThan(Date.parse('2900'));
  });
});

describe('a deletion by the function’s identity', () => {
  const deleted = (namespace: string, client = role) => client.request('DELETE', secretPath(namespace));
  /** Makes a secret that carries our label. */
  const makeLabelled = async (namespace: string, manager: string) => {
    await makeNamespaces(admin, [namespace]);
    const body = {
      type: PULL_SECRET_TYPE,
      data: EMPTY_CONFIG,
      metadata: { name: PULL_SECRET, labels: LABELS, annotations: { [EXPIRES_AT]: EXPIRY } },
    };
    await done(admin, 'POST', `/api/v1/namespaces/${namespace}/secrets?fieldManager=${manager}`, body);
  };

  test.for<[string, string, string]>([
    ['a copy that a replicator made', 'copied', 'reflector'],
    ['what a backup restored', 'restored', 'velero'],
    ['what was created under our name', 'created', DEPLOYMENT],
  ])('is refused of %s', async ([, namespace, manager]) => {
    await makeLabelled(namespace, manager);
    expect(await deleted(namespace)).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining('only secrets of ours are deleted') },
    });
    expect(await readSecret(admin, namespace)).toBeDefined();
  });

  test('is refused of one whose managed fields were stripped, and allowed once it is applied again', async () => {
    await makeNamespaces(admin, ['stripped']);
    const draft = pullSecret({ metadata: { labels: LABELS } });
    await allowed(role, secretPath('stripped'), apply(draft));
    await done(admin, 'PATCH', secretPath('stripped'), { metadata: { managedFields: [{}] } }, MERGE);
    expect((await deleted('stripped')).status).toBe(422);
    await allowed(role, secretPath('stripped'), apply(draft, { force: true }));
    expect((await deleted('stripped')).status).toBe(200);
  });

  test('is allowed of a copy whose name an entry recreates', async () => {
    await makeLabelled('recreated', 'reflector');
    expect((await deleted('recreated', await world.actAs(RECREATOR))).status).toBe(200);
  });
});

async function makeAccount(namespace: string, imagePullSecrets: object[]): Promise<void> {
  const body = { metadata: { name: 'default' }, imagePullSecrets };
  await done(admin, 'POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, body);
}

describe('of a service account', () => {
  const accountPath = (namespace: string) => `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
  const copies = (count: number) => Array.from({ length: count }, () => ({ name: PULL_SECRET }));
  const put = (value: object[]) => patched([{ op: 'add', path: '/imagePullSecrets', value }]);
  const ONCE = `imagePullSecrets holds ${PULL_SECRET} once`;

  test('the list takes no second copy of our secret, and no 30,000', async () => {
    const before = await admin.request('GET', accountPath('tried'));
    await refused(accountPath('tried'), put(copies(2)), ONCE);
    const many = await role.request<Status>('PATCH', accountPath('tried'), put(copies(30_000)));
    // so many that the expression is not counted to its end
    expect([many.status, many.body.message]).toEqual([
      422,
      expect.stringContaining(`'${DEPLOYMENT}-service-accounts'`),
    ]);
    expect((await admin.request('GET', accountPath('tried'))).body).toEqual(before.body);
  });

  test('the copies of an owner may go or stay, and do not grow', async () => {
    await makeNamespaces(admin, ['copies']);
    await makeAccount('copies', copies(5_000));
    await refused(accountPath('copies'), put(copies(5_001)), ONCE);
    for (const count of [5_000, 4_999, 1, 0]) await allowed(role, accountPath('copies'), put(copies(count)));
  });

  test('with 10,000 pull secrets of others one more of ours is added', async () => {
    await makeNamespaces(admin, ['crowded']);
    await makeAccount(
      'crowded',
      Array.from({ length: 10_000 }, (_, at) => ({ name: `theirs-${at}` })),
    );
    const add = patched([{ op: 'add', path: '/imagePullSecrets/-', value: { name: PULL_SECRET } }]);
    await allowed(role, accountPath('crowded'), add);
  });
});

describe('the function still', () => {
  const run = async (namespace: string, settings: object = {}, name = DEPLOYMENT) => {
    const secrets = [{ namespaces: { include: [namespace] }, ...settings }];
    const { report } = await world.invoke({ name, secrets });
    return report;
  };
  /** What the owner has put into a secret beside the docker config, most of it. */
  const many = (prefix: string) =>
    Object.fromEntries(Array.from({ length: 3_000 }, (_, at) => [`${prefix}-${at}`, '']));

  test('creates, refreshes and adopts, and keeps what others put there', async () => {
    await makeNamespaces(admin, ['work']);
    expect(await run('work')).toMatchObject({ ok: true, clusters: [counts({ created: 1 })] });
    const theirs = { labels: many('label'), annotations: { note: 'kept' } };
    await done(admin, 'PATCH', secretPath('work'), { metadata: theirs, data: many('key') }, MERGE);
    expect(await run('work')).toMatchObject({ ok: true, clusters: [counts({ refreshed: 1 })] });
    await done(admin, 'PATCH', secretPath('work'), { metadata: { managedFields: [{}] } }, MERGE);
    const adopted = await run('work', { adoptFrom: ['*'] });
    expect(adopted).toMatchObject({ ok: true, clusters: [counts({ refreshed: 1 })] });
    const { metadata, data } = (await readSecret(admin, 'work')) as Secret;
    expect(metadata).toMatchObject(theirs);
    expect(Object.keys(data)).toHaveLength(3_001);
  });

  test('recreates what is of another type', async () => {
    await makeNamespaces(admin, ['opaque']);
    await makeSecret(admin, 'opaque', { type: 'Opaque', data: { a: 'eA==' } });
    const report = await run('opaque', { recreate: true, adoptFrom: ['*'] }, RECREATOR);
    expect(report).toMatchObject({ ok: true, clusters: [counts({ refreshed: 1 })] });
    expect(await readSecret(admin, 'opaque')).toMatchObject({ type: PULL_SECRET_TYPE });
  });
});

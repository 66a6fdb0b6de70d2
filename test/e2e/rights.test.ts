import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiClient, ApiRequest } from './control-plane/api-client.ts';
import { accountToken, apply, expiring, MERGE, merge, named, owner, pullSecret } from './drafts.ts';
import {
  done,
  EMPTY_CONFIG,
  makeNamespaces,
  makeSecret,
  PULL_SECRET,
  type Secret,
  secretPath,
} from './objects.ts';
import { permit, unbindPolicy } from './rights.ts';
import { until } from './until.ts';
import { CLUSTER, DEPLOYMENT, startWorld, type World } from './world.ts';

/** Also deletes, as one of its entries has `recreate`. */
const RECREATOR = 'recreator';
/** Also deletes, as its settings allow to clean up. */
const CLEANER = 'cleaner';
/** Does both, and recreates one of its two names only. */
const BOTH = 'both';
/** Loses its admission policy. */
const UNGUARDED = 'unguarded';

let world: World;
let role: ApiClient;
let recreator: ApiClient;

beforeAll(async () => {
  world = await startWorld([DEPLOYMENT, RECREATOR, CLEANER, BOTH, UNGUARDED]);
  const { admin } = world;
  const clusters = [{ name: CLUSTER }];
  await Promise.all([
    permit(admin, { clusters }),
    permit(admin, { clusters, name: RECREATOR, secrets: [{ recreate: true }] }),
    permit(admin, { clusters, name: CLEANER, cleanup: true }),
    permit(admin, {
      clusters,
      name: BOTH,
      cleanup: true,
      secrets: [{ recreate: true }, { name: 'other' }],
    }),
    permit(admin, { clusters, name: UNGUARDED }),
  ]);
  await makeNamespaces(admin, ['bare', 'ours', 'foreign', 'attacked']);
  role = await world.actAs(DEPLOYMENT);
  recreator = await world.actAs(RECREATOR);
  const mine = apply(pullSecret());
  expect((await role.request('PATCH', secretPath('ours'), mine)).status).toBe(201);
  await makeSecret(admin, 'foreign', { type: 'Opaque', data: { password: 'Zm9yZWlnbg==' } });
  await done(admin, 'POST', '/api/v1/namespaces/foreign/secrets', { metadata: { name: 'other' } });
});

afterAll(() => world?.stop());

const RBAC = (verb: string, resource: string) => `cannot ${verb} resource "${resource}"`;
const all = '/api/v1/secrets';
const inOurs = '/api/v1/namespaces/ours/secrets';
const selecting = (fieldSelector: string) => ({ query: { fieldSelector } });
const NAMED = selecting(`metadata.name=${PULL_SECRET}`);
const cluster = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
const admission = '/apis/admissionregistration.k8s.io/v1';

describe('the role', () => {
  test.for<[string, Method, string, ApiRequest]>([
    ['apply the secret where there is none', 'PATCH', secretPath('bare'), apply(pullSecret())],
    ['apply it where it is', 'PATCH', secretPath('ours'), apply(pullSecret())],
    ['apply it with a later expiry', 'PATCH', secretPath('ours'), apply(expiring('2030-06-01T08:00:00Z'))],
    ['patch its data', 'PATCH', secretPath('ours'), merge({ data: EMPTY_CONFIG })],
    ['list namespaces', 'GET', '/api/v1/namespaces', {}],
    ['list one of them', 'GET', '/api/v1/namespaces?fieldSelector=metadata.name%3Dours', {}],
    ['list the secret in a namespace', 'GET', inOurs, NAMED],
    ['list it in all', 'GET', all, NAMED],
  ])('may %s', async ([, method, path, request]) => {
    const { status, body } = await role.request(method, path, dry(method, request));
    expect(body).not.toHaveProperty('reason');
    expect(status).toBeLessThan(300);
  });

  test.for<[string, Method, string, ApiRequest, string]>([
    ['get the secret', 'GET', secretPath('ours'), {}, RBAC('get', 'secrets')],
    ['get another', 'GET', secretPath('foreign', 'other'), {}, RBAC('get', 'secrets')],
    ['list secrets', 'GET', inOurs, {}, RBAC('list', 'secrets')],
    ['list all secrets', 'GET', all, {}, RBAC('list', 'secrets')],
    ['list another', 'GET', all, selecting('metadata.name=other'), RBAC('list', 'secrets')],
    ['list all but it', 'GET', all, selecting(`metadata.name!=${PULL_SECRET}`), RBAC('list', 'secrets')],
    ['watch it', 'GET', all, { query: { ...NAMED.query, watch: true } }, RBAC('watch', 'secrets')],
    ['watch all secrets', 'GET', all, { query: { watch: true } }, RBAC('watch', 'secrets')],
    ['create the secret by POST', 'POST', inOurs, { body: named(pullSecret()) }, RBAC('create', 'secrets')],
    ['replace it', 'PUT', secretPath('ours'), { body: named(pullSecret()) }, RBAC('update', 'secrets')],
    ['delete it', 'DELETE', secretPath('ours'), {}, RBAC('delete', 'secrets')],
    ['delete secrets', 'DELETE', inOurs, {}, RBAC('deletecollection', 'secrets')],
    [
      'apply another name',
      'PATCH',
      secretPath('ours', 'x'),
      apply(pullSecret({}, 'x')),
      RBAC('patch', 'secrets'),
    ],
    ['patch another', 'PATCH', secretPath('foreign', 'other'), merge({}), RBAC('patch', 'secrets')],
    ['get a namespace', 'GET', '/api/v1/namespaces/ours', {}, RBAC('get', 'namespaces')],
    [
      'watch namespaces',
      'GET',
      '/api/v1/namespaces',
      { query: { watch: true } },
      RBAC('watch', 'namespaces'),
    ],
    ['patch a namespace', 'PATCH', '/api/v1/namespaces/ours', merge({}), RBAC('patch', 'namespaces')],
    ['list config maps', 'GET', '/api/v1/configmaps', {}, RBAC('list', 'configmaps')],
    [
      'make an account token',
      'POST',
      '/api/v1/namespaces/ours/serviceaccounts/default/token',
      { body: {} },
      RBAC('create', 'serviceaccounts/token'),
    ],
    ['create a pod', 'POST', '/api/v1/namespaces/ours/pods', { body: {} }, RBAC('create', 'pods')],
    ['patch its own rights', 'PATCH', `${cluster}/${DEPLOYMENT}`, merge({}), RBAC('patch', 'clusterroles')],
    [
      'delete its policy',
      'DELETE',
      `${admission}/validatingadmissionpolicies/${DEPLOYMENT}`,
      {},
      RBAC('delete', 'validatingadmissionpolicies'),
    ],
    [
      'unbind its policy',
      'DELETE',
      `${admission}/validatingadmissionpolicybindings/${DEPLOYMENT}`,
      {},
      RBAC('delete', 'validatingadmissionpolicybindings'),
    ],
  ])('has no right to %s', async ([, method, path, request, refusal]) => {
    const { status, body } = await role.request<Status>(method, path, dry(method, request));
    expect([status, body.message]).toEqual([403, expect.stringContaining(refusal)]);
  });

  test.for<[string, string, ApiRequest, string]>([
    ['an Opaque secret', 'bare', apply(pullSecret({ type: 'Opaque' })), 'only secrets of type'],
    [
      'a basic-auth secret',
      'bare',
      apply(pullSecret({ type: 'kubernetes.io/basic-auth', data: { password: 'eA==' } })),
      'only secrets of type',
    ],
    ['a secret without a type', 'bare', apply({ data: {} }), 'only secrets of type'],
    ['a service account token', 'bare', apply(accountToken()), 'only secrets of type'],
    [
      'a finalizer',
      'bare',
      apply(pullSecret({ metadata: { finalizers: ['example.com/stay'] } })),
      'no finalizers',
    ],
    [
      'an owner',
      'bare',
      apply(pullSecret({ metadata: { ownerReferences: [owner()] } })),
      'no owner references',
    ],
    [
      'a finalizer on its own',
      'ours',
      merge({ metadata: { finalizers: ['example.com/stay'] } }),
      'no finalizers',
    ],
    [
      'a token that ends earlier',
      'ours',
      apply(expiring('2030-05-31T23:59:59Z')),
      'a token that expires later',
    ],
    ['an expiry that is no time', 'ours', apply(expiring('never')), 'a token has a time'],
    ['nothing, to read a foreign secret', 'foreign', merge({}), 'only secrets of type'],
    [
      'nothing by JSON patch, to read it',
      'foreign',
      { body: [], contentType: 'application/json-patch+json' },
      'only secrets of type',
    ],
  ])('is refused %s by the policy', async ([, namespace, request, refusal]) => {
    const { status, body } = await role.request<Status>(
      'PATCH',
      secretPath(namespace),
      dry('PATCH', request),
    );
    expect([status, body.message]).toEqual([422, expect.stringContaining(refusal)]);
    expect(body.message).toContain(`ValidatingAdmissionPolicy '${DEPLOYMENT}'`);
    expect(body).not.toHaveProperty('data');
  });
});

test('a list of that one name shows a foreign secret of it, and no other', async () => {
  const { status, body } = await role.request<{ items: Secret[] }>('GET', all, NAMED);
  expect(status).toBe(200);
  expect(
    body.items.map(({ metadata, data }) => [metadata.namespace, metadata.name, Object.keys(data)]),
  ).toEqual([
    ['foreign', PULL_SECRET, ['password']],
    ['ours', PULL_SECRET, ['.dockerconfigjson']],
  ]);
});

test('with cleanup it may delete its own secrets of that one name, and nothing foreign', async () => {
  const cleaner = await world.actAs(CLEANER);
  const labels = { 'app.kubernetes.io/managed-by': CLEANER };
  const draft = apply(pullSecret({ metadata: { labels } }), { manager: CLEANER });
  const made = await cleaner.request('PATCH', secretPath('bare'), draft);
  const answers = await Promise.all([
    cleaner.request('DELETE', secretPath('ours')),
    cleaner.request('DELETE', secretPath('foreign')),
    cleaner.request('DELETE', secretPath('foreign', 'other')),
    cleaner.request('GET', secretPath('bare')),
    role.request('DELETE', secretPath('bare')),
  ]);
  const own = await cleaner.request('DELETE', secretPath('bare'));
  expect([made, ...answers, own].map(({ status }) => status)).toEqual([201, 422, 422, 403, 403, 403, 200]);
});

test('with recreate it may get and delete that one name', async () => {
  const answers = await Promise.all([
    recreator.request('GET', secretPath('foreign')),
    recreator.request('DELETE', secretPath('foreign'), dry('DELETE', {})),
    recreator.request('GET', secretPath('foreign', 'other')),
    recreator.request('DELETE', secretPath('foreign', 'other'), dry('DELETE', {})),
    recreator.request('PATCH', secretPath('foreign'), dry('PATCH', merge({}))),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 403, 403, 422]);
});

test('with both it may delete foreign secrets of the name that it recreates, and of no other', async () => {
  const both = await world.actAs(BOTH);
  const answers = await Promise.all([
    both.request('DELETE', secretPath('foreign'), dry('DELETE', {})),
    both.request('DELETE', secretPath('foreign', 'other'), dry('DELETE', {})),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 422]);
});

test('the attacks that the policy refuses work without it', async () => {
  const { admin } = world;
  const attacker = await world.actAs(UNGUARDED);
  const readForeign = () => attacker.request<Secret>('PATCH', secretPath('foreign'), merge({}));
  const plant = () => attacker.request<Secret>('PATCH', secretPath('attacked'), apply(accountToken()));
  expect([(await readForeign()).status, (await plant()).status]).toEqual([422, 422]);

  await unbindPolicy(admin, UNGUARDED);
  await until('the policy is away', async () => (await readForeign()).status === 200);
  expect((await readForeign()).body.data).toEqual({ password: 'Zm9yZWlnbg==' });
  await done(admin, 'POST', '/api/v1/namespaces/attacked/serviceaccounts', { metadata: { name: 'admin' } });
  expect((await plant()).status).toBe(201);
  // the part of the controller manager, which is not here: it fills in the account's token
  await done(admin, 'PATCH', secretPath('attacked'), { data: { token: 'dG9rZW4=' } }, MERGE);
  const stolen = await attacker.request<Secret>('PATCH', secretPath('attacked'), merge({}));
  expect(stolen.body.data).toEqual({ token: 'dG9rZW4=' });
});

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface Status {
  readonly message: string;
}

/** Authorization and admission judge a dry run too, and it leaves nothing to the next case. */
function dry(method: Method, request: ApiRequest): ApiRequest {
  return method === 'GET' ? request : { ...request, query: { ...request.query, dryRun: 'All' } };
}

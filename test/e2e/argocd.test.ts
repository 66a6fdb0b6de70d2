import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { argocdPolicyName, NOT_AS_DECLARED } from '../../lambda/kubernetes/pull-secret.ts';
import { clusterRights } from '../../lambda/kubernetes/rbac.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { StatusReport } from '../../lambda/status.ts';
import type { ApiClient, ApiRequest } from './control-plane/api-client.ts';
import { apply, MERGE, merge } from './drafts.ts';
import { counts, REGISTRY_HOST } from './expected.ts';
import { done, makeNamespaces, readSecret, type Secret, secretPath } from './objects.ts';
import { applyManifest } from './rights.ts';
import { until } from './until.ts';
import { CLUSTER, DEPLOYMENT, startWorld, type World } from './world.ts';

const NAME = 'charts';
const NAMESPACE = 'argocd';
const URL = `${REGISTRY_HOST}/charts`;
const REPOSITORY = {
  type: 'argocd-repository',
  name: NAME,
  namespace: NAMESPACE,
  url: URL,
  enableOCI: true,
  clusters: ['*'] as string[],
} as const;
const SETTINGS = { clusters: [{ name: CLUSTER }], secrets: [REPOSITORY] };
const PATH = secretPath(NAMESPACE, NAME);
const POLICY = `ValidatingAdmissionPolicy '${argocdPolicyName(DEPLOYMENT)}'`;
const AT = { namespace: NAMESPACE, secret: NAME, outcome: 'blocked' };

let world: World;
let role: ApiClient;

const encode = (text: string) => Buffer.from(text).toString('base64');
const decode = (text = '') => Buffer.from(text, 'base64').toString();
const encoded = (data: Record<string, string>) =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, encode(value)]));

beforeAll(async () => {
  world = await startWorld();
  await makeNamespaces(world.admin, [NAMESPACE, 'elsewhere']);
  for (const manifest of clusterRights(checkSettings(SETTINGS), { name: CLUSTER })) {
    await applyManifest(world.admin, manifest);
  }
  role = await world.actAs(DEPLOYMENT);
  await declare();
  await until('the policy on the repository secret is in force', async () => {
    const answer = await role.request('PATCH', PATH, {
      ...merge({ metadata: { labels: { a: 'b' } } }),
      query: DRY,
    });
    return JSON.stringify(answer.body).includes(POLICY);
  });
  await done(world.admin, 'DELETE', PATH);
});

afterAll(() => world?.stop());

const DRY = { dryRun: 'All' };

/** The secret as Git has it. */
function declared(data: Record<string, string> = {}, label = 'repository') {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { name: NAME, labels: { 'argocd.argoproj.io/secret-type': label } },
    data: encoded({ type: 'helm', name: 'charts', url: URL, enableOCI: 'true', ...data }),
  };
}

/** Re-creates the secret as Git declares it, by a server-side apply. */
async function declare(data?: Record<string, string>, label?: string): Promise<Secret> {
  await world.admin.request('DELETE', PATH);
  return reapply(data, label);
}

async function reapply(data?: Record<string, string>, label?: string): Promise<Secret> {
  const query = 'fieldManager=argocd-controller&force=true';
  return (await done(world.admin, 'PATCH', `${PATH}?${query}`, declared(data, label), APPLY)) as Secret;
}

const APPLY = 'application/apply-patch+yaml';

async function refresh() {
  const { report } = await world.invoke(SETTINGS);
  return report;
}

async function read(): Promise<Secret> {
  const secret = await readSecret(world.admin, NAMESPACE, NAME);
  if (!secret) throw new Error(`there is no secret ${NAME}`);
  return secret;
}

/** Whether the two keys of a secret open the registry. */
function opens({ data: { username, password } }: Secret): boolean {
  const login = encode(`${decode(username)}:${decode(password)}`);
  return world.aws.registries.expiryOf(REGISTRY_HOST, login) !== undefined;
}

describe('a run', () => {
  test('fills in two keys of the secret that Git declares, and nothing else', async () => {
    const before = await declare();
    expect(await refresh()).toMatchObject({ ok: true, clusters: [counts({ refreshed: 1 })] });
    const after = await read();
    const { username, password, ...data } = after.data;
    expect(decode(username)).toBe('AWS');
    expect(opens(after)).toBe(true);
    expect(data).toEqual(before.data);
    const { resourceVersion: _old, managedFields: _theirs, ...kept } = before.metadata;
    const { resourceVersion, managedFields, ...metadata } = after.metadata;
    expect({ ...metadata, type: after.type }).toEqual({ ...kept, type: before.type });
    const ours = managedFields.filter(({ manager }) => manager === DEPLOYMENT);
    expect(ours).toMatchObject([
      { operation: 'Apply', fieldsV1: { 'f:data': { 'f:password': {}, 'f:username': {} } } },
    ]);
    expect(JSON.stringify(ours)).not.toMatch(/f:(metadata|type|labels|annotations)/);

    await refresh();
    expect((await read()).data.password).not.toBe(password);
  });

  test('says that Git has not declared it yet, and creates nothing', async () => {
    await world.admin.request('DELETE', PATH);
    expect(await refresh()).toMatchObject({
      ok: true,
      clusters: [
        {
          ...counts({ blocked: 1 }),
          problems: [{ ...AT, reason: 'it does not exist: Git has not declared it yet' }],
        },
      ],
    });
    expect(await readSecret(world.admin, NAMESPACE, NAME)).toBeUndefined();
  });

  test('leaves a password that is declared, and names who did', async () => {
    const { data } = await declare({ password: 'theirs' });
    expect(await refresh()).toMatchObject({
      ok: true,
      clusters: [{ problems: [{ ...AT, reason: 'it is managed by "argocd-controller"' }] }],
    });
    expect((await read()).data).toEqual(data);
    // the fix that it prints
    await done(
      world.admin,
      'PATCH',
      `${PATH}?fieldManager=kubectl-patch`,
      { data: { username: null, password: null } },
      MERGE,
    );
    expect(await refresh()).toMatchObject({ clusters: [counts({ refreshed: 1 })] });
  });

  test.each([
    ['another url', { url: 'attacker.example.com/charts' }, undefined, NOT_AS_DECLARED.url],
    ['no url', { url: '' }, undefined, NOT_AS_DECLARED.url],
    ['another enableOCI', { enableOCI: 'false' }, undefined, NOT_AS_DECLARED.enableOCI],
    ['no check of certificates', { insecure: 'true' }, undefined, NOT_AS_DECLARED.insecure],
    ['plain HTTP', { insecureOCIForceHttp: 'true' }, undefined, NOT_AS_DECLARED.insecure],
    ['another use', {}, 'cluster', NOT_AS_DECLARED.label],
  ] as const)('writes no token beside %s', async (_, data, label, reason) => {
    await declare(data, label);
    expect(await refresh()).toMatchObject({
      ok: true,
      clusters: [{ ...counts({ blocked: 1 }), problems: [{ ...AT, reason }] }],
    });
    expect((await read()).data).not.toHaveProperty('password');
  });

  test('fails by a policy of older settings', async () => {
    const url = `${REGISTRY_HOST}/other`;
    await declare({ url });
    const { report } = await world.invoke({ ...SETTINGS, secrets: [{ ...REPOSITORY, url }] });
    expect(report).toMatchObject({
      ok: false,
      clusters: [
        {
          ...counts({ failed: 1 }),
          problems: [
            { reason: `the admission policy ${argocdPolicyName(DEPLOYMENT)} is older than the settings` },
          ],
        },
      ],
    });
    expect((await read()).data).not.toHaveProperty('password');
  });

  test.each<[string, object]>([
    ['a label', { metadata: { name: NAME, labels: { a: 'b' } } }],
    ['a key', { data: { more: encode('x') } }],
  ])('is blocked where somebody applied %s as our field manager', async (_, draft) => {
    await declare();
    await refresh();
    const { contentType = '', body } = apply({ metadata: { name: NAME }, ...draft } as object);
    await done(world.admin, 'PATCH', `${PATH}?fieldManager=${DEPLOYMENT}&force=true`, body, contentType);
    expect(await refresh()).toMatchObject({
      ok: true,
      clusters: [{ ...counts({ blocked: 1 }), problems: [{ ...AT, reason: NOT_AS_DECLARED.fields }] }],
    });
  });

  test('creates nothing by an apply with a uid, whoever sends it', async () => {
    const { metadata } = await declare();
    await world.admin.request('DELETE', PATH);
    const { uid } = metadata;
    const answer = await world.admin.request(
      'PATCH',
      PATH,
      apply({ metadata: { name: NAME, uid }, data: encoded({ username: 'AWS' }) }),
    );
    expect(answer.status).toBe(409);
    const ours = await role.request('PATCH', PATH, apply({ metadata: { name: NAME, uid }, data: {} }));
    expect(ours.status).toBe(409);
    expect(await readSecret(world.admin, NAMESPACE, NAME)).toBeUndefined();
  });

  test('a plan writes nothing, and a status tells when it was written', async () => {
    const { data } = await declare();
    const plan = await world.invoke(SETTINGS, { action: 'plan' });
    expect(plan.report).toMatchObject({ ok: true, clusters: [counts({ refreshed: 1 })] });
    expect((await read()).data).toEqual(data);
    await refresh();
    const ours = (await read()).metadata.managedFields.find(({ manager }) => manager === DEPLOYMENT);
    const { report } = await world.invoke<StatusReport>(SETTINGS, { action: 'status' });
    expect(report?.clusters[0]?.secrets).toEqual([
      { namespace: NAMESPACE, secret: NAME, condition: 'fresh', fetchedAt: ours?.time.replace('Z', '.000Z') },
    ]);
  });
});

describe('the two keys stay', () => {
  test('when Git applies again by server-side apply', async () => {
    await declare();
    await refresh();
    const { data } = await read();
    await reapply({ name: 'renamed' });
    expect((await read()).data).toEqual({ ...data, name: encode('renamed') });
  });

  test('when Git applies again by client-side apply', async () => {
    await world.admin.request('DELETE', PATH);
    const LAST = 'kubectl.kubernetes.io/last-applied-configuration';
    const first = declared();
    const applied = (object: typeof first) => ({
      ...object,
      metadata: { ...object.metadata, annotations: { [LAST]: JSON.stringify(object) } },
    });
    const manager = 'fieldManager=kubectl-client-side-apply';
    await done(world.admin, 'POST', `/api/v1/namespaces/${NAMESPACE}/secrets?${manager}`, applied(first));
    await refresh();
    const { data } = await read();
    // what kubectl sends: the difference between the two last applies, and the annotation
    const second = declared({ name: 'renamed' });
    const patch = { data: { name: second.data.name }, metadata: applied(second).metadata };
    await done(world.admin, 'PATCH', `${PATH}?${manager}`, patch, 'application/strategic-merge-patch+json');
    expect((await read()).data).toEqual({ ...data, name: encode('renamed') });
    expect(await refresh()).toMatchObject({ clusters: [counts({ refreshed: 1 })] });
  });
});

describe('the identity of the function', () => {
  const login = encoded({ username: 'AWS', password: 'x' });
  const keys = (data: object, more: object = {}) =>
    apply({ metadata: { name: NAME }, data: { ...data }, ...more } as object);

  beforeAll(async () => {
    await declare();
    await done(world.admin, 'POST', `/api/v1/namespaces/${NAMESPACE}/secrets`, {
      metadata: { name: 'other' },
    });
    await done(world.admin, 'POST', '/api/v1/namespaces/elsewhere/secrets', { metadata: { name: NAME } });
  });

  async function attempt(
    request: ApiRequest,
    path = PATH,
    method: 'PATCH' | 'POST' | 'PUT' | 'DELETE' | 'GET' = 'PATCH',
  ) {
    const { status, body } = await role.request<{ message?: string }>(method, path, {
      ...request,
      query: { ...request.query, ...(method !== 'GET' && DRY) },
    });
    return { status, message: body.message ?? '' };
  }

  test('may write the two keys', async () => {
    expect(await attempt(keys(login))).toMatchObject({ status: 200 });
  });

  test.each<[string, ApiRequest]>([
    ['another key', keys({ ...login, bearerToken: encode('x') })],
    ['the url', merge({ data: { url: encode('attacker.example.com') } })],
    ['less data', merge({ data: { name: null } })],
    ['a label', keys(login, { metadata: { name: NAME, labels: { a: 'b' } } })],
    [
      'the label of Argo CD',
      merge({ metadata: { labels: { 'argocd.argoproj.io/secret-type': 'repo-creds' } } }),
    ],
    ['no labels', merge({ metadata: { labels: null } })],
    ['an annotation', keys(login, { metadata: { name: NAME, annotations: { a: 'b' } } })],
    ['a finalizer', keys(login, { metadata: { name: NAME, finalizers: ['example.com/x'] } })],
    [
      'an owner',
      keys(login, {
        metadata: { name: NAME, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'x', uid: 'x' }] },
      }),
    ],
    ['immutability', merge({ immutable: true })],
  ])('is refused %s in it', async (_, request) => {
    const answer = await attempt(request);
    expect(answer.status).toBe(422);
    expect(answer.message).toContain(POLICY);
  });

  test.each<[string, ApiRequest, string, ('GET' | 'POST' | 'PUT' | 'DELETE')?]>([
    ['another secret of the namespace', keys(login), secretPath(NAMESPACE, 'other')],
    ['the name in another namespace', keys(login), secretPath('elsewhere', NAME)],
    ['a new secret', { body: declared() }, `/api/v1/namespaces/${NAMESPACE}/secrets`, 'POST'],
    ['a PUT', { body: declared() }, PATH, 'PUT'],
    ['a DELETE', {}, PATH, 'DELETE'],
    ['a read', {}, PATH, 'GET'],
    ['a list of all', {}, `/api/v1/namespaces/${NAMESPACE}/secrets`, 'GET'],
  ])('has no permission for %s', async (_, request, path, method) => {
    expect(await attempt(request, path, method)).toMatchObject({ status: 403 });
  });
});

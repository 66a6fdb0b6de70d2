import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AwsEmulator, startAws } from '../sandbox/aws/server.ts';
import { deniedByPolicy } from '../sandbox/kubernetes/admission.ts';
import type { Secret } from '../sandbox/kubernetes/objects.ts';
import { pullSecretPolicy } from '../sandbox/kubernetes/pull-secret-policy.ts';
import { type KubernetesEmulator, startKubernetes } from '../sandbox/kubernetes/server.ts';
import type { Status } from '../sandbox/kubernetes/status.ts';
import type { Principal } from '../sandbox/signatures.ts';

const roleArn = 'arn:aws:iam::111122223333:role/ecr-registry-helper';
const group = 'ecr-registry-helper';
const secretName = 'ecr-docker-creds';
const dockerConfigJson = 'kubernetes.io/dockerconfigjson';
const applyPatch = { 'content-type': 'application/apply-patch+yaml' };
const partialList = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const partial = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

const manifest = () => [
  {
    kind: 'ClusterRole',
    metadata: { name: group },
    rules: [
      { apiGroups: [''], resources: ['namespaces'], verbs: ['list'] },
      {
        apiGroups: [''],
        resources: ['secrets'],
        resourceNames: [secretName],
        verbs: ['get', 'patch', 'create', 'delete'],
      },
    ],
  },
  {
    kind: 'ClusterRoleBinding',
    metadata: { name: group },
    roleRef: { kind: 'ClusterRole', name: group },
    subjects: [{ kind: 'Group', name: group }],
  },
];

let aws: AwsEmulator;
let kube: KubernetesEmulator;
let agent: Agent;
let token: string;

beforeEach(async () => {
  aws = await startAws();
  kube = await startKubernetes({
    principals: aws.principals,
    accessEntries: [{ principalArn: roleArn, groups: [group] }],
    manifest: manifest(),
    namespaces: ['default', 'team-a', 'team-b'],
    now: aws.now,
  });
  agent = new Agent({ connect: { ca: kube.caPem } });
  token = await signToken(aws.principal);
});

afterEach(async () => {
  await agent.destroy();
  await kube.close();
  await aws.close();
});

class Sha256 extends Hash {
  constructor(secret?: ConstructorParameters<typeof Hash>[1]) {
    super('sha256', secret);
  }
}

interface Presign {
  cluster?: string;
  region?: string;
  host?: string;
  query?: Record<string, string>;
}

async function signToken(credentials: Principal, options: Presign = {}): Promise<string> {
  const { cluster = 'prod', region = 'eu-west-1', query } = options;
  const host = options.host ?? `sts.${region}.amazonaws.com`;
  const signer = new SignatureV4({
    service: 'sts',
    region,
    credentials,
    sha256: Sha256,
    applyChecksum: false,
  });
  const signed = await signer.presign(
    {
      method: 'GET',
      protocol: 'https:',
      hostname: host,
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15', ...query },
      headers: { host, 'x-k8s-aws-id': cluster },
    },
    { expiresIn: 60, unhoistableHeaders: new Set(['x-k8s-aws-id']), signingDate: aws.now() },
  );
  const pairs = Object.entries(signed.query ?? {}).map(
    ([key, value]) => `${key}=${encodeURIComponent(String(value))}`,
  );
  return `k8s-aws-v1.${Buffer.from(`https://${host}/?${pairs.join('&')}`).toString('base64url')}`;
}

interface Call {
  body?: object;
  headers?: Record<string, string>;
  bearer?: string;
}

async function call<T = Status>(method: string, path: string, { body, headers, bearer = token }: Call = {}) {
  const answer = await request(kube.endpoint + path, {
    dispatcher: agent,
    method,
    headers: { authorization: `Bearer ${bearer}`, 'user-agent': 'test/1', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { code: answer.statusCode, headers: answer.headers, body: (await answer.body.json()) as T };
}

const pathOf = (namespace: string, name = secretName) => `/api/v1/namespaces/${namespace}/secrets/${name}`;

function pullSecret(auth: string, rest: object = {}, metadata: object = {}) {
  const config = JSON.stringify({ auths: { host: { auth } } });
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secretName, labels: { 'app.kubernetes.io/managed-by': group }, ...metadata },
    type: dockerConfigJson,
    data: { '.dockerconfigjson': Buffer.from(config).toString('base64') },
    ...rest,
  };
}

const apply = <T = Status>(
  namespace: string,
  body: object,
  query = '',
  headers: Record<string, string> = {},
) =>
  call<T>('PATCH', `${pathOf(namespace)}?fieldManager=${group}${query}`, {
    body,
    headers: { ...applyPatch, ...headers },
  });

describe('authentication', () => {
  const list = (bearer: string) => call('GET', '/api/v1/namespaces', { bearer });

  it('maps a session to the user and groups of its access entry', async () => {
    expect((await list(token)).code).toBe(200);
    expect(kube.requests.at(-1)).toMatchObject({
      user: 'arn:aws:sts::111122223333:assumed-role/ecr-registry-helper/ecr-registry-helper',
      userAgent: 'test/1',
      status: 200,
    });
  });

  it.each([
    ['another cluster', { cluster: 'staging' }],
    ['a global STS host', { host: 'sts.amazonaws.com' }],
    ['a host of another partition', { region: 'cn-north-1', host: 'sts.cn-north-1.amazonaws.com.cn' }],
    ['a query key that is not allowed', { query: { 'X-Amz-User-Agent': 'x' } }],
    ['another action', { query: { Action: 'GetSessionToken' } }],
  ])('refuses a token for %s', async (_, options) => {
    const answer = await list(await signToken(aws.principal, options));
    expect(answer).toMatchObject({ code: 401, body: { reason: 'Unauthorized', message: 'Unauthorized' } });
  });

  it('refuses a token of a wrong key, a spoilt one, and one of a role without an entry', async () => {
    const stranger = aws.addSession('arn:aws:iam::111122223333:role/stranger', 'x');
    const bearers = [
      await signToken({ ...aws.principal, secretAccessKey: 'wrong' }),
      `${token.slice(0, -1)}!`,
      `${token}${'A'.repeat(4_096)}`,
      await signToken(stranger),
    ];
    for (const bearer of bearers) expect((await list(bearer)).code).toBe(401);
    kube.accessEntries.push({
      principalArn: 'arn:aws:iam::111122223333:role/path/stranger',
      groups: [group],
    });
    expect((await list(await signToken(stranger))).code).toBe(200);
  });

  it('takes a token for 15 minutes', async () => {
    aws.advance(14.9 * 60_000);
    expect((await list(token)).code).toBe(200);
    aws.advance(5 * 60_000);
    expect((await list(token)).code).toBe(401);
  });

  it('lets nobody in without a token, as EKS since 1.32', async () => {
    const answer = await request(`${kube.endpoint}/api/v1/namespaces`, { dispatcher: agent });
    expect(answer.statusCode).toBe(401);
    expect(await answer.body.json()).toMatchObject({ reason: 'Unauthorized', message: 'Unauthorized' });
  });
});

describe('authorization', () => {
  it('allows what rules of bound roles allow, and names the rest as the server does', async () => {
    const other = await call('GET', pathOf('default', 'other'));
    const user = String(kube.requests.at(-1)?.user);
    const what = (verb: string) => `User "${user}" cannot ${verb} resource "secrets" in API group ""`;
    expect(other.code).toBe(403);
    expect(other.body.message).toBe(
      `secrets "other" is forbidden: ${what('get')} in the namespace "default"`,
    );
    const all = await call('GET', '/api/v1/secrets');
    expect(all.body.message).toBe(`secrets is forbidden: ${what('list')} at the cluster scope`);
  });

  it('wants the right to create for an apply that would create', async () => {
    kube.manifest.splice(0, 1, {
      kind: 'ClusterRole',
      metadata: { name: group },
      rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: [secretName], verbs: ['patch'] }],
    });
    kube.putSecret('team-a', secretName, {
      type: dockerConfigJson,
      stringData: { '.dockerconfigjson': '{}' },
    });
    const refused = await apply('default', pullSecret('1'));
    expect(refused.body.message).toMatch(
      /^secrets "ecr-docker-creds" is forbidden: .* cannot create resource "secrets"/,
    );
    expect((await apply('team-a', pullSecret('1'), '&force=true')).code).toBe(200);
  });
});

describe('namespaces', () => {
  interface List {
    kind: string;
    metadata: { continue?: string; remainingItemCount?: number };
    items: { kind?: string; metadata: { name: string }; status?: object }[] | null;
  }
  const list = (query: string, accept = partialList) =>
    call<List>('GET', `/api/v1/namespaces?${query}`, { headers: { accept } });
  const names = async (query: string) => (await list(query)).body.items?.map(({ metadata }) => metadata.name);

  it('come as metadata or whole, as asked for', async () => {
    const { body } = await list('');
    expect(body.kind).toBe('PartialObjectMetadataList');
    expect(body.items?.[0]).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'default' } });
    expect(body.items?.[0]?.status).toBeUndefined();
    const whole = await list('', 'application/json');
    expect(whole.body.items?.[0]?.status).toEqual({ phase: 'Active' });
    expect((await list('', 'text/html')).code).toBe(406);
  });

  it('come in pages that all show the moment of the first', async () => {
    const first = await list('limit=2');
    expect(first.body.metadata.remainingItemCount).toBe(1);
    kube.addNamespace('zz-new');
    const { items, metadata } = (await list(`limit=2&continue=${first.body.metadata.continue}`)).body;
    expect(items?.map((item) => item.metadata.name)).toEqual(['team-b']);
    expect(metadata.continue).toBeUndefined();
  });

  it('answer 410 to a page that is too old', async () => {
    const first = await list('limit=2');
    kube.expireLists();
    const late = await call('GET', `/api/v1/namespaces?limit=2&continue=${first.body.metadata.continue}`);
    expect(late).toMatchObject({ code: 410, body: { reason: 'Expired' } });
  });

  it('are chosen by label and name', async () => {
    kube.addNamespace('team-a', { labels: { team: 'a', tier: '1' } });
    kube.addNamespace('team-b', { labels: { team: 'b' } });
    const by = (selector: string) => names(`labelSelector=${encodeURIComponent(selector)}`);
    expect(await by('team=a')).toEqual(['team-a']);
    expect(await by('team!=a')).toEqual(['default', 'team-b']);
    expect(await by('team in (a,b),!tier')).toEqual(['team-b']);
    expect(await by('team notin (a)')).toEqual(['default', 'team-b']);
    expect(await by('team')).toEqual(['team-a', 'team-b']);
    expect((await list('labelSelector=a%20b')).code).toBe(400);
    expect(await names('fieldSelector=metadata.name%3Dteam-a')).toEqual(['team-a']);
    // A Go slice that nothing was appended to.
    expect((await list('fieldSelector=metadata.name%3Dnone')).body.items).toBeNull();
  });
});

describe('server-side apply', () => {
  it('creates with 201, then changes with 200 and the same uid', async () => {
    const first = await apply<Secret>('default', pullSecret('1'));
    aws.advance(60_000);
    const seconds = () => `${aws.now().toISOString().slice(0, 19)}Z`;
    const before = seconds();
    const second = await apply<Secret>('default', pullSecret('2'));
    const { time } = second.body.metadata.managedFields?.[0] ?? {};
    expect([before, seconds()]).toContain(time);
    expect([first.code, second.code]).toEqual([201, 200]);
    expect(second.body.metadata.uid).toBe(first.body.metadata.uid);
    expect(second.body.metadata.resourceVersion).not.toBe(first.body.metadata.resourceVersion);
    expect(second.body.metadata.managedFields).toEqual([
      {
        manager: group,
        operation: 'Apply',
        apiVersion: 'v1',
        time,
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:data': { 'f:.dockerconfigjson': {} },
          'f:metadata': { 'f:labels': { 'f:app.kubernetes.io/managed-by': {} } },
          'f:type': {},
        },
      },
    ]);
    expect(new Date(String(second.headers.date)).getTime()).toBeCloseTo(aws.now().getTime(), -4);
  });

  it('leaves everything as it was when nothing changes', async () => {
    await apply('default', pullSecret('1'));
    const before = kube.secret('default', secretName);
    aws.advance(60_000);
    expect((await apply('default', pullSecret('1'))).code).toBe(200);
    expect(kube.secret('default', secretName)).toEqual(before);
  });

  it('answers with metadata alone when asked to', async () => {
    const { body } = await apply<Secret>('default', pullSecret('1'), '', { accept: partial });
    expect(body.kind).toBe('PartialObjectMetadata');
    expect(body.data).toBeUndefined();
  });

  it('writes nothing in a dry run', async () => {
    expect((await apply('default', pullSecret('1'), '&dryRun=All')).code).toBe(201);
    expect(kube.secret('default', secretName)).toBeUndefined();
  });

  it('drops what it applied before and leaves out now', async () => {
    await apply('default', pullSecret('1', {}, { annotations: { a: '1', b: '2' } }));
    await apply('default', pullSecret('1', {}, { annotations: { a: '1' } }));
    expect(kube.secret('default', secretName)?.metadata).toMatchObject({ annotations: { a: '1' } });
    expect(kube.secret('default', secretName)?.metadata.annotations).not.toHaveProperty('b');
  });

  it("refuses to change another manager's field, and takes it when forced", async () => {
    const seed = {
      type: dockerConfigJson,
      stringData: { '.dockerconfigjson': '{}' },
      labels: { owner: 'team' },
    };
    kube.putSecret('default', secretName, seed);
    const refused = await apply('default', pullSecret('1'));
    expect(refused.code).toBe(409);
    expect(refused.body).toMatchObject({
      reason: 'Conflict',
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "kubectl-create" using v1',
            field: '.data..dockerconfigjson',
          },
        ],
      },
    });
    expect((await apply('default', pullSecret('1'), '&force=true')).code).toBe(200);
    const { metadata } = kube.secret('default', secretName) ?? {};
    expect(metadata?.labels).toMatchObject({ owner: 'team' });
    expect(metadata?.managedFields?.map(({ manager }) => manager)).toEqual([group, 'kubectl-create']);
    expect((await apply('default', pullSecret('2'))).code).toBe(200);
  });

  it('names an applier without a version, and shares fields of the same value', async () => {
    const seed = pullSecret('1');
    kube.putSecret('default', secretName, {
      type: seed.type,
      data: seed.data,
      manager: 'argocd',
      operation: 'Apply',
    });
    expect((await apply('default', pullSecret('1'))).code).toBe(200);
    const refused = await apply('default', pullSecret('2'));
    expect(refused.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "argocd": .data..dockerconfigjson',
    );
  });

  it('keeps type and immutable data, but finds conflicts first', async () => {
    kube.putSecret('default', secretName, { type: 'Opaque' });
    kube.putSecret('team-a', secretName, {
      type: dockerConfigJson,
      stringData: { '.dockerconfigjson': '{}' },
      immutable: true,
    });
    for (const [namespace, field] of [
      ['default', 'type'],
      ['team-a', 'data'],
    ] as const) {
      expect((await apply(namespace, pullSecret('1'))).code).toBe(409);
      const forced = await apply(namespace, pullSecret('1'), '&force=true');
      expect(forced).toMatchObject({
        code: 422,
        body: { reason: 'Invalid', details: { causes: [{ field }] } },
      });
      expect(forced.body.details?.causes?.[0]?.message).toContain('field is immutable');
    }
  });

  it('says when the namespace is missing or going away', async () => {
    kube.addNamespace('going', { terminating: true });
    kube.putSecret('going', 'old', {});
    const missing = await apply('nowhere', pullSecret('1'));
    expect(missing).toMatchObject({ code: 404, body: { details: { kind: 'namespaces', name: 'nowhere' } } });
    const going = await apply('going', pullSecret('1'));
    expect(going.code).toBe(403);
    expect(going.body.details?.causes?.[0]).toMatchObject({ reason: 'NamespaceTerminating' });
  });

  it('refuses a body that is no such secret, or has no manager or another patch type', async () => {
    expect(
      (await call('PATCH', pathOf('default'), { body: pullSecret('1'), headers: applyPatch })).code,
    ).toBe(422);
    expect((await call('PATCH', `${pathOf('default')}?fieldManager=x`, { body: pullSecret('1') })).code).toBe(
      415,
    );
    expect((await apply('default', pullSecret('1', { kind: 'ConfigMap' }))).code).toBe(400);
    expect((await apply('default', pullSecret('1', { data: {} }))).code).toBe(422);
  });
});

describe('deletion', () => {
  const remove = (preconditions?: object) =>
    call('DELETE', pathOf('default'), preconditions ? { body: { preconditions } } : {});

  it('takes only the object that the preconditions name', async () => {
    await apply('default', pullSecret('1'));
    expect((await remove({ uid: 'another' })).code).toBe(409);
    expect((await remove({ resourceVersion: '1' })).code).toBe(409);
    const { uid, resourceVersion } = kube.secret('default', secretName)?.metadata ?? {};
    expect(await remove({ uid, resourceVersion })).toMatchObject({ code: 200, body: { status: 'Success' } });
    expect((await remove()).code).toBe(404);
  });

  it('heeds a dry run in the body, and the query only when there is none', async () => {
    await apply('default', pullSecret('1'));
    await call('DELETE', pathOf('default'), { body: { dryRun: ['All'] } });
    await call('DELETE', `${pathOf('default')}?dryRun=All`);
    expect(kube.secret('default', secretName)).toBeDefined();
    await call('DELETE', `${pathOf('default')}?dryRun=All`, { body: {} });
    expect(kube.secret('default', secretName)).toBeUndefined();
  });

  it('waits for finalizers', async () => {
    kube.putSecret('default', secretName, { finalizers: ['example.com/hold'] });
    expect((await remove()).code).toBe(200);
    expect(kube.secret('default', secretName)?.metadata.deletionTimestamp).toBeDefined();
  });
});

describe('admission', () => {
  it('keeps a quota on secrets', async () => {
    kube.quotas.set('default', { name: 'few', secrets: 1 });
    kube.putSecret('default', 'something', {});
    const refused = await apply('default', pullSecret('1'));
    expect(refused.code).toBe(403);
    expect(refused.body.message).toBe(
      'secrets "ecr-docker-creds" is forbidden: exceeded quota: few, requested: secrets=1, used: secrets=1, limited: secrets=1',
    );
    expect(refused.body.details?.causes).toBeUndefined();
  });

  it('asks policies, which may echo the whole object', async () => {
    kube.admission.push((review) =>
      deniedByPolicy(review, { policy: 'P', binding: 'B', text: JSON.stringify(review.object) }),
    );
    const refused = await apply('default', pullSecret('canary'));
    expect(refused).toMatchObject({ code: 422, body: { reason: 'Invalid' } });
    expect(refused.body.message).toContain(
      `secrets "ecr-docker-creds" is forbidden: ValidatingAdmissionPolicy 'P' with binding 'B' denied request: {`,
    );
    expect(Object.keys(refused.body.details?.causes?.[0] ?? {})).toEqual(['message']);
    expect(kube.secret('default', secretName)).toBeUndefined();
  });

  it("holds writes and deletions to the product's own policy", async () => {
    kube.admission.push(pullSecretPolicy({ name: group, recreated: [] }));
    const expiry = (time: string) => ({ annotations: { 'ecr-registry-helper/expires-at': time } });
    const account = { annotations: { 'kubernetes.io/service-account.name': 'admin' } };
    const refused = [
      await apply('default', pullSecret('1', { type: 'kubernetes.io/service-account-token' }, account)),
      await apply('default', pullSecret('1', {}, { finalizers: ['example.com/hold'] })),
      await apply(
        'default',
        pullSecret('1', {}, { ownerReferences: [{ uid: 'u', name: 'x', kind: 'Pod', apiVersion: 'v1' }] }),
      ),
    ];
    await apply('default', pullSecret('1', {}, expiry('2026-01-02T00:00:00Z')));
    refused.push(await apply('default', pullSecret('1', {}, expiry('2026-01-01T00:00:00Z'))));
    kube.putSecret('team-a', secretName, {});
    refused.push(await call('DELETE', pathOf('team-a')));
    expect(refused.map(({ code }) => code)).toEqual([422, 422, 422, 422, 422]);
    expect((await call('DELETE', pathOf('default'))).code).toBe(200);
  });
});

describe('faults', () => {
  it('are chosen by request and attempt', async () => {
    const seen: number[] = [];
    const stop = kube.fault(({ method, attempt }) => {
      if (method !== 'PATCH') return undefined;
      seen.push(attempt);
      return attempt === 1 ? { kind: 'status', status: 429, headers: { 'retry-after': '1' } } : undefined;
    });
    const first = await apply('default', pullSecret('1'));
    expect(first).toMatchObject({
      code: 429,
      body: { reason: 'TooManyRequests' },
      headers: { 'retry-after': '1' },
    });
    expect((await apply('default', pullSecret('1'))).code).toBe(201);
    stop();
    await apply('default', pullSecret('1'));
    expect(seen).toEqual([1, 2]);
  });

  it.each([true, false])(
    'cut connections before, after and amid the answer (HTTP/2: %s)',
    async (allowH2) => {
      await agent.destroy();
      agent = new Agent({ connect: { ca: kube.caPem }, allowH2 });
      await apply('team-a', pullSecret('1'));
      expect(kube.requests.at(-1)?.httpVersion).toBe(allowH2 ? '2.0' : '1.1');
      for (const when of ['before', 'after', 'body'] as const) {
        kube.removeSecret('default', secretName);
        const stop = kube.fault(() => ({ kind: 'reset', when }));
        await expect(apply('default', pullSecret('1'))).rejects.toThrow();
        stop();
        expect(kube.secret('default', secretName) !== undefined).toBe(when !== 'before');
      }
      expect((await apply('default', pullSecret('1'))).code).toBe(200);
    },
  );

  it('spoil the body: half of the JSON, or a page of HTML', async () => {
    const stop = kube.fault(() => ({ kind: 'truncated' }));
    await expect(apply('default', pullSecret('1'))).rejects.toThrow(SyntaxError);
    stop();
    kube.fault(() => ({ kind: 'html', status: 502 }));
    await expect(apply('default', pullSecret('1'))).rejects.toThrow(SyntaxError);
    expect(kube.requests.map(({ status }) => status)).toEqual([201, 502]);
  });

  it('stall until released, and do nothing for a caller who has gone', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = kube.fault(() => ({ kind: 'stall', until: promise }));
    const waiting = apply('team-a', pullSecret('1'));
    const leaving = new AbortController();
    const path = `${kube.endpoint}${pathOf('default')}?fieldManager=${group}`;
    const headers = { authorization: `Bearer ${token}`, ...applyPatch };
    const body = JSON.stringify(pullSecret('1'));
    const impatient = request(path, {
      dispatcher: agent,
      method: 'PATCH',
      headers,
      body,
      signal: leaving.signal,
    });
    await vi.waitUntil(() => kube.requests.length === 2);
    leaving.abort();
    await expect(impatient).rejects.toThrow(/abort/i);
    stop();
    // A whole request after the abort, over the same connection: the server has seen the abort by then.
    await apply('team-b', pullSecret('1'));
    resolve();
    expect((await waiting).code).toBe(201);
    expect(kube.secret('default', secretName)).toBeUndefined();
  });
});

describe('connections', () => {
  it('are counted, and all closed in the end', async () => {
    await agent.destroy();
    agent = new Agent({ connect: { ca: kube.caPem }, allowH2: false, connections: 4 });
    const names = Array.from({ length: 40 }, (_, index) => `n-${index}`);
    for (const name of names) kube.addNamespace(name);
    await Promise.all(names.map((name) => apply(name, pullSecret('1'))));
    expect(kube.secrets()).toHaveLength(40);
    expect(kube.tlsSessions).toBe(4);
    expect(kube.openSockets).toBe(4);
    await agent.destroy();
    await vi.waitUntil(() => kube.openSockets === 0);
  });
});

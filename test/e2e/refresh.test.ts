import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { passwordCanary } from '../sandbox/aws/canary.ts';
import type { WatchEvent } from './control-plane/api-client.ts';
import { counts, REGISTRY_HOST } from './expected.ts';
import type { RunRequest } from './function/invoke.ts';
import {
  listSecrets,
  loginsOf,
  makeNamespaces,
  makeSecret,
  PULL_SECRET_TYPE,
  readSecret,
  type Secret,
} from './objects.ts';
import type { RecordedRequest } from './recording-proxy.ts';
import { permit } from './rights.ts';
import { CLUSTER, DEPLOYMENT, type Recording, startWorld, type World } from './world.ts';

const TEAMS = 200;
/** With the namespaces of the system and these there are two pages. */
const OTHERS = 320;
const EXPIRES_AT = 'ecr-registry-helper/expires-at';
const FETCHED_AT = 'ecr-registry-helper/fetched-at';

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
const stored: Partial<SettingsInput> = {
  secrets: [{ registries: [{ type: 'stored', secretId: 'logins' }], namespaces: { include: ['stored'] } }],
};
const teams = { secrets: [{ namespaces: { include: ['team-*'] } }] };

let world: World;
let first: Recording<RunRequest>;
let firstCalls: string[];

beforeAll(async () => {
  world = await startWorld();
  await permit(world.admin, { clusters: [{ name: CLUSTER }], secrets: [...(stored.secrets ?? []), {}] });
  await makeNamespaces(world.admin, [...names('team', TEAMS), ...names('other', OTHERS)]);
  first = await world.record(() => world.invoke(teams));
  firstCalls = world.aws.calls.map(({ operation }) => operation);
  const auth = Buffer.from('reader:stored-login').toString('base64');
  world.aws.addSecret({
    name: 'logins',
    value: JSON.stringify({ auths: { 'registry.example.com': { auth } } }),
  });
  await makeNamespaces(world.admin, ['stored']);
  await world.invoke(stored);
});

afterAll(() => world?.stop());

describe('the first refresh', () => {
  test('reports every namespace as created, and nothing else', () => {
    const { report, error } = first.result;
    expect(error).toBeUndefined();
    expect(report).toMatchObject({
      ok: true,
      action: 'refresh',
      secrets: [{ name: 'ecr-docker-creds', registries: [REGISTRY_HOST], expiresAt: expect.any(String) }],
      clusters: [{ id: CLUSTER, ok: true, problems: [], ...counts({ created: TEAMS }) }],
    });
  });

  test('leaves the docker config in every namespace, with the labels and times of the token', async () => {
    const { items } = await listSecrets(world.admin);
    const expiresAt = first.result.report?.secrets[0]?.expiresAt ?? '';
    const ours = items.filter(isOfTeam);
    expect(ours).toHaveLength(TEAMS);
    for (const secret of ours) {
      expect(secret.type).toBe(PULL_SECRET_TYPE);
      expect(loginsOf(secret)).toEqual({ [REGISTRY_HOST]: expect.stringMatching(`^AWS:${passwordCanary}`) });
      expect(secret.metadata.labels).toEqual({
        'app.kubernetes.io/name': 'ecr-registry-helper',
        'app.kubernetes.io/managed-by': DEPLOYMENT,
      });
      expect(secret.metadata.annotations).toEqual({
        [FETCHED_AT]: expect.stringMatching(/^[\dT:-]{19}Z$/),
        [EXPIRES_AT]: expect.stringMatching(/^[\dT:-]{19}Z$/),
      });
      expect(secret.metadata.annotations?.[EXPIRES_AT]?.slice(0, 16)).toBe(expiresAt.slice(0, 16));
    }
  });

  test('costs one PATCH a namespace and one that tries the policy, one LIST for 500 of them, and no more sessions than writes at once', () => {
    const { requests, tlsSessions } = first;
    const statuses = requests.filter(is('PATCH')).map(({ status }) => status);
    expect(statuses).toEqual([...Array(TEAMS).fill(201), 422]);
    expect(requests.filter(is('GET')).map(({ url }) => url.pathname)).toEqual(
      Array(2).fill('/api/v1/namespaces'),
    );
    expect(requests).toHaveLength(TEAMS + 3);
    expect(tlsSessions).toBeLessThanOrEqual(16);
  });

  test('asks AWS for one token and one cluster', () => {
    expect(firstCalls).toEqual(['GetAuthorizationToken', 'DescribeCluster']);
  });
});

test('a rotation keeps every uid, and a watch never sees a secret absent', async () => {
  const { admin } = world;
  const before = await listSecrets(admin);
  const watched = watchUntil(before.resourceVersion, 'default');
  const { report } = await world.invoke(teams);
  expect(report?.clusters[0]).toMatchObject(counts({ refreshed: TEAMS }));
  await makeSecret(admin, 'default', {});

  const events = (await watched).filter(({ object }) => isOfTeam(object));
  const after = byNamespace((await listSecrets(admin)).items);
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['MODIFIED']));
  expect(new Set(events.map(({ object }) => object.metadata.namespace))).toEqual(
    new Set(names('team', TEAMS)),
  );
  for (const { metadata, data } of before.items.filter(isOfTeam)) {
    const now = after.get(metadata.namespace);
    expect(now?.metadata.uid).toBe(metadata.uid);
    expect(now?.metadata.resourceVersion).not.toBe(metadata.resourceVersion);
    expect(now?.data).not.toEqual(data);
  }
});

test('the same stored credentials again change only when they were read', async () => {
  const { admin } = world;
  const before = await readSecret(admin, 'stored');
  expect(loginsOf(before)).toEqual({ 'registry.example.com': 'reader:stored-login' });
  // the server keeps the time of a write, and says that of an answer, in whole seconds
  const written = Date.parse(before?.metadata.managedFields[0]?.time ?? '');
  await expect.poll(() => Date.now() - written, { timeout: 5_000 }).toBeGreaterThan(2_100);
  expect((await world.invoke(stored)).report?.clusters[0]).toMatchObject(counts({ refreshed: 1 }));
  const after = await readSecret(admin, 'stored');
  expect(after?.data).toEqual(before?.data);
  expect(after?.metadata.uid).toBe(before?.metadata.uid);
});

test('a token that ends earlier does not replace a later one', async () => {
  const { admin, aws } = world;
  await makeNamespaces(admin, ['late']);
  const late = { secrets: [{ namespaces: { include: ['late'] } }] };
  expect((await world.invoke(late)).report?.clusters[0]).toMatchObject(counts({ created: 1 }));
  const before = await readSecret(admin, 'late');
  const token = {
    authorizationToken: Buffer.from(`AWS:${passwordCanary}older`).toString('base64'),
    expiresAt: Date.now() / 1_000 + 11.5 * 3_600,
    proxyEndpoint: `https://${REGISTRY_HOST}`,
  };
  aws.fail({
    operation: 'GetAuthorizationToken',
    with: { kind: 'body', status: 200, body: JSON.stringify({ authorizationData: [token] }) },
  });
  const { report } = await world.invoke(late);
  expect(report).toMatchObject({ ok: true, clusters: [counts({ unchanged: 1 })] });
  expect(await readSecret(admin, 'late')).toEqual(before);
});

function isOfTeam({ metadata }: Secret): boolean {
  return metadata.namespace.startsWith('team-');
}

function is(method: string): (request: RecordedRequest) => boolean {
  return (request) => request.method === method;
}

function byNamespace(secrets: readonly Secret[]): Map<string, Secret> {
  return new Map(secrets.map((secret) => [secret.metadata.namespace, secret]));
}

/** What happens to secrets of the name from a version on, until one appears in the namespace `last`. */
async function watchUntil(resourceVersion: string, last: string): Promise<WatchEvent<Secret>[]> {
  const events: WatchEvent<Secret>[] = [];
  const watch = world.admin.watch<Secret>('/api/v1/secrets', {
    query: { fieldSelector: 'metadata.name=ecr-docker-creds', resourceVersion },
    signal: AbortSignal.timeout(30_000),
  });
  for await (const event of watch) {
    if (event.object.metadata.namespace === last) return events;
    events.push(event);
  }
  throw new Error('the watch ended too early');
}

import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Principal } from '../sandbox/signatures.ts';
import { type ApiClient, type ApiResponse, createApiClient } from './control-plane/api-client.ts';
import { type ControlPlane, startControlPlane } from './control-plane/start.ts';
import { chosenMinor } from './control-plane/versions.ts';

interface SelfSubjectReview {
  status: { userInfo: { username: string; groups: string[] } };
}

const region = 'eu-west-1';
const clusterName = 'prod';
const refresher = session('refresher', 'ASIAREFRESHER');
const stranger = session('stranger', 'ASIASTRANGER');

let controlPlane: ControlPlane;

beforeAll(async () => {
  controlPlane = await startControlPlane({
    clusterName,
    region,
    mapRoles: [
      {
        roleArn: 'arn:aws:iam::111122223333:role/refresher',
        username: 'lambda:{{SessionName}}',
        groups: ['ecr-registry-helper'],
      },
    ],
    principals: [refresher, stranger],
  });
});

afterAll(() => controlPlane?.stop());

test('it is of the version that was chosen', async () => {
  const { body } = await controlPlane.admin.request('GET', '/version');
  expect(body).toMatchObject({ major: '1', minor: String(chosenMinor()) });
});

test('nobody is let in without a token', async () => {
  const { status } = await whoAmI(undefined);
  expect(status).toBe(401);
});

test('a health check needs no token', async ({ skip }) => {
  skip(chosenMinor() < 31, 'Kubernetes 1.30 cannot limit anonymous requests to health checks');
  const { status, body } = await as(undefined, (client) => client.request('GET', '/readyz'));
  expect([status, body]).toEqual([200, 'ok']);
});

test('a token of a mapped role is its user and groups', async () => {
  const { status, body } = await whoAmI(await tokenOf(refresher, { clusterName, region }));
  expect(status).toBe(201);
  expect(body.status.userInfo).toMatchObject({
    username: 'lambda:nightly',
    groups: ['ecr-registry-helper', 'system:authenticated'],
  });
});

test.for([
  ['of a role that is not mapped', stranger, { clusterName, region }],
  ['for a cluster of another name', refresher, { clusterName: 'staging', region }],
  ['for the STS of another region', refresher, { clusterName, region: 'us-east-1' }],
  ['signed with another key', { ...refresher, secretAccessKey: 'guessed' }, { clusterName, region }],
  ['with another session token', { ...refresher, sessionToken: 'guessed' }, { clusterName, region }],
  ['that is too old', refresher, { clusterName, region, signingDate: new Date(Date.now() - 16 * 60_000) }],
] as const)('a token %s is refused', async ([, principal, scope]) => {
  const { status } = await whoAmI(await tokenOf(principal, scope));
  expect(status).toBe(401);
});

test('the administrator may do anything, and sees it in a watch', async () => {
  const { admin } = controlPlane;
  const ended = new AbortController();
  const watch = admin.watch<{ metadata: { name: string } }>('/api/v1/namespaces', {
    query: { fieldSelector: 'metadata.name=watched' },
    signal: ended.signal,
  });
  const first = watch.next();
  const created = await admin.request('POST', '/api/v1/namespaces', {
    body: { metadata: { name: 'watched' } },
  });
  expect(created.status).toBe(201);
  expect(await first).toMatchObject({
    value: { type: 'ADDED', object: { metadata: { name: 'watched' } } },
  });
  ended.abort();
  expect((await watch.next()).done).toBe(true);
});

test('a ValidatingAdmissionPolicy can be stored and holds', async () => {
  const { admin } = controlPlane;
  const path = '/apis/admissionregistration.k8s.io/v1';
  const match = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] };
  await admin.request('POST', `${path}/validatingadmissionpolicies`, {
    body: {
      metadata: { name: 'no-config' },
      spec: {
        matchConstraints: { resourceRules: [match] },
        validations: [{ expression: 'object.metadata.name != "refused"', message: 'refused by policy' }],
      },
    },
  });
  await admin.request('POST', `${path}/validatingadmissionpolicybindings`, {
    body: { metadata: { name: 'no-config' }, spec: { policyName: 'no-config', validationActions: ['Deny'] } },
  });
  const refuse = () =>
    admin.request('POST', '/api/v1/namespaces/default/configmaps', {
      query: { dryRun: 'All' },
      body: { metadata: { name: 'refused' } },
    });
  await expect.poll(async () => (await refuse()).status, { timeout: 20_000 }).toBe(422);
});

function session(role: string, accessKeyId: string): Principal {
  return {
    accessKeyId,
    secretAccessKey: `secret-of-${role}`,
    sessionToken: `session-of-${role}`,
    arn: `arn:aws:sts::111122223333:assumed-role/${role}/nightly`,
    accountId: '111122223333',
    userId: `AROA${role.toUpperCase()}:nightly`,
  };
}

/** An EKS bearer token, see `pkg/token/token.go` of aws-iam-authenticator. */
async function tokenOf(
  credentials: Principal,
  scope: { clusterName: string; region: string; signingDate?: Date },
): Promise<string> {
  const hostname = `sts.${scope.region}.amazonaws.com`;
  const signer = new SignatureV4({
    credentials,
    region: scope.region,
    service: 'sts',
    sha256: Hash.bind(null, 'sha256'),
  });
  const { query } = await signer.presign(
    {
      method: 'GET',
      protocol: 'https:',
      hostname,
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      headers: { host: hostname, 'x-k8s-aws-id': scope.clusterName },
    },
    {
      expiresIn: 60,
      unhoistableHeaders: new Set(['x-k8s-aws-id']),
      ...(scope.signingDate && { signingDate: scope.signingDate }),
    },
  );
  const url = `https://${hostname}/?${new URLSearchParams(query as Record<string, string>)}`;
  return `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`;
}

function whoAmI(token: string | undefined): Promise<ApiResponse<SelfSubjectReview>> {
  return as(token, (client) =>
    client.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {} }),
  );
}

async function as<T>(token: string | undefined, work: (client: ApiClient) => Promise<T>): Promise<T> {
  const { endpoint, caPem } = controlPlane;
  const client = createApiClient({ endpoint, caPem, ...(token === undefined ? {} : { token }) });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

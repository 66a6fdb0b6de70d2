import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { mintSessionToken } from '../sandbox/aws/canary.ts';
import { createAuthority } from '../sandbox/certificates.ts';
import { kubeconfigJson, kubeconfigParts } from '../sandbox/kubeconfig.ts';
import { type ControlPlane, startControlPlane } from './control-plane/start.ts';
import { counts, REGISTRY_HOST } from './expected.ts';
import { loginsOf, makeNamespaces, makeSecret, readSecret } from './objects.ts';
import { startRecordingProxy } from './recording-proxy.ts';
import { applyManifest, permit } from './rights.ts';
import { CLUSTER, DEPLOYMENT, startWorld, type World } from './world.ts';

const EDGE = { name: 'edge', kubeconfigSecretId: 'edge-kubeconfig' };
const TOKEN = mintSessionToken('helper');
const subject = { commonName: 'helper', organization: DEPLOYMENT, usage: 'client' } as const;
const secrets = [{ namespaces: { include: ['team-*'] } }];
const both = { clusters: [{ name: CLUSTER }, EDGE], secrets };
const alone = { clusters: [EDGE], secrets };

let world: World;
let edge: ControlPlane;

beforeAll(async () => {
  world = await startWorld();
  edge = await startControlPlane({
    clusterName: 'edge',
    region: world.aws.region,
    principals: world.aws.principals,
    // its authenticator would take our role: nothing but the kubeconfig may be shown to it
    mapRoles: [
      { roleArn: `arn:aws:iam::${world.aws.accountId}:role/${DEPLOYMENT}`, username: 'x', groups: [] },
    ],
    staticTokens: [{ token: TOKEN, username: 'helper', group: DEPLOYMENT }],
  });
  for (const { admin } of [world.controlPlane, edge]) {
    await permit(admin, both);
    await makeNamespaces(admin, ['team-a', 'team-b', 'other']);
  }
});

afterAll(async () => {
  await edge?.stop();
  await world?.stop();
});

/** Stores a kubeconfig of the edge cluster with what a test changes. */
function store(
  identity: Parameters<typeof kubeconfigParts>[1],
  { cluster = {}, user = {} } = {},
  place: { endpoint: string; caPem: string } = edge,
): void {
  const parts = kubeconfigParts(place, identity);
  const changed = { cluster: { ...parts.cluster, ...cluster }, user: { ...parts.user, ...user } };
  world.aws.addSecret({ name: EDGE.kubeconfigSecretId, value: JSON.stringify(kubeconfigJson(changed)) });
}

describe('two real API servers in one run, one of EKS and one by kubeconfig', () => {
  test('are refreshed, the other with a client certificate of the group', async () => {
    const certificate = await edge.authority.issue(subject);
    store(certificate);
    const { report, stdout, stderr } = await world.invoke(both);
    expect(report).toMatchObject({
      ok: true,
      clusters: [
        { id: CLUSTER, arn: expect.any(String), ...counts({ created: 2 }) },
        { id: 'edge', ...counts({ created: 2 }) },
      ],
    });
    expect(report?.clusters[1]).not.toHaveProperty('arn');
    for (const { admin } of [world.controlPlane, edge]) {
      expect(loginsOf(await readSecret(admin, 'team-a'))).toHaveProperty([REGISTRY_HOST]);
      expect(await readSecret(admin, 'other')).toBeUndefined();
    }
    const [line = ''] = certificate.keyPem.split('\n').slice(1);
    expect(stdout + stderr + JSON.stringify(report)).not.toContain(line);
  });

  test('and again with a static token', async () => {
    store(TOKEN);
    const { report } = await world.invoke(both);
    expect(report).toMatchObject({ ok: true, clusters: [{ refreshed: 2 }, { id: 'edge', refreshed: 2 }] });
  });

  test('what is there is bounded by the same admission policy', async () => {
    store(await edge.authority.issue(subject));
    await makeNamespaces(edge.admin, ['team-foreign']);
    await makeSecret(edge.admin, 'team-foreign', { type: 'Opaque', data: {} });
    const { report } = await world.invoke<DoctorReport>(alone, { action: 'doctor' });
    const policy = report?.findings.find(({ step }) => step === 'admission policy');
    expect(policy).toMatchObject({ result: 'pass' });
    const refresh = await world.invoke(alone, { namespaces: ['team-foreign'] });
    expect(refresh.report?.clusters[0]).toMatchObject(counts({ blocked: 1 }));
  });

  test('and somebody else who was given the rights is found out, as the policy does not hold them', async () => {
    const rbac = 'rbac.authorization.k8s.io';
    await applyManifest(edge.admin, {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'by-hand', labels: {} },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: DEPLOYMENT },
      subjects: [{ apiGroup: rbac, kind: 'Group', name: 'by-hand' }],
    });
    store(await edge.authority.issue({ ...subject, organization: 'by-hand' }));
    const { report } = await world.invoke<DoctorReport>(alone, { action: 'doctor' });
    expect(report?.findings.filter(({ result }) => result === 'fail')).toMatchObject([
      {
        step: 'authentication',
        reason: expect.stringContaining(`not in the group ${DEPLOYMENT}`),
        remedy: expect.stringContaining(`O=${DEPLOYMENT}`),
      },
    ]);
  });
});

test('a name in the certificate of the server that is not its host', async () => {
  store(TOKEN, { cluster: { 'tls-server-name': 'localhost' } });
  expect((await world.invoke(alone, { namespaces: ['team-a'] })).report).toMatchObject({ ok: true });
});

describe('refused by the API server', () => {
  const refused: [string, () => Promise<void>, RegExp][] = [
    [
      'a certificate of another authority',
      async () => store(await (await createAuthority('foreign')).issue(subject)),
      /edge rejected the identity of its kubeconfig \(401 Unauthorized\)/,
    ],
    [
      'another token',
      async () => store(mintSessionToken('other')),
      /rejected the identity .*\(401 Unauthorized\)/,
    ],
    [
      'somebody who is not in the group',
      async () => store(await edge.authority.issue({ ...subject, organization: 'others' })),
      /no permission to list namespaces \(403 Forbidden\)/,
    ],
  ];

  test.each(refused)('%s', async (_, arrange, reason) => {
    await arrange();
    const { report } = await world.invoke(both);
    expect(report).toMatchObject({
      ok: false,
      clusters: [{ ok: true }, { ok: false, error: { reason: expect.stringMatching(reason) } }],
    });
    expect(JSON.stringify(report?.clusters[1])).not.toContain('aws eks');
  });

  test('a token, at once and without one of IAM', async () => {
    const proxy = await startRecordingProxy(edge);
    try {
      store(mintSessionToken('other'), {}, proxy);
      await world.invoke(alone);
      expect(proxy.requests.map(({ status }) => status)).toEqual([401]);
    } finally {
      await proxy.stop();
    }
  });
});

describe('refused before the API server is asked', () => {
  const caData = (pem: string) => ({ 'certificate-authority-data': Buffer.from(pem).toString('base64') });
  const refused: [string, () => Promise<void> | void, RegExp][] = [
    [
      'the authority of another cluster',
      () => store(TOKEN, { cluster: caData(world.controlPlane.caPem) }),
      /could not reach the API server \((UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_SIGNATURE_FAILURE)\)/,
    ],
    [
      'another name of the server',
      () => store(TOKEN, { cluster: { 'tls-server-name': 'edge.example.com' } }),
      /could not reach the API server \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
    ],
    [
      'a client certificate that has ended',
      async () => store(await edge.authority.issue({ ...subject, notAfter: new Date(Date.now() - 60_000) })),
      /client certificate of the kubeconfig .* expired at \d{4}-/,
    ],
    ['a command', () => store(TOKEN, { user: { exec: { command: 'aws' } } }), /user\.exec is not allowed/],
    ['a file', () => store(TOKEN, { user: { tokenFile: '/proc/self/environ' } }), /user\.tokenFile is not/],
    ['a proxy', () => store(TOKEN, { cluster: { 'proxy-url': 'http://x' } }), /cluster\.proxy-url is not/],
    [
      'TLS that is not checked',
      () => store(TOKEN, { cluster: { 'insecure-skip-tls-verify': true } }),
      /cluster\.insecure-skip-tls-verify is not allowed/,
    ],
  ];

  test.each(refused)('%s', async (_, arrange, reason) => {
    await arrange();
    const { report } = await world.invoke(alone);
    expect(report?.clusters[0]).toMatchObject({
      ok: false,
      ...counts({}),
      error: { reason: expect.stringMatching(reason) },
    });
  });
});

import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { HelperError } from '../../lambda/errors.ts';
import { forbiddenError } from '../../lambda/kubernetes/api-error.ts';
import { STORE_KUBECONFIG } from '../../lambda/kubernetes/kubeconfig.ts';
import { unreachableError } from '../../lambda/kubernetes/transport.ts';
import { mintSessionToken } from '../sandbox/aws/canary.ts';
import { secretArn } from '../sandbox/aws/secrets-manager.ts';
import { createAuthority } from '../sandbox/certificates.ts';
import { kubeconfigJson, kubeconfigParts } from '../sandbox/kubeconfig.ts';
import type { World } from '../sandbox/world.ts';
import { secretMissingError } from '../unit/expected-errors.ts';
import { applyRbac, clusterOf, deploy, holders, invoke, NAMESPACES, refreshed, reportOf } from './run.ts';

const { certificatePem: caOfSomebodyElse } = await createAuthority('somebody else');
const SECRET_ID = 'edge-kubeconfig';
const TOKEN = mintSessionToken('token of edge');
const settings = { clusters: [{ name: 'demo' }, { name: 'edge', kubeconfigSecretId: SECRET_ID }] };
const store = ({ aws }: World, value: string) => void aws.addSecret({ name: SECRET_ID, value });
const storeParts = (world: World, more: { cluster?: object; user?: object }) => {
  const { cluster, user } = kubeconfigParts(clusterOf(world, 'edge'), TOKEN);
  const parts = { cluster: { ...cluster, ...more.cluster }, user: { ...user, ...more.user } };
  store(world, JSON.stringify(kubeconfigJson(parts)));
};

describe('a cluster by kubeconfig', () => {
  it('is refreshed beside one of EKS, with its own token and no call to EKS', async () => {
    const world = await deploy(settings);
    const report = await refreshed(world);
    expect(report).toMatchObject({ ok: true, clusters: [{ created: 4 }, { id: 'edge', created: 4 }] });
    expect(reportOf(report, 'edge')).not.toHaveProperty('arn');
    expect(holders(clusterOf(world, 'edge'))).toEqual(NAMESPACES);
    const asked = world.aws.calls.map(({ operation, detail }) => [operation, detail]);
    expect(asked.filter(([operation]) => operation === 'DescribeCluster')).toEqual([
      ['DescribeCluster', 'demo'],
    ]);
    expect(asked).toContainEqual(['GetSecretValue', SECRET_ID]);
  });

  it('is looked at by every action', async () => {
    const world = await deploy({ ...settings, cleanup: true });
    await refreshed(world);
    for (const event of [
      { action: 'plan' },
      { action: 'status' },
      { action: 'cleanup', clusters: ['edge'], confirm: 'edge' },
    ]) {
      expect((await invoke(world, event)).value).toMatchObject({ ok: true });
    }
  });

  it('passes every step of doctor', async () => {
    const world = await deploy(settings);
    const { value } = await invoke<DoctorReport>(world, { action: 'doctor' });
    expect(value?.findings.filter(({ result }) => result !== 'pass')).toEqual([]);
    const edge = value?.findings.filter(({ object }) => object === 'cluster edge');
    expect(edge?.map(({ step, reason }) => [step, reason])).toEqual([
      [
        'cluster',
        `not an EKS cluster: the kubeconfig in ${SECRET_ID} names ${clusterOf(world, 'edge').endpoint}`,
      ],
      ['bearer token', 'not of IAM: the token of its kubeconfig, whose expiry is unknown here'],
      ['endpoint', expect.any(String)],
      ['authentication', undefined],
    ]);
  });

  it('is reached below a path of its host, by every action', async () => {
    const world = await deploy({ ...settings, cleanup: true });
    const edge = clusterOf(world, 'edge');
    edge.basePath = '/k8s/clusters/c-m-abc12xyz';
    storeParts(world, { cluster: { server: `${edge.endpoint}${edge.basePath}` } });
    for (const event of [
      { action: 'plan' },
      {},
      { action: 'status' },
      { action: 'doctor' },
      { action: 'cleanup', clusters: ['edge'], confirm: 'edge', all: true },
    ]) {
      expect((await invoke(world, event)).value).toMatchObject({ ok: true });
    }
    expect(holders(edge)).toEqual([]);
    expect(edge.requests.filter(({ status }) => status === 404)).toEqual([]);
  });

  describe('without an authority', () => {
    const publicOnes = getCACertificates();
    afterEach(() => setDefaultCACertificates(publicOnes));

    it('is trusted by a public one where the settings ask for that', async () => {
      const world = await deploy({
        clusters: [
          { name: 'demo' },
          { name: 'edge', kubeconfigSecretId: SECRET_ID, publicCertificate: true },
        ],
      });
      storeParts(world, { cluster: { 'certificate-authority-data': undefined } });
      expect(reportOf(await refreshed(world), 'edge')).toMatchObject({
        error: { reason: expect.stringContaining('UNABLE_TO_VERIFY_LEAF_SIGNATURE') },
      });
      setDefaultCACertificates([...publicOnes, clusterOf(world, 'edge').caPem]);
      expect(await refreshed(world)).toMatchObject({ ok: true });
    });

    it('is refused without that, also where a public one would do', async () => {
      const world = await deploy(settings);
      storeParts(world, { cluster: { 'certificate-authority-data': undefined } });
      setDefaultCACertificates([...publicOnes, clusterOf(world, 'edge').caPem]);
      expect(reportOf(await refreshed(world), 'edge')).toMatchObject({
        error: { reason: expect.stringContaining('cluster.certificate-authority-data is missing') },
      });
      expect(clusterOf(world, 'edge').requests).toEqual([]);
    });
  });

  it('may be named by an ARN of another region', async () => {
    const region = 'us-west-2';
    const world = await deploy(settings);
    const parts = kubeconfigParts(clusterOf(world, 'edge'), TOKEN);
    const arn = world.aws.addSecret({ name: 'far', region, value: JSON.stringify(kubeconfigJson(parts)) });
    expect(arn).toBe(secretArn({ name: 'far', region, accountId: world.aws.accountId }));
    world.env.SETTINGS = JSON.stringify({ clusters: [{ name: 'edge', kubeconfigSecretId: arn }] });
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ created: 4 }] });
  });

  it('is asked once by a token that it does not take, and never by one of IAM', async () => {
    const world = await deploy(settings);
    storeParts(world, { user: { token: mintSessionToken('another') } });
    await refreshed(world);
    expect(clusterOf(world, 'edge').requests.map(({ status }) => status)).toEqual([401]);
  });
});

const faults: [string, (world: World) => void, HelperError, string][] = [
  [
    'is not there',
    (world) => {
      world.env.SETTINGS = JSON.stringify({
        clusters: [{ name: 'demo' }, { name: 'edge', kubeconfigSecretId: 'gone' }],
      });
    },
    secretMissingError('gone'),
    'cluster',
  ],
  [
    'is YAML',
    (world) => store(world, 'apiVersion: v1\nkind: Config\n'),
    new HelperError(
      'KubeconfigNotJsonError',
      `the Secrets Manager secret ${SECRET_ID} is not a kubeconfig in JSON`,
      STORE_KUBECONFIG,
    ),
    'cluster',
  ],
  [
    'runs a command',
    (world) => storeParts(world, { user: { exec: { command: 'aws', args: [TOKEN] } } }),
    new HelperError(
      'KubeconfigFieldError',
      `the kubeconfig in the Secrets Manager secret ${SECRET_ID}: ${'user.exec'} ${'is not allowed'}`,
      STORE_KUBECONFIG,
    ),
    'cluster',
  ],
  [
    'has another authority',
    (world) => {
      const caPem = Buffer.from(caOfSomebodyElse).toString('base64');
      storeParts(world, { cluster: { 'certificate-authority-data': caPem } });
    },
    unreachableError('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    'endpoint',
  ],
  [
    'names another server than answers',
    (world) => storeParts(world, { cluster: { 'tls-server-name': 'other' } }),
    unreachableError('ERR_TLS_CERT_ALTNAME_INVALID'),
    'endpoint',
  ],
  [
    'has a token that is not known',
    (world) => storeParts(world, { user: { token: mintSessionToken('another') } }),
    new HelperError(
      'KubeconfigUnauthorizedError',
      'the API server of edge rejected the identity of its kubeconfig (401 Unauthorized)',
      `The token or certificate in the Secrets Manager secret ${SECRET_ID} expired, was revoked or is for another cluster: make a new one for the group ecr-registry-helper and store it (docs/guides/kubeconfig-clusters.md).`,
    ),
    'authentication',
  ],
  [
    'is of somebody without rights',
    (world) => void clusterOf(world, 'edge').manifest.splice(0),
    forbiddenError('list', 'namespaces', applyRbac('edge')),
    'right',
  ],
];

describe.each(faults)('a kubeconfig that %s', (_, arrange, { problem, fix: remedy }, step) => {
  it('fails its cluster alone, and says what to do', async () => {
    const world = await deploy(settings);
    arrange(world);
    const report = await refreshed(world);
    expect(reportOf(report, 'demo')).toMatchObject({ ok: true, created: 4 });
    expect(reportOf(report, 'edge')).toMatchObject({ ok: false, error: { reason: problem, remedy } });
  });

  it('is found by doctor', async () => {
    const world = await deploy(settings);
    arrange(world);
    const { value } = await invoke<DoctorReport>(world, { action: 'doctor', clusters: ['edge'] });
    const first = value?.findings.find(({ result }) => result === 'fail');
    expect(first).toMatchObject({ step });
    if (step !== 'right') expect(first?.reason).toBe(problem);
    expect(JSON.stringify(value)).not.toMatch(/aws eks/);
  });
});

it('a kubeconfig that is cut off anywhere shows nothing of itself', async () => {
  const world = await deploy({ clusters: [{ name: 'edge', kubeconfigSecretId: SECRET_ID }] });
  const text = JSON.stringify(kubeconfigJson(kubeconfigParts(clusterOf(world, 'edge'), TOKEN)));
  for (let end = 0; end < text.length; end += 97) {
    store(world, text.slice(0, end));
    // every run is searched for what begins like the token
    expect((await invoke(world)).value).toMatchObject({ ok: false, clusters: [{ created: 0 }] });
  }
});

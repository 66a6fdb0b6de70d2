import { describe, expect, it } from 'vitest';
import { ForbiddenError, UnreachableError } from '../../lambda/cluster/errors.ts';
import {
  KubeconfigFieldError,
  KubeconfigNotJsonError,
  KubeconfigUnauthorizedError,
} from '../../lambda/cluster/kubeconfig-errors.ts';
import type { DoctorReport } from '../../lambda/doctor/doctor-report.ts';
import type { HelperError } from '../../lambda/errors.ts';
import { SecretMissingError } from '../../lambda/registry/errors.ts';
import { mintSessionToken } from '../sandbox/aws/canary.ts';
import { secretArn } from '../sandbox/aws/secrets-manager.ts';
import { createAuthority } from '../sandbox/certificates.ts';
import { kubeconfigJson, kubeconfigParts } from '../sandbox/kubeconfig.ts';
import type { World } from '../sandbox/world.ts';
import { clusterOf, deploy, holders, invoke, NAMESPACES, refreshed, reportOf } from './run.ts';

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
        `no cluster of EKS: the kubeconfig in ${SECRET_ID} names ${clusterOf(world, 'edge').endpoint}`,
      ],
      ['bearer token', 'none by IAM: the token of its kubeconfig, whose end is not known here'],
      ['endpoint', expect.any(String)],
      ['authentication', undefined],
    ]);
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
    new SecretMissingError('gone'),
    'cluster',
  ],
  [
    'is YAML',
    (world) => store(world, 'apiVersion: v1\nkind: Config\n'),
    new KubeconfigNotJsonError(SECRET_ID),
    'cluster',
  ],
  [
    'runs a command',
    (world) => storeParts(world, { user: { exec: { command: 'aws', args: [TOKEN] } } }),
    new KubeconfigFieldError(SECRET_ID, 'user.exec', 'is not allowed'),
    'cluster',
  ],
  [
    'has another authority',
    (world) => {
      const caPem = Buffer.from(caOfSomebodyElse).toString('base64');
      storeParts(world, { cluster: { 'certificate-authority-data': caPem } });
    },
    new UnreachableError('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    'endpoint',
  ],
  [
    'names another server than answers',
    (world) => storeParts(world, { cluster: { 'tls-server-name': 'other' } }),
    new UnreachableError('ERR_TLS_CERT_ALTNAME_INVALID'),
    'endpoint',
  ],
  [
    'has a token that is not known',
    (world) => storeParts(world, { user: { token: mintSessionToken('another') } }),
    new KubeconfigUnauthorizedError('edge', SECRET_ID, 'ecr-registry-helper'),
    'authentication',
  ],
  [
    'is of somebody without rights',
    (world) => void clusterOf(world, 'edge').manifest.splice(0),
    new ForbiddenError('list', 'namespaces'),
    'right',
  ],
];

describe.each(faults)('a kubeconfig that %s', (_, arrange, { problem, remedy }, step) => {
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

import { describe, expect, test } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { createAuthority } from '../sandbox/certificates.ts';
import type { World } from '../sandbox/world.ts';
import { clusterOf, deploy, FUNCTION_ROLE, holders, invoke, NAMESPACES, refreshed, reportOf } from './run.ts';

const caData = Buffer.from((await createAuthority('edge')).certificatePem).toString('base64');
const server = 'https://edge.example.com:6443';
const EDGE = { name: 'edge', server, caData, webIdentity: {} };
const BOTH: SettingsInput = { clusters: [{ name: 'demo' }, EDGE] };

const requests = ({ aws }: World) => aws.calls.filter(({ operation }) => operation === 'GetWebIdentityToken');

/** A deployment whose edge cluster trusts another audience than that of the tokens it gets. */
async function deployMisled(): Promise<World> {
  const world = await deploy(BOTH);
  const settings: SettingsInput = JSON.parse(world.env.SETTINGS ?? '');
  const clusters = settings.clusters.map((one) =>
    'webIdentity' in one ? { ...one, webIdentity: { audience: 'another' } } : one,
  );
  return { ...world, env: { ...world.env, SETTINGS: JSON.stringify({ ...settings, clusters }) } };
}

test('a cluster that trusts the role by its web identity is refreshed, beside one of EKS', async () => {
  const world = await deploy(BOTH);
  const report = await refreshed(world);
  expect(report.ok).toBe(true);
  expect(holders(clusterOf(world, 'edge'))).toEqual(NAMESPACES);
  expect(holders(clusterOf(world, 'demo'))).toEqual(NAMESPACES);
  expect(requests(world)).toHaveLength(1);
  expect(world.aws.calls.filter(({ operation }) => operation === 'DescribeCluster')).toHaveLength(1);
});

test('a kubeconfig without credentials says only where the API server is', async () => {
  const world = await deploy({
    clusters: [{ name: 'edge', kubeconfigSecretId: 'edge-kubeconfig', webIdentity: {} }],
  });
  expect(await refreshed(world)).toMatchObject({ ok: true });
  expect(requests(world)).toHaveLength(1);
});

test('a kubeconfig with credentials is refused', async () => {
  const world = await deploy({
    clusters: [{ name: 'edge', kubeconfigSecretId: 'edge-kubeconfig', webIdentity: {} }],
  });
  world.aws.addSecret({
    name: 'edge-kubeconfig',
    value: JSON.stringify({
      clusters: [{ name: 'edge', cluster: { server, 'certificate-authority-data': caData } }],
      users: [{ name: 'a', user: { token: 'secret' } }],
      contexts: [{ name: 'c', context: { cluster: 'edge', user: 'a' } }],
      'current-context': 'c',
    }),
  });
  expect(reportOf(await refreshed(world)).error).toMatchObject({
    code: 'KubeconfigFieldError',
    reason: expect.stringContaining('users must have no credentials, as the cluster has webIdentity'),
  });
});

test('a session that ends soon gets a token that lives shorter', async () => {
  const world = await deploy(BOTH);
  world.aws.issuer.longestSeconds = 600;
  expect(await refreshed(world)).toMatchObject({ ok: true });
  expect(requests(world).map(({ outcome }) => outcome)).toEqual(['SessionDurationEscalationException', 'ok']);
});

describe('what keeps it from working', () => {
  test('disabled federation fails that cluster alone, with the command that enables it', async () => {
    const world = await deploy(BOTH);
    world.aws.issuer.isEnabled = false;
    const report = await refreshed(world);
    expect(reportOf(report, 'demo').ok).toBe(true);
    expect(reportOf(report, 'edge').error).toEqual({
      code: 'WebIdentityDisabledError',
      reason: 'outbound web identity federation is disabled in the account of the function',
      remedy: 'Enable it once for the account: aws iam enable-outbound-web-identity-federation',
    });
  });

  test('a denied token names the permission', async () => {
    const world = await deploy(BOTH);
    world.aws.deny(FUNCTION_ROLE, 'sts:GetWebIdentityToken');
    expect(reportOf(await refreshed(world), 'edge').error).toMatchObject({
      code: 'WebIdentityCallError',
      remedy: expect.stringMatching(/^Allow sts:GetWebIdentityToken for this audience/),
    });
  });

  test('a 401 says what the token has, and prints the configuration that fits', async () => {
    const world = await deployMisled();
    const { error } = reportOf(await refreshed(world), 'edge');
    const { url } = world.aws.issuer;
    expect(error).toMatchObject({
      code: 'WebIdentityUnauthorizedError',
      reason: 'the API server of edge rejected the web identity of the function (401 Unauthorized)',
    });
    expect(error?.remedy).toBe(
      `The token has the issuer ${url}, the audience another, the role ${FUNCTION_ROLE} and the account 111122223333. Compare them with the AuthenticationConfiguration of the API server, which must reach the issuer. Print one that fits: npm run -s rbac -- -c settings=settings.json --cluster edge --issuer ${url} --role ${FUNCTION_ROLE}`,
    );
  });
});

describe('doctor', () => {
  const doctor = async (world: World) => {
    const { value } = await invoke<DoctorReport>(world, { action: 'doctor', clusters: ['edge'] });
    return value?.findings ?? [];
  };

  test('passes, and says what the token is', async () => {
    const findings = await doctor(await deploy(BOTH));
    expect(findings.filter(({ result }) => result === 'fail')).toEqual([]);
    expect(findings).toContainEqual({
      step: 'bearer token',
      object: 'cluster edge',
      result: 'pass',
      reason: 'a web identity token for the audience ecr-registry-helper/edge',
    });
  });

  test('fails where federation is disabled, and skips what needs a token', async () => {
    const world = await deploy(BOTH);
    world.aws.issuer.isEnabled = false;
    const findings = await doctor(world);
    expect(findings.filter(({ result }) => result === 'fail').map(({ step }) => step)).toEqual([
      'bearer token',
    ]);
    expect(findings).toContainEqual(expect.objectContaining({ step: 'endpoint', result: 'unknown' }));
  });

  test('fails where the API server rejects the token', async () => {
    const findings = await doctor(await deployMisled());
    expect(findings).toContainEqual(
      expect.objectContaining({
        step: 'authentication',
        result: 'fail',
        remedy: expect.stringContaining('Print one that fits: npm run -s rbac'),
      }),
    );
  });

  test('fails where the role is in no group', async () => {
    const world = await deploy(BOTH);
    // the emulated policy gives the group of the settings; another deployment's is another
    const settings: SettingsInput = JSON.parse(world.env.SETTINGS ?? '');
    const renamed = {
      ...settings,
      name: 'other',
      clusters: settings.clusters.map((one) =>
        'webIdentity' in one ? { ...one, webIdentity: { audience: 'ecr-registry-helper/edge' } } : one,
      ),
    };
    const findings = await doctor({ ...world, env: { ...world.env, SETTINGS: JSON.stringify(renamed) } });
    expect(findings).toContainEqual(
      expect.objectContaining({
        step: 'authentication',
        result: 'fail',
        reason: expect.stringContaining('not in the group other'),
        remedy: expect.stringContaining('AuthenticationConfiguration'),
      }),
    );
  });
});

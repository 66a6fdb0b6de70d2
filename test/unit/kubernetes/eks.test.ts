import type { Cluster, DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { beforeAll, describe, expect, test } from 'vitest';
import { describeCluster } from '../../../lambda/kubernetes/eks.ts';
import { createAuthority } from '../../sandbox/certificates.ts';
import { assumeRoleError } from '../expected-errors.ts';

let caPem: string;
let good: Cluster;

beforeAll(async () => {
  caPem = (await createAuthority('kubernetes')).certificatePem;
  good = {
    name: 'prod',
    arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/prod',
    status: 'ACTIVE',
    endpoint: 'https://A1B2.gr7.eu-west-1.eks.amazonaws.com',
    certificateAuthority: { data: Buffer.from(caPem).toString('base64') },
  };
});

const wanted = { name: 'prod', region: 'eu-west-1' };
const describeWith = (
  send: (command: DescribeClusterCommand) => Promise<unknown>,
  of: Parameters<typeof describeCluster>[1] = wanted,
) => describeCluster({ send } as unknown as EKSClient, of, new AbortController().signal);
const answered = (cluster: Cluster | undefined, of?: Parameters<typeof describeCluster>[1]) =>
  describeWith(() => Promise.resolve({ cluster }), of);

test('a cluster is asked for by name; its endpoint and authority are given', async () => {
  let asked: string | undefined;
  const endpoint = await describeWith(({ input }) => {
    asked = input.name;
    return Promise.resolve({ cluster: good });
  });
  expect(asked).toBe('prod');
  expect(endpoint).toMatchObject({
    arn: good.arn,
    url: 'https://a1b2.gr7.eu-west-1.eks.amazonaws.com',
    caPem,
  });
});

test('what a person has to know of a cluster is told with it', async () => {
  const told = { status: 'ACTIVE', authenticationMode: undefined, isPrivate: false };
  await expect(answered(good)).resolves.toMatchObject(told);
  const modest: Cluster = {
    ...good,
    status: 'UPDATING',
    accessConfig: { authenticationMode: 'CONFIG_MAP' },
    resourcesVpcConfig: { endpointPublicAccess: false },
  };
  await expect(answered(modest)).resolves.toMatchObject({
    status: 'UPDATING',
    authenticationMode: 'CONFIG_MAP',
    isPrivate: true,
  });
});

test.for<[string, Cluster['resourcesVpcConfig'], readonly string[] | undefined]>([
  ['open to all', { endpointPublicAccess: true, publicAccessCidrs: ['0.0.0.0/0'] }, undefined],
  ['open to all among others', { publicAccessCidrs: ['203.0.113.0/24', '0.0.0.0/0'] }, undefined],
  ['of which nothing is said', undefined, undefined],
  ['without addresses', { endpointPublicAccess: true, publicAccessCidrs: [] }, undefined],
  ['private', { endpointPublicAccess: false, publicAccessCidrs: ['203.0.113.0/24'] }, undefined],
  ['for some', { endpointPublicAccess: true, publicAccessCidrs: ['203.0.113.0/24'] }, ['203.0.113.0/24']],
  ['for all of IPv6', { publicAccessCidrs: ['203.0.113.0/24', '::/0'] }, ['203.0.113.0/24', '::/0']],
])('an endpoint %s tells for whom alone it is', async ([, resourcesVpcConfig, publicCidrs]) => {
  const { publicCidrs: told } = await answered({ ...good, resourcesVpcConfig });
  expect(told).toEqual(publicCidrs);
});

test('the account of the settings is the one that is found', async () => {
  await expect(answered(good, { ...wanted, accountId: '111122223333' })).resolves.toMatchObject({
    arn: good.arn,
  });
  await expect(answered(good, { ...wanted, accountId: '444455556666' })).rejects.toThrow(
    /prod is in account 111122223333, but the settings say 444455556666/,
  );
});

describe('a cluster that cannot be used', () => {
  test.for<[string, () => Cluster | undefined, string, RegExp]>([
    ['missing in the answer', () => undefined, 'ClusterCallError', /could not describe .* \(BrokenAnswer\)/],
    [
      'being made',
      () => ({ arn: good.arn, status: 'CREATING' }),
      'ClusterNotReadyError',
      /has no endpoint \(its status is CREATING\)/,
    ],
    [
      'without TLS',
      () => ({ ...good, endpoint: 'http://a1b2' }),
      'ClusterNotReadyError',
      /has no https endpoint/,
    ],
    [
      'with an endpoint that is no URL',
      () => ({ ...good, endpoint: 'a1b2' }),
      'ClusterNotReadyError',
      /has no https endpoint/,
    ],
    [
      'without an authority',
      () => ({ ...good, certificateAuthority: {} }),
      'ClusterCaError',
      /authority of the EKS cluster prod is missing/,
    ],
    [
      'with an empty authority',
      () => ({ ...good, certificateAuthority: { data: '' } }),
      'ClusterCaError',
      /is missing/,
    ],
    [
      'with an authority of noise',
      () => ({ ...good, certificateAuthority: { data: 'bm9pc2U=' } }),
      'ClusterCaError',
      /is not a certificate in PEM/,
    ],
  ])('%s', async ([, cluster, name, message]) => {
    await expect(answered(cluster())).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message),
    });
  });
});

describe('a call that fails', () => {
  test.for([
    ['ResourceNotFoundException', 'ClusterNotFoundError'],
    ['AccessDeniedException', 'ClusterCallError'],
  ] as const)('with %s', async ([code, name]) => {
    const failed = Object.assign(new Error('CanaryHunter2'), { name: code });
    const fault = await describeWith(() => Promise.reject(failed)).catch((error: unknown) => error);
    expect(fault).toMatchObject({ name });
    expect(String(fault)).not.toContain('Hunter2');
  });

  test('for want of a role keeps that reason', async () => {
    const refused = assumeRoleError('arn:aws:iam::111122223333:role/x', 'AccessDenied');
    await expect(describeWith(() => Promise.reject(refused))).rejects.toBe(refused);
  });
});

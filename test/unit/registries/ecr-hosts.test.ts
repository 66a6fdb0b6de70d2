import { partition as partitionOf } from '@aws-sdk/util-endpoints';
import { describe, expect, test } from 'vitest';
import { getEcrToken } from '../../../lambda/registries/ecr.ts';
import { ecrHosts, isLikeEcrHost, readEcrHost } from '../../../lambda/settings/hosts.ts';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import { awsClientsOf } from '../aws-clients.ts';

const accountId = '111122223333';

/** A region of each partition that the SDK knows, and what its hosts end with: classic, dual-stack. */
const PARTITIONS = [
  ['aws', 'eu-west-1', 'amazonaws.com', 'on.aws'],
  ['aws-cn', 'cn-north-1', 'amazonaws.com.cn', 'on.amazonwebservices.com.cn'],
  ['aws-us-gov', 'us-gov-west-1', 'amazonaws.com', 'on.aws'],
  ['aws-iso', 'us-iso-east-1', 'c2s.ic.gov', 'on.aws.ic.gov'],
  ['aws-iso-b', 'us-isob-east-1', 'sc2s.sgov.gov', 'on.aws.scloud'],
  ['aws-iso-e', 'eu-isoe-west-1', 'cloud.adc-e.uk', 'on.cloud-aws.adc-e.uk'],
  ['aws-iso-f', 'us-isof-south-1', 'csp.hci.ic.gov', 'on.aws.hci.ic.gov'],
  ['aws-eusc', 'eusc-de-east-1', 'amazonaws.eu', 'on.amazonwebservices.eu'],
] as const;

test.for([
  ['000000000000.dkr.ecr.eu-west-1.localhost.localstack.cloud:4566', true],
  ['000000000000.dkr.ecr.us-east-1.localhost.localstack.cloud', true],
  ['111122223333.dkr.ecr.eu-west-1.amazonaws.com.example.com', true],
  ['111122223333.dkr.ecr.eu-west-1.amazonaws.com', false],
  ['111122223333.dkr-ecr.eu-west-1.on.aws', false],
  ['public.ecr.aws', false],
  ['localhost:4566', false],
  ['ghcr.io', false],
] as const)('%s is only named like a registry of ECR: %s', ([host, expected]) => {
  expect(isLikeEcrHost(host)).toBe(expected);
});

describe.for(PARTITIONS)('in the partition %s', ([partition, region, classic, dualStack]) => {
  const all = [
    `${accountId}.dkr.ecr.${region}.${classic}`,
    `${accountId}.dkr.ecr-fips.${region}.${classic}`,
    `${accountId}.dkr-ecr.${region}.${dualStack}`,
    `${accountId}.dkr-ecr-fips.${region}.${dualStack}`,
  ];

  test('a registry has these hosts, and each is known again', () => {
    const hosts = ecrHosts({ accountId, region }, { fips: true, dualStack: true });
    expect(hosts).toEqual(all);
    expect(hosts.map(readEcrHost)).toEqual(hosts.map(() => ({ accountId, region })));
  });

  test('these are the DNS suffixes of the SDK', () => {
    const { dnsSuffix, dualStackDnsSuffix } = partitionOf(region);
    expect([classic, dualStack]).toEqual([dnsSuffix, dualStackDnsSuffix.replace(/^api\./, 'on.')]);
  });

  test('a host of another partition is none of ECR', () => {
    const others = PARTITIONS.flatMap(([, , one, two]) => [one, two]);
    for (const suffix of others.filter((one) => one !== classic && one !== dualStack)) {
      expect(readEcrHost(`${accountId}.dkr.ecr.${region}.${suffix}`)).toBeUndefined();
      expect(readEcrHost(`${accountId}.dkr-ecr.${region}.${suffix}`)).toBeUndefined();
    }
    expect(readEcrHost(`${accountId}.dkr.ecr.${region}.${dualStack}`)).toBeUndefined();
  });

  test('settings take its region and ARNs', () => {
    const arn = (service: string, where: string, what: string) =>
      `arn:${partition}:${service}:${where}:${accountId}:${what}`;
    const kmsKeyArn = arn('kms', region, 'key/1234abcd-12ab-34cd-56ef-1234567890ab');
    const settings = {
      clusters: [{ name: 'prod', region, roleArn: arn('iam', '', 'role/reader') }],
      secrets: [
        {
          registries: [
            { type: 'ecr', region, roleArn: arn('iam', '', 'role/reader'), fips: true },
            { type: 'stored', secretId: arn('secretsmanager', region, 'secret:hub-AbCdEf'), kmsKeyArn },
          ],
        },
      ],
      alarmTopic: arn('sns', region, 'alarms'),
    };
    expect(checkSettings(settings)).toMatchObject(settings);
  });
});

test.for([
  [{}, ['dkr.ecr.eu-west-1.amazonaws.com']],
  [{ fips: false, dualStack: false }, ['dkr.ecr.eu-west-1.amazonaws.com']],
  [{ fips: true }, ['dkr.ecr.eu-west-1.amazonaws.com', 'dkr.ecr-fips.eu-west-1.amazonaws.com']],
  [{ dualStack: true }, ['dkr.ecr.eu-west-1.amazonaws.com', 'dkr-ecr.eu-west-1.on.aws']],
] as const)('%j adds %j', ([kinds, hosts]) => {
  const found = ecrHosts({ accountId, region: 'eu-west-1' }, kinds);
  expect(found).toEqual(hosts.map((host) => `${accountId}.${host}`));
});

test.for([
  [{}, 'api.ecr.us-east-1.amazonaws.com'],
  [{ fips: true }, 'ecr-fips.us-east-1.amazonaws.com'],
  [{ dualStack: true }, 'ecr.us-east-1.api.aws'],
  [{ fips: true, dualStack: true }, 'ecr-fips.us-east-1.api.aws'],
] as const)('with %j the token is asked of %s', async ([kinds, host]) => {
  const keys = { accessKeyId: 'AKIACANARYUSER000001', secretAccessKey: 'CanarySecretKey/0123' };
  const aws = awsClientsOf('us-east-1');
  const client = aws.ecr('us-east-1', { keys }, kinds);
  const asked: string[] = [];
  // the SDK takes no endpoint of an emulator together with these
  client.middlewareStack.add(
    () => async (args) => {
      asked.push((args.request as { hostname: string }).hostname);
      throw new Error('not sent');
    },
    { step: 'finalizeRequest', priority: 'low' },
  );
  await expect(getEcrToken(client, 'us-east-1', aws)).rejects.toThrow(
    'could not get an ECR authorization token',
  );
  expect(new Set(asked).size).toBe(1);
  expect(asked[0]).toMatch(new RegExp(`^(api\\.)?${host.replace(/^api\./, '')}$`));
});

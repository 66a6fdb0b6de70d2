import { expect, test } from 'vitest';
import { ClusterCallError } from '../../../lambda/cluster/errors.ts';
import { neededEndpoints } from '../../../lambda/doctor/endpoints.ts';
import { AssumeRoleError } from '../../../lambda/errors.ts';
import { ListClustersError } from '../../../lambda/fleet/errors.ts';
import { EcrCallError, SecretCallError } from '../../../lambda/registry/errors.ts';
import { listedClusters } from '../../../lambda/settings/fleet-settings.ts';
import { located } from '../../../lambda/settings/located.ts';
import { checkSettings, type SettingsInput } from '../../../lambda/settings.ts';

const AT_HOME = { region: 'eu-west-1', homeRegion: 'eu-west-1', inPlace: undefined };
const IN_PLACE = {
  region: 'us-east-1',
  homeRegion: 'eu-west-1',
  inPlace: { accessRoleArn: 'arn:a', credentialsRoleArn: 'arn:c' },
};
const prod = { clusters: [{ name: 'prod' }] };
const withRegistries = (...registries: object[]) => ({ ...prod, secrets: [{ registries }] }) as SettingsInput;
const roleArn = 'arn:aws:iam::444455556666:role/x';

test.for<[string, Parameters<typeof neededEndpoints>[0], SettingsInput, string]>([
  ['of one cluster', AT_HOME, prod, 'ecr.api of eu-west-1, eks of eu-west-1'],
  [
    'of registries and clusters elsewhere',
    AT_HOME,
    {
      ...withRegistries({ type: 'ecr', region: 'us-west-2' }),
      clusters: [{ name: 'a', region: 'eu-west-2' }],
    },
    'ecr.api of us-west-2, eks of eu-west-2',
  ],
  [
    'of a role',
    AT_HOME,
    withRegistries({ type: 'ecr', roleArn }),
    'ecr.api of eu-west-1, eks of eu-west-1, sts of eu-west-1',
  ],
  [
    'of entries with roles',
    AT_HOME,
    { ...prod, secrets: [{ repositories: ['a/*'] }] },
    'ecr.api of eu-west-1, eks of eu-west-1, sts of eu-west-1',
  ],
  [
    'of secrets',
    AT_HOME,
    {
      clusters: [{ name: 'edge', kubeconfigSecretId: 'edge' }],
      secrets: [
        {
          registries: [
            { type: 'stored', secretId: 'arn:aws:secretsmanager:us-west-2:111122223333:secret:hub-AbCdEf' },
          ],
        },
      ],
    },
    'secretsmanager of eu-west-1, secretsmanager of us-west-2',
  ],
  [
    'in the VPC of an access stack',
    IN_PLACE,
    { ...prod, clusters: [{ name: 'far', region: 'us-east-1' }] },
    'ecr.api of eu-west-1, eks of us-east-1, sts of us-east-1',
  ],
])('the endpoints %s', ([, aws, input, expected]) => {
  const settings = checkSettings(input);
  const needed = neededEndpoints(aws, listedClusters(located(settings, 'eu-west-1')), settings.secrets);
  expect(needed.join(', ')).toBe(expected);
});

test.for<[string, (code: string) => Error, string]>([
  ['ECR', (code) => new EcrCallError('eu-west-1', code), 'ecr.api'],
  ['EKS', (code) => new ClusterCallError('prod', 'eu-west-1', code), 'eks'],
  ['EKS, asked for all clusters', (code) => new ListClustersError('own account, eu-west-1', code), 'eks'],
  ['STS', (code) => new AssumeRoleError(roleArn, code), 'sts'],
  ['Secrets Manager', (code) => new SecretCallError('hub', code), 'secretsmanager'],
])('the remedy names the endpoint of %s where it was not reached, and only then', ([, make, service]) => {
  for (const code of ['TimeoutError', 'ENOTFOUND', 'ECONNREFUSED']) {
    expect(make(code).message).toContain(`needs the interface endpoint ${service},`);
  }
  for (const code of ['AccessDeniedException', 'ThrottlingException', 'InternalServerError']) {
    expect(make(code).message).not.toContain('interface endpoint');
  }
  for (const code of ['ThrottlingException', 'InternalServerError']) {
    expect(make(code).message).toContain('passing faults mend themselves with the next run');
  }
});

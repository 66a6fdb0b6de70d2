import { expect, test } from 'vitest';
import { neededEndpoints } from '../../../lambda/doctor/aws-checks.ts';
import { withResolvedLocations } from '../../../lambda/request.ts';
import { listedClusters } from '../../../lambda/settings/locations.ts';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../../lambda/settings/schema.ts';

const AT_HOME = { region: 'eu-west-1', homeRegion: 'eu-west-1', vpcRoles: undefined };
const IN_PLACE = {
  region: 'us-east-1',
  homeRegion: 'eu-west-1',
  vpcRoles: { accessRoleArn: 'arn:a', credentialsRoleArn: 'arn:c' },
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
  const listed = listedClusters(withResolvedLocations(settings, 'eu-west-1'));
  const clusters = listed.map((cluster) => ({
    id: cluster.name,
    cluster,
    entries: settings.secrets,
    repositories: [],
  }));
  const needed = neededEndpoints(aws, { clusters, entries: settings.secrets }, {});
  expect(needed.join(', ')).toBe(expected);
});

test('of settings in SSM', () => {
  const needed = neededEndpoints(AT_HOME, { clusters: [], entries: [] }, { settingsPath: '/a/b' });
  expect(needed).toEqual(['ssm of eu-west-1']);
});

import type { SettingsInput } from '../../../lambda/settings/schema.ts';
import { kmsKeyArn, roleArn } from './inputs.ts';

export const examples: [string, SettingsInput][] = [
  [
    'every field',
    {
      name: 'team-a',
      clusters: [
        {
          name: 'prod',
          id: 'prod-eu',
          region: 'eu-west-1',
          accountId: '444455556666',
          roleArn,
          rbac: 'apply',
        },
        { name: 'prod', id: 'prod-us', region: 'us-gov-west-1', rbac: 'manual' },
      ],
      secrets: [
        {
          name: 'ecr-docker-creds',
          registries: [
            {
              type: 'ecr',
              region: 'eu-west-1',
              accountId: '111122223333',
              repositories: ['team-a/*', 'base'],
              roleArn,
              keysSecretId: 'aws-conf',
              kmsKeyArn,
              hosts: ['111122223333.dkr-ecr.eu-west-1.on.aws', 'registry.example.com:5000'],
            },
            {
              type: 'stored',
              secretId: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:docker/hub-AbCdEf',
              kmsKeyArn,
            },
          ],
          namespaces: {
            include: ['*', 'team-*'],
            exclude: ['kube-*'],
            selector: 'team=a, tier in (web, api), !legacy',
          },
          clusters: ['prod-*'],
          adoptFrom: ['kubectl-create', 'Argo CD (v2)', '*'],
          recreate: true,
          serviceAccounts: [],
          labels: { team: 'platform', 'example.com/tier': '' },
          annotations: { 'policies.example.com/exempt': 'true, until 2027' },
        },
      ],
      schedule: 'cron(0 0/6 * * ? *)',
      enabled: false,
      concurrency: 64,
      tags: [{ key: 'cost-center', value: 'platform' }],
      logRetentionDays: 365,
      kmsKeyArn,
      permissionsBoundary: 'boundaries/team',
      stateMachineLogs: true,
      vpc: {
        vpcId: 'vpc-0a1b2c3d',
        subnetIds: ['subnet-0a1b2c3d'],
        securityGroupIds: ['sg-0a1b2c3d'],
      },
    },
  ],
  [
    'a cluster of China',
    { clusters: [{ name: 'prod', region: 'cn-north-1', roleArn: roleArn.replace('aws', 'aws-cn') }] },
  ],
  ['the European sovereign cloud', { clusters: [{ name: 'prod', region: 'eusc-de-east-1' }] }],
  [
    'one cluster and two secrets for other teams',
    {
      clusters: [{ name: 'prod' }],
      secrets: [
        { name: 'team-a-pull', namespaces: { selector: 'team=a' } },
        { name: 'team-b-pull', namespaces: { include: ['team-b', 'team-b-*'] } },
      ],
    },
  ],
  [
    'static keys of a CronJob',
    { clusters: [{ name: 'prod' }], secrets: [{ registries: [{ type: 'ecr', keysSecretId: 'aws-conf' }] }] },
  ],
];

examples.push([
  'access stacks for what is listed and what is found',
  {
    accountId: '111122223333',
    region: 'eu-west-1',
    clusters: [
      { name: 'prod' },
      { name: 'tools', accountId: '444455556666' },
      { discover: { accounts: ['444455556666', '777788889999'], names: ['team-*'] } },
    ],
    accessStacks: [{ accountId: '777788889999', region: 'eu-west-1', externalId: 'a:b/c' }],
  },
]);

examples.push([
  'clusters that are found, beside one that is listed',
  {
    fleet: true,
    clusters: [
      { name: 'prod' },
      { discover: { names: ['team-*'] } },
      {
        discover: {
          accounts: ['444455556666', '777788889999'],
          regions: ['eu-west-1', 'us-east-1'],
          tag: { key: 'team', value: 'x' },
          roleName: 'ecr-registry-helper-access',
        },
      },
    ],
    secrets: [{ clusters: ['not-found-yet'] }, {}],
  },
]);

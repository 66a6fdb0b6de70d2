import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../infra/index.ts';
import { statements, type Verdict, verdict } from './iam.ts';
import { DEMO, synth } from './synth.ts';

const policyOf = (settings: SettingsInput) => statements(synth(() => ({ settings })).template);
const repository = (name: string, region = 'eu-west-1', account = '111122223333') =>
  `arn:aws:ecr:${region}:${account}:repository/${name}`;
const cluster = (name: string, region = 'eu-west-1') => `arn:aws:eks:${region}:111122223333:cluster/${name}`;
const secret = (name: string) => `arn:aws:secretsmanager:eu-west-1:111122223333:secret:${name}`;

describe('by default the role', () => {
  const policy = policyOf(DEMO);
  const table: [string, string, Verdict][] = [
    ['ecr:GetAuthorizationToken', '*', 'allowed'],
    ['ecr:BatchGetImage', repository('team/app'), 'allowed'],
    ['ecr:GetDownloadUrlForLayer', repository('team/app'), 'allowed'],
    ['ecr:BatchCheckLayerAvailability', repository('team/app'), 'allowed'],
    ['ecr:BatchGetImage', repository('app', 'us-east-1'), 'not allowed'],
    ['ecr:BatchGetImage', repository('app', 'eu-west-1', '444455556666'), 'not allowed'],
    ['ecr:PutImage', repository('app'), 'denied'],
    ['ecr:PutImage', repository('app', 'us-east-1', '444455556666'), 'denied'],
    ['ecr:InitiateLayerUpload', repository('app'), 'denied'],
    ['ecr:BatchDeleteImage', repository('app'), 'denied'],
    ['ecr:BatchImportUpstreamImage', repository('app'), 'denied'],
    ['ecr:CreateRepository', repository('app'), 'denied'],
    ['ecr:SomethingNew', repository('app'), 'denied'],
    ['ecr:PutRegistryPolicy', '*', 'denied'],
    ['ecr:PutReplicationConfiguration', '*', 'denied'],
    ['ecr:CreatePullThroughCacheRule', '*', 'denied'],
    ['ecr:CreateRepositoryCreationTemplate', '*', 'denied'],
    ['eks:DescribeCluster', cluster('demo'), 'allowed'],
    ['eks:DescribeCluster', cluster('other'), 'not allowed'],
    ['eks:ListClusters', '*', 'not allowed'],
    ['secretsmanager:GetSecretValue', secret('any-AbCdEf'), 'not allowed'],
    ['sts:AssumeRole', 'arn:aws:iam::111122223333:role/any', 'not allowed'],
    ['kms:Decrypt', 'arn:aws:kms:eu-west-1:111122223333:key/any', 'not allowed'],
    ['ec2:CreateNetworkInterface', '*', 'not allowed'],
    ['logs:CreateLogGroup', '*', 'not allowed'],
  ];

  it.each(table)('%s on %s: %s', (action, arn, expected) => {
    expect(verdict(policy, action, arn)).toBe(expected);
  });

  it('names its own log group and queue and no other', () => {
    for (const service of ['logs:', 'sqs:']) {
      const owned = policy.filter(({ Action }) =>
        [Action].flat().some((action) => action?.startsWith(service)),
      );
      expect(owned).toHaveLength(1);
      expect(owned[0]?.Resource).toMatchObject({ 'Fn::GetAtt': [expect.stringMatching(/^Helper/), 'Arn'] });
    }
  });
});

describe('with registries and clusters elsewhere the role', () => {
  const key = 'arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  const [puller, withKeys, far] = ['puller', 'with-keys', 'far'].map(
    (name) => `arn:aws:iam::444455556666:role/${name}`,
  ) as [string, string, string];
  const policy = policyOf({
    clusters: [
      { name: 'demo' },
      { name: 'west', region: 'us-west-2' },
      { name: 'far', accountId: '444455556666', roleArn: far },
    ],
    secrets: [
      {
        registries: [
          { type: 'ecr', region: 'us-west-2', accountId: '777788889999', repositories: ['base/*', 'tool'] },
          { type: 'ecr', accountId: '444455556666', roleArn: puller },
          { type: 'ecr', accountId: '555566667777', keysSecretId: 'aws-conf', roleArn: withKeys },
          {
            type: 'stored',
            secretId: secret('hub-AbCdEf').replace('eu-west-1', 'us-west-2'),
            kmsKeyArn: key,
          },
        ],
      },
    ],
  });
  const table: [string, string, Verdict][] = [
    ['ecr:BatchGetImage', repository('base/os', 'us-west-2', '777788889999'), 'allowed'],
    ['ecr:BatchGetImage', repository('tool', 'us-west-2', '777788889999'), 'allowed'],
    ['ecr:BatchGetImage', repository('toolbox', 'us-west-2', '777788889999'), 'not allowed'],
    ['ecr:BatchGetImage', repository('app'), 'not allowed'],
    ['ecr:BatchGetImage', repository('app', 'eu-west-1', '444455556666'), 'not allowed'],
    ['ecr:BatchGetImage', repository('app', 'eu-west-1', '555566667777'), 'not allowed'],
    ['eks:DescribeCluster', cluster('west', 'us-west-2'), 'allowed'],
    ['eks:DescribeCluster', cluster('west'), 'not allowed'],
    ['eks:DescribeCluster', 'arn:aws:eks:eu-west-1:444455556666:cluster/far', 'not allowed'],
    ['sts:AssumeRole', far, 'allowed'],
    ['sts:AssumeRole', puller, 'allowed'],
    ['sts:AssumeRole', withKeys, 'not allowed'],
    ['secretsmanager:GetSecretValue', secret('aws-conf-AbCdEf'), 'allowed'],
    ['secretsmanager:GetSecretValue', secret('aws-conf-other-AbCdEf'), 'not allowed'],
    ['secretsmanager:GetSecretValue', secret('hub-AbCdEf').replace('eu-west-1', 'us-west-2'), 'allowed'],
    ['kms:Decrypt', key, 'allowed'],
  ];

  it.each(table)('%s on %s: %s', (action, arn, expected) => {
    expect(verdict(policy, action, arn)).toBe(expected);
  });

  it('decrypts only by way of Secrets Manager in the region of the key', () => {
    const decryption = policy.find(({ Action }) => Action === 'kms:Decrypt');
    expect(decryption?.Condition).toEqual({
      StringEquals: {
        'kms:ViaService': { 'Fn::Join': ['', ['secretsmanager.us-west-2.', { Ref: 'AWS::URLSuffix' }]] },
      },
    });
  });
});

it('fetches no token of its own when every registry has another identity', () => {
  const policy = policyOf({
    ...DEMO,
    secrets: [{ registries: [{ type: 'ecr', keysSecretId: 'aws-conf' }] }],
  });
  expect(verdict(policy, 'ecr:GetAuthorizationToken', '*')).toBe('not allowed');
  expect(verdict(policy, 'ecr:PutImage', repository('app'))).toBe('denied');
});

it('makes network interfaces only in a VPC', () => {
  const vpc = { vpcId: 'vpc-0a1b2c3d', subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d'] };
  expect(verdict(policyOf({ ...DEMO, vpc }), 'ec2:CreateNetworkInterface', '*')).toBe('allowed');
});

it('works in the partition of the stack', () => {
  const { template } = synth(() => ({ settings: DEMO }), { account: '111122223333', region: 'cn-north-1' });
  const policy = statements(template);
  expect(verdict(policy, 'ecr:PutImage', 'arn:aws-cn:ecr:cn-north-1:111122223333:repository/app')).toBe(
    'denied',
  );
  expect(verdict(policy, 'eks:DescribeCluster', 'arn:aws-cn:eks:cn-north-1:111122223333:cluster/demo')).toBe(
    'allowed',
  );
});

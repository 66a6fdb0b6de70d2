import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../infra/index.ts';
import { list, statements, type Verdict, verdict, verdictOnUnknown } from './iam.ts';
import { DEMO, synth } from './synth.ts';

const policyOf = (settings: SettingsInput) => statements(synth(() => ({ settings })).template);
const repository = (name: string, region = 'eu-west-1', account = '111122223333') =>
  `arn:aws:ecr:${region}:${account}:repository/${name}`;
const cluster = (name: string, region = 'eu-west-1') => `arn:aws:eks:${region}:111122223333:cluster/${name}`;
const via = (service: string) => ({ 'kms:ViaService': `${service}.amazonaws.com` });
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
    ['logs:CreateLogGroup', 'arn:aws:logs:eu-west-1:111122223333:log-group:any', 'not allowed'],
  ];

  it.each(table)('%s on %s: %s', async (action, arn, expected) => {
    expect(await verdict(policy, { action, resource: arn })).toBe(expected);
  });

  it('is denied what ECR may come to offer', () => {
    const call = { action: 'ecr:SomethingNew', resource: repository('app') };
    expect(verdictOnUnknown(policy, call)).toBe('denied');
  });

  it('names its own log group and queue and no other', () => {
    for (const service of ['logs:', 'sqs:']) {
      const owned = policy.filter(({ Action }) => list(Action).some((action) => action.startsWith(service)));
      expect(owned).toHaveLength(1);
      expect(owned[0]?.Resource).toMatch(/:111122223333:(log-group:)?Helper\w+(:\*)?$/);
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
  ];

  it.each(table)('%s on %s: %s', async (action, arn, expected) => {
    expect(await verdict(policy, { action, resource: arn })).toBe(expected);
  });

  it.each<[string, Record<string, string>, Verdict]>([
    ['by way of Secrets Manager there', via('secretsmanager.us-west-2'), 'allowed'],
    ['by way of that of another region', via('secretsmanager.eu-west-1'), 'not allowed'],
    ['by way of another service', via('s3.us-west-2'), 'not allowed'],
    ['by itself', {}, 'not allowed'],
  ])('decrypts with the key of a secret %s: %s', async (_, context, expected) => {
    expect(await verdict(policy, { action: 'kms:Decrypt', resource: key, context })).toBe(expected);
  });
});

it('fetches no token of its own when every registry has another identity', async () => {
  const policy = policyOf({
    ...DEMO,
    secrets: [{ registries: [{ type: 'ecr', keysSecretId: 'aws-conf' }] }],
  });
  expect(await verdict(policy, { action: 'ecr:GetAuthorizationToken', resource: '*' })).toBe('not allowed');
  expect(await verdict(policy, { action: 'ecr:PutImage', resource: repository('app') })).toBe('denied');
});

it('leaves network interfaces to Lambda, and only in a VPC', async () => {
  const vpc = { vpcId: 'vpc-0a1b2c3d', subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d'] };
  const call = { action: 'ec2:DescribeSubnets', resource: '*' };
  expect(await verdict(policyOf({ ...DEMO, vpc }), call)).toBe('allowed');
  expect(await verdict(policyOf(DEMO), call)).toBe('not allowed');
  // the simulator does not know the key that Lambda adds to what a function calls
  const context = { 'lambda:SourceFunctionArn': 'arn:aws:lambda:eu-west-1:111122223333:function:any' };
  expect(verdictOnUnknown(policyOf({ ...DEMO, vpc }), { ...call, context })).toBe('denied');
});

it('works in the partition of the stack', async () => {
  const { template } = synth(() => ({ settings: DEMO }), { account: '111122223333', region: 'cn-north-1' });
  const policy = statements(template, 'cn-north-1');
  const [app, demo] = [
    'ecr:cn-north-1:111122223333:repository/app',
    'eks:cn-north-1:111122223333:cluster/demo',
  ];
  expect(await verdict(policy, { action: 'ecr:PutImage', resource: `arn:aws-cn:${app}` })).toBe('denied');
  expect(await verdict(policy, { action: 'eks:DescribeCluster', resource: `arn:aws-cn:${demo}` })).toBe(
    'allowed',
  );
});

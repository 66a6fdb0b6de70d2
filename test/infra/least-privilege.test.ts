import type { Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../infra/index.ts';
import { ACCOUNT, EVERYTHING, FLEET, FLEET_ACCOUNT, REGISTRIES, repository } from './deployments.ts';
import { type Call, list, type Statement, statements, unusedPermissions, verdict } from './iam.ts';
import { type Account, recordedCalls } from './recorded-calls.ts';
import { DEMO, HOME, resource, synth } from './synth.ts';

const VPC = { vpcId: 'vpc-0a1b2c3d', subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d'] };

const resourceOf = (policy: Statement[], action: string) =>
  String(policy.find(({ Action }) => list(Action).includes(action))?.Resource);

/** The name of the rule, from the function's environment. */
const ruleNameOf = (template: Template): string =>
  resource(template, 'AWS::Lambda::Function', 'HelperRefresher').properties.Environment.Variables.RULE_NAME;

/** What Lambda does as the function: https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html */
function byLambda(policy: Statement[]): Call[] {
  const queue = resourceOf(policy, 'sqs:SendMessage');
  const stream = resourceOf(policy, 'logs:PutLogEvents').replace(/\*$/, 'log-stream:any');
  return [
    ...['CreateLogStream', 'PutLogEvents'].map((name) => ({ action: `logs:${name}`, resource: stream })),
    // the queue as the destination of failed runs: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    { action: 'sqs:SendMessage', resource: queue },
    // and as a source of events: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    ...['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'].map((name) => ({
      action: `sqs:${name}`,
      resource: queue,
    })),
  ];
}

/** With a key of one's own: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html */
function byEncryptedQueue(policy: Statement[]): Call[] {
  const resource = resourceOf(policy, 'kms:GenerateDataKey');
  const context = { 'kms:ViaService': `sqs.${HOME.region}.amazonaws.com` };
  return ['GenerateDataKey', 'Decrypt'].map((name) => ({ action: `kms:${name}`, resource, context }));
}

/** Lambda's network interfaces: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html */
const BY_VPC: Call[] = [
  'CreateNetworkInterface',
  'DeleteNetworkInterface',
  'AssignPrivateIpAddresses',
  'UnassignPrivateIpAddresses',
].map((name) => ({
  action: `ec2:${name}`,
  resource: `arn:aws:ec2:${HOME.region}:${HOME.account}:network-interface/eni-0a1b2c3d`,
}));
const LOOKED_UP_BY_VPC = ['DescribeNetworkInterfaces', 'DescribeSubnets'].map((name) => ({
  action: `ec2:${name}`,
  resource: '*',
}));

/** A list of tags and a pull by whoever holds the token that the function has fetched, as it has the rights of the function's role. */
function byTokenHolders(...repositories: string[]): Call[] {
  const actions = ['BatchGetImage', 'GetDownloadUrlForLayer', 'BatchCheckLayerAvailability', 'ListImages'];
  return repositories.flatMap((resource) => actions.map((name) => ({ action: `ecr:${name}`, resource })));
}

/** The first pull through a cache: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html */
function byFirstPull(...prefixes: string[]): Call[] {
  return prefixes.flatMap((prefix) =>
    ['CreateRepository', 'BatchImportUpstreamImage'].map((name) => ({
      action: `ecr:${name}`,
      resource: repository(`${prefix}/library/alpine`),
    })),
  );
}

describe.each<[string, SettingsInput, Account, string[], string[]?]>([
  ['with nothing but a cluster, as in the sandbox', DEMO, {}, [repository('team/app')]],
  ['with ECR Public and caches', REGISTRIES, {}, [repository('team/app')], ['docker-hub', 'quay']],
  [
    'with entries that have roles of their own',
    {
      ...DEMO,
      secrets: [
        { namespaces: { include: ['default'] }, repositories: ['team-a/*'] },
        { namespaces: { include: ['kube-public'] }, registries: [{ type: 'ecr', repositories: ['base/*'] }] },
      ],
    },
    {},
    [repository('base/os')],
  ],
  [
    'with new namespaces served from the audit log',
    { ...DEMO, newNamespaces: 'audit-log' },
    {},
    [repository('team/app')],
  ],
  [
    'with registries and clusters of every kind',
    EVERYTHING,
    ACCOUNT,
    [repository('team/app'), repository('base/os', 'us-west-2'), repository('tool', 'us-west-2')],
  ],
  [
    'with the repository secret of Argo CD',
    {
      ...DEMO,
      secrets: [
        { registries: [{ type: 'ecr', repositories: ['base/*'] }] },
        {
          type: 'argocd-repository',
          name: 'charts',
          namespace: 'argocd',
          url: '111122223333.dkr.ecr.us-west-2.amazonaws.com/charts',
          clusters: ['*'],
        },
      ],
    },
    {},
    [repository('base/os'), repository('charts', 'us-west-2'), repository('charts/app', 'us-west-2')],
  ],
  ['with a fleet that is found', FLEET, FLEET_ACCOUNT, [repository('team/app')]],
])('%s the role', async (_, settings, account, repositories, caches = []) => {
  const { template } = synth(() => ({ settings }));
  const policy = statements(template);
  const needed = [
    ...(await recordedCalls(settings, ruleNameOf(template), account)),
    ...byLambda(policy),
    ...byTokenHolders(...repositories),
    ...byFirstPull(...caches),
  ];

  it.each(needed)('may call $action on $resource', async (call) => {
    expect(await verdict(policy, call)).toBe('allowed');
  });

  it('has no permission that it does not need', async () => {
    expect(await unusedPermissions(policy, needed)).toEqual([]);
  });

  it('would be caught with one', async () => {
    const more: Statement[] = [
      { Sid: 'Other', Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: 'arn:aws:eks:*:*:cluster/x' },
      { Sid: 'More', Effect: 'Allow', Action: 'eks:ListAddons', Resource: '*' },
    ];
    expect(await unusedPermissions([...policy, ...more], needed)).toEqual([
      'Other: eks:DescribeCluster on arn:aws:eks:*:*:cluster/x',
      'More: eks:ListAddons on *',
    ]);
  });
});

describe('in a VPC and with a key for its queues the role', async () => {
  const { template } = synth((stack) => ({
    settings: { ...DEMO, vpc: VPC },
    queueKey: new kms.Key(stack, 'QueueKey'),
  }));
  const policy = statements(template);
  const needed = [
    ...(await recordedCalls(DEMO, ruleNameOf(template))),
    ...byLambda(policy),
    ...byEncryptedQueue(policy),
    ...BY_VPC,
    ...LOOKED_UP_BY_VPC,
    ...byTokenHolders(repository('team/app')),
  ];

  it.each(needed)('may call $action on $resource', async (call) => {
    expect(await verdict(policy, call)).toBe('allowed');
  });

  it('has no permission that it does not need', async () => {
    expect(await unusedPermissions(policy, needed)).toEqual([]);
  });
});

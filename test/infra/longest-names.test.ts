import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EcrRegistryHelperAccessStack } from '../../infra/access-stack.ts';
import { APP_FLAGS } from '../../infra/function.ts';
import { pullRolePrefix } from '../../infra/registry-permissions.ts';
import { EcrRegistryHelperStack } from '../../infra/stack.ts';
import { accessRoleName, credentialsRoleName, homeRoleName } from '../../lambda/settings/locations.ts';
import { LARGEST_IN_ENVIRONMENT } from '../../lambda/settings/packing.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { pullRoleKey } from '../../lambda/settings/selection.ts';
import { alarmsOf, textOf } from './monitored.ts';
import { newApp, synth } from './synth.ts';

const REGIONS = RegionInfo.regions.map(({ name }) => name);
const LONGEST = 'us-isof-south-1';
const NAME = 'a234567890-234567890-234567890-234567890';
const NAMES = fc.stringMatching(/^[a-z][a-z0-9-]{0,38}[a-z0-9]$/);
const key = pullRoleKey({ name: 'x', clusters: [], namespaces: { include: [], exclude: [] } });

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html and the like of each service */
const LIMITS: Record<string, number> = {
  RoleName: 64,
  FunctionName: 64,
  StateMachineName: 80,
  QueueName: 80,
  AlarmName: 255,
  DashboardName: 255,
  TopicName: 256,
  LogGroupName: 512,
  PolicyName: 128,
};
/** Of a rule. */
const LONGEST_RULE = 64;

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html */
const LONGEST_DESCRIPTION = 1024;
/** Of what a description knows only at deployment: the ARN of a state machine. */
const LONGEST_REFERENCE = 20 + LONGEST.length + 12 + 14 + 80;

function checkNames(template: Template): number {
  let names = 0;
  for (const { properties } of alarmsOf(template)) {
    const text = textOf(properties.AlarmDescription).replace(/<[^>]*>/g, 'x'.repeat(LONGEST_REFERENCE));
    expect(text.length, text).toBeLessThanOrEqual(LONGEST_DESCRIPTION);
  }
  for (const { Type, Properties = {} } of Object.values(template.toJSON().Resources) as {
    Type: string;
    Properties?: Record<string, unknown>;
  }[]) {
    const limits = { ...LIMITS, ...(Type === 'AWS::Events::Rule' && { Name: LONGEST_RULE }) };
    for (const [field, limit] of Object.entries(limits)) {
      const name = Properties[field];
      if (typeof name !== 'string') continue;
      names += 1;
      expect(name.length, `${Type} ${field} ${name}`).toBeLessThanOrEqual(limit);
    }
  }
  return names;
}

/**
 * The largest environment of the functions of a template with the longest settings, as Lambda counts it: 4 KB at most.
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
function environmentSize(template: Template): number {
  const partition = (value: string) => value.replaceAll('{"Ref":"AWS::Partition"}', '"aws-us-gov"');
  const joined = (value: { 'Fn::Join'?: [string, string[]] } | string) =>
    typeof value === 'string' ? value : (value['Fn::Join']?.[1].join('') ?? '');
  const sizes = Object.values(template.findResources('AWS::Lambda::Function')).flatMap(({ Properties }) => {
    const variables = JSON.parse(partition(JSON.stringify(Properties.Environment?.Variables ?? {})));
    if (!variables.SETTINGS) return [];
    const texts = Object.entries<string>(variables).map(([name, value]) => [
      name,
      name === 'SETTINGS' ? 's'.repeat(LARGEST_IN_ENVIRONMENT - 2) : joined(value),
    ]);
    return Buffer.byteLength(JSON.stringify(Object.fromEntries(texts)));
  });
  expect(sizes).toHaveLength(1);
  return Math.max(...sizes);
}

describe('a name of 40 characters', () => {
  it('gives roles that IAM takes in every region', () => {
    expect(REGIONS).toEqual(
      expect.arrayContaining([LONGEST, 'us-isob-east-1', 'eusc-de-east-1', 'ap-southeast-5']),
    );
    expect(Math.max(...REGIONS.map(({ length }) => length))).toBe(LONGEST.length);
    const checkRoles = (name: string) => {
      for (const region of REGIONS) {
        const roles = [
          homeRoleName(name, region),
          accessRoleName(name, region),
          credentialsRoleName(name, region),
          pullRolePrefix(name, region) + key,
        ];
        for (const role of roles) expect(role).toMatch(/^[\w+=,.@-]{1,64}$/);
        expect(new Set(roles).size).toBe(roles.length);
      }
    };
    checkRoles(NAME);
    fc.assert(fc.property(NAMES, checkRoles));
  });

  it('and an id of 100 characters give alarms that CloudWatch takes', () => {
    const id = 'c'.repeat(100);
    const settings: SettingsInput = { name: NAME, clusters: [{ name: 'prod', id, rbac: 'manual' }] };
    const { template } = synth(() => ({ settings }), { region: LONGEST });
    expect(alarmsOf(template)).toHaveLength(6);
    checkNames(template);
  });

  it('keeps its own pull roles apart from those of a name that begins alike', () => {
    const [one, other] = ['a', 'b'].map((end) => pullRolePrefix(NAME.slice(0, -1) + end, LONGEST));
    expect(one).not.toBe(other);
    expect(pullRolePrefix(NAME.slice(0, 39), LONGEST)).toBe(`${NAME.slice(0, 39)}-${LONGEST}-`);
    expect(pullRolePrefix(NAME, 'ap-southeast-5')).toBe(`${NAME}-ap-southeast-5-`);
  });

  it.each([
    ['eu-west-1', 'ap-southeast-5'],
    ['us-isof-south-1', 'us-isof-east-1'],
    ['eusc-de-east-1', 'eusc-de-east-1'],
    ['us-gov-west-1', 'us-gov-east-1'],
  ])('is deployed in %s with an access stack in %s', (region, away) => {
    const far = { accountId: '444455556666', region: away };
    const settings: SettingsInput = {
      name: NAME,
      accountId: '111122223333',
      region,
      fleet: true,
      clusters: [{ name: 'prod' }, { name: 'far', ...far }],
      secrets: [{ namespaces: { include: ['team-a'] }, repositories: ['a'] }, {}],
      accessStacks: [
        {
          ...far,
          vpc: {
            vpcId: 'vpc-0a1b2c3d',
            subnetIds: ['subnet-0a1b2c3d'],
            securityGroupIds: ['sg-0a1b2c3d'],
            ipv6: true,
          },
        },
      ],
    };
    const app = newApp();
    app.node.setContext(APP_FLAGS, `-c settings=${'s'.repeat(88)}`);
    const home = new EcrRegistryHelperStack(app, NAME, {
      settings,
      env: { account: '111122223333', region },
    });
    const access = new EcrRegistryHelperAccessStack(app, `${NAME}-access-444455556666-${away}`, {
      settings,
      env: { account: far.accountId, region: away },
    });
    expect(checkNames(Template.fromStack(home))).toBeGreaterThan(4);
    expect(checkNames(Template.fromStack(access))).toBeGreaterThan(1);
    for (const { stackName } of [home, access] satisfies Stack[]) expect(stackName.length).toBeLessThan(128);
    // the functions in both stacks get the same pull roles
    const prefixes = [home, access].map((stack) => {
      const functions = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'));
      return functions
        .map(({ Properties }) => JSON.stringify(Properties.Environment?.Variables?.PULL_ROLE_PREFIX))
        .find((prefix) => prefix)
        ?.match(/role\/([^"]*)"/)?.[1];
    });
    expect(prefixes[0]).toBe(pullRolePrefix(NAME, region));
    expect(prefixes[1]).toBe(prefixes[0]);
    for (const stack of [home, access])
      expect(environmentSize(Template.fromStack(stack))).toBeLessThan(4_096);
    expect(checkSettings(settings).name).toBe(NAME);
  });
});

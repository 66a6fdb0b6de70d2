import { CfnParameter } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { EcrRegistryHelperAccessStack } from '../../infra/access-stack.ts';
import type { SettingsInput } from '../../infra/index.ts';
import { unpackSettings } from '../../lambda/settings/packing.ts';
import { statements, verdict } from './iam.ts';
import { DEMO, HOME, newApp, resource, synth } from './synth.ts';

/** More than fits in the environment. */
const TEAMS: NonNullable<SettingsInput['secrets']> = Array.from({ length: 200 }, (_, nth) => ({
  name: `team-${nth}`,
  namespaces: { include: [`team-${nth}-*`] },
}));
const LARGE: SettingsInput = { ...DEMO, secrets: TEAMS, logRetentionDays: 30 };

const parametersOf = (template: Template) =>
  Object.values(template.findResources('AWS::SSM::Parameter')).map(({ Properties }) => Properties);
const variablesOf = (template: Template, prefix = 'HelperRefresher') =>
  resource(template, 'AWS::Lambda::Function', prefix).properties.Environment.Variables;

describe('settings that do not fit in the environment', () => {
  const { template } = synth(() => ({ settings: LARGE }));
  const { SETTINGS: text, SETTINGS_PATH: path } = variablesOf(template);

  it('are in standard parameters under a path, which the function gets', () => {
    expect(text).toBeUndefined();
    const parameters = parametersOf(template);
    expect(parameters.map(({ Tier, Type }) => [Tier, Type])).toEqual([['Standard', 'String']]);
    expect(parameters[0]?.Name).toBe(`${path}/001`);
    const { logRetentionDays: _, ...ofFunction } = LARGE;
    expect(JSON.parse(unpackSettings(parameters))).toEqual(ofFunction);
  });

  it('exist before the function that reads them', () => {
    const [id = ''] = Object.keys(template.findResources('AWS::SSM::Parameter'));
    expect(resource(template, 'AWS::Lambda::Function', 'HelperRefresher').dependsOn).toContain(id);
  });

  it('may be read by the role, and nothing beside them', async () => {
    const policy = statements(template);
    const read = (path: string) =>
      verdict(policy, {
        action: 'ssm:GetParametersByPath',
        resource: `arn:aws:ssm:eu-west-1:111122223333:parameter${path}`,
      });
    expect(await read(path)).toBe('allowed');
    expect(await read('/ecr-registry-helper/other/0123456789abcdef')).toBe('not allowed');
    expect(await read('/ecr-registry-helper')).toBe('not allowed');
  });

  it('have another path when they change', () => {
    const { template: changed } = synth(() => ({ settings: { ...LARGE, fleet: true } }));
    expect(variablesOf(changed).SETTINGS_PATH).not.toBe(path);
  });
});

it('settings that fit are in the environment, without a parameter or a permission', () => {
  const { template } = synth(() => ({ settings: DEMO }));
  expect(variablesOf(template)).toMatchObject({ SETTINGS: JSON.stringify(DEMO) });
  expect(parametersOf(template)).toEqual([]);
  expect(JSON.stringify(statements(template))).not.toContain('ssm:');
});

it('large settings with a text that is known only at deployment are refused', () => {
  const withToken = () =>
    synth((stack) => ({
      settings: { ...LARGE, clusters: [{ name: new CfnParameter(stack, 'Name').valueAsString }] },
    }));
  expect(withToken).toThrow(
    /they take \d+ bytes, and with texts that are known only at deployment at most 3500/,
  );
});

it('the VPC function of an access stack has parameters of its own', () => {
  const vpc = { vpcId: 'vpc-01234567', subnetIds: ['subnet-01234567'], securityGroupIds: ['sg-01234567'] };
  const settings: SettingsInput = {
    ...LARGE,
    ...{ accountId: HOME.account ?? '', region: HOME.region ?? '', fleet: true },
    clusters: [{ name: 'far', accountId: '444455556666' }],
    accessStacks: [{ accountId: '444455556666', region: 'eu-west-1', vpc }],
  };
  const env = { account: '444455556666', region: 'eu-west-1' };
  const template = Template.fromStack(
    new EcrRegistryHelperAccessStack(newApp(), 'Access', { env, settings }),
  );
  const { SETTINGS_PATH: path } = variablesOf(template, 'HelperPrivateFunction');
  expect(parametersOf(template).map(({ Name }) => Name)).toEqual([`${path}/001`]);
});

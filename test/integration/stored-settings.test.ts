import { expect, test } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { functionSettings, packSettings, parameterName } from '../../lambda/settings/packing.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import type { World } from '../sandbox/world.ts';
import { deploy, invoke, refreshed, SCHEDULED } from './run.ts';

/** So many teams that their settings take more than a page of parameters. */
const teams: NonNullable<SettingsInput['secrets']> = Array.from({ length: 3_000 }, (_, nth) => ({
  name: `pull-${((nth + 1) * 7_919) % 99_991}-${Math.imul(nth + 1, 2_654_435_761) >>> 0}-${Math.imul(nth + 7, 40_503_917) >>> 0}`,
  namespaces: { include: ['default'] },
  registries: [{ type: 'ecr' }],
}));

/** A world whose function gets its settings from SSM. */
async function deployStored(count: number, name: string): Promise<World> {
  const settings: SettingsInput = { name, clusters: [{ name: 'demo' }], secrets: teams.slice(0, count) };
  const world = await deploy(settings);
  const { path, values } = packSettings(functionSettings(settings), name);
  for (const [at, value] of values.entries()) world.aws.parameters.set(parameterName(path, at), value);
  const { SETTINGS: _, ...env } = world.env;
  return { ...world, env: { ...env, SETTINGS_PATH: path } };
}

const reads = ({ aws }: World) => aws.calls.filter(({ operation }) => operation === 'GetParametersByPath');

test('settings of many parameters are read once a cold start, all pages of them', async () => {
  const world = await deployStored(3_000, 'many');
  expect(world.aws.parameters.size).toBeGreaterThan(10);
  const plan = { action: 'plan', namespaces: ['kube-public'] };
  const { error } = await invoke(world, plan);
  expect(error).toMatchObject({ code: 'NotCoveredError' });
  const pages = Math.ceil(world.aws.parameters.size / 10);
  expect(reads(world)).toHaveLength(pages);
  await invoke(world, plan);
  expect(reads(world)).toHaveLength(pages);
});

test('a refresh with settings in SSM writes what they say', async () => {
  const world = await deployStored(3, 'three');
  const { secrets, clusters } = await refreshed(world);
  expect(secrets.map(({ name }) => name)).toEqual(teams.slice(0, 3).map(({ name }) => name));
  expect(clusters).toMatchObject([{ id: 'demo', created: 3, ok: true }]);
});

test('an error of SSM fails the run with its fix, and the next run reads again', async () => {
  const world = await deployStored(2, 'two');
  world.aws.deny(world.aws.principal.arn, 'ssm:GetParametersByPath');
  const { error } = await invoke(world, SCHEDULED);
  expect(error).toMatchObject({
    code: 'SettingsCallError',
    problem: expect.stringMatching(
      /^could not read the settings in SSM under \/ecr-registry-helper\/two\/\w+ \(AccessDeniedException\)$/,
    ),
    fix: expect.stringMatching(/^Allow ssm:GetParametersByPath on it to the caller\. .*: npx cdk deploy/),
  });
  world.aws.allow(world.aws.principal.arn, 'ssm:GetParametersByPath');
  expect(await refreshed(world)).toMatchObject({ ok: true });
});

test.for([
  ['missing', (parameters: Map<string, string>) => parameters.clear()],
  [
    'changed',
    (parameters: Map<string, string>) => {
      for (const name of parameters.keys()) parameters.set(name, 'AAAA');
    },
  ],
] as const)('parameters that are %s fail the run with its fix', async ([what, spoil]) => {
  const world = await deployStored(2, what);
  spoil(world.aws.parameters);
  const { error } = await invoke(world, SCHEDULED);
  expect(error).toMatchObject({
    code: 'SettingsError',
    problem: expect.stringMatching(
      /^settings: the \d parameters in SSM under .* are not the settings that were deployed$/,
    ),
    fix: expect.stringMatching(/^Deploy them again: npx cdk deploy/),
  });
});

test('in a VPC doctor names the endpoint of SSM', async () => {
  const world = await deployStored(1, 'in-vpc');
  const { SETTINGS_PATH: path = '' } = world.env;
  const vpc = { vpcId: 'vpc-01234567', subnetIds: ['subnet-01234567'], securityGroupIds: ['sg-01234567'] };
  const settings: SettingsInput = { name: 'in-vpc', clusters: [{ name: 'demo' }], vpc };
  const { values } = packSettings(functionSettings(settings), 'in-vpc');
  world.aws.parameters.set(parameterName(path, 0), values[0] ?? '');
  const { value } = await invoke<DoctorReport>(world, { action: 'doctor' });
  expect(value?.findings).toContainEqual(
    expect.objectContaining({ object: 'VPC', reason: expect.stringContaining('ssm of eu-west-1') }),
  );
});

import { describe, expect, it, onTestFinished } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import type { DiscoveryReport } from '../../lambda/fleet.ts';
import type { ClusterSettings, SettingsInput } from '../../lambda/settings/schema.ts';
import { startWorld, type World } from '../sandbox/world.ts';
import { clusterOf, deploy, FUNCTION_ROLE, holders, invoke, NAMESPACES, refreshed, reportOf } from './run.ts';

const HOME = { accountId: '111122223333', region: 'eu-west-1' };
const FAR = '444455556666';
const FAR_ROLE = `arn:aws:iam::${FAR}:role/ecr-registry-helper-access-us-west-2`;
const LISTED: SettingsInput = {
  ...HOME,
  clusters: [{ name: 'prod' }, { name: 'far', accountId: FAR, region: 'us-west-2' }],
  accessStacks: [{ accountId: FAR, region: 'us-west-2', externalId: 'shared-word' }],
};
const ids = ({ calls }: World['aws'], operation: string) =>
  calls
    .filter((call) => call.operation === operation)
    .map(({ principalArn, region }) => `${principalArn} ${region}`);

describe('a cluster of another account and region', () => {
  it('is reached by the role of its access stack, with the external id, and the token is still the own one', async () => {
    const world = await deploy(LISTED);
    world.aws.addRole({ arn: FAR_ROLE, trusts: [FUNCTION_ROLE], externalId: 'shared-word' });
    expect((await refreshed(world)).ok).toBe(true);
    for (const id of ['prod', 'far']) expect(holders(clusterOf(world, id))).toEqual(NAMESPACES);
    const session = FAR_ROLE.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/');
    expect(ids(world.aws, 'DescribeCluster')).toEqual(
      expect.arrayContaining([
        expect.stringContaining('/ecr-registry-helper/'),
        `${session}/ecr-registry-helper us-west-2`,
      ]),
    );
    expect(ids(world.aws, 'GetAuthorizationToken')).toEqual([expect.stringContaining(' eu-west-1')]);
  });

  it.each<[string, SettingsInput]>([
    ['does not ask for the external id that its stack has', { ...LISTED, accessStacks: [] }],
    ['is not trusted by it yet', LISTED],
  ])('is a failure of its own where the function %s', async (what, settings) => {
    const world = await deploy(settings);
    const trusts = what.startsWith('is not') ? [] : [FUNCTION_ROLE];
    world.aws.addRole({ arn: FAR_ROLE, trusts, externalId: 'shared-word' });
    const report = await refreshed(world);
    expect(reportOf(report, 'prod').ok).toBe(true);
    expect(reportOf(report, 'far').error).toEqual({
      code: 'AssumeRoleError',
      reason: `could not assume the role ${FAR_ROLE} (AccessDenied)`,
      remedy: expect.stringContaining('npx cdk deploy --all'),
    });
  });

  it('that does not know the role yet gets a command that names it', async () => {
    const world = await deploy(LISTED);
    clusterOf(world, 'far').accessEntries.length = 0;
    const { value } = await invoke<DoctorReport>(world, { action: 'doctor', clusters: ['far'] });
    const finding = value?.findings.find(({ step }) => step === 'authentication');
    expect(finding).toMatchObject({
      result: 'fail',
      remedy: expect.stringContaining(
        `aws eks create-access-entry --region us-west-2 --cluster-name far --principal-arn ${FAR_ROLE}`,
      ),
    });
  });
});

describe('a discover without a role of its own', () => {
  const settings: SettingsInput = {
    ...HOME,
    clusters: [
      {
        discover: { accounts: [HOME.accountId, FAR], regions: ['eu-west-1', 'us-west-2'], names: ['team-*'] },
      },
    ],
  };
  const found = (accountId: string, region: string, name: string): ClusterSettings & { id: string } => {
    const isHome = accountId === HOME.accountId && region === HOME.region;
    const roleArn = `arn:aws:iam::${accountId}:role/ecr-registry-helper-access-${region}`;
    const id = `arn:aws:eks:${region}:${accountId}:cluster/${name}`;
    return { id, name, region, accountId, ...(!isHome && { roleArn }) };
  };
  const all = [
    found(HOME.accountId, 'eu-west-1', 'team-a'),
    found(HOME.accountId, 'us-west-2', 'team-b'),
    found(FAR, 'eu-west-1', 'team-c'),
    found(FAR, 'us-west-2', 'team-d'),
  ];

  it('looks with the role of each place, and each cluster is reached with it', async () => {
    const world = await startWorld(settings, { found: all });
    onTestFinished(() => world.close());
    const { value } = await invoke<DiscoveryReport>(world, { action: 'discover' });
    expect(value).toMatchObject({ ok: true, problems: [] });
    expect(value?.items.map(({ clusters: [id] }) => id).sort()).toEqual(all.map(({ id }) => id).sort());
    for (const item of value?.items ?? []) expect((await refreshed(world, item)).ok).toBe(true);
    for (const { id } of all) expect(holders(clusterOf(world, id))).toEqual(NAMESPACES);
  });

  it('takes no item of a place that it does not name', async () => {
    const world = await startWorld(settings, { found: all });
    onTestFinished(() => world.close());
    for (const [account, region] of [
      ['777788889999', 'eu-west-1'],
      [FAR, 'us-east-1'],
    ]) {
      const item = { action: 'refresh', clusters: [`arn:aws:eks:${region}:${account}:cluster/team-a`] };
      expect((await invoke(world, item)).error).toMatchObject({ code: 'NotCoveredError' });
    }
    expect(world.aws.calls).toEqual([]);
  });
});

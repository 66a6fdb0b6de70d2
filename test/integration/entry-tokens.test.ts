import { expect, it } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { pullRoleArn } from '../../lambda/registries/credentials.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import type { StatusReport } from '../../lambda/status.ts';
import type { World } from '../sandbox/world.ts';
import { PULL_SECRET, putOurs } from './ours.ts';
import {
  authsOf,
  clusterOf,
  deploy,
  FUNCTION_ROLE,
  holders,
  invoke,
  refreshed,
  reportOf,
  SECRET,
} from './run.ts';

const CLUSTERS = [{ name: 'demo' }];
const teamA = { namespaces: { include: ['team-a*'] }, repositories: ['team-a/*'] };
const teamB = { namespaces: { include: ['team-b'] }, repositories: ['team-b/*'] };
const TEAMS = { clusters: CLUSTERS, secrets: [teamA, teamB] };

const roleOf = (settings: SettingsInput, at: number) => {
  const entry = checkSettings(settings).secrets[at];
  return (entry && pullRoleArn(entry, 'arn:aws:iam::111122223333:role/ecr-registry-helper-eu-west-1-')) ?? '';
};

async function deployTeams(settings: SettingsInput = TEAMS): Promise<World> {
  const world = await deploy(settings);
  for (const name of ['team-a', 'team-a-test', 'team-b']) clusterOf(world).addNamespace(name);
  return world;
}

const tokenOf = (world: World, namespace: string) => Object.values(authsOf(clusterOf(world), namespace))[0];
const annotationOf = (world: World, namespace: string) =>
  clusterOf(world).secret(namespace, SECRET)?.metadata.annotations?.['ecr-registry-helper/pull-role'];

async function statusOf(world: World) {
  const { value, error } = await invoke<StatusReport>(world, { action: 'status' });
  if (!value) throw error;
  return (value.clusters[0]?.secrets ?? []).map(({ namespace, condition, reason }) => [
    namespace,
    condition,
    reason,
  ]);
}

it('each entry has a token of its own role, and namespaces that match none get none', async () => {
  const world = await deployTeams();
  expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, created: 3 });
  expect(holders(clusterOf(world))).toEqual(['team-a', 'team-a-test', 'team-b']);
  expect(tokenOf(world, 'team-a-test')).toBe(tokenOf(world, 'team-a'));
  expect(tokenOf(world, 'team-b')).not.toBe(tokenOf(world, 'team-a'));
  const fetched = world.aws.calls.filter(({ operation }) => operation === 'GetAuthorizationToken');
  const names = [0, 1].map((at) => roleOf(TEAMS, at).replace(/.*\//, ''));
  expect(fetched.map(({ principalArn = '' }) => principalArn.split('/')[1]).sort()).toEqual(names.toSorted());
  expect([annotationOf(world, 'team-a'), annotationOf(world, 'team-b')]).toEqual(names);
  expect((await statusOf(world)).map(([, condition]) => condition)).toEqual(['fresh', 'fresh', 'fresh']);
});

it('the first entry that matches decides, and the rest is of one that says "*"', async () => {
  const world = await deployTeams({ clusters: CLUSTERS, secrets: [teamA, {}] });
  expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, created: 7 });
  expect(tokenOf(world, 'team-b')).toBe(tokenOf(world, 'default'));
  expect(tokenOf(world, 'team-a')).not.toBe(tokenOf(world, 'default'));
  expect(annotationOf(world, 'default')).toBeUndefined();
});

it('a role that cannot be assumed fails only the namespaces of its entry', async () => {
  const world = await deployTeams();
  const role = roleOf(TEAMS, 0);
  world.aws.addRole({ arn: role, trusts: [] });
  const report = await refreshed(world);
  expect(reportOf(report)).toMatchObject({ ok: false, created: 1, failed: 2 });
  expect(holders(clusterOf(world))).toEqual(['team-b']);
  expect(report.secrets.map(({ error }) => error?.reason)).toEqual([
    `could not assume the role ${role} (AccessDenied)`,
    undefined,
  ]);
  expect(reportOf(report).problems).toMatchObject([
    {
      namespace: '*',
      reason: expect.stringMatching(/\(AccessDenied\); a token that is in the secret stays/),
    },
  ]);
});

it('a secret that still holds a wider token, or one of another entry, is told by status', async () => {
  const world = await deployTeams({ clusters: CLUSTERS, secrets: [{ namespaces: { include: ['team-*'] } }] });
  const cluster = clusterOf(world);
  await refreshed(world);
  cluster.putSecret('team-a-test', SECRET, { ...PULL_SECRET, manager: 'vault-agent' });
  world.env.SETTINGS = JSON.stringify(TEAMS);
  const wider = 'its token is wider than its entry says';
  expect(await statusOf(world)).toEqual([
    ['team-a', 'stale', wider],
    ['team-b', 'stale', wider],
    ['team-a-test', 'blocked', `it is managed by "vault-agent"`],
  ]);
  const { problems } = reportOf(await refreshedWithRoles(world));
  expect(problems).toMatchObject([
    {
      namespace: 'team-a-test',
      outcome: 'blocked',
      reason: expect.stringMatching(
        /^it is managed by "vault-agent"; a token that is in the secret stays until it expires/,
      ),
    },
  ]);
  expect((await statusOf(world)).map(([, condition]) => condition)).toEqual(['blocked', 'fresh', 'fresh']);
  world.env.SETTINGS = JSON.stringify({
    clusters: CLUSTERS,
    secrets: [{ namespaces: { include: ['team-b'] } }],
  });
  expect(await statusOf(world)).toEqual([
    ['team-b', 'stale', 'its token is of the pull role of another entry'],
  ]);
  expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, refreshed: 1 });
  expect(annotationOf(world, 'team-b')).toBeUndefined();
});

it('one of ours that somebody holds back is blocked, with a word on what it opens', async () => {
  const world = await deployTeams();
  const cluster = clusterOf(world);
  putOurs(cluster, 'team-b');
  const { labels = {}, annotations = {} } = cluster.secret('team-b', SECRET)?.metadata ?? {};
  const data = { '.dockerconfigjson': Buffer.from('{"auths":{"x":{}}}').toString('base64') };
  cluster.putSecret('team-b', SECRET, { ...PULL_SECRET, data, labels, annotations, manager: 'kubectl-edit' });
  expect((await statusOf(world)).at(-1)).toEqual([
    'team-b',
    'blocked',
    'it is managed by "kubectl-edit", and its token is wider than its entry says',
  ]);
});

it('doctor fetches the token of an entry as its role, and says when that cannot be', async () => {
  const world = await deployTeams();
  const { value } = await invoke<DoctorReport>(world, { action: 'doctor' });
  expect(value?.findings.filter(({ step }) => step === 'token').map(({ result }) => result)).toEqual([
    'pass',
    'pass',
  ]);
  const fetched = world.aws.calls.filter(({ operation }) => operation === 'GetAuthorizationToken');
  expect(fetched.map(({ principalArn }) => principalArn)).not.toContain(FUNCTION_ROLE);
  delete world.env.PULL_ROLE_PREFIX;
  const unknown = await invoke<DoctorReport>(world, { action: 'doctor' });
  const [found] = unknown.value?.findings.filter(({ step }) => step === 'token') ?? [];
  expect(found).toMatchObject({
    result: 'fail',
    reason: expect.stringContaining('its pull role is unknown here'),
  });
});

/** A refresh with the settings of now, whose roles CDK would have made. */
async function refreshedWithRoles(world: World) {
  for (const at of [0, 1]) world.aws.addRole({ arn: roleOf(TEAMS, at), trusts: [FUNCTION_ROLE] });
  return refreshed(world);
}

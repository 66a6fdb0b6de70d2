import { describe, expect, it, onTestFinished } from 'vitest';
import { readEnvironment } from '../../lambda/context.ts';
import type { DiscoveryReport } from '../../lambda/fleet.ts';
import { type Answer, handler, runAction } from '../../lambda/handler.ts';
import type { Report } from '../../lambda/refresh/report.ts';
import { readEvent } from '../../lambda/request.ts';
import { readSettings } from '../../lambda/settings/rules.ts';
import type { ClusterSettings, SettingsInput } from '../../lambda/settings/schema.ts';
import { invocationContext, reported } from '../sandbox/bundle.ts';
import {
  type FleetSize,
  fleetClusters,
  fleetSettings,
  foundCluster,
  ROLE_NAME,
  roleOf,
} from '../sandbox/fleet-clusters.ts';
import { type FleetRun, runFleet } from '../sandbox/fleet-run.ts';
import { startWorld, type World } from '../sandbox/world.ts';
import { type Captured, captured } from './capture.ts';
import { clusterOf, FUNCTION_ROLE, holders, invoke, jsonLines, NAMESPACES, SCHEDULED } from './run.ts';
import { searched } from './searched.ts';
import { MovedClock } from './timed-refresh.ts';

const ACCOUNTS = ['111122223333', '444455556666', '777788889999'];
const SIZE: FleetSize = { accounts: ACCOUNTS, regions: ['eu-west-1', 'us-east-1'], each: 4 };
const ONE: FleetSize = { accounts: ['444455556666'], regions: ['eu-west-1'], each: 1 };
const [ONLY = ''] = fleetClusters(ONE).map(({ id = '' }) => id);

async function deployFleet(settings: SettingsInput, found: readonly ClusterSettings[]): Promise<World> {
  const world = await startWorld(settings, { found });
  onTestFinished(() => world.close());
  for (const account of ACCOUNTS) world.aws.addRole({ arn: roleOf(account), trusts: [FUNCTION_ROLE] });
  return world;
}

/** Does what an item asks for by a clock that passes over the waits for one that is down. */
function giveUp(event: object): Promise<Answer> {
  const clock = new MovedClock();
  const deadline = { at: clock.now() + 3_600_000, signal: new AbortController().signal };
  return runAction(readSettings(process.env), readEvent(event), {
    environment: readEnvironment(process.env),
    clock,
    deadline,
  });
}

/** The whole run of the state machine by the real handler; a secret in what it shows fails the test. */
async function ran({ env }: World, down = 'none'): Promise<Captured<FleetRun>> {
  const send = (event: object): Promise<Answer> =>
    JSON.stringify(event).includes(`["${down}"]`)
      ? giveUp(event)
      : handler(event, invocationContext()).then(reported);
  return searched(await captured(env, () => runFleet(send, 8)));
}

const discovered = async (world: World) => {
  const { value, error } = await invoke<DiscoveryReport>(world, { action: 'discover' });
  if (!value) throw error;
  return value;
};
const idsOf = ({ items }: DiscoveryReport) => items.map(({ clusters: [id] }) => id);

describe('a fleet that is found by its tag', () => {
  it('is refreshed item by item; one cluster that is down fails the summary by its name and stops no other', async () => {
    const found = fleetClusters(SIZE);
    const world = await deployFleet(fleetSettings(SIZE), found);
    const down = found[9]?.id ?? '';
    clusterOf(world, down).fault(() => ({ kind: 'reset', when: 'before' }));
    const { value, output } = await ran(world, down);
    expect(value?.discovery).toMatchObject({ ok: true, problems: [] });
    expect(value && idsOf(value.discovery)).toEqual(found.map(({ id }) => id));
    expect(value?.results.filter(({ ok }) => !ok)).toEqual([
      { id: down, ok: false, reason: expect.stringContaining('could not reach') },
    ]);
    expect(value?.error).toMatchObject({ code: 'FleetFailedError' });
    expect(String(value?.error)).toContain(`1 of 24 clusters were not refreshed: ${down}: `);
    for (const { id = '' } of found)
      expect(holders(clusterOf(world, id))).toEqual(id === down ? [] : NAMESPACES);
    const metrics = jsonLines(output).filter((line) => '_aws' in line);
    expect(metrics.filter((line) => 'cluster' in line)).toEqual([]);
    expect(metrics.filter(({ ClusterFresh }) => ClusterFresh)).toHaveLength(23);
    expect(metrics).toContainEqual(expect.objectContaining({ DiscoveredClusters: 24, DiscoveryProblems: 0 }));
    expect(metrics).toContainEqual(expect.objectContaining({ FailedClusters: 1 }));
  });

  it('is found page by page, without what has not the tag, is being made or is listed', async () => {
    const tagged = Array.from({ length: 3 }, (_, at) =>
      foundCluster('444455556666', 'eu-west-1', `tagged-${at}`),
    );
    const world = await deployFleet(fleetSettings(ONE), tagged);
    const place = { accountId: '444455556666', region: 'eu-west-1' };
    const tags = { 'ecr-registry-helper': 'on' };
    for (let at = 0; at < 205; at += 1)
      world.aws.addCluster({ ...place, name: `other-${at}`, tags: { a: 'b' } });
    world.aws.addCluster({ ...place, name: 'new', tags, status: 'CREATING' });
    expect(idsOf(await discovered(world))).toEqual(tagged.map(({ id }) => id));
    expect(world.aws.calls.filter(({ operation }) => operation === 'ListClusters')).toHaveLength(3);
  });

  it('is found in the own account and region by name, with the own role; what is listed keeps its id', async () => {
    const own = (name: string) => ({ id: `arn:aws:eks:eu-west-1:111122223333:cluster/${name}`, name });
    const settings: SettingsInput = {
      clusters: [{ name: 'team-a', id: 'first' }, { discover: { names: ['team-*'] } }],
    };
    const world = await deployFleet(settings, [own('team-b'), own('lab')]);
    expect(idsOf(await discovered(world))).toEqual(['first', own('team-b').id]);
    const { value } = await ran(world);
    expect(value?.results.map(({ ok }) => ok)).toEqual([true, true]);
    expect(value?.error).toBeUndefined();
    expect(holders(clusterOf(world, own('lab').id))).toEqual([]);
  });

  it('goes on where an account or region cannot be looked through, and tells so', async () => {
    const world = await deployFleet(fleetSettings(SIZE), fleetClusters({ ...SIZE, each: 1 }));
    world.aws.deny(roleOf('777788889999'), 'eks:ListClusters');
    world.aws.addRole({ arn: roleOf('444455556666'), trusts: [] });
    const { value } = await ran(world);
    expect(value?.results.map(({ ok }) => ok)).toEqual([true, true]);
    expect(value?.discovery.ok).toBe(false);
    expect(value?.discovery.problems.map(({ where, reason }) => `${where}: ${reason}`).sort()).toEqual([
      ...SIZE.regions.map(
        (region) =>
          `444455556666, ${region}: could not assume the role ${roleOf('444455556666')} (AccessDenied)`,
      ),
      ...SIZE.regions.map(
        (region) =>
          `777788889999, ${region}: could not list the EKS clusters of 777788889999, ${region} (AccessDeniedException)`,
      ),
    ]);
    // the state machine looks again, and fails by what discover says
    expect(value?.error).toBeUndefined();
  });

  it('is a failure when none is found', async () => {
    const world = await deployFleet(fleetSettings(ONE), []);
    const { value } = await ran(world);
    expect(value?.discovery).toMatchObject({ ok: false, items: [], problems: [{ where: 'discover 1' }] });
    expect(value?.error).toMatchObject({ code: 'FleetFailedError' });
    const { error } = await invoke(world, { action: 'summarize', results: [] });
    expect(String(error)).toContain('found no cluster of the fleet');
  });

  it('names its limit when there are more clusters than items fit', async () => {
    const world = await deployFleet(fleetSettings(ONE), []);
    const tags = { 'ecr-registry-helper': 'on' };
    const add = (at: number) =>
      world.aws.addCluster({
        ...{ accountId: '444455556666', region: 'eu-west-1', tags },
        name: String(at).padStart(100, 'n'),
      });
    for (let at = 0; at < 1_000; at += 1) add(at);
    const whole = await discovered(world);
    expect(whole.items).toHaveLength(1_000);
    // the rest of a state's 256 KiB is for 100 problems
    expect(Buffer.byteLength(JSON.stringify(whole))).toBeLessThan(200 * 1024);
    add(1_000);
    const { error } = await invoke(world, { action: 'discover' });
    expect(String(error)).toContain('found 1001 clusters, and a fleet has at most 1000');
  });
});

describe('an item cannot widen the settings', () => {
  const arn = (name = 'cluster-1', account = '444455556666', region = 'eu-west-1') =>
    `arn:aws:eks:${region}:${account}:cluster/${name}`;
  const settings: SettingsInput = {
    clusters: [
      {
        discover: {
          accounts: ['444455556666'],
          names: ['cluster-*'],
          tag: { key: 'k', value: 'v' },
          roleName: ROLE_NAME,
        },
      },
    ],
    secrets: [{ clusters: ['cluster-1*'] }],
  };

  it.each([
    [arn('cluster-1', '999988887777'), 'no discover names the account 999988887777'],
    [arn('cluster-1', '444455556666', 'us-east-1'), 'names the region us-east-1'],
    [arn('lab'), 'no discover of its account and region covers the name lab'],
    [arn('cluster-2'), 'no entry of secrets covers the name cluster-2'],
    [arn().replace('arn:aws:', 'arn:aws-cn:'), 'eu-west-1 is not in aws-cn'],
    ['cluster-1', 'known are by its ARN what a discover covers'],
  ])('%s is refused before AWS is asked', async (id, why) => {
    const world = await deployFleet(settings, [foundCluster('444455556666', 'eu-west-1', 'cluster-1')]);
    const { error } = await invoke(world, { action: 'refresh', clusters: [id] });
    expect(error).toMatchObject({ code: 'NotCoveredError' });
    expect(String(error)).toContain(why);
    expect(world.aws.calls).toEqual([]);
  });

  it.each(['refresh', 'plan', 'status'])(
    'one that has lost its tag since is not reached by a %s',
    async (action) => {
      const found = foundCluster('444455556666', 'eu-west-1', 'cluster-1', [{ key: 'k', value: 'other' }]);
      const world = await deployFleet(settings, [found]);
      const { value } = await invoke<Report>(world, { action, clusters: [found.id] });
      expect(value).toMatchObject({
        ok: false,
        clusters: [{ error: { reason: expect.stringContaining('it is not tagged k=v') } }],
      });
      expect(clusterOf(world, found.id).requests).toEqual([]);
    },
  );

  it('one that has lost its tag since is not retried', async () => {
    const found = foundCluster('444455556666', 'eu-west-1', 'cluster-1', [{ key: 'k', value: 'other' }]);
    const world = await deployFleet(settings, [found]);
    const body = JSON.stringify({ requestPayload: { action: 'refresh', clusters: [found.id] } });
    const { value } = await invoke<Report>(world, { Records: [{ eventSource: 'aws:sqs', body }] });
    expect(value).toMatchObject({ ok: false, clusters: [{ error: { code: 'NotCoveredError' } }] });
  });

  it('a doctor tells of it too', async () => {
    const found = foundCluster('444455556666', 'eu-west-1', 'cluster-1', [{ key: 'k', value: 'other' }]);
    const world = await deployFleet(settings, [found]);
    const { value } = await invoke<never>(world, { action: 'doctor', clusters: [found.id] });
    expect(value).toMatchObject({
      ok: false,
      findings: expect.arrayContaining([
        expect.objectContaining({
          step: 'cluster',
          reason: expect.stringContaining('it is not tagged k=v'),
        }),
      ]),
    });
  });

  it.each<[string, object]>([
    ['a refresh of all', {}],
    ['the schedule', SCHEDULED],
    ['a status of all', { action: 'status' }],
    ['a refresh of a namespace everywhere', { namespaces: ['team-a'] }],
  ])('%s is for the state machine', async (_, event) => {
    const world = await deployFleet(fleetSettings(ONE), fleetClusters(ONE));
    const { error } = await invoke(world, event);
    expect(error).toMatchObject({ code: 'FleetEventError' });
    expect(world.aws.calls).toEqual([]);
  });

  it('a fleet of listed clusters only is served in the same way', async () => {
    const world = await deployFleet({ fleet: true, clusters: [{ name: 'a' }, { name: 'b' }] }, []);
    expect((await invoke(world)).error).toMatchObject({ code: 'FleetEventError' });
    const { value } = await ran(world);
    expect(value).toMatchObject({
      results: [
        { id: 'a', ok: true },
        { id: 'b', ok: true },
      ],
    });
    expect(value?.error).toBeUndefined();
  });

  it('a cleanup takes an ARN to confirm', async () => {
    const world = await deployFleet({ ...fleetSettings(ONE), cleanup: true }, fleetClusters(ONE));
    await ran(world);
    const clean = { action: 'cleanup', dryRun: true, all: true };
    const { value } = await invoke<never>(world, { ...clean, confirm: ONLY });
    expect(value).toMatchObject({ ok: true, removed: NAMESPACES.length });
    const other = ONLY.replace('444455556666', '999988887777');
    expect((await invoke(world, { ...clean, confirm: other })).error).toMatchObject({
      code: 'NotCoveredError',
    });
    expect((await invoke(world, { ...clean, confirm: 'x' })).error).toMatchObject({ code: 'EventError' });
  });
});

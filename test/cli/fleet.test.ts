import { describe, expect, it, onTestFinished } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { handler } from '../../lambda/handler.ts';
import type { Report } from '../../lambda/refresh/report.ts';
import type { StatusReport } from '../../lambda/status.ts';
import { captured } from '../integration/capture.ts';
import { clusterOf, FUNCTION_ROLE, holders, NAMESPACES } from '../integration/run.ts';
import { searched } from '../integration/searched.ts';
import { invocationContext } from '../sandbox/bundle.ts';
import { fleetClusters, fleetSettings, roleOf } from '../sandbox/fleet-clusters.ts';
import { FUNCTION, startWorld, type World } from '../sandbox/world.ts';
import { cli, STACK, settingsFile, yourEnv } from './cli.ts';

const SIZE = { accounts: ['444455556666', '777788889999'], regions: ['eu-west-1'], each: 2 };
const IDS = fleetClusters(SIZE).map(({ id = '' }) => id);
const [FIRST = '', SECOND = ''] = IDS;

interface Sent {
  readonly action?: string;
  readonly clusters?: readonly string[];
}

/** A fleet of four clusters, and the events that its function got. */
async function deployFleet(): Promise<World & { readonly events: Sent[]; readonly output: string[] }> {
  const world = await startWorld(fleetSettings(SIZE), { found: fleetClusters(SIZE) });
  onTestFinished(() => world.close());
  for (const account of SIZE.accounts) world.aws.addRole({ arn: roleOf(account), trusts: [FUNCTION_ROLE] });
  const events: Sent[] = [];
  const output: string[] = [];
  world.aws.stacks.set(STACK, { FunctionName: FUNCTION });
  // one at a time, as they share the environment of this process
  let last: Promise<unknown> = Promise.resolve();
  world.aws.functions.set(FUNCTION, async (event) => {
    events.push(event as Sent);
    const before = last;
    const own = before.then(() => captured(world.env, () => handler(event, invocationContext())));
    last = own;
    const ended = searched(await own);
    output.push(ended.output);
    if (!ended.value) throw ended.error;
    return ended.value;
  });
  return { ...world, events, output };
}

const json = <Of>(stdout: string) => JSON.parse(stdout) as Of;

describe('the command line for a fleet, without --cluster', () => {
  it('finds the clusters and runs once for each: a refresh, then a status with a line for each', async () => {
    const world = await deployFleet();
    const refresh = await cli(['refresh', '--json'], yourEnv(world));
    const { ok, clusters, secrets } = json<Report>(refresh.stdout);
    expect({ code: refresh.code, ok, secrets: secrets.length }).toEqual({ code: 0, ok: true, secrets: 1 });
    expect(clusters.map(({ id }) => id)).toEqual(IDS);
    expect(world.events.map(({ clusters: [id] = [] }) => id)).toEqual([undefined, undefined, ...IDS]);
    for (const id of IDS) expect(holders(clusterOf(world, id))).toEqual(NAMESPACES);
    const status = await cli(['status'], yourEnv(world));
    expect(status).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ok: status, in .*\n\n(cluster arn:\S+: 4 fresh\n){4}$/),
    });
  });

  it('sends no metrics of a discover, which would keep the alarm for silence from firing', async () => {
    const world = await deployFleet();
    await cli(['status'], yourEnv(world));
    expect(world.events).toContainEqual({ action: 'discover', dryRun: true });
    expect(world.output.join('\n')).not.toContain('DiscoveredClusters');
  });

  it('a doctor lists what is in all clusters once, and the secrets of each', async () => {
    const world = await deployFleet();
    const { stdout } = await cli(['doctor', '--json'], yourEnv(world));
    const { findings, secrets = [] } = json<DoctorReport>(stdout);
    expect(findings.filter(({ step }) => step === 'identity')).toHaveLength(1);
    expect(findings.filter(({ step }) => step === 'authentication')).toHaveLength(IDS.length);
    expect(secrets.map(({ id }) => id)).toEqual(IDS);
  });

  it('names what could not be found and what did not run, and shows the others', async () => {
    const world = await deployFleet();
    world.aws.deny(roleOf('777788889999'), 'eks:ListClusters');
    const run = world.aws.functions.get(FUNCTION);
    world.aws.functions.set(FUNCTION, (event) =>
      (event as Sent).clusters?.includes(SECOND)
        ? Promise.reject(new Error('out of memory'))
        : (run?.(event) ?? Promise.reject()),
    );
    const { code, stdout } = await cli(['status'], yourEnv(world));
    expect(code).toBe(1);
    expect(stdout).toMatch(/^not ok: status/);
    expect(stdout).toContain(`cluster ${FIRST}: 4 missing`);
    expect(stdout).toMatch(
      /^failed: could not list the EKS clusters of .*\n {2}777788889999, eu-west-1\n {2}-> /m,
    );
    expect(stdout).toMatch(
      new RegExp(`^failed: the function \\S+ failed: out of memory\\n {2}cluster ${SECOND}\\n {2}-> `, 'm'),
    );
    const { stdout: report } = await cli(['status', '--json'], yourEnv(world));
    expect(json<StatusReport & { problems: object[] }>(report)).toMatchObject({
      ok: false,
      problems: [{}, {}],
    });
  });

  it('runs here too, and takes one cluster without a discover', async () => {
    const world = await deployFleet();
    const settings = settingsFile(fleetSettings(SIZE));
    const local = await cli(['plan', '--local', '--settings', settings, '--json'], world.env);
    expect(json<Report>(local.stdout).clusters.map(({ created }) => created)).toEqual([4, 4, 4, 4]);
    const one = await cli(['plan', '--cluster', FIRST, '--json'], yourEnv(world));
    expect(json<Report>(one.stdout).clusters).toHaveLength(1);
    expect(world.events).toHaveLength(1);
  });
});

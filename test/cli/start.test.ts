import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { followExecution, invokeFunction, startExecution } from '../../lambda/cli/aws.ts';
import type { FleetSummary } from '../../lambda/fleet.ts';
import { deploy } from '../integration/run.ts';
import type { World } from '../sandbox/world.ts';
import { cli, STACK, yourEnv } from './cli.ts';

const MACHINE = 'arn:aws:states:eu-west-1:111122223333:stateMachine:fleet';
const SUMMARY: FleetSummary = {
  ok: true,
  action: 'summarize',
  startedAt: '2026-11-24T08:00:00.000Z',
  durationMs: 0,
  clusters: 2,
  failed: [],
};

async function deployFleet(code: () => Promise<unknown> = async () => SUMMARY): Promise<World> {
  const world = await deploy();
  world.aws.stacks.set(STACK, { StateMachineArn: MACHINE });
  world.aws.stateMachines.set(MACHINE, code);
  return world;
}

const failed = () =>
  Promise.reject(
    Object.assign(new Error('1 of 2 clusters were not refreshed: b: down. Read the log.'), {
      name: 'FleetFailedError',
    }),
  );

describe('start', () => {
  it('starts the state machine of the stack, and does not wait', async () => {
    const world = await deployFleet(() => new Promise(() => undefined));
    const execution = `${MACHINE.replace(':stateMachine:', ':execution:')}:1`;
    expect(await cli(['start'], yourEnv(world))).toEqual({
      code: 0,
      stdout: `ok: started ${execution}\n`,
      stderr: '',
    });
    const { stdout } = await cli(['start', '--state-machine', MACHINE, '--json'], yourEnv(world));
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, action: 'start' });
    expect(world.aws.calls.map(({ operation }) => operation)).toEqual([
      'DescribeStacks',
      'StartExecution',
      'StartExecution',
    ]);
  });

  it('with --wait prints the summary', async () => {
    const env = yourEnv(await deployFleet());
    const { code, stdout, stderr } = await cli(['start', '--wait'], env);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ok: 2 clusters were refreshed\n' });
    expect(stderr).toMatch(/^execution arn:aws:states:.*:1\n$/);
    expect(JSON.parse((await cli(['start', '--wait', '--json'], env)).stdout)).toEqual(SUMMARY);
  });

  it('with --wait ends with 1 and the clusters that failed', async () => {
    const { code, stdout, stderr } = await cli(['start', '--wait'], yourEnv(await deployFleet(failed)));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^error: the execution \S+ failed: 1 of 2 clusters were not refreshed: b: down\nSee which clusters are not fresh: ecr-registry-helper status$/m,
    );
  });

  it.each<[string, string[], (world: World) => unknown, RegExp]>([
    [
      'no fleet',
      [],
      ({ aws }) => aws.stacks.set(STACK, {}),
      /has no output StateMachineArn\nGive the stack by --stack, or the state machine itself by --state-machine/,
    ],
    [
      'no such state machine',
      ['--state-machine', `${MACHINE}x`],
      () => undefined,
      /states:StartExecution on \S+ failed \(StateMachineDoesNotExist\)/,
    ],
    [
      'no permission',
      [],
      ({ aws }) => aws.deny(`arn:aws:iam::${aws.accountId}:user/you`, 'states:StartExecution'),
      /Allow states:StartExecution on it to your own identity/,
    ],
  ])('names what is in the way: %s', async (_, args, arrange, said) => {
    const world = await deployFleet();
    arrange(world);
    const { code, stderr } = await cli(['start', ...args], yourEnv(world));
    expect(code).toBe(1);
    expect(stderr).toMatch(said);
  });
});

describe('in this process', () => {
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  });
  afterEach(() => void vi.unstubAllEnvs());
  const actAsYou = (world: World) => {
    for (const [name, value] of Object.entries(yourEnv(world))) vi.stubEnv(name, value);
  };

  it('an execution is followed with its progress, at longer and longer intervals', async () => {
    const world = await deployFleet();
    const end = Promise.withResolvers<FleetSummary>();
    let progress: (done: number, total: number) => void = () => undefined;
    world.aws.stateMachines.set(MACHINE, (update) => {
      progress = update;
      return end.promise;
    });
    actAsYou(world);
    const said: string[] = [];
    const pauses: number[] = [];
    const sleep = async (ms: number) => {
      pauses.push(ms);
      if (pauses.length === 7) end.resolve(SUMMARY);
      else progress(pauses.length, 24);
    };
    const execution = await startExecution(MACHINE);
    expect(await followExecution(execution, (text) => said.push(text), { sleep })).toEqual(SUMMARY);
    expect(said.slice(0, 3)).toEqual(['finding the clusters', '1 of 24 clusters', '2 of 24 clusters']);
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it('a long invocation keeps its TCP connection alive', async () => {
    const world = await deployFleet();
    const called = Promise.withResolvers<void>();
    const end = Promise.withResolvers<object>();
    world.aws.functions.set('slow', () => {
      called.resolve();
      return end.promise;
    });
    actAsYou(world);
    const alive = vi.spyOn(Socket.prototype, 'setKeepAlive');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      alive.mockRestore();
      vi.useRealTimers();
    });
    const answered = invokeFunction('slow', {});
    await called.promise;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(alive.mock.calls).toContainEqual([true, 30_000]);
    end.resolve({ ok: true, action: 'status' });
    expect(await answered).toEqual({ ok: true, action: 'status' });
  });
});

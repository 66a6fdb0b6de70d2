import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { World } from '../sandbox/world.ts';
import { clusterOf, deploy, FUNCTION_ROLE, holders, NAMESPACES } from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

const READER = 'arn:aws:iam::111122223333:role/reader';
const REGION = 'us-east-1';
/** To the last byte of an answer. */
const ATTEMPT_MS = 10_000;

async function deployed(): Promise<World> {
  const world = await deploy({
    clusters: [{ name: 'demo', roleArn: READER }],
    secrets: [{ registries: [{ type: 'ecr' }, { type: 'ecr-public' }, { type: 'stored', secretId: 'hub' }] }],
  });
  world.aws.addRole({ arn: READER, trusts: [FUNCTION_ROLE] });
  world.aws.addSecret({ name: 'hub', value: '{"auths":{"quay.io":{"auth":"YTpi"}}}' });
  return world;
}

/** Waits until an assertion holds; the time limit matters only where it never does. */
const comes = (assertion: () => void) => vi.waitFor(assertion, { timeout: 20_000 });

/** Lets the head of an answer and some drops of its body come. */
async function someDrops(): Promise<void> {
  for (let turns = 0; turns < 300; turns += 1) await turn();
}

describe('a call of AWS whose answer drips', () => {
  it.each([
    ['sts', 'AssumeRole'],
    ['ecr', 'GetAuthorizationToken'],
    ['ecr-public', 'GetAuthorizationToken'],
    ['secretsmanager', 'GetSecretValue'],
    ['eks', 'DescribeCluster'],
  ])('%s:%s is ended after ten seconds, and made again', async (service, operation) => {
    const world = await deployed();
    const isIt = (call: { service: string; operation: string }) =>
      call.service === service && call.operation === operation;
    const drip = world.aws.fail({ operation, when: isIt, with: { kind: 'drip' } });
    const clock = new MovedClock();
    const run = refreshTimed(world, { clock });
    await comes(() => expect(drip.hits).toBe(1));
    await someDrops();
    clock.advance(ATTEMPT_MS - 1);
    await someDrops();
    expect(world.aws.calls.filter(isIt)).toHaveLength(1);
    clock.advance(1);
    await comes(() => expect(world.aws.calls.filter(isIt)).toHaveLength(2));
    expect((await run).value).toMatchObject({ ok: true, clusters: [{ created: NAMESPACES.length }] });
  });

  it('delays the clusters of its entry alone, however many these are', async () => {
    const waiting = Array.from({ length: 11 }, (_, at) => ({ name: `waiting-${at}` }));
    const world = await deploy({
      clusters: [...waiting, { name: 'other' }],
      secrets: [
        {
          name: 'slow',
          clusters: waiting.map(({ name }) => name),
          registries: [{ type: 'ecr', region: REGION }],
        },
        { name: 'quick', clusters: ['other'] },
      ],
    });
    const isIt = ({ region }: { region: string }) => region === REGION;
    const times = Number.POSITIVE_INFINITY;
    const drip = world.aws.fail({
      operation: 'GetAuthorizationToken',
      when: isIt,
      times,
      with: { kind: 'drip' },
    });
    const clock = new MovedClock();
    const run = refreshTimed(world, { clock });
    await comes(() => expect(holders(clusterOf(world, 'other'), 'quick')).toEqual(NAMESPACES));
    expect(waiting.flatMap(({ name }) => clusterOf(world, name).requests)).toEqual([]);
    for (const hits of [1, 2, 3]) {
      await comes(() => expect(drip.hits).toBe(hits));
      clock.advance(ATTEMPT_MS);
    }
    const { value } = await run;
    expect(value?.secrets).toMatchObject([
      {
        name: 'slow',
        error: {
          code: 'EcrCallError',
          reason: `could not get an ECR authorization token in ${REGION} (TimeoutError)`,
        },
      },
      { name: 'quick', expiresAt: expect.any(String) },
    ]);
    expect(value?.clusters.map(({ id, ok }) => [id, ok])).toEqual([
      ...waiting.map(({ name }) => [name, false]),
      ['other', true],
    ]);
  });
});

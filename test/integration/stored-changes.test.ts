import { describe, expect, it } from 'vitest';
import { RefreshFailedError } from '../../lambda/errors.ts';
import { secretArn } from '../sandbox/aws/secrets-manager.ts';
import type { World } from '../sandbox/world.ts';
import { authsOf, clusterOf, deploy, FUNCTION_ROLE, invoke, jsonLines, refreshed } from './run.ts';

const config = (password: string) => JSON.stringify({ auths: { 'ghcr.io': { username: 'ci', password } } });

/** Two clusters, of which one has an entry with a stored secret. */
async function deployed(): Promise<World> {
  const world = await deploy({
    clusters: [{ name: 'with' }, { name: 'without' }],
    secrets: [
      { clusters: ['with'], registries: [{ type: 'ecr' }, { type: 'stored', secretId: 'hub' }] },
      { clusters: ['without'] },
    ],
    storedChanges: true,
  });
  world.aws.addSecret({ name: 'hub', value: config('old') });
  await refreshed(world);
  world.aws.addSecret({ name: 'hub', value: config('new') });
  for (const id of ['with', 'without']) clusterOf(world, id).requests.length = 0;
  return world;
}

/** What EventBridge sends when a secret of the account has another value. */
function changeOf({ aws: { accountId, region } }: World, name: string) {
  const arn = secretArn({ name, accountId, region });
  return {
    ...{ version: '0', id: '6a7e8feb-b491-4cf7-a9f1-bf3703467718' },
    ...{ 'detail-type': 'Secret Label Updated', source: 'aws.secretsmanager' },
    ...{ account: accountId, time: '2026-11-28T16:43:48Z', region, resources: [arn] },
    detail: { name, labelUpdated: 'AWSCURRENT', versionId: 'a1b2c3d4-5678-90ab-cdef-111111111111' },
  };
}

describe('a stored secret that changed', () => {
  it('is written at once, where an entry has it and nowhere else', async () => {
    const world = await deployed();
    const { value, output } = await invoke(world, changeOf(world, 'hub'));
    expect(value).toMatchObject({ ok: true, clusters: [{ id: 'with', refreshed: 4 }] });
    expect(authsOf(clusterOf(world, 'with'))).toMatchObject({ 'ghcr.io': 'ci:new' });
    expect(clusterOf(world, 'without').requests).toEqual([]);
    const [log, metrics] = jsonLines(output);
    expect(log).toMatchObject({ origin: 'changed', changed: expect.stringContaining(':secret:hub-') });
    // the whole cluster was refreshed
    expect(metrics).toMatchObject({ cluster: 'with', ClusterFresh: 1 });
  });

  it('that cannot be read throws, and the retry from the queue writes it', async () => {
    const world = await deployed();
    world.aws.deny(FUNCTION_ROLE, 'secretsmanager:GetSecretValue');
    const event = changeOf(world, 'hub');
    expect((await invoke(world, event)).error).toBeInstanceOf(RefreshFailedError);
    world.aws.allow(FUNCTION_ROLE, 'secretsmanager:GetSecretValue');
    const body = JSON.stringify({ requestPayload: event });
    await refreshed(world, { Records: [{ eventSource: 'aws:sqs', body }] });
    expect(authsOf(clusterOf(world, 'with'))).toMatchObject({ 'ghcr.io': 'ci:new' });
  });

  it('that no entry has calls nothing', async () => {
    const world = await deployed();
    world.aws.calls.length = 0;
    expect(await refreshed(world, changeOf(world, 'another'))).toMatchObject({ ok: true, clusters: [] });
    expect(world.aws.calls).toEqual([]);
  });
});

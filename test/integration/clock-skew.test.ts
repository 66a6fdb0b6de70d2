import { describe, expect, it } from 'vitest';
import type { RunRequest } from '../../lambda/request.ts';
import { mintSessionToken } from '../sandbox/aws/canary.ts';
import { kubeconfigJson, kubeconfigParts } from '../sandbox/kubeconfig.ts';
import type { World } from '../sandbox/world.ts';
import { clusterOf, deploy } from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

const MINUTE = 60_000;
const SECRET_ID = 'edge-kubeconfig';

const runSkewed = (world: World, minutes: number, action: RunRequest['action']) => {
  const clock = new MovedClock();
  clock.skip(minutes * MINUTE);
  return refreshTimed(world, { clock }, { origin: 'manual', action });
};
const refuseAll = (world: World) => clusterOf(world).accessEntries.splice(0);

describe('an API server that refuses us (401)', () => {
  it.each([
    [20, 20],
    [-47, 47],
    [1_500, 1_500],
  ])('by a clock that is %i minutes behind ours is reported with the difference', async (ahead, minutes) => {
    const world = await deploy();
    const code = 'ClockSkewError';
    const reason = `the API server rejected the function (401 Unauthorized), and their clocks differ by ${minutes} minutes`;
    const remedy = expect.stringContaining('Correct the clock that is wrong');
    const { value } = await runSkewed(world, ahead, 'refresh');
    expect(value).toMatchObject({ ok: false, clusters: [{ error: { code, reason, remedy } }] });
    const doctor = (await runSkewed(world, ahead, 'doctor')).value as unknown as { findings: object[] };
    expect(doctor.findings).toContainEqual({
      step: 'authentication',
      object: 'cluster demo',
      result: 'fail',
      reason,
      remedy,
    });
  });

  it.each([0, 4, -4])('and whose clock differs by %i minutes has another reason', async (ahead) => {
    const world = await deploy();
    refuseAll(world);
    const { value } = await runSkewed(world, ahead, 'refresh');
    expect(value).toMatchObject({ clusters: [{ error: { code: 'UnauthorizedError' } }] });
  });

  it('and sends no date, or none that can be read, has another reason', async () => {
    for (const date of ['', 'yesterday']) {
      const world = await deploy();
      clusterOf(world).fault(() => ({ kind: 'status', status: 401, headers: { date } }));
      const { value } = await runSkewed(world, 20, 'refresh');
      expect(value).toMatchObject({ clusters: [{ error: { code: 'UnauthorizedError' } }] });
    }
  });

  it('is reported by kubeconfig too, where tokens and certificates expire by its clock', async () => {
    const world = await deploy({ clusters: [{ name: 'demo', kubeconfigSecretId: SECRET_ID }] });
    const parts = kubeconfigParts(clusterOf(world), mintSessionToken('another'));
    world.aws.addSecret({ name: SECRET_ID, value: JSON.stringify(kubeconfigJson(parts)) });
    const { value } = await runSkewed(world, 90, 'refresh');
    expect(value).toMatchObject({ clusters: [{ error: { code: 'ClockSkewError' } }] });
  });
});

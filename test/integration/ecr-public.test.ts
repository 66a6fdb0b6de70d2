import { describe, expect, it } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { passwordCanary } from '../sandbox/aws/canary.ts';
import { authsOf, clusterOf, deploy, FUNCTION_ROLE, invoke, refreshed } from './run.ts';

const operation = 'GetAuthorizationToken';
const deployed = (...more: { type: 'ecr' }[]) =>
  deploy({
    clusters: [{ name: 'demo' }],
    secrets: [
      { registries: [{ type: 'ecr-public' }, ...more] },
      { name: 'again', registries: [{ type: 'ecr-public' }] },
    ],
  });

describe('ECR Public', () => {
  it('is opened by a token of us-east-1, fetched once for all entries', async () => {
    const world = await deployed({ type: 'ecr' });
    const report = await refreshed(world);
    expect(report).toMatchObject({ ok: true });
    expect(authsOf(clusterOf(world))).toEqual({
      'public.ecr.aws': expect.stringContaining(`AWS:${passwordCanary}`),
      '111122223333.dkr.ecr.eu-west-1.amazonaws.com': expect.stringContaining(`AWS:${passwordCanary}`),
    });
    const calls = world.aws.calls.filter(({ service }) => service === 'ecr-public');
    expect(calls).toMatchObject([
      { operation, region: 'us-east-1', principalArn: world.aws.principal.arn, outcome: 'ok' },
    ]);
    expect(report.secrets[1]?.expiresAt).toBeDefined();
  });

  it.each([
    ['throttling', { kind: 'throttle' }],
    ['a reset', { kind: 'reset' }],
    ['a fault of its own', { kind: 'error', code: 'ServerException', status: 500 }],
    ['a page of a proxy', { kind: 'body', status: 502, body: '<html>' }],
  ] as const)('is asked again after %s', async (_, fault) => {
    const world = await deployed();
    const planned = world.aws.fail({ operation, with: fault });
    expect(await refreshed(world)).toMatchObject({ ok: true });
    expect(planned.hits).toBe(1);
  });

  it('that stays broken is given up after three tries', async () => {
    const world = await deployed();
    const planned = world.aws.fail({ operation, times: 9, with: { kind: 'throttle' } });
    const { ok, secrets } = await refreshed(world);
    expect(ok).toBe(false);
    expect(secrets[0]?.error?.reason).toBe(
      'could not get an ECR Public authorization token (ThrottlingException)',
    );
    expect(planned.hits).toBe(3);
  });

  it('that denies is not asked again, and the right is named', async () => {
    const world = await deployed();
    world.aws.deny(FUNCTION_ROLE, 'ecr-public:GetAuthorizationToken');
    const { ok, secrets } = await refreshed(world);
    expect(ok).toBe(false);
    expect(secrets[0]?.error).toMatchObject({
      reason: 'could not get an ECR Public authorization token (AccessDeniedException)',
      remedy: expect.stringContaining('sts:GetServiceBearerToken'),
    });
    expect(world.aws.calls.filter(({ service }) => service === 'ecr-public')).toHaveLength(1);
  });

  it.each([
    ['nothing', '{}', 'has no token'],
    ['no end', `{"authorizationData":{"authorizationToken":"${btoa('AWS:x')}"}}`, 'has no expiry'],
    ['a list', '{"authorizationData":[]}', 'has no token'],
    [
      'another user',
      `{"authorizationData":{"authorizationToken":"${btoa(`x:${passwordCanary}`)}","expiresAt":9999999999}}`,
      'is not "AWS:password" in base64',
    ],
    [
      'a token that has ended',
      `{"authorizationData":{"authorizationToken":"${btoa('AWS:x')}","expiresAt":1}}`,
      'has expired already',
    ],
  ])('that answers %s gives no secret', async (_, body, problem) => {
    const world = await deployed();
    world.aws.fail({ operation, with: { kind: 'body', status: 200, body } });
    const { ok, secrets } = await refreshed(world);
    expect(ok).toBe(false);
    expect(secrets[0]?.error?.reason).toContain(problem);
    expect(clusterOf(world).secrets()).toEqual([]);
  });

  it('is fetched but not asked by doctor, and a denial comes with a command', async () => {
    const world = await deployed();
    const { value } = await invoke<DoctorReport>(world, { action: 'doctor' });
    expect(value).toMatchObject({ ok: true });
    expect(value?.findings).toContainEqual(
      expect.objectContaining({ step: 'registry', object: 'public.ecr.aws', result: 'unknown' }),
    );
    world.aws.deny(FUNCTION_ROLE, 'ecr-public:GetAuthorizationToken');
    const denied = await invoke<DoctorReport>(world, { action: 'doctor' });
    expect(denied.value?.findings).toContainEqual(
      expect.objectContaining({
        step: 'token',
        object: 'ECR Public for again',
        result: 'fail',
        remedy: expect.stringContaining(
          '--action-names ecr-public:GetAuthorizationToken sts:GetServiceBearerToken',
        ),
      }),
    );
  });
});

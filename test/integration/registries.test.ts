import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { passwordCanary } from '../sandbox/aws/canary.ts';
import type { World } from '../sandbox/world.ts';
import { authsOf, clusterOf, deploy, FUNCTION_ROLE, refreshed, SECRET } from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

type Registries = NonNullable<
  Exclude<NonNullable<SettingsInput['secrets']>[number], { type: unknown }>['registries']
>;

const KEYS = {
  accessKeyId: 'AKIACANARYUSER000001',
  secretAccessKey: 'CanarySecretKey/0123456789abcdefghijklmn',
};
const USER = 'arn:aws:iam::222233334444:user/ci';
const READER = 'arn:aws:iam::444455556666:role/reader';

const deployWith = (...registries: Registries) =>
  deploy({ clusters: [{ name: 'demo' }], secrets: [{ registries }] });

/** Who asked ECR, and for which region. */
function tokenCalls({ aws }: World) {
  const calls = aws.calls.filter(({ operation }) => operation === 'GetAuthorizationToken');
  return calls.map(({ region, principalArn, outcome }) => [region, principalArn, outcome]);
}

/** Adds the predecessor's secret for a user of another account. */
function addKeys({ aws }: World, more: Record<string, string> = {}) {
  aws.addUser(USER, KEYS);
  const value = {
    aws_access_key_id: KEYS.accessKeyId,
    aws_secret_access_key: KEYS.secretAccessKey,
    region: 'eu-central-1',
    output: 'json',
    account_id: '333344445555',
    ...more,
  };
  aws.addSecret({ name: 'aws-conf', value: JSON.stringify(value) });
}

describe('an ecr registry', () => {
  it('is of the region and account that it says, by the own token of that region', async () => {
    const world = await deployWith({ type: 'ecr', region: 'us-east-1', accountId: '999988887777' });
    await refreshed(world);
    expect(Object.keys(authsOf(clusterOf(world)))).toEqual(['999988887777.dkr.ecr.us-east-1.amazonaws.com']);
    expect(tokenCalls(world)).toEqual([['us-east-1', world.aws.principal.arn, 'ok']]);
  });

  it('carries the host of its partition', async () => {
    const world = await deployWith({ type: 'ecr', region: 'cn-north-1', accountId: '999988887777' });
    await refreshed(world);
    expect(Object.keys(authsOf(clusterOf(world)))).toEqual([
      '999988887777.dkr.ecr.cn-north-1.amazonaws.com.cn',
    ]);
  });

  it('opens further hosts with the same token', async () => {
    const dual = '111122223333.dkr-ecr.eu-west-1.on.aws';
    const world = await deployWith({ type: 'ecr', hosts: [dual] });
    await refreshed(world);
    const auths = authsOf(clusterOf(world));
    expect(Object.keys(auths)).toEqual(['111122223333.dkr.ecr.eu-west-1.amazonaws.com', dual]);
    expect(new Set(Object.values(auths)).size).toBe(1);
  });

  it('with a role is read by that role, for its account', async () => {
    const world = await deployWith({ type: 'ecr', roleArn: READER });
    world.aws.addRole({ arn: READER, trusts: [FUNCTION_ROLE] });
    await refreshed(world);
    expect(Object.keys(authsOf(clusterOf(world)))).toEqual(['444455556666.dkr.ecr.eu-west-1.amazonaws.com']);
    expect(tokenCalls(world)).toEqual([
      ['eu-west-1', 'arn:aws:sts::444455556666:assumed-role/reader/ecr-registry-helper', 'ok'],
    ]);
  });

  it('with static keys is read by them, for the region and account of their secret', async () => {
    const world = await deployWith({ type: 'ecr', keysSecretId: 'aws-conf' });
    addKeys(world);
    await refreshed(world);
    expect(Object.keys(authsOf(clusterOf(world)))).toEqual([
      '333344445555.dkr.ecr.eu-central-1.amazonaws.com',
    ]);
    expect(tokenCalls(world)).toEqual([['eu-central-1', USER, 'ok']]);
  });

  it('wins over the region and account of the keys', async () => {
    const world = await deployWith({
      type: 'ecr',
      keysSecretId: 'aws-conf',
      region: 'us-east-1',
      accountId: '999988887777',
    });
    addKeys(world);
    await refreshed(world);
    expect(Object.keys(authsOf(clusterOf(world)))).toEqual(['999988887777.dkr.ecr.us-east-1.amazonaws.com']);
    expect(tokenCalls(world)).toEqual([['us-east-1', USER, 'ok']]);
  });

  it('takes keys as echo and kubectl left them, with white space around', async () => {
    const world = await deployWith({ type: 'ecr', keysSecretId: 'aws-conf' });
    addKeys(world, {
      aws_access_key_id: ` ${KEYS.accessKeyId}\n`,
      aws_secret_access_key: `${KEYS.secretAccessKey}\n`,
      region: 'eu-central-1\r\n',
    });
    expect(await refreshed(world)).toMatchObject({ ok: true });
  });

  it('with keys and a role is read by the role, which the keys assume', async () => {
    const world = await deployWith({ type: 'ecr', keysSecretId: 'aws-conf', roleArn: READER });
    addKeys(world);
    world.aws.addRole({ arn: READER, trusts: [USER] });
    await refreshed(world);
    const assumed = world.aws.calls.filter(({ operation }) => operation === 'AssumeRole');
    expect(assumed.map(({ principalArn, detail }) => [principalArn, detail])).toEqual([[USER, READER]]);
    expect(tokenCalls(world)).toEqual([
      ['eu-central-1', 'arn:aws:sts::444455556666:assumed-role/reader/ecr-registry-helper', 'ok'],
    ]);
  });

  it('of another partition is read by a role of that, which the keys assume there', async () => {
    const reader = READER.replace('arn:aws:', 'arn:aws-cn:');
    const world = await deployWith({ type: 'ecr', keysSecretId: 'aws-conf', roleArn: reader });
    addKeys(world, { region: 'cn-north-1', account_id: '444455556666' });
    world.aws.addRole({ arn: reader, trusts: [USER] });
    expect(await refreshed(world)).toMatchObject({ ok: true });
    const assumed = world.aws.calls.filter(({ operation }) => operation === 'AssumeRole');
    expect(assumed.map(({ region, detail }) => [region, detail])).toEqual([['cn-north-1', reader]]);
  });

  it('is asked once for all entries and clusters of a region and principal', async () => {
    const registries: Registries = [{ type: 'ecr' }, { type: 'ecr', accountId: '999988887777' }];
    const world = await deploy({
      clusters: [{ name: 'one' }, { name: 'two' }],
      secrets: [
        { name: 'a', registries },
        { name: 'b', registries: [{ type: 'ecr' }, { type: 'ecr', region: 'us-east-1' }] },
      ],
    });
    expect(await refreshed(world)).toMatchObject({ ok: true });
    expect(
      tokenCalls(world)
        .map(([region]) => region)
        .sort(),
    ).toEqual(['eu-west-1', 'us-east-1']);
  });

  it('is asked anew by the next run', async () => {
    const world = await deployWith({ type: 'ecr' });
    await refreshed(world);
    await refreshed(world);
    expect(tokenCalls(world)).toHaveLength(2);
  });

  it('dates a secret of several tokens by the one that ends first', async () => {
    const world = await deployWith({ type: 'ecr' }, { type: 'ecr', region: 'us-east-1' });
    const expiresAt = Math.floor(Date.now() / 1_000) + 3_600;
    world.aws.fail({
      operation: 'GetAuthorizationToken',
      when: ({ region }) => region === 'us-east-1',
      with: {
        kind: 'body',
        status: 200,
        contentType: 'application/x-amz-json-1.1',
        body: JSON.stringify({
          authorizationData: [
            {
              authorizationToken: Buffer.from(`AWS:${passwordCanary}`).toString('base64'),
              expiresAt,
              proxyEndpoint: 'https://111122223333.dkr.ecr.us-east-1.amazonaws.com',
            },
          ],
        }),
      },
    });
    const report = await refreshed(world);
    const soonest = new Date(expiresAt * 1_000).toISOString();
    expect(report.secrets[0]?.expiresAt).toBe(soonest);
    expect(clusterOf(world).secret('default', SECRET)?.metadata.annotations).toMatchObject({
      'ecr-registry-helper/expires-at': soonest.replace('.000Z', 'Z'),
    });
  });
});

describe('AWS', () => {
  it('has nothing under way any more when a run ends, also where another registry of the entry failed', async () => {
    const world = await deployWith({ type: 'ecr', region: 'us-east-1' }, { type: 'ecr' });
    const { aws } = world;
    const operation = 'GetAuthorizationToken';
    const denial = { kind: 'error', code: 'AccessDeniedException', status: 400 } as const;
    aws.fail({ operation, when: ({ region }) => region === 'us-east-1', with: denial });
    const stalled = aws.fail({ operation, with: { kind: 'stall' } });
    let hasEnded = false;
    const run = refreshed(world).finally(() => {
      hasEnded = true;
    });
    await expect.poll(() => stalled.hits).toBe(1);
    // where the failure alone counts, the clusters come next
    const isPast = () => hasEnded || aws.calls.some((call) => call.operation === 'DescribeCluster');
    for (let turns = 0; turns < 500 && !isPast(); turns += 1) await turn();
    expect(isPast()).toBe(false);
    stalled.release();
    expect(await run).toMatchObject({ ok: false, secrets: [{ error: {} }] });
  });

  it('is asked again when it throttles', async () => {
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      secrets: [
        {
          registries: [
            { type: 'ecr', roleArn: READER },
            { type: 'stored', secretId: 'hub' },
          ],
        },
      ],
    });
    world.aws.addRole({ arn: READER, trusts: [FUNCTION_ROLE] });
    world.aws.addSecret({ name: 'hub', value: '{"auths":{"quay.io":{"auth":"YTpi"}}}' });
    const operations = ['AssumeRole', 'GetAuthorizationToken', 'GetSecretValue', 'DescribeCluster'];
    const faults = operations.map((operation) => world.aws.fail({ operation, with: { kind: 'throttle' } }));
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ created: 4 }] });
    expect(faults.map(({ hits }) => hits)).toEqual([1, 1, 1, 1]);
  });
});

describe('a stored registry', () => {
  const auth = Buffer.from('robot:CanarySecretKey/quay').toString('base64');
  const config = {
    auths: {
      'quay.io': { auth },
      'https://index.docker.io/v1/': { username: 'me', password: 'CanarySecretKey/hub', email: 'me@x' },
    },
  };

  it('is merged with the others of its entry', async () => {
    const world = await deployWith({ type: 'ecr' }, { type: 'stored', secretId: 'hub' });
    world.aws.addSecret({ name: 'hub', value: JSON.stringify(config) });
    const report = await refreshed(world);
    const auths = authsOf(clusterOf(world));
    expect(report.secrets[0]?.registries).toEqual(Object.keys(auths));
    expect(auths).toMatchObject({
      '111122223333.dkr.ecr.eu-west-1.amazonaws.com': expect.stringContaining(`AWS:${passwordCanary}`),
      'quay.io': 'robot:CanarySecretKey/quay',
      'https://index.docker.io/v1/': 'me:CanarySecretKey/hub',
    });
  });

  it('alone has no expiry, but says when it was read', async () => {
    let ahead = 0;
    const now = () => new Date(Date.now() + ahead);
    const secrets = [{ registries: [{ type: 'stored', secretId: 'hub' } as const] }];
    const world = await deploy({ clusters: [{ name: 'demo' }], secrets }, { now });
    world.aws.addSecret({ name: 'hub', value: JSON.stringify(config) });
    const report = await refreshed(world);
    expect(report.secrets[0]).not.toHaveProperty('expiresAt');
    // in whole seconds, which may have changed since the run started
    const second = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
    const startedAt = Date.parse(report.startedAt);
    expect(clusterOf(world).secret('default', SECRET)?.metadata.annotations).toEqual({
      'ecr-registry-helper/fetched-at': expect.toBeOneOf([
        second(startedAt),
        second(startedAt + report.durationMs),
      ]),
    });
    ahead = 10_000;
    const clock = new MovedClock();
    clock.skip(ahead);
    const { value } = await refreshTimed(world, { clock });
    expect(value).toMatchObject({ clusters: [{ refreshed: 4, unchanged: 0 }] });
  });

  it('is found by its ARN in the region that it names', async () => {
    const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:hub-';
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      secrets: [{ registries: [{ type: 'stored', secretId: 'hub' }] }],
    });
    const secretId = world.aws.addSecret({ name: 'hub', region: 'us-east-1', value: JSON.stringify(config) });
    expect(secretId.startsWith(arn)).toBe(true);
    const settings = {
      clusters: [{ name: 'demo' }],
      secrets: [{ registries: [{ type: 'stored', secretId }] }],
    };
    world.env.SETTINGS = JSON.stringify(settings);
    expect(await refreshed(world)).toMatchObject({ ok: true });
    expect(world.aws.calls.find(({ operation }) => operation === 'GetSecretValue')?.region).toBe('us-east-1');
  });
});

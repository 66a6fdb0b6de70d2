import { describe, expect, test } from 'vitest';
import type { AwsClients, Identity } from '../../../lambda/aws.ts';
import { CredentialReader } from '../../../lambda/registries/credentials.ts';
import type { SettingsInput } from '../../../lambda/settings/schema.ts';
import { entryOf } from '../factories.ts';
import { ManualClock } from '../manual-clock.ts';

type Registries = NonNullable<
  Exclude<NonNullable<SettingsInput['secrets']>[number], { type: unknown }>['registries']
>;

const base64 = (text: string) => Buffer.from(text).toString('base64');
const hour = 3_600_000;
const roleArn = 'arn:aws:iam::444455556666:role/pull';
const conf = {
  aws_access_key_id: 'AKIAIOSFODNN7EXAMPLE',
  aws_secret_access_key: 'wJalrXUtnFEMIK7MDENG',
  region: 'us-east-1',
  account_id: '777788889999',
};

/** An AWS whose tokens say for whom they are; a region is denied by giving it no life. */
function awsOf(
  secrets: Record<string, unknown>,
  lifeMs: (region: string) => number | undefined = () => 12 * hour,
) {
  const clock = new ManualClock();
  const calls: string[] = [];
  const aws = {
    homeRegion: 'eu-west-1',
    clock,
    signal: new AbortController().signal,
    ecr: (region: string, identity: Identity) => ({
      send: async () => {
        const who = identity.roleArn ? '444455556666' : '111122223333';
        const from = identity.keys ? ` by ${identity.keys.accessKeyId}` : '';
        calls.push(`token ${region} ${who}${from}`);
        const life = lifeMs(region);
        if (life === undefined) throw Object.assign(new Error(), { name: 'AccessDeniedException' });
        return {
          authorizationData: [
            {
              authorizationToken: base64(`AWS:${region}-${who}`),
              expiresAt: new Date(clock.now() + life),
              proxyEndpoint: `https://${who}.dkr.ecr.${region}.amazonaws.com`,
            },
          ],
        };
      },
    }),
    secretsManager: () => ({
      send: async ({ input }: { input: { SecretId: string } }) => {
        calls.push(`secret ${input.SecretId}`);
        const value = secrets[input.SecretId];
        if (!value) throw Object.assign(new Error(), { name: 'ResourceNotFoundException' });
        return { SecretString: JSON.stringify(value) };
      },
    }),
  };
  const reader = new CredentialReader(aws as unknown as AwsClients);
  const read = async (registries: Registries) => {
    const { auths, token } = await reader.read(entryOf({ registries }));
    const logins = [...auths].map(([host, auth]) => [host, Buffer.from(auth.reveal(), 'base64').toString()]);
    return { logins: Object.fromEntries(logins), token };
  };
  return { read, calls, clock };
}

describe('an ECR registry', () => {
  test("is the function's own by default", async () => {
    const { read } = awsOf({});
    expect((await read([{ type: 'ecr' }])).logins).toEqual({
      '111122223333.dkr.ecr.eu-west-1.amazonaws.com': 'AWS:eu-west-1-111122223333',
    });
  });

  test('of another account and region has its host, and more hosts get the same token', async () => {
    const { read } = awsOf({});
    const hosts = ['444455556666.dkr-ecr.us-east-1.on.aws', '444455556666.dkr.ecr.us-east-1.amazonaws.com'];
    const { logins } = await read([{ type: 'ecr', region: 'us-east-1', accountId: '444455556666', hosts }]);
    expect(logins).toEqual({
      '444455556666.dkr.ecr.us-east-1.amazonaws.com': 'AWS:us-east-1-111122223333',
      '444455556666.dkr-ecr.us-east-1.on.aws': 'AWS:us-east-1-111122223333',
    });
  });

  test('with FIPS and dual-stack has those hosts of its account beside the classic one', async () => {
    const { read, calls } = awsOf({});
    const place = { type: 'ecr', region: 'us-east-1', accountId: '444455556666' } as const;
    const { logins } = await read([{ ...place, fips: true, dualStack: true }]);
    expect(Object.keys(logins)).toEqual([
      '444455556666.dkr.ecr.us-east-1.amazonaws.com',
      '444455556666.dkr.ecr-fips.us-east-1.amazonaws.com',
      '444455556666.dkr-ecr.us-east-1.on.aws',
      '444455556666.dkr-ecr-fips.us-east-1.on.aws',
    ]);
    expect(new Set(Object.values(logins))).toEqual(new Set(['AWS:us-east-1-111122223333']));
    expect(calls).toEqual(['token us-east-1 111122223333']);
  });

  test('takes region and account of the static keys', async () => {
    const { read, calls } = awsOf({ 'aws-conf': conf });
    const { logins } = await read([{ type: 'ecr', keysSecretId: 'aws-conf' }]);
    expect(Object.keys(logins)).toEqual(['777788889999.dkr.ecr.us-east-1.amazonaws.com']);
    expect(calls).toEqual(['secret aws-conf', 'token us-east-1 111122223333 by AKIAIOSFODNN7EXAMPLE']);
  });

  test('takes region and account of the settings before those of the keys', async () => {
    const { read } = awsOf({ 'aws-conf': conf });
    const { logins } = await read([
      { type: 'ecr', keysSecretId: 'aws-conf', region: 'eu-west-1', accountId: '444455556666' },
    ]);
    expect(Object.keys(logins)).toEqual(['444455556666.dkr.ecr.eu-west-1.amazonaws.com']);
  });

  test('with keys and a role is asked as the role, by the keys', async () => {
    const { read, calls } = awsOf({ 'aws-conf': conf });
    await read([{ type: 'ecr', keysSecretId: 'aws-conf', roleArn }]);
    expect(calls.at(-1)).toBe('token us-east-1 444455556666 by AKIAIOSFODNN7EXAMPLE');
  });
});

describe('one run', () => {
  test('fetches a token once for each region and principal, and reads a secret once', async () => {
    const { read, calls } = awsOf({
      hub: { auths: { 'docker.io': { auth: base64('u:p') } } },
      'aws-conf': conf,
    });
    const all: Registries = [
      { type: 'ecr' },
      { type: 'ecr', accountId: '444455556666' },
      { type: 'ecr', region: 'eu-central-1' },
      { type: 'ecr', region: 'us-west-2', roleArn },
      { type: 'ecr', keysSecretId: 'aws-conf' },
      { type: 'ecr', keysSecretId: 'aws-conf', region: 'eu-west-1' },
      { type: 'stored', secretId: 'hub' },
    ];
    await Promise.all([read(all), read(all)]);
    await read(all);
    expect(calls.toSorted()).toEqual([
      'secret aws-conf',
      'secret hub',
      'token eu-central-1 111122223333',
      'token eu-west-1 111122223333',
      'token eu-west-1 111122223333 by AKIAIOSFODNN7EXAMPLE',
      'token us-east-1 111122223333 by AKIAIOSFODNN7EXAMPLE',
      'token us-west-2 444455556666',
    ]);
  });
});

describe('an entry', () => {
  test('ends with its first token', async () => {
    const { read, clock } = awsOf({}, (region) => (region === 'eu-west-1' ? 12 * hour : 6 * hour));
    const { token } = await read([{ type: 'ecr' }, { type: 'ecr', region: 'eu-central-1' }]);
    expect(token?.expiresAt.getTime()).toBe(clock.now() + 6 * hour);
    expect(token?.fetchedAt.getTime()).toBe(clock.now());
  });

  test('of stored credentials alone has no end', async () => {
    const { read } = awsOf({ hub: { auths: { 'docker.io': { auth: base64('u:p') } } } });
    expect(await read([{ type: 'stored', secretId: 'hub' }])).toEqual({
      logins: { 'docker.io': 'u:p' },
      token: undefined,
    });
  });

  test('fails as a whole with one of its registries, and leaves the others alone', async () => {
    const { read } = awsOf({}, (region) => (region === 'us-east-1' ? undefined : 12 * hour));
    await expect(read([{ type: 'ecr' }, { type: 'ecr', region: 'us-east-1' }])).rejects.toThrow(
      expect.objectContaining({ code: 'EcrCallError' }),
    );
    await expect(read([{ type: 'ecr' }, { type: 'stored', secretId: 'gone' }])).rejects.toThrow(
      expect.objectContaining({ code: 'SecretMissingError' }),
    );
    expect(Object.keys((await read([{ type: 'ecr' }])).logins)).toHaveLength(1);
  });

  test('may not have a host twice, also when a stored config serves it', async () => {
    const host = 'https://111122223333.dkr.ecr.eu-west-1.amazonaws.com';
    const { read } = awsOf({ hub: { auths: { [host]: { auth: base64('u:p') } } } });
    await expect(read([{ type: 'ecr' }, { type: 'stored', secretId: 'hub' }])).rejects.toThrow(
      expect.objectContaining({ code: 'HostTakenError' }),
    );
    const own = { type: 'ecr', accountId: '111122223333' } as const;
    await expect(read([{ type: 'ecr' }, own])).rejects.toThrow(
      expect.objectContaining({ code: 'HostTakenError' }),
    );
  });
});

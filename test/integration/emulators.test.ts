import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findSecrets, passwordCanary } from '../sandbox/aws/canary.ts';
import { type AwsEmulator, startAws } from '../sandbox/aws/server.ts';

let aws: AwsEmulator;

beforeEach(async () => {
  aws = await startAws();
  for (const [name, value] of Object.entries(aws.env)) vi.stubEnv(name, value);
  vi.stubEnv('AWS_PROFILE', undefined);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await aws.close();
});

const getToken = (client = new ECRClient()) => client.send(new GetAuthorizationTokenCommand());

async function passwordOf(client = new ECRClient()): Promise<string> {
  const { authorizationData } = await getToken(client);
  const decoded = Buffer.from(authorizationData?.[0]?.authorizationToken ?? '', 'base64').toString();
  return decoded.replace(/^AWS:/, '');
}

describe('signatures', () => {
  it('refuses keys that nobody has', async () => {
    const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'none' };
    await expect(getToken(new ECRClient({ credentials }))).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    });
    await expect(
      new EKSClient({ credentials }).send(new DescribeClusterCommand({ name: 'prod' })),
    ).rejects.toMatchObject({ name: 'UnrecognizedClientException', $metadata: { httpStatusCode: 403 } });
  });

  it('refuses a good key id with another secret or session token', async () => {
    for (const wrong of [{ secretAccessKey: 'another' }, { sessionToken: 'another' }]) {
      const client = new ECRClient({ credentials: { ...aws.principal, ...wrong } });
      await expect(getToken(client)).rejects.toMatchObject({ name: 'InvalidSignatureException' });
    }
    expect(aws.calls.map(({ principalArn }) => principalArn)).toEqual([undefined, undefined]);
  });

  it('refuses keys whose session has ended', async () => {
    const credentials = aws.addSession('arn:aws:iam::111122223333:role/short', 'x', 900);
    await getToken(new ECRClient({ credentials }));
    aws.advance(901_000);
    await expect(getToken(new ECRClient({ credentials }))).rejects.toMatchObject({
      name: 'ExpiredTokenException',
    });
  });

  it('lets the SDK correct a clock that is hours behind', async () => {
    aws.advance(5 * 3_600_000);
    await getToken();
    expect(aws.calls.map(({ outcome }) => outcome)).toEqual(['InvalidSignatureException', 'ok']);
  });

  it('denies what a principal is denied, in the words of AWS', async () => {
    aws.deny('arn:aws:iam::111122223333:role/ecr-registry-helper', 'ecr:GetAuthorizationToken');
    await expect(getToken()).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining(
        'is not authorized to perform: ecr:GetAuthorizationToken on resource: *',
      ),
    });
    aws.allow('arn:aws:iam::111122223333:role/ecr-registry-helper', 'ecr:GetAuthorizationToken');
    await getToken();
  });
});

describe('ECR', () => {
  it('gives a token of twelve hours for the region of the call', async () => {
    const { authorizationData } = await getToken(new ECRClient({ region: 'cn-north-1' }));
    const data = authorizationData?.[0];
    expect(data?.proxyEndpoint).toBe('https://111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn');
    const hours = ((data?.expiresAt?.getTime() ?? 0) - aws.now().getTime()) / 3_600_000;
    expect(hours).toBeCloseTo(12, 2);
  });

  it('gives another password at another time and in another region', async () => {
    const first = await passwordOf();
    aws.advance(1_000);
    const later = await passwordOf();
    const elsewhere = await passwordOf(new ECRClient({ region: 'us-east-1' }));
    expect(new Set([first, later, elsewhere]).size).toBe(3);
    for (const password of [first, later, elsewhere]) expect(password.startsWith(passwordCanary)).toBe(true);
    expect(first).toMatch(/^[\w+/]{2000,2100}=*$/);
  });

  it('gives passwords that are found again wherever they leak', async () => {
    const password = await passwordOf();
    const auth = Buffer.from(`AWS:${password}`).toString('base64');
    const config = JSON.stringify({ auths: { host: { auth } } });
    const leaks = [
      password,
      auth,
      config,
      Buffer.from(config).toString('base64'),
      aws.principal.sessionToken,
    ];
    for (const text of leaks) expect(findSecrets(`log: ${text}`)).not.toEqual([]);
    expect(findSecrets('{"level":"INFO","message":"refreshed 12 secrets"}')).toEqual([]);
  });
});

describe('EKS', () => {
  const describeCluster = (name: string) => new EKSClient().send(new DescribeClusterCommand({ name }));

  it('describes a cluster of the account and region, and no other', async () => {
    aws.addCluster({ name: 'prod', endpoint: 'https://127.0.0.1:1', caPem: 'PEM' });
    aws.addCluster({ name: 'far', region: 'us-east-1' });
    const { cluster } = await describeCluster('prod');
    expect(cluster).toMatchObject({
      arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/prod',
      status: 'ACTIVE',
      endpoint: 'https://127.0.0.1:1',
      certificateAuthority: { data: Buffer.from('PEM').toString('base64') },
      accessConfig: { authenticationMode: 'API' },
    });
    await expect(describeCluster('far')).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'No cluster found for name: far.',
    });
    expect(aws.calls.map(({ detail, outcome }) => [detail, outcome])).toEqual([
      ['prod', 'ok'],
      ['far', 'ResourceNotFoundException'],
    ]);
  });

  it('has no endpoint and no CA for a cluster in the making', async () => {
    aws.addCluster({ name: 'new', status: 'CREATING' });
    const { cluster } = await describeCluster('new');
    expect(cluster?.status).toBe('CREATING');
    expect(cluster?.endpoint).toBeUndefined();
    expect(cluster?.certificateAuthority?.data).toBeUndefined();
  });
});

describe('STS', () => {
  const roleArn = 'arn:aws:iam::444455556666:role/path/other';
  const assume = async (params: { RoleArn: string; ExternalId?: string }, credentials = aws.principal) => {
    const command = new AssumeRoleCommand({ RoleSessionName: 'helper', ...params });
    const { Credentials: keys } = await new STSClient({ credentials }).send(command);
    const { AccessKeyId: accessKeyId = '', SecretAccessKey: secretAccessKey = '' } = keys ?? {};
    const sessionToken = keys?.SessionToken ?? '';
    return new ECRClient({ credentials: { accessKeyId, secretAccessKey, sessionToken } });
  };

  it('gives keys of a role to those it trusts, good for all services', async () => {
    aws.addRole({ arn: roleArn, trusts: ['arn:aws:iam::111122223333:role/ecr-registry-helper'] });
    const { authorizationData } = await getToken(await assume({ RoleArn: roleArn }));
    expect(authorizationData?.[0]?.proxyEndpoint).toContain('444455556666');
    expect(aws.calls.at(-1)?.principalArn).toBe('arn:aws:sts::444455556666:assumed-role/other/helper');
  });

  it('refuses others, roles that are not there, and a wrong external id', async () => {
    aws.addRole({ arn: roleArn, trusts: ['arn:aws:iam::777788889999:root'] });
    const guarded = 'arn:aws:iam::444455556666:role/guarded';
    aws.addRole({ arn: guarded, trusts: ['arn:aws:iam::111122223333:root'], externalId: 'id-1' });
    for (const RoleArn of [roleArn, 'arn:aws:iam::444455556666:role/none', guarded]) {
      await expect(assume({ RoleArn })).rejects.toMatchObject({ name: 'AccessDenied' });
    }
    await getToken(await assume({ RoleArn: guarded, ExternalId: 'id-1' }));
  });

  it('takes the keys of a user for good', async () => {
    const user = aws.addUser('arn:aws:iam::111122223333:user/old-helper');
    aws.addRole({ arn: roleArn, trusts: [user.arn] });
    await getToken(await assume({ RoleArn: roleArn }, user));
    aws.removeKeys(user.accessKeyId);
    await expect(getToken(new ECRClient({ credentials: user }))).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    });
  });
});

describe('Secrets Manager', () => {
  const read = (SecretId: string) => new SecretsManagerClient().send(new GetSecretValueCommand({ SecretId }));

  it('gives text and bytes, by ARN and by name', async () => {
    const arn = aws.addSecret({ name: 'team/config', value: '{"auths":{}}' });
    aws.addSecret({ name: 'bytes', value: Buffer.from('raw') });
    for (const id of [arn, 'team/config']) expect((await read(id)).SecretString).toBe('{"auths":{}}');
    const bytes = await read('bytes');
    expect(bytes.SecretString).toBeUndefined();
    expect(Buffer.from(bytes.SecretBinary ?? []).toString()).toBe('raw');
  });

  it('says what is missing, and what KMS refuses', async () => {
    aws.addSecret({ name: 'locked', value: 'x', kmsDenied: true });
    await expect(read('none')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await expect(read('locked')).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: 'Access to KMS is not allowed',
    });
  });
});

describe('faults', () => {
  it('throttles and resets as often as planned; the SDK tries again', async () => {
    const throttle = aws.fail({ operation: 'GetAuthorizationToken', with: { kind: 'throttle' } });
    const reset = aws.fail({ operation: 'GetAuthorizationToken', with: { kind: 'reset' } });
    await getToken();
    expect([throttle.hits, reset.hits]).toEqual([1, 1]);
    expect(aws.calls.map(({ outcome }) => outcome)).toEqual(['ThrottlingException', 'reset', 'ok']);
  });

  it('answers with any error or body, for the calls it is told', async () => {
    const error = { kind: 'error', code: 'ServerException', status: 500 } as const;
    aws.fail({
      operation: 'GetAuthorizationToken',
      times: Number.POSITIVE_INFINITY,
      with: error,
      when: isEast,
    });
    const east = new ECRClient({ region: 'us-east-1', maxAttempts: 1 });
    await expect(getToken(east)).rejects.toMatchObject({ name: 'ServerException' });
    await getToken();
    aws.fail({ operation: 'GetAuthorizationToken', with: { kind: 'body', status: 200, body: '<html>' } });
    await expect(getToken(new ECRClient({ maxAttempts: 1 }))).rejects.toThrow();
  });

  it('stalls the call it hits until released, and no other', async () => {
    const stalled = aws.fail({ operation: 'GetAuthorizationToken', with: { kind: 'stall' } });
    let isAnswered = false;
    const pending = getToken().then(() => {
      isAnswered = true;
    });
    await vi.waitUntil(() => stalled.hits === 1);
    await getToken();
    expect(isAnswered).toBe(false);
    stalled.release();
    await pending;
    expect(isAnswered).toBe(true);
  });
});

function isEast({ region }: { region: string }): boolean {
  return region === 'us-east-1';
}

describe('closing', () => {
  it('ends stalled calls too', async () => {
    const other = await startAws({ accountId: '222233334444', region: 'us-west-2' });
    const stalled = other.fail({ operation: 'GetAuthorizationToken', with: { kind: 'stall' } });
    const endpoint = other.env.AWS_ENDPOINT_URL_ECR ?? '';
    const client = new ECRClient({ endpoint, credentials: other.principal, maxAttempts: 1 });
    const pending = getToken(client).catch((error: Error) => error.message);
    await vi.waitUntil(() => stalled.hits === 1);
    await other.close();
    expect(await pending).toMatch(/socket|ECONNRESET|aborted/i);
  });
});

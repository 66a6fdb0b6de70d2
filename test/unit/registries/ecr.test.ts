import { inspect } from 'node:util';
import type { AuthorizationData, ECRClient } from '@aws-sdk/client-ecr';
import { describe, expect, test } from 'vitest';
import { getEcrToken } from '../../../lambda/registries/ecr.ts';
import { hostOfAccount } from '../../../lambda/settings/hosts.ts';
import { assumeRoleError } from '../expected-errors.ts';
import { ManualClock } from '../manual-clock.ts';

const clock = new ManualClock();
const base64 = (text: string) => Buffer.from(text).toString('base64');
const good: AuthorizationData = {
  authorizationToken: base64('AWS:eyJwYXlsb2FkIjoiQ2FuYXJ5In0='),
  expiresAt: new Date(clock.now() + 12 * 3_600_000),
  proxyEndpoint: 'https://111122223333.dkr.ecr.eu-west-1.amazonaws.com',
};

const fetchWith = (send: (command: unknown, options: unknown) => Promise<unknown>, at = clock) =>
  getEcrToken({ send } as unknown as ECRClient, 'eu-west-1', {
    clock: at,
    signal: new AbortController().signal,
  });
const answered = (...data: (AuthorizationData | undefined)[]) =>
  fetchWith(() => Promise.resolve({ authorizationData: data }));

test('a token is kept as it came, with its host and its end', async () => {
  const token = await answered(good);
  expect(token).toMatchObject({
    host: '111122223333.dkr.ecr.eu-west-1.amazonaws.com',
    expiresAt: new Date('2026-11-23T20:00:00Z'),
  });
  expect(token.auth.reveal()).toBe(good.authorizationToken);
  expect(inspect(token, { depth: 9 })).not.toContain(good.authorizationToken);
});

test('it is as old as the call that fetched it', async () => {
  const running = new ManualClock();
  const token = await fetchWith(() => {
    running.advance(9_000);
    return Promise.resolve({ authorizationData: [good] });
  }, running);
  expect(token.fetchedAt).toEqual(new Date('2026-11-23T08:00:00Z'));
});

test.for([
  'https://111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn',
  'https://111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com',
  'https://111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu',
])('the host of %s is known', async (proxyEndpoint) => {
  expect((await answered({ ...good, proxyEndpoint })).host).toBe(proxyEndpoint.slice('https://'.length));
});

test('a password with a colon is one password', async () => {
  const authorizationToken = base64('AWS:a:b');
  expect((await answered({ ...good, authorizationToken })).auth.reveal()).toBe(authorizationToken);
});

describe('an answer that lacks something', () => {
  const { authorizationToken, expiresAt, proxyEndpoint } = good as Required<AuthorizationData>;
  test.for<[string, AuthorizationData | undefined, string]>([
    ['nothing at all', undefined, 'token'],
    ['an empty token', { ...good, authorizationToken: '' }, 'token'],
    ['the token', { expiresAt, proxyEndpoint }, 'token'],
    ['the end', { authorizationToken, proxyEndpoint }, 'expiry'],
    ['a valid end', { ...good, expiresAt: new Date(Number.NaN) }, 'expiry'],
    ['the endpoint', { authorizationToken, expiresAt }, 'registry endpoint'],
  ])('%s', async ([, data, lack]) => {
    const fault = await answered(data).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: 'EcrTokenMissingError' });
    expect(String(fault)).toContain(`the answer of ECR in eu-west-1 has no ${lack}`);
  });

  test('the list itself', async () => {
    await expect(fetchWith(() => Promise.resolve({}))).rejects.toThrow(
      expect.objectContaining({ code: 'EcrTokenMissingError' }),
    );
  });
});

test.for([
  [
    'http://111122223333.dkr.ecr.eu-west-1.amazonaws.com',
    ': http://111122223333.dkr.ecr.eu-west-1.amazonaws.com',
  ],
  [
    'https://000000000000.dkr.ecr.eu-west-1.localhost.localstack.cloud:4566',
    ': https://000000000000.dkr.ecr.eu-west-1.localhost.localstack.cloud:4566',
  ],
  ['http://localhost:4510', ': http://localhost:4510'],
  ['https://example.com', ': https://example.com'],
  // what is no bare URL of a host may be anything
  ['https://111122223333.dkr.ecr.eu-west-1.amazonaws.com/x', ''],
  ['https://\u001b[31mexample.com\u009b', ''],
  [`https://${base64('AWS:CanaryHunter2')}`, ''],
  [`https://${'x'.repeat(64)}.com`, ''],
  ['https://', ''],
] as const)('the endpoint %j is not one of AWS', async ([proxyEndpoint, shown]) => {
  const fault = await answered({ ...good, proxyEndpoint }).catch((error: unknown) => error);
  expect(fault).toMatchObject({ code: 'EcrEndpointError' });
  expect(String(fault)).toContain(
    `the registry endpoint of ECR in eu-west-1 is not an endpoint of AWS${shown}. AWS_ENDPOINT_URL`,
  );
});

describe('a token that cannot be used is refused and not shown', () => {
  test.for<[string, string]>([
    ['not base64', 'AWS:CanaryHunter2'],
    ['base64 of URLs', 'QVdTOj8_Pj4-'],
    ['base64 with blanks', 'QVdTOkNh bmFyeQ=='],
    ['another user', base64('root:CanaryHunter2')],
    ['a user that only begins so', base64('AWS2:CanaryHunter2')],
    ['no colon', base64('AWSCanaryHunter2')],
    ['no colon and one letter more', base64('AWSx')],
    ['no user', base64(':CanaryHunter2')],
    ['no password', base64('AWS:')],
  ])('%s', async ([, authorizationToken]) => {
    const fault = await answered({ ...good, authorizationToken }).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: 'EcrTokenMalformedError' });
    expect(inspect(fault)).not.toContain(authorizationToken);
    expect(inspect(fault)).not.toContain('Hunter2');
  });

  test.for([0, -1, -3_600_000])('one that ended %d ms ago', async (ms) => {
    await expect(answered({ ...good, expiresAt: new Date(clock.now() + ms) })).rejects.toThrow(
      /has expired already/,
    );
  });
});

describe('a call that fails', () => {
  const failing = (fault: unknown) => fetchWith(() => Promise.reject(fault)).catch((error: unknown) => error);

  test('is told by its code, never by its text', async () => {
    const fault = await failing(Object.assign(new Error('CanaryHunter2'), { name: 'AccessDeniedException' }));
    expect(fault).toMatchObject({ code: 'EcrCallError' });
    expect(String(fault)).toContain(
      'could not get an ECR authorization token in eu-west-1 (AccessDeniedException). Allow ecr:GetAuthorizationToken',
    );
    expect(inspect(fault)).not.toContain('Hunter2');
  });

  test('for want of a role keeps that reason', async () => {
    const refused = assumeRoleError('arn:aws:iam::111122223333:role/x', 'AccessDenied');
    expect(await failing(refused)).toBe(refused);
  });

  test('may be ended by the deadline', async () => {
    const { signal } = new AbortController();
    const options: unknown[] = [];
    const send = (_: unknown, given: unknown) => {
      options.push(given);
      return Promise.resolve({ authorizationData: [good] });
    };
    await getEcrToken({ send } as unknown as ECRClient, 'eu-west-1', { clock, signal });
    expect(options).toEqual([{ abortSignal: signal }]);
  });
});

test("another account's registry keeps region and partition", () => {
  const host = '111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn';
  expect(hostOfAccount(host, '444455556666')).toBe('444455556666.dkr.ecr.cn-north-1.amazonaws.com.cn');
  expect(hostOfAccount(host, undefined)).toBe(host);
});

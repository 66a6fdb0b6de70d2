import { inspect } from 'node:util';
import type { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { describe, expect, test } from 'vitest';
import { type AwsClients, readSecretValue } from '../../../lambda/aws.ts';

const read = (send: (command: GetSecretValueCommand) => Promise<unknown>) =>
  readSecretValue(
    { secretsManager: () => ({ send }), signal: new AbortController().signal } as unknown as AwsClients,
    'docker/hub',
  );
const stored = (SecretString: string | undefined) => read(() => Promise.resolve({ SecretString }));

test('the secret of the id is asked for, and its object given', async () => {
  let asked: string | undefined;
  const value = await read(({ input }) => {
    asked = input.SecretId;
    return Promise.resolve({ SecretString: '{"auths":{}}' });
  });
  expect([asked, value]).toEqual(['docker/hub', { auths: {} }]);
});

describe('what is no JSON object is refused and not shown', () => {
  test.for([
    'CanaryHunter2',
    '{"auth":"CanaryHunter2',
    '"CanaryHunter2"',
    '["CanaryHunter2"]',
    'null',
    '1',
    '',
  ])('%s', async (text) => {
    const fault = await stored(text).catch((error: unknown) => error);
    expect(fault).toMatchObject({ name: 'SecretNotJsonError' });
    expect(inspect(fault, { showHidden: true })).not.toContain('Hunter2');
  });

  // what JSON.parse says shows ten characters around the place
  test('JSON that breaks around the secret, at each offset', async () => {
    const secret = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789';
    const whole = JSON.stringify({ auths: { 'quay.io': { auth: secret } }, more: [1, true] });
    for (let at = 0; at < whole.length; at += 1) {
      for (const text of [
        whole.slice(0, at),
        `${whole.slice(0, at)}\u0001${whole.slice(at)}`,
        whole.slice(at + 1),
      ]) {
        const fault = await stored(text).catch((error: unknown) => error);
        expect(fault, `at ${at}`).toMatchObject({ name: 'SecretNotJsonError' });
        const shown = inspect(fault, { showHidden: true, depth: null });
        for (let from = 0; from + 5 <= secret.length; from += 1) {
          expect(shown).not.toContain(secret.slice(from, from + 5));
        }
      }
    }
  });

  test('nothing', async () => {
    await expect(stored(undefined)).rejects.toMatchObject({ name: 'SecretNotJsonError' });
  });

  test('bytes', async () => {
    const answer = { SecretBinary: Buffer.from('{}') };
    await expect(read(() => Promise.resolve(answer))).rejects.toMatchObject({ name: 'SecretBinaryError' });
  });
});

describe('a call that fails is told by its code', () => {
  test.for([
    [
      'ResourceNotFoundException',
      'SecretMissingError',
      'the Secrets Manager secret docker/hub does not exist',
    ],
    [
      'AccessDeniedException',
      'SecretCallError',
      'could not read the Secrets Manager secret docker/hub (AccessDeniedException)',
    ],
    [
      'DecryptionFailure',
      'SecretCallError',
      'could not read the Secrets Manager secret docker/hub (DecryptionFailure)',
    ],
  ] as const)('%s', async ([code, name, problem]) => {
    const failed = Object.assign(new Error('CanaryHunter2'), { name: code });
    const fault = await read(() => Promise.reject(failed)).catch((error: unknown) => error);
    expect(fault).toMatchObject({ name, message: expect.stringContaining(problem) });
    expect(inspect(fault, { showHidden: true })).not.toContain('Hunter2');
  });
});

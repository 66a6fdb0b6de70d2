import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../../lambda/errors.ts';
import { readKeys } from '../../../lambda/registries/credentials.ts';

const accessKeyId = 'AKIAIOSFODNN7EXAMPLE';
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKE=';
const keys = { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey };

function problemOf(value: Record<string, unknown>): string {
  try {
    readKeys('aws-conf', value);
  } catch (error) {
    if (hasCode(error, 'SecretKeyError')) return error.message;
    throw error;
  }
  throw new Error('the keys were taken');
}

test('all that the predecessor keeps is taken, but for output', () => {
  expect(
    readKeys('aws-conf', { ...keys, region: 'eu-west-1', output: 'json', account_id: '111122223333' }),
  ).toEqual({
    keys: { accessKeyId, secretAccessKey },
    region: 'eu-west-1',
    accountId: '111122223333',
  });
});

test('region and account are not needed', () => {
  expect(readKeys('aws-conf', keys)).toEqual({
    keys: { accessKeyId, secretAccessKey },
    region: undefined,
    accountId: undefined,
  });
});

test('white space around a value is cut, as echo without -n leaves it', () => {
  const echoed = Object.entries({ ...keys, region: 'eu-west-1', account_id: '111122223333' }).map(
    ([key, value]) => [key, ` ${value}\r\n`],
  );
  expect(readKeys('aws-conf', Object.fromEntries(echoed))).toEqual({
    keys: { accessKeyId, secretAccessKey },
    region: 'eu-west-1',
    accountId: '111122223333',
  });
});

describe('what is wrong is told by its key', () => {
  test.for<[string, Record<string, unknown>, string]>([
    ['no key id', { aws_secret_access_key: secretAccessKey }, 'aws_access_key_id is missing'],
    ['no secret key', { aws_access_key_id: accessKeyId }, 'aws_secret_access_key is missing'],
    ['nothing', {}, 'aws_access_key_id is missing'],
    ['an empty key id', { ...keys, aws_access_key_id: ' ' }, 'aws_access_key_id is not an access key id'],
    [
      'a key id with quotes',
      { ...keys, aws_access_key_id: `"${accessKeyId}"` },
      'aws_access_key_id is not an access key id',
    ],
    [
      'a secret key that is a number',
      { ...keys, aws_secret_access_key: 4 },
      'aws_secret_access_key is not a secret access key',
    ],
    [
      'a secret key with blanks inside',
      { ...keys, aws_secret_access_key: `${secretAccessKey} x` },
      'aws_secret_access_key is not a secret access key',
    ],
    ['a zone', { ...keys, region: 'eu-west-1a' }, 'region is not an AWS region'],
    [
      'an account id that is a number',
      { ...keys, account_id: 111122223333 },
      'account_id is not an account id of 12 digits',
    ],
    ['a short account id', { ...keys, account_id: '1234' }, 'account_id is not an account id of 12 digits'],
    ['null', { ...keys, region: null }, 'region is not an AWS region'],
  ])('%s', ([, value, problem]) => {
    expect(problemOf(value)).toContain(`the Secrets Manager secret aws-conf: ${problem}`);
  });
});

test('no value is ever told', () => {
  const canary = fc.constantFrom('Canary Hunter2', 'CanaryHunter2\u0000', 'CanaryHunter2'.repeat(12));
  const value = fc.oneof(
    canary,
    canary.map((text) => ({ text })),
    fc.constant(accessKeyId),
  );
  const secret = fc.record(
    {
      aws_access_key_id: value,
      aws_secret_access_key: canary,
      region: canary,
      account_id: canary,
      output: canary,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(secret, (given) => {
      try {
        readKeys('aws-conf', given);
      } catch (error) {
        expect(error).toMatchObject({ code: 'SecretKeyError' });
        expect(inspect(error, { showHidden: true }) + JSON.stringify(error)).not.toMatch(/Canary|AKIA/);
        return;
      }
      throw new Error('the keys were taken');
    }),
  );
});

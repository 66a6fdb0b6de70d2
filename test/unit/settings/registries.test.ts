import { describe, expect, test } from 'vitest';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import { HOME, kmsKeyArn, problemOf, roleArn, withEntry } from './inputs.ts';

const ecr = (fields: object = {}) => ({ type: 'ecr', ...fields });
const stored = (secretId: string) => ({ type: 'stored', secretId });
const HOST = `${HOME.accountId}.dkr.ecr.${HOME.region}.amazonaws.com`;
const REGISTRY = `ECR of ${HOME.accountId} in ${HOME.region}`;
const ARN = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:hub-AbCdEf';
const keys = { keysSecretId: 'aws-conf' };
const [SECOND, HOST_OF_SECOND] = ['registries[1]', 'registries[1].hosts[0]'];

describe('two registries of an entry that serve one host', () => {
  test.for<[string, object, object[], string, string]>([
    ['the same twice', {}, [ecr(), ecr()], SECOND, "ECR of the function's account in the function's region"],
    ['the same twice at home', HOME, [ecr(), ecr()], SECOND, REGISTRY],
    ['both named', {}, [ecr(HOME), ecr(HOME)], SECOND, REGISTRY],
    ['one by the settings', HOME, [ecr(), ecr(HOME)], SECOND, REGISTRY],
    ['one without account', HOME, [ecr(HOME), ecr({ region: HOME.region })], SECOND, REGISTRY],
    ['one without region', HOME, [ecr({ accountId: HOME.accountId }), ecr(HOME)], SECOND, REGISTRY],
    ['as two identities', HOME, [ecr(), ecr({ accountId: HOME.accountId, roleArn })], SECOND, REGISTRY],
    [
      'of the account of a role',
      HOME,
      [ecr({ roleArn }), ecr({ accountId: '444455556666' })],
      SECOND,
      'ECR of 444455556666 in eu-west-1',
    ],
    ['one with IPv6', HOME, [ecr(), ecr({ dualStack: true })], SECOND, REGISTRY],
    [
      'an account at home',
      {},
      [ecr({ accountId: '444455556666' }), ecr({ accountId: '444455556666', fips: true })],
      SECOND,
      "ECR of 444455556666 in the function's region",
    ],
    [
      'by the same keys',
      {},
      [ecr(keys), ecr(keys)],
      SECOND,
      'ECR of the account of aws-conf in the region of aws-conf',
    ],
    ['ECR Public twice', {}, [{ type: 'ecr-public' }, { type: 'ecr-public' }], SECOND, 'public.ecr.aws'],
    [
      'one secret twice',
      {},
      [stored('hub'), { ...stored('hub'), kmsKeyArn }],
      SECOND,
      'what is in the Secrets Manager secret hub',
    ],
    [
      'one secret by name and ARN',
      HOME,
      [stored('hub'), stored(ARN)],
      SECOND,
      'what is in the Secrets Manager secret hub',
    ],
    [
      'a host of both',
      {},
      [ecr({ hosts: ['a.io'] }), ecr({ region: 'us-east-1', hosts: ['a.io'] })],
      HOST_OF_SECOND,
      'a.io',
    ],
    [
      'a host that is the other',
      HOME,
      [ecr(), ecr({ region: 'us-east-1', hosts: [HOST] })],
      HOST_OF_SECOND,
      REGISTRY,
    ],
    [
      'one that is a host of the other',
      HOME,
      [ecr({ region: 'us-east-1', hosts: [HOST] }), ecr()],
      SECOND,
      REGISTRY,
    ],
    [
      'a host that is ECR Public',
      {},
      [{ type: 'ecr-public' }, ecr({ hosts: ['public.ecr.aws'] })],
      HOST_OF_SECOND,
      'public.ecr.aws',
    ],
  ])('are refused: %s', ([, settings, registries, field, host]) => {
    expect(problemOf({ ...withEntry({ registries }), ...settings })).toBe(
      `settings: secrets[0].${field}: registries[0] serves ${host} already; remove one of the two, or move one to an entry with another name`,
    );
  });

  test('are refused where the stack is', () => {
    const input = withEntry({ registries: [ecr(), ecr(HOME)] });
    expect(() => checkSettings(input, () => false, HOME)).toThrow(
      `registries[1]: registries[0] serves ${REGISTRY}`,
    );
  });

  test.for<[string, object, object[]]>([
    ['of two accounts', HOME, [ecr(), ecr({ accountId: '444455556666' })]],
    ['of two regions', HOME, [ecr(), ecr({ region: 'us-east-1' })]],
    ['of a place that is not known', {}, [ecr(), ecr(HOME)]],
    ['by keys whose place is not known', HOME, [ecr(), ecr(keys)]],
    ['by two keys', {}, [ecr(keys), ecr({ keysSecretId: 'other' })]],
    ['by the keys of two roles', {}, [ecr(keys), ecr({ ...keys, roleArn })]],
    ['of two secrets', HOME, [stored('hub'), stored('quay')]],
    ['of a secret of another account', { ...HOME, accountId: '444455556666' }, [stored('hub'), stored(ARN)]],
    ['with the own host among hosts', HOME, [ecr({ hosts: [HOST] })]],
    [
      'with IPv6 and another host of that account',
      HOME,
      [ecr(), ecr({ region: 'us-east-1', dualStack: true })],
    ],
  ])('may be others: %s', ([, settings, registries]) => {
    expect(() => checkSettings({ ...withEntry({ registries }), ...settings })).not.toThrow();
  });

  test('may be others where the account of a role is known only at deployment', () => {
    const input = withEntry({ registries: [ecr(), ecr({ roleArn: 'TOKEN' })] });
    expect(() => checkSettings(input, (text) => text === 'TOKEN', HOME)).not.toThrow();
  });

  test('may be in two entries', () => {
    const input = { clusters: [{ name: 'prod' }], secrets: [{}, { name: 'other' }] };
    expect(checkSettings(input).secrets).toHaveLength(2);
  });
});

test('a host that is named twice in one registry is refused', () => {
  expect(problemOf(withEntry({ registries: [ecr({ hosts: ['a.io', 'b.io', 'a.io'] })] }))).toBe(
    'settings: secrets[0].registries[0].hosts[2]: "a.io" is used twice',
  );
});

import { describe, expect, test } from 'vitest';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import { HOME, problemOf, roleArn } from './inputs.ts';

const ecr = (fields: object = {}) => ({ type: 'ecr', ...fields });
const withPods = (registries: object[], settings: object = HOME, more: object = {}) => ({
  clusters: [{ name: 'prod' }],
  secrets: [{ injectPods: true, registries, ...more }],
  ...settings,
});
const UNKNOWN =
  'injectPods needs its accountId and region at synth; set both here, or accountId and region of the settings';
const keys = { keysSecretId: 'aws-conf' };

describe('injectPods', () => {
  test.for<[string, object, object]>([
    ['without the place of the function', {}, ecr()],
    ['without a region', {}, ecr({ accountId: '111122223333' })],
    ['of a role, without a region', {}, ecr({ roleArn })],
    ['by keys, whose account is in the secret', HOME, ecr({ ...keys, region: 'eu-west-1' })],
    ['by keys, whose region is in the secret', HOME, ecr({ ...keys, accountId: '111122223333' })],
  ])('is refused for a registry %s', ([, settings, registry]) => {
    const input = withPods([{ type: 'ecr-public' }, registry], settings);
    expect(problemOf(input)).toBe(`settings: secrets[0].registries[1]: ${UNKNOWN}`);
  });

  test('is refused for a stored docker config, whose hosts are in a secret', () => {
    expect(problemOf(withPods([ecr(), { type: 'stored', secretId: 'hub' }]))).toBe(
      'settings: secrets[0].registries[1]: its hosts are known only in a run, and injectPods needs them; move it to an entry with another name, without injectPods',
    );
  });

  test.for<[string, object, object]>([
    ['of the function', HOME, ecr()],
    ['with a place of its own', {}, ecr(HOME)],
    ['by keys, with a place of its own', {}, ecr({ ...keys, ...HOME })],
    ['of a role, in the region of the function', HOME, ecr({ roleArn })],
    ['that is public', {}, { type: 'ecr-public' }],
  ])('is taken for a registry %s', ([, settings, registry]) => {
    expect(() => checkSettings(withPods([registry], settings))).not.toThrow();
  });

  describe('where texts are known only at deployment', () => {
    const check = (input: object) => checkSettings(input, (text) => text === 'TOKEN');

    test('takes an account', () => {
      expect(() => check(withPods([ecr({ accountId: 'TOKEN', region: 'eu-west-1' })], {}))).not.toThrow();
    });

    test('is refused with a region, which decides the host', () => {
      expect(() => check(withPods([ecr({ accountId: '111122223333', region: 'TOKEN' })], {}))).toThrow(
        UNKNOWN,
      );
    });

    test.for([{ include: ['TOKEN'] }, { exclude: ['TOKEN'] }, { selector: 'TOKEN' }])(
      'is refused with namespaces, also of another entry of its name: %j',
      (namespaces) => {
        const message = 'namespaces: injectPods needs the namespaces of all entries of its name at synth';
        expect(() => check(withPods([ecr()], HOME, { namespaces }))).toThrow(`secrets[0].${message}`);
        const { secrets, ...rest } = withPods([ecr()]);
        expect(() => check({ ...rest, secrets: [{ namespaces }, ...secrets] })).toThrow(
          `secrets[1].${message}`,
        );
        expect(() => check({ ...rest, secrets: [{ name: 'other', namespaces }, ...secrets] })).not.toThrow();
      },
    );
  });
});

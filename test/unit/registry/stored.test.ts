import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SecretKeyError } from '../../../lambda/registry/errors.ts';
import { readStoredConfig } from '../../../lambda/registry/stored.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const revealed = (config: Record<string, unknown>) =>
  Object.fromEntries(
    [...readStoredConfig('docker/hub', config)].map(([host, auth]) => [host, auth.reveal()]),
  );

describe('what is taken', () => {
  test.for<[string, unknown, string]>([
    ['auth', { auth: base64('user:pass') }, 'user:pass'],
    ['a password with colons', { auth: base64('user:a:b') }, 'user:a:b'],
    ['auth without padding', { auth: base64('user:pass1').replace(/=+$/, '') }, 'user:pass1'],
    ['user and password', { username: 'user', password: 'pä:ss' }, 'user:pä:ss'],
    [
      'auth before user and password',
      { auth: base64('a:b'), username: 'c', password: 'd', email: 'e@f' },
      'a:b',
    ],
    ['user and password beside an empty auth', { auth: '', username: 'c', password: 'd' }, 'c:d'],
  ])('%s', ([, entry, login]) => {
    const taken = revealed({ auths: { 'a.io': entry } })['a.io'];
    expect(taken).toBe(base64(login));
  });

  test('every host as it is written, and nothing beside auths', () => {
    const auth = base64('u:p');
    const config = {
      auths: { 'https://index.docker.io/v1/': { auth }, 'b.io': { auth } },
      detachKeys: 'ctrl-e',
    };
    expect(revealed(config)).toEqual({ 'https://index.docker.io/v1/': auth, 'b.io': auth });
  });
});

describe('what would not work in a pull secret is refused by name', () => {
  test.for(['credHelpers', 'credsStore', 'HttpHeaders'])('%s', (key) => {
    const config = { auths: { 'a.io': { auth: base64('u:p') } }, [key]: { 'x.io': 'hunter2' } };
    expect(() => readStoredConfig('docker/hub', config)).toThrow(
      `the Secrets Manager secret docker/hub: ${key} cannot be used in a pull secret`,
    );
  });

  test.for<[string, unknown]>([
    ['no auths', undefined],
    ['auths that are a text', 'hunter2'],
    ['auths that are a list', [{ auth: base64('u:p') }]],
    ['no host', {}],
    ['null', null],
  ])('%s', ([, auths]) => {
    expect(() => readStoredConfig('docker/hub', { auths })).toThrow(
      'docker/hub: auths is not an object with a registry host for each key',
    );
  });

  test.for<[string, unknown]>([
    ['an empty entry, as a credential helper leaves it', {}],
    ['null', null],
    ['a text', base64('u:p')],
    ['auth that is not base64', { auth: 'user:pass' }],
    ['auth in the alphabet of URLs', { auth: 'dT8_OnA-' }],
    ['auth with a line feed', { auth: `${base64('u:p')}\n` }],
    ['auth with one character that is none of base64', { auth: `dXN!lcjpwYXNz` }],
    ['auth without a colon', { auth: base64('password') }],
    ['a user alone', { username: 'u' }],
    ['an empty password', { username: 'u', password: '' }],
    ['an identity token', { identitytoken: 'hunter2' }],
  ])('%s', ([, entry]) => {
    const config = { auths: { 'a.io': { auth: base64('u:p') }, 'b.io': entry } };
    expect(() => readStoredConfig('docker/hub', config)).toThrow(
      'docker/hub: auths["b.io"] has no auth, nor username and password',
    );
  });
});

test('a login in a host is refused and not shown, as hosts stand in reports', () => {
  const config = { auths: { 'https://user:CanaryHunter2@a.io': {}, 'b.io': { auth: base64('u:p') } } };
  const read = () => readStoredConfig('docker/hub', config);
  expect(read).toThrow('docker/hub: a host in auths has a login in it, whose place is auth');
  expect(read).not.toThrow(/Hunter2/);
});

test('whatever it holds, only keys and hosts are told', () => {
  const secret = 'CanaryHunter2';
  const value = fc.oneof(
    fc.constant(secret),
    fc.constant(`${secret}:x`),
    fc.constant(base64(secret)),
    fc.jsonValue(),
  );
  const entry = fc.oneof(
    value,
    fc.record({ auth: value, username: value, password: value, identitytoken: value }, { requiredKeys: [] }),
  );
  const config = fc.record(
    {
      auths: fc.oneof(value, fc.dictionary(fc.constantFrom('a.io', 'b.io'), entry)),
      credsStore: value,
      HttpHeaders: value,
      other: value,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(config, (given) => {
      let shown: string;
      try {
        const auths = readStoredConfig('docker/hub', given);
        shown = `${inspect(auths, { depth: 9, showHidden: true })}${JSON.stringify([...auths])}`;
      } catch (error) {
        expect(error).toBeInstanceOf(SecretKeyError);
        shown = inspect(error, { depth: 9, showHidden: true }) + (error as Error).message;
      }
      expect(shown).not.toContain(secret);
      expect(shown).not.toContain(base64(secret).slice(0, 12));
    }),
    { numRuns: 500 },
  );
});

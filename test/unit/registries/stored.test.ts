import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readStoredConfig } from '../../../lambda/registries/docker-config.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const revealed = (config: Record<string, unknown>) =>
  Object.fromEntries(
    [...readStoredConfig('docker/hub', config)].map(([host, auth]) => [host, auth.reveal()]),
  );

describe('what is taken', () => {
  test.for<[string, unknown, string | Buffer]>([
    ['auth', { auth: base64('user:pass') }, 'user:pass'],
    ['a password with colons', { auth: base64('user:a:b') }, 'user:a:b'],
    ['a password with white space', { auth: base64('user: pass word ') }, 'user: pass word '],
    ['auth without padding', { auth: base64('user:pass1').replace(/=+$/, '') }, 'user:pass1'],
    ['auth in lines, as base64 prints it', { auth: 'dXNlcjpw\r\nYXNzMQ==\n' }, 'user:pass1'],
    ['auth that is not UTF-8', { auth: 'dTrk' }, Buffer.from('u:\xe4', 'latin1')],
    ['user and password', { username: 'user', password: 'pä:ss' }, 'user:pä:ss'],
    [
      'auth before user and password',
      { auth: base64('a:b'), username: 'c', password: 'd', email: 'e@f' },
      'a:b',
    ],
    ['user and password beside an empty auth', { auth: '', username: 'c', password: 'd' }, 'c:d'],
    ['auth beside empty fields', { auth: base64('a:b'), username: null, identitytoken: '' }, 'a:b'],
    ['a password beside an identity token', { auth: base64('a:b'), identitytoken: 'x' }, 'a:b'],
  ])('%s', ([, entry, login]) => {
    const taken = revealed({ auths: { 'a.io': entry } })['a.io'];
    expect(taken).toBe(Buffer.from(login).toString('base64'));
  });

  test.for([
    'a.io',
    'localhost',
    'B.io:5000',
    '10.0.0.1',
    '[::1]:5000',
    'https://a.io',
    'http://a.io/',
    'https://index.docker.io/v1/',
    'https://ghcr.io/v2/team',
    'a.io/team',
    'a.io/team/app/',
    '*.azurecr.io',
    'registry-*.a.io/team',
  ])('the host %s', (host) => {
    expect(revealed({ auths: { [host]: { auth: base64('u:p') } } })).toEqual({ [host]: base64('u:p') });
  });

  test('every host as it is written, and nothing beside auths, as the headers of Docker 19.03', () => {
    const auth = base64('u:p');
    const config = {
      auths: { 'https://index.docker.io/v1/': { auth }, 'b.io': { auth } },
      HttpHeaders: { 'User-Agent': 'Docker-Client/19.03.5 (linux)' },
      detachKeys: 'ctrl-e',
    };
    expect(revealed(config)).toEqual({ 'https://index.docker.io/v1/': auth, 'b.io': auth });
  });
});

describe('what would not work in a pull secret is refused by name', () => {
  test.for(['credHelpers', 'credsStore'])('%s', (key) => {
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

  const none = 'has no auth, nor username and password';
  const notBase64 = 'has an auth that is not base64';
  const noPassword = 'has an empty password';
  const token = 'has an identity or registry token and no password, and kubelet cannot use such a token';
  const control = 'has a line break or another control character in user or password';
  test.for<[string, unknown, string]>([
    ['an empty entry, as a credential helper leaves it', {}, none],
    ['null', null, none],
    ['a text', base64('u:p'), none],
    ['auth that is a number', { auth: 5 }, none],
    ['a user that is a number', { auth: base64('u:p'), username: 5 }, none],
    ['a password alone', { password: 'p' }, 'has an empty user'],
    ['auth that is not base64', { auth: 'user:pass' }, notBase64],
    ['auth that is not base64, beside a password', { auth: '!', username: 'u', password: 'p' }, notBase64],
    ['auth in the alphabet of URLs', { auth: 'dT8_OnA-' }, notBase64],
    ['auth with a blank', { auth: `${base64('u:p')} ` }, notBase64],
    ['auth with one character that is none of base64', { auth: `dXN!lcjpwYXNz` }, notBase64],
    ['auth with half of its padding', { auth: 'dTpwYXNzMQ=' }, notBase64],
    ['auth with one character too many', { auth: 'dTpwY' }, notBase64],
    ['auth without a colon', { auth: base64('password') }, 'has an auth that is not user:password'],
    ['an empty user', { auth: base64(':p') }, 'has an empty user'],
    ['an empty password in auth', { auth: base64('u:') }, noPassword],
    ['a user alone', { username: 'u' }, noPassword],
    ['an empty password', { username: 'u', password: '' }, noPassword],
    ['a colon in the user', { username: 'u:x', password: 'p' }, 'has a colon in its username'],
    ['a line break after the password, as echo leaves it', { auth: base64('u:p\n') }, control],
    ['a line break in the user', { username: 'u\r\n', password: 'p' }, control],
    ['NUL after the password, which docker alone cuts off', { auth: base64('u:p\0\0') }, control],
    ['a tab', { auth: base64('u:\tp') }, control],
    ['an identity token', { identitytoken: 'hunter2' }, token],
    ['a registry token', { registrytoken: 'hunter2' }, token],
    ['an identity token beside an empty password', { auth: base64('u:'), identitytoken: 'hunter2' }, token],
  ])('%s', ([, entry, problem]) => {
    const read = () =>
      readStoredConfig('docker/hub', { auths: { 'a.io': { auth: base64('u:p') }, 'b.io': entry } });
    expect(read).toThrow(`docker/hub: auths["b.io"] ${problem}. Correct auths["b.io"] in the secret`);
    expect(read).not.toThrow(/hunter2/);
  });

  test.for<[string, string]>([
    ['', '""'],
    [' a.io', '" a.io"'],
    ['a.io ', '"a.io "'],
    ['a .io', '"a .io"'],
    ['a.io\n', '"a.io"'],
    ['\u001b[31ma.io\u009b', '"[31ma.io"'],
    ['HTTPS://a.io', '"HTTPS://a.io"'],
    ['ftp://a.io', '"ftp://a.io"'],
    ['//a.io', '"//a.io"'],
    ['/team', '"/team"'],
    ['https:///v1/', '"https:///v1/"'],
    ['a.io:', '"a.io:"'],
    ['a.io:x', '"a.io:x"'],
    ['a.io.', '"a.io."'],
    ['.a.io', '".a.io"'],
    ['a_b.io', '"a_b.io"'],
    ['a.io?x', '"a.io?x"'],
    ['a.io#x', '"a.io#x"'],
    ['a?.io', '"a?.io"'],
    ['[ab].io', '"[ab].io"'],
    ['[::1]', '"[::1]"'],
    ['a\\.io', '"a\\\\.io"'],
    ['a%2eio', '"a%2eio"'],
    ['ä.io', '"ä.io"'],
    ['a.io/*', '"a.io/*"'],
    ['a.io//team', '"a.io//team"'],
    ['a.io/x y', '"a.io/x y"'],
    [`${'a'.repeat(300)}!`, `"${'a'.repeat(100)}"`],
  ])('the host %j', ([host, shown]) => {
    const config = { auths: { 'a.io': { auth: base64('u:p') }, [host]: { auth: base64('u:p') } } };
    expect(() => readStoredConfig('docker/hub', config)).toThrow(
      `docker/hub: auths[${shown}] is not a registry host. Correct auths[${shown}] in the secret`,
    );
  });
});

test('a login in a host is refused and not shown, as hosts stand in reports', () => {
  const config = { auths: { 'https://user:CanaryHunter2@a.io': {}, 'b.io': { auth: base64('u:p') } } };
  const read = () => readStoredConfig('docker/hub', config);
  expect(read).toThrow('docker/hub: a host in auths has a login in it, whose place is auth');
  expect(read).not.toThrow(/Hunter2/);
});

test('whatever is taken, a reader finds a user and a password in it, and no control character', () => {
  const text = fc.string({ unit: fc.constantFrom('u', ':', ' ', '\n', '\0', 'ä', '=') });
  const entry = fc.record({ auth: fc.oneof(text, text.map(base64)), username: text, password: text });
  fc.assert(
    fc.property(entry, (given) => {
      let taken: string;
      try {
        taken = Buffer.from(revealed({ auths: { 'a.io': given } })['a.io'] ?? '', 'base64').toString();
      } catch (error) {
        expect(error).toMatchObject({ code: 'SecretKeyError' });
        return;
      }
      expect(taken).toMatch(/^[^:\p{Cc}]+:\P{Cc}+$/u);
    }),
    { numRuns: 500 },
  );
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
        expect(error).toMatchObject({ code: 'SecretKeyError' });
        shown = inspect(error, { depth: 9, showHidden: true }) + (error as Error).message;
      }
      expect(shown).not.toContain(secret);
      expect(shown).not.toContain(base64(secret).slice(0, 12));
    }),
    { numRuns: 500 },
  );
});

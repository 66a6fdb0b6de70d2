import { describe, expect, test } from 'vitest';
import { Redacted } from '../../../lambda/redacted.ts';
import {
  type Auths,
  dockerConfigData,
  mergeAuths,
  withPlaceholders,
} from '../../../lambda/registry/docker-config.ts';
import { HostTakenError } from '../../../lambda/registry/errors.ts';

const auths = (...hosts: string[]): Auths =>
  new Map(hosts.map((host) => [host, new Redacted(Buffer.from(`user:${host}`).toString('base64'))]));
const decode = (data: Redacted) => JSON.parse(Buffer.from(data.reveal(), 'base64').toString());

describe('merging registries', () => {
  test('keeps every host as it is written', () => {
    const merged = mergeAuths([auths('a.io'), auths('https://index.docker.io/v1/', 'B.io:5000'), auths()]);
    expect([...merged.keys()]).toEqual(['a.io', 'https://index.docker.io/v1/', 'B.io:5000']);
    expect(merged.get('a.io')?.reveal()).toBe(Buffer.from('user:a.io').toString('base64'));
  });

  test.for([
    ['a.io', 'a.io'],
    ['a.io', 'https://a.io'],
    ['a.io', 'http://a.io/'],
    ['https://a.io/', 'A.IO'],
    ['a.io', 'HTTPS://A.io'],
    ['a.io/v1', 'https://a.io/v1/'],
  ])('refuses %s and %s of two registries, as one would win by chance', ([one = '', other = '']) => {
    expect(() => mergeAuths([auths(one), auths('b.io', other)])).toThrow(HostTakenError);
    expect(() => mergeAuths([auths(one), auths(other)])).toThrow(/two registries of this entry serve a\.io/);
  });

  test.for([
    ['a.io', 'b.a.io'],
    ['a.io', 'a.io:5000'],
    ['a.io/v1', 'a.io/v2'],
  ])('takes %s beside %s', ([one = '', other = '']) => {
    expect(mergeAuths([auths(one), auths(other)]).size).toBe(2);
  });

  test('one stored config may write a host in two ways', () => {
    expect([...mergeAuths([auths('ghcr.io', 'https://ghcr.io')]).keys()]).toEqual([
      'ghcr.io',
      'https://ghcr.io',
    ]);
  });
});

test('the data of a secret is a docker config in base64, with auth alone', () => {
  expect(decode(dockerConfigData(auths('a.io', 'b.io:5000')))).toEqual({
    auths: {
      'a.io': { auth: Buffer.from('user:a.io').toString('base64') },
      'b.io:5000': { auth: Buffer.from('user:b.io:5000').toString('base64') },
    },
  });
});

test('the same credentials give the same bytes, so that an apply changes nothing', () => {
  expect(dockerConfigData(auths('a.io', 'b.io')).reveal()).toBe(
    dockerConfigData(auths('a.io', 'b.io')).reveal(),
  );
});

test('a host of any name is a key of its own', () => {
  const data = dockerConfigData(auths('__proto__', 'constructor')).reveal();
  expect(Object.keys(decode(new Redacted(data)).auths)).toEqual(['__proto__', 'constructor']);
});

test('a plan has the hosts and none of the passwords', () => {
  const planned = dockerConfigData(withPlaceholders(auths('a.io', 'b.io')));
  const { auths: entries } = decode(planned) as { auths: Record<string, { auth: string }> };
  expect(Object.keys(entries)).toEqual(['a.io', 'b.io']);
  for (const { auth } of Object.values(entries)) {
    expect(Buffer.from(auth, 'base64').toString()).toBe('AWS:placeholder');
  }
});

test('the data is not shown when it is printed', () => {
  expect(`${dockerConfigData(auths('a.io'))}`).toBe('[redacted]');
});

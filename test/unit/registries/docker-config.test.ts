import { describe, expect, test } from 'vitest';
import { Redacted } from '../../../lambda/errors.ts';
import {
  type Auths,
  dockerConfigData,
  mergeAuths,
  withPlaceholders,
} from '../../../lambda/registries/docker-config.ts';

const auths = (...hosts: string[]): Auths =>
  new Map(hosts.map((host) => [host, new Redacted(Buffer.from(`user:${host}`).toString('base64'))]));
const stored = (...hosts: string[]) => ({ auths: auths(...hosts) });
const token = (...hosts: string[]) => ({ auths: auths(...hosts), token: {} });
const ECR = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
const decode = (data: Redacted) => JSON.parse(Buffer.from(data.reveal(), 'base64').toString());

describe('merging registries', () => {
  test('keeps every host as it is written', () => {
    const merged = mergeAuths([token('a.io'), stored('https://index.docker.io/v1/', 'B.io:5000'), stored()]);
    expect([...merged.keys()]).toEqual(['a.io', 'https://index.docker.io/v1/', 'B.io:5000']);
    expect(merged.get('a.io')?.reveal()).toBe(Buffer.from('user:a.io').toString('base64'));
  });

  test.for([
    ['a.io', 'a.io'],
    ['a.io', 'https://a.io'],
    ['a.io', 'http://a.io/'],
    ['https://a.io/', 'A.IO'],
    ['a.io', 'HTTPS://A.io'],
    ['a.io', 'https://a.io/v1/'],
    ['a.io', 'a.io/v2/'],
    ['a.io/v1', 'a.io/v2'],
    ['a.io/v2/', 'HTTPS://A.io/v1/'],
  ])('refuses %s and %s of two registries, as one would win by chance', ([one = '', other = '']) => {
    expect(() => mergeAuths([stored(one), stored('b.io', other)])).toThrow(
      expect.objectContaining({ code: 'HostTakenError' }),
    );
    expect(() => mergeAuths([stored(one), token(other)])).toThrow(/two registries of this entry serve a\.io/);
  });

  test.for([
    ['a.io', 'b.a.io'],
    ['a.io', 'a.io:5000'],
    ['a.io', 'a.io/team'],
    ['a.io/team', 'a.io/team/v1'],
    ['a.io/v1/team', 'a.io/v2'],
  ])('takes %s beside %s', ([one = '', other = '']) => {
    expect(mergeAuths([stored(one), stored(other)]).size).toBe(2);
  });

  test.for([
    `${ECR}/team`,
    `${ECR}/team/app/`,
    `https://${ECR}/team`,
    `http://${ECR}/v2/team`,
    `${ECR}/v1/team`,
    `${ECR.toUpperCase()}/team`,
  ])('refuses %s beside the token for its host, as kubelet would try it before the token', (host) => {
    for (const parts of [
      [token('a.io', ECR), stored(host)],
      [stored('b.io', host), token(ECR)],
    ]) {
      expect(() => mergeAuths(parts)).toThrow(expect.objectContaining({ code: 'HostPathTakenError' }));
      expect(() => mergeAuths(parts)).toThrow(`a stored docker config of this entry has ${host}, `);
    }
  });

  test.for([
    // kubelet tries them after the token, and no other reader knows globs
    '*.dkr.ecr.eu-west-1.amazonaws.com',
    '1*.dkr.ecr.eu-west-1.amazonaws.com/team',
    '111122223333.dkr.ecr.eu-west-1.amazonaws.*',
    `${ECR}:443/team`,
    `${ECR}.example.com/team`,
    '444455556666.dkr.ecr.eu-west-1.amazonaws.com/team',
    'ghcr.io/team',
  ])('takes %s beside a token', (host) => {
    expect([...mergeAuths([token(ECR), stored(host)]).keys()]).toEqual([ECR, host]);
  });

  test('one stored config may write a host in two ways', () => {
    expect([...mergeAuths([stored('ghcr.io', 'https://ghcr.io')]).keys()]).toEqual([
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

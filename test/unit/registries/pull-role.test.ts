import { describe, expect, test } from 'vitest';
import { pullRoleArn, pullRoleMismatch } from '../../../lambda/registries/credentials.ts';
import { pullRoleKey } from '../../../lambda/settings/selection.ts';
import { entryOf, settingsOf } from '../factories.ts';

const PREFIX = 'arn:aws:iam::111122223333:role/ecr-registry-helper-eu-west-1-';
const narrow = entryOf({ namespaces: { include: ['a', 'b'] }, repositories: ['team-a/*'] });
const nameOf = (entry: typeof narrow) => `ecr-registry-helper-eu-west-1-${pullRoleKey(entry)}`;

describe('the pull role of an entry', () => {
  test('is there only where it has repositories', () => {
    expect(pullRoleArn(entryOf(), PREFIX)).toBeUndefined();
    expect(pullRoleArn(entryOf(), undefined)).toBeUndefined();
    expect(pullRoleArn(narrow, PREFIX)).toMatch(/^arn:aws:iam::111122223333:role\/.*-eu-west-1-[0-9a-f]{8}$/);
    expect(() => pullRoleArn(narrow, undefined)).toThrow('its pull role is unknown here');
  });

  test.each([
    [{ namespaces: { include: ['b', 'a'] } }],
    [{ repositories: ['other'] }],
    [{ registries: [{ type: 'ecr' as const, region: 'us-west-2' }] }],
    [{ recreate: true }],
  ])('stays the same with %j, as it is for the same namespaces', (given) => {
    const other = entryOf({ namespaces: { include: ['a', 'b'] }, repositories: ['x'], ...given });
    expect(pullRoleKey(other)).toBe(pullRoleKey(narrow));
  });

  test.each([
    [{ name: 'other' }],
    [{ namespaces: { include: ['a'] } }],
    [{ namespaces: { include: ['a', 'b'], exclude: ['c'] } }],
    [{ namespaces: { include: ['a', 'b'], selector: 'team=a' } }],
    [{ clusters: ['prod'] }],
  ])('is another with %j', (given) => {
    const other = entryOf({ namespaces: { include: ['a', 'b'] }, repositories: ['x'], ...given });
    expect(pullRoleKey(other)).not.toBe(pullRoleKey(narrow));
  });
});

test.each([
  ["the function's own in a wide entry", undefined, entryOf(), undefined],
  ['that of the entry', nameOf(narrow), narrow, undefined],
  ["the function's own in a narrow entry", undefined, narrow, 'its token is wider than its entry says'],
  ['another role', 'x-eu-west-1-00000000', narrow, 'its token is of the pull role of another entry'],
  ['a role in a wide entry', nameOf(narrow), entryOf(), 'its token is of the pull role of another entry'],
])('a token of %s', (_, pullRole, entry, expected) => {
  expect(pullRoleMismatch(pullRole, entry)).toBe(expected);
});

describe('settings', () => {
  const check = (...secrets: NonNullable<Parameters<typeof settingsOf>[0]>['secrets'] & object) =>
    expect(() => settingsOf({ secrets }));
  const repositories = ['team-a/*'];
  const roleArn = 'arn:aws:iam::111122223333:role/x';

  test.each(['Team', 'a b', 'a?', '', 'a:b', 'x'.repeat(257)])('refuse the glob %j', (glob) => {
    check({ repositories: [glob] }).toThrow(
      `secrets[0].repositories[0]: ${JSON.stringify(glob)} is not a repository name or a glob of one such as team-a/*`,
    );
  });

  test('refuse none at all', () => {
    check({ repositories: [] }).toThrow('secrets[0].repositories:');
  });

  test('refuse another identity beside them', () => {
    check({ repositories, registries: [{ type: 'ecr', roleArn }] }).toThrow(
      `secrets[0].registries[0].roleArn: "${roleArn}" cannot be used in an entry with repositories`,
    );
    check({ repositories, registries: [{ type: 'ecr' }, { type: 'ecr', keysSecretId: 'k' }] }).toThrow(
      'secrets[0].registries[1].keysSecretId: "k" cannot be used in an entry with repositories',
    );
  });

  test('refuse repositories of a registry beside them, and an entry without ECR', () => {
    check({ repositories, registries: [{ type: 'ecr', repositories: ['b'] }] }).toThrow(
      'secrets[0].registries[0].repositories: ["b"]: give the repositories of the entry only',
    );
    check({ repositories, registries: [{ type: 'stored', secretId: 'hub' }] }).toThrow(
      'secrets[0].repositories: needs a registry of type ecr',
    );
  });

  test('refuse a pull-through cache, as the role may only pull', () => {
    check({ repositories, registries: [{ type: 'ecr', pullThroughCache: ['quay'] }] }).toThrow(
      'secrets[0].registries[0].pullThroughCache: ["quay"] cannot be used in an entry with repositories, which has a role of its own',
    );
  });

  test('refuse two entries for the same namespaces', () => {
    check({ repositories }, { repositories: ['b'] }).toThrow(
      'secrets[1]: gets no namespace: all go to secrets[0]',
    );
    check({ repositories, namespaces: { include: ['a'] } }, {}).not.toThrow();
  });
});

import { describe, expect, test } from 'vitest';
import { checkSettings } from '../../../lambda/settings.ts';
import { FAR, HOME, kmsKeyArn, problemOf, roleArn, withCluster, withRegistry } from './inputs.ts';

describe('fields that do not go together', () => {
  test('two clusters of one name need ids', () => {
    expect(problemOf({ clusters: [{ name: 'prod' }, { name: 'prod', region: 'us-east-1' }] })).toBe(
      'settings: clusters[1].id: "prod" is used twice; give each cluster an id of its own',
    );
    expect(
      checkSettings({ clusters: [{ name: 'prod' }, { name: 'prod', id: 'prod-us' }] }).clusters,
    ).toHaveLength(2);
  });

  test('an id that is the name of another cluster is used twice', () => {
    expect(problemOf({ clusters: [{ name: 'prod' }, { name: 'x', id: 'prod' }] })).toContain(
      '"prod" is used twice',
    );
  });

  test('a glob that matches no cluster is told with the ids that there are', () => {
    const input = {
      clusters: [{ name: 'prod' }, { name: 'x', id: 'dev' }],
      secrets: [{}, { clusters: ['prod', 'staging-*'] }],
    };
    expect(problemOf(input)).toBe('settings: secrets[1].clusters[1]: "staging-*" matches none of prod, dev');
  });

  test('a cluster goes by its id in globs, not by its name', () => {
    const input = { clusters: [{ name: 'prod', id: 'eu' }], secrets: [{ clusters: ['prod'] }] };
    expect(problemOf(input)).toContain('secrets[0].clusters[0]: "prod" matches none of eu');
  });

  test('a cluster that no entry covers is told', () => {
    const input = { clusters: [{ name: 'prod' }, { name: 'dev' }], secrets: [{ clusters: ['prod'] }] };
    expect(problemOf(input)).toBe('settings: clusters[1]: no entry of secrets covers the cluster "dev"');
  });

  test.for([
    ['an upper case prefix', { pullThroughCache: ['Hub'] }, /pullThroughCache\[0\].*"Hub"|"Hub".*prefix/],
    ['a glob', { pullThroughCache: ['hub/*'] }, /"hub\/\*"/],
    ['a single letter', { pullThroughCache: ['h'] }, /"h"/],
    ['none', { pullThroughCache: [] }, /pullThroughCache/],
    ['a role', { pullThroughCache: ['hub'], roleArn }, /give that identity the rights/],
    ['static keys', { pullThroughCache: ['hub'], keysSecretId: 'aws-conf' }, /give that identity the rights/],
    [
      'repositories that leave it out',
      { pullThroughCache: ['hub', 'quay'], repositories: ['hub/*'] },
      /pullThroughCache: "quay": repositories must cover "quay\/\*" as well/,
    ],
  ] as const)('a pull-through cache with %s', ([, fields, problem]) => {
    expect(problemOf(withRegistry({ type: 'ecr', ...fields }))).toMatch(problem);
  });

  test('ECR Public has no place and no identity of its own', () => {
    expect(problemOf(withRegistry({ type: 'ecr-public', roleArn }))).toContain('roleArn');
  });

  test('a key of a registry is for the secret that holds its static keys', () => {
    expect(problemOf(withRegistry({ type: 'ecr', kmsKeyArn }))).toBe(
      'settings: secrets[0].registries[0].kmsKeyArn: is for the secret of keysSecretId, which is missing',
    );
  });

  test.for<[string, object[], string]>([
    [
      'neither names nor a tag',
      [{}],
      'clusters[0].discover.names: is missing, and tag too; give one of them',
    ],
    [
      'a role without accounts to assume it in',
      [{ names: ['*'], roleName: 'r' }],
      'clusters[0].discover.roleName: is assumed in each of accounts, which is missing',
    ],
    [
      'accounts that the own role does not see',
      [{ names: ['*'], accounts: ['111122223333', '444455556666'] }],
      "clusters[0].discover.roleName: is missing, and the function's own role sees one account, not 2",
    ],
    [
      'two roles for one account',
      [
        { names: ['a'], accounts: ['444455556666'], roleName: 'r' },
        { names: ['b'], accounts: ['444455556666'], roleName: 's' },
      ],
      'clusters[1].discover.roleName: is another one than in an earlier discover of the same account',
    ],
  ])('a discover with %s', ([, discovers, problem]) => {
    expect(problemOf({ clusters: discovers.map((discover) => ({ discover })) })).toContain(
      `settings: ${problem}`,
    );
  });

  test.for<[string, object, string]>([
    ['half a place', { accountId: HOME.accountId }, 'region: is missing; the place of the function is both'],
    [
      'an access stack without a place of the function',
      { accessStacks: [FAR] },
      'accessStacks[0]: accountId and region of the function must be given',
    ],
    ['one for the function itself', { ...HOME, accessStacks: [HOME] }, 'is the place of the function itself'],
    [
      'one where no cluster is',
      { ...HOME, accessStacks: [{ ...FAR, region: 'us-east-1' }] },
      'accessStacks[0]: no cluster and no discover without a role of its own is in 444455556666, us-east-1',
    ],
    [
      'one where the cluster has a role of its own',
      { ...HOME, clusters: [{ name: 'far', ...FAR, roleArn }], accessStacks: [FAR] },
      'accessStacks[0]: no cluster',
    ],
    [
      'two for one place',
      { ...HOME, accessStacks: [FAR, FAR] },
      'accessStacks[1]: 444455556666, eu-west-1 is there already',
    ],
    [
      'an external id of one letter',
      { ...HOME, accessStacks: [{ ...FAR, externalId: 'x' }] },
      'externalId: "x" is not an external id',
    ],
  ])('%s', ([, input, problem]) => {
    const far = { clusters: [{ name: 'far', ...FAR }] };
    expect(problemOf({ ...far, ...input })).toContain(problem);
  });

  test.for<[string, unknown, string]>([
    [
      'a typo in a discover',
      { discover: { tags: {} } },
      'clusters[0].discover: unknown field "tags"; known are accounts,',
    ],
    [
      'a typo beside it',
      { discover: { names: ['*'] }, roleArn },
      'clusters[0]: unknown field "roleArn"; known are discover',
    ],
    [
      'a wrong region',
      { discover: { names: ['*'], regions: ['x'] } },
      'discover.regions[0]: "x" is not an AWS region',
    ],
    [
      'a typo in a listed one',
      { name: 'prod', rol: 1 },
      'clusters[0]: unknown field "rol"; known are name, id,',
    ],
    ['no name', {}, 'clusters[0].name: '],
  ])(
    'of an element of clusters the fields are told that it is most likely of: %s',
    ([, cluster, problem]) => {
      expect(problemOf({ clusters: [cluster] })).toContain(problem);
    },
  );

  test('a role is of the account of its cluster', () => {
    expect(problemOf(withCluster({ roleArn, accountId: '111122223333' }))).toBe(
      'settings: clusters[0].roleArn: is a role of 444455556666, but accountId is 111122223333',
    );
    expect(checkSettings(withCluster({ roleArn, accountId: '444455556666' }))).toMatchObject(
      withCluster({ roleArn, accountId: '444455556666' }),
    );
  });
});

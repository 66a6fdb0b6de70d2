import { describe, expect, test } from 'vitest';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import {
  caData,
  FAR,
  HOME,
  kmsKeyArn,
  problemOf,
  roleArn,
  withCluster,
  withEntry,
  withRegistry,
} from './inputs.ts';

describe('a rule between fields', () => {
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

  test('a glob that matches no cluster is reported with the ids', () => {
    const input = {
      clusters: [{ name: 'prod' }, { name: 'x', id: 'dev' }],
      secrets: [{}, { name: 'other', clusters: ['prod', 'staging-*'] }],
    };
    expect(problemOf(input)).toBe('settings: secrets[1].clusters[1]: "staging-*" matches none of prod, dev');
  });

  test('a cluster goes by its id in globs, not by its name', () => {
    const input = { clusters: [{ name: 'prod', id: 'eu' }], secrets: [{ clusters: ['prod'] }] };
    expect(problemOf(input)).toContain('secrets[0].clusters[0]: "prod" matches none of eu');
  });

  test('a cluster that no entry covers is reported', () => {
    const input = { clusters: [{ name: 'prod' }, { name: 'dev' }], secrets: [{ clusters: ['prod'] }] };
    expect(problemOf(input)).toBe('settings: clusters[1]: no entry of secrets covers the cluster "dev"');
  });

  test.for([
    ['an upper case prefix', { pullThroughCache: ['Hub'] }, /pullThroughCache\[0\].*"Hub"|"Hub".*prefix/],
    ['a glob', { pullThroughCache: ['hub/*'] }, /"hub\/\*"/],
    ['a single letter', { pullThroughCache: ['h'] }, /"h"/],
    ['none', { pullThroughCache: [] }, /pullThroughCache/],
    [
      'a role',
      { pullThroughCache: ['hub'], roleArn },
      /with roleArn or keysSecretId grant the permissions to that identity/,
    ],
    [
      'static keys',
      { pullThroughCache: ['hub'], keysSecretId: 'aws-conf' },
      /with roleArn or keysSecretId grant the permissions to that identity/,
    ],
    [
      'repositories that leave it out',
      { pullThroughCache: ['hub', 'quay'], repositories: ['hub/*'] },
      /pullThroughCache: "quay": repositories must cover "quay\/\*" as well/,
    ],
  ] as const)('a pull-through cache with %s', ([, fields, problem]) => {
    expect(problemOf(withRegistry({ type: 'ecr', ...fields }))).toMatch(problem);
  });

  test('a pull-through cache without a prefix is taken with any repositories, also beside prefixes', () => {
    for (const fields of [
      { pullThroughCache: ['ROOT'] },
      { pullThroughCache: ['ROOT'], repositories: ['team/*'] },
      { pullThroughCache: ['ROOT', 'quay'], repositories: ['team/*', 'quay/*'] },
    ]) {
      const { secrets } = checkSettings(withRegistry({ type: 'ecr', ...fields }));
      expect(secrets[0]?.registries[0]).toMatchObject(fields);
    }
  });

  test.for(['root', 'ROOT/x', 'Root', 'ROOTS', ''])(
    'a rule of the name %j is not that without a prefix',
    (prefix) => {
      const problem = problemOf(
        withRegistry({ type: 'ecr', pullThroughCache: [prefix], repositories: ['team/*'] }),
      );
      expect(problem).toContain('pullThroughCache');
    },
  );

  test.for([
    [
      'no secret',
      [{ type: 'ecr' }, { type: 'ecr-public' }],
      'settings: storedChanges: needs a registry with secretId or keysSecretId',
    ],
    ['a stored config', [{ type: 'ecr' }, { type: 'stored', secretId: 'hub' }], undefined],
    ['static keys', [{ type: 'ecr', keysSecretId: 'aws-conf' }], undefined],
  ] as const)('changes of stored secrets with %s', ([, registries, problem]) => {
    const input = {
      clusters: [{ name: 'prod' }],
      storedChanges: true,
      secrets: [{ registries: [...registries] }],
    };
    if (problem) expect(problemOf(input)).toContain(problem);
    else expect(checkSettings(input).storedChanges).toBe(true);
  });

  test('ECR Public has no place and no identity of its own', () => {
    expect(problemOf(withRegistry({ type: 'ecr-public', roleArn }))).toContain('roleArn');
  });

  test('a key of a registry is for the secret that holds its static keys', () => {
    expect(problemOf(withRegistry({ type: 'ecr', kmsKeyArn }))).toBe(
      'settings: secrets[0].registries[0].kmsKeyArn: needs keysSecretId',
    );
  });

  test.for<[string, object[], string]>([
    [
      'neither names nor a tag',
      [{}],
      'clusters[0].discover.names: needs names, tag or both; ["*"] is every cluster of the accounts',
    ],
    [
      'a role without accounts to assume it in',
      [{ names: ['*'], roleName: 'r' }],
      'clusters[0].discover.roleName: needs accounts, in each of which it is assumed',
    ],
    [
      'accounts that the own role does not see',
      [{ names: ['*'], accounts: ['111122223333', '444455556666'] }],
      "clusters[0].discover.roleName: is required for 2 accounts, or the function's accountId and region",
    ],
    [
      'two roles for one account',
      [
        { names: ['a'], accounts: ['444455556666'], roleName: 'r' },
        { names: ['b'], accounts: ['444455556666'], roleName: 's' },
      ],
      'clusters[1].discover.roleName: differs from that of an earlier discover of the same account',
    ],
  ])('a discover with %s', ([, discovers, problem]) => {
    expect(problemOf({ clusters: discovers.map((discover) => ({ discover })) })).toContain(
      `settings: ${problem}`,
    );
  });

  test.for<[string, object, string]>([
    ['half a place', { accountId: HOME.accountId }, 'region: is required with accountId'],
    [
      'an access stack without a place of the function',
      { accessStacks: [FAR] },
      'accessStacks[0]: needs accountId and region of the function',
    ],
    [
      'one for the function itself',
      { ...HOME, accessStacks: [HOME] },
      'is the place of the function, which needs no access stack',
    ],
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
      'accessStacks[1]: 444455556666, eu-west-1 is used twice',
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

  test.for<[string, object, string]>([
    [
      'a service account twice',
      withEntry({ serviceAccounts: ['default', 'builder', 'default'] }),
      'secrets[0].serviceAccounts[2]: "default" is used twice',
    ],
    [
      'a namespace both in and out',
      withEntry({ namespaces: { include: ['team-a'], exclude: ['team-*'] } }),
      'secrets[0].namespaces.include[0]: "team-a" is excluded as well',
    ],
    [
      'an address beside a topic',
      { ...withCluster({}), alarmTopic: 'arn:aws:sns:eu-west-1:111122223333:x', alarmEmail: 'a@example.com' },
      'alarmEmail: alarmTopic is your own topic; subscribe the address to it yourself',
    ],
    [
      'half a place, the other one',
      { ...withCluster({}), region: 'eu-west-1' },
      'accountId: is required with region',
    ],
    [
      'an access stack with a VPC where one run reaches all',
      {
        ...HOME,
        clusters: [{ name: 'far', ...FAR }],
        accessStacks: [
          {
            ...FAR,
            vpc: { vpcId: 'vpc-1a2b3c4d', subnetIds: ['subnet-1a2b3c4d'], securityGroupIds: ['sg-1a2b3c4d'] },
          },
        ],
      },
      'accessStacks[0]: vpc: needs "fleet": true',
    ],
  ])('refuses %s', ([, input, problem]) => {
    expect(problemOf(input)).toContain(problem);
  });

  test('a role is of the account of its cluster', () => {
    expect(problemOf(withCluster({ roleArn, accountId: '111122223333' }))).toBe(
      'settings: clusters[0].roleArn: is a role of 444455556666, but accountId is 111122223333',
    );
    expect(checkSettings(withCluster({ roleArn, accountId: '444455556666' }))).toMatchObject(
      withCluster({ roleArn, accountId: '444455556666' }),
    );
  });
});

describe('a cluster by kubeconfig', () => {
  const kubeconfigSecretId = 'edge-kubeconfig';

  test.each([
    {},
    { kmsKeyArn },
    { publicCertificate: true },
    { publicCertificate: false },
    { rbac: 'manual' },
    { id: 'far' },
  ])('may have %o', (more) => {
    expect(checkSettings(withCluster({ kubeconfigSecretId, ...more })).clusters[0]).toMatchObject(more);
  });

  test.each([
    ['roleArn', roleArn],
    ['region', 'eu-west-1'],
    ['accountId', '444455556666'],
    ['rbac', 'apply'],
  ])('has no %s', (field, value) => {
    expect(problemOf(withCluster({ kubeconfigSecretId, [field]: value }))).toContain(
      `clusters[0].${field}: "${value}" is for EKS clusters, not for one with kubeconfigSecretId or server`,
    );
  });

  test('alone has a key or a public certificate', () => {
    expect(problemOf(withCluster({ kmsKeyArn }))).toContain(
      'clusters[0].kmsKeyArn: needs kubeconfigSecretId',
    );
    expect(problemOf(withCluster({ publicCertificate: true }))).toContain(
      'clusters[0].publicCertificate: needs kubeconfigSecretId or server',
    );
  });
});

describe('a cluster by web identity', () => {
  const server = 'https://edge.example.com:6443';
  const webIdentity = {};

  test.each([
    { server, caData, webIdentity },
    { server, caData, webIdentity: { audience: 'edge.example.com' } },
    { server: 'https://[2001:db8::1]:6443/k8s/clusters/c-1', caData, webIdentity, id: 'far', rbac: 'manual' },
    { server, publicCertificate: true, webIdentity },
    { kubeconfigSecretId: 'edge-kubeconfig', webIdentity },
  ])('may be %o', (fields) => {
    expect(checkSettings(withCluster(fields)).clusters[0]).toMatchObject(fields);
  });

  test.each<[object, string]>([
    [{ server, caData }, 'webIdentity: is required with server'],
    [{ server, webIdentity }, 'caData: is required with server, unless "publicCertificate": true'],
    [{ caData }, 'caData: needs server'],
    [{ webIdentity }, 'webIdentity: needs server or kubeconfigSecretId; an EKS cluster needs neither'],
    [
      { server, caData, webIdentity, kubeconfigSecretId: 'edge' },
      'server: cannot be used with kubeconfigSecretId, which has one',
    ],
    [{ server, caData, webIdentity, roleArn }, 'is for EKS clusters, not for one with'],
    [{ server, caData, webIdentity, rbac: 'apply' }, 'rbac: "apply" is for EKS clusters'],
    [{ server: 'http://edge', caData, webIdentity }, 'server: "http://edge" is not https://HOST:PORT'],
    [{ server: 'https://edge/a?b', caData, webIdentity }, 'is not https://HOST:PORT'],
    [{ server: 'https://a:b@edge', caData, webIdentity }, 'is not https://HOST:PORT'],
    [{ server, caData: 'LS0t', webIdentity }, 'caData: "LS0t" is not certificates in PEM, in base64'],
    [{ server, caData: `${caData.slice(0, 200)}AAAA`, webIdentity }, 'caData: is not a certificate in PEM'],
    [{ server, caData, webIdentity: { audience: 'a b' } }, 'webIdentity.audience: "a b" is not an audience'],
  ])('is refused: %o', (fields, problem) => {
    expect(problemOf(withCluster(fields))).toContain(problem);
  });

  test('has an audience of its own: each cluster could replay the tokens of another', () => {
    const clusters = [
      { name: 'one', server, caData, webIdentity: { audience: 'ecr-registry-helper/two' } },
      { name: 'two', server, caData, webIdentity },
    ];
    expect(problemOf({ clusters })).toContain(
      'clusters[1].webIdentity.audience: "ecr-registry-helper/two" is used twice',
    );
  });
});

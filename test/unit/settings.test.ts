import { globSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { settingsJsonSchema } from '../../lambda/cli/settings-schema.ts';
import { SettingsError } from '../../lambda/errors.ts';
import {
  checkSettings,
  checkSize,
  clusterId,
  readSettings,
  type SettingsInput,
  settingsSchema,
} from '../../lambda/settings.ts';
import { mutated } from './mutated.ts';
import { SETTINGS_SCHEMA_FILE } from './settings-schema-file.ts';

const roleArn = 'arn:aws:iam::444455556666:role/ecr-registry-helper';
const kmsKeyArn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

const HOME = { accountId: '111122223333', region: 'eu-west-1' };
const FAR = { accountId: '444455556666', region: 'eu-west-1' };

function problemOf(input: unknown): string {
  try {
    checkSettings(input);
  } catch (error) {
    if (error instanceof SettingsError) return error.problem;
    throw error;
  }
  throw new Error('the settings were taken');
}

const withEntry = (entry: unknown) => ({ clusters: [{ name: 'prod' }], secrets: [entry] });
const withRegistry = (registry: unknown) => withEntry({ registries: [registry] });
const withCluster = (cluster: object) => ({ clusters: [{ name: 'prod', ...cluster }] });

describe('defaults', () => {
  test('the name of a cluster is enough', () => {
    expect(checkSettings({ clusters: [{ name: 'prod' }] })).toEqual({
      name: 'ecr-registry-helper',
      accessStacks: [],
      fleet: false,
      clusters: [{ name: 'prod' }],
      secrets: [
        {
          name: 'ecr-docker-creds',
          registries: [{ type: 'ecr', repositories: ['*'] }],
          namespaces: { include: ['*'], exclude: [] },
          clusters: ['*'],
          adoptFrom: ['kubectl-create'],
          recreate: false,
          serviceAccounts: [],
        },
      ],
      schedule: 'rate(8 hours)',
      enabled: true,
      cleanup: false,
      concurrency: 16,
    });
  });

  test('two checks do not share an object', () => {
    const [one, other] = [1, 2].map(() => checkSettings({ clusters: [{ name: 'prod' }] }));
    one?.secrets[0]?.namespaces.include.push('changed');
    expect(other?.secrets[0]?.namespaces.include).toEqual(['*']);
  });

  test('a cluster without an id goes by its name', () => {
    expect(clusterId({ name: 'prod' })).toBe('prod');
    expect(clusterId({ name: 'prod', id: 'eu.prod' })).toBe('eu.prod');
  });
});

describe('a cluster by kubeconfig', () => {
  const kubeconfigSecretId = 'edge-kubeconfig';

  test.each([{}, { kmsKeyArn }, { rbac: 'manual' }, { id: 'far' }])('may have %o', (more) => {
    expect(checkSettings(withCluster({ kubeconfigSecretId, ...more })).clusters[0]).toMatchObject(more);
  });

  test.each([
    ['roleArn', roleArn],
    ['region', 'eu-west-1'],
    ['accountId', '444455556666'],
    ['rbac', 'apply'],
  ])('has no %s', (field, value) => {
    expect(problemOf(withCluster({ kubeconfigSecretId, [field]: value }))).toContain(
      `clusters[0].${field}: "${value}" is for a cluster of EKS; one with kubeconfigSecretId has no ${field}`,
    );
  });

  test('alone has a key', () => {
    expect(problemOf(withCluster({ kmsKeyArn }))).toContain('clusters[0].kmsKeyArn: is for the secret of');
  });
});

const examples: [string, SettingsInput][] = [
  [
    'every field',
    {
      name: 'team-a',
      clusters: [
        {
          name: 'prod',
          id: 'prod-eu',
          region: 'eu-west-1',
          accountId: '444455556666',
          roleArn,
          rbac: 'apply',
        },
        { name: 'prod', id: 'prod-us', region: 'us-gov-west-1', rbac: 'manual' },
      ],
      secrets: [
        {
          name: 'ecr-docker-creds',
          registries: [
            {
              type: 'ecr',
              region: 'eu-west-1',
              accountId: '111122223333',
              repositories: ['team-a/*', 'base'],
              roleArn,
              keysSecretId: 'aws-conf',
              kmsKeyArn,
              hosts: ['111122223333.dkr-ecr.eu-west-1.on.aws', 'registry.example.com:5000'],
            },
            {
              type: 'stored',
              secretId: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:docker/hub-AbCdEf',
              kmsKeyArn,
            },
          ],
          namespaces: {
            include: ['*', 'team-*'],
            exclude: ['kube-*'],
            selector: 'team=a, tier in (web, api), !legacy',
          },
          clusters: ['prod-*'],
          adoptFrom: ['kubectl-create', 'Argo CD (v2)', '*'],
          recreate: true,
          serviceAccounts: [],
        },
      ],
      schedule: 'cron(0 0/6 * * ? *)',
      enabled: false,
      concurrency: 64,
      vpc: {
        vpcId: 'vpc-0a1b2c3d',
        subnetIds: ['subnet-0a1b2c3d'],
        securityGroupIds: ['sg-0a1b2c3d'],
      },
    },
  ],
  [
    'a cluster of China',
    { clusters: [{ name: 'prod', region: 'cn-north-1', roleArn: roleArn.replace('aws', 'aws-cn') }] },
  ],
  ['the European sovereign cloud', { clusters: [{ name: 'prod', region: 'eusc-de-east-1' }] }],
  [
    'one cluster and two secrets for other teams',
    {
      clusters: [{ name: 'prod' }],
      secrets: [
        { name: 'team-a-pull', namespaces: { selector: 'team=a' } },
        { name: 'team-b-pull', namespaces: { include: ['team-b', 'team-b-*'] } },
      ],
    },
  ],
  [
    'static keys of a CronJob',
    { clusters: [{ name: 'prod' }], secrets: [{ registries: [{ type: 'ecr', keysSecretId: 'aws-conf' }] }] },
  ],
];

examples.push([
  'access stacks for what is listed and what is found',
  {
    accountId: '111122223333',
    region: 'eu-west-1',
    clusters: [
      { name: 'prod' },
      { name: 'tools', accountId: '444455556666' },
      { discover: { accounts: ['444455556666', '777788889999'], names: ['team-*'] } },
    ],
    accessStacks: [{ accountId: '777788889999', region: 'eu-west-1', externalId: 'a:b/c' }],
  },
]);

examples.push([
  'clusters that are found, beside one that is listed',
  {
    fleet: true,
    clusters: [
      { name: 'prod' },
      { discover: { names: ['team-*'] } },
      {
        discover: {
          accounts: ['444455556666', '777788889999'],
          regions: ['eu-west-1', 'us-east-1'],
          tag: { key: 'team', value: 'x' },
          roleName: 'ecr-registry-helper-access',
        },
      },
    ],
    secrets: [{ clusters: ['not-found-yet'] }, {}],
  },
]);

test.for(examples)('settings are taken: %s', ([, input]) => {
  expect(checkSettings(JSON.parse(JSON.stringify(input)))).toMatchObject(input);
});

const guides = readdirSync('docs/guides').filter((name) => name.endsWith('.md'));

test.for(['README.md', ...guides.map((name) => `docs/guides/${name}`)])(
  'the settings that %s shows are taken',
  (page) => {
    const shown = [...readFileSync(page, 'utf8').matchAll(/^```jsonc?\n(.*?)^```/gms)].map(
      ([, block]) => block ?? '',
    );
    const settings = shown.filter((block) => block.includes('"clusters"') && !block.includes('"startedAt"'));
    if (page === 'README.md') expect(settings.length).toBeGreaterThan(0);
    for (const block of settings) expect(() => checkSettings(JSON.parse(block))).not.toThrow();
  },
);

describe('what is wrong is told with field, value and what is allowed', () => {
  test.for<[string, unknown, RegExp]>([
    ['no settings', null, /^settings: top level: .*expected object, received null/],
    ['a list', [], /^settings: top level: .*expected object, received array/],
    ['no clusters', {}, /clusters: .*expected array/],
    ['an empty list of clusters', { clusters: [] }, /^settings: clusters: [^;]*>=1 items$/],
    [
      'an unknown field',
      { clusters: [{ name: 'prod' }], secret: [] },
      /unknown field "secret"; known are name, clusters, secrets,/,
    ],
    [
      'an unknown field further in',
      withCluster({ regoin: 'eu-west-1' }),
      /clusters\[0\]: unknown field "regoin"; known are name, id, region,/,
    ],
    [
      'a name with blanks',
      { ...withCluster({}), name: 'My Helper' },
      /name: "My Helper" is not a name of at most 40 lower case/,
    ],
    [
      'a name of 41 characters',
      { ...withCluster({}), name: 'a'.repeat(41) },
      /name: "a{41}" is not a name of at most 40/,
    ],
    ['a cluster without name', { clusters: [{}] }, /clusters\[0\]\.name: .*expected string/],
    [
      'an ARN for a name',
      withCluster({ name: 'arn:aws:eks:x' }),
      /clusters\[0\]\.name: "arn:aws:eks:x" is not the name of an EKS cluster/,
    ],
    [
      'an id with a slash',
      withCluster({ id: 'eu/prod' }),
      /clusters\[0\]\.id: "eu\/prod" is not an id of letters/,
    ],
    [
      'a zone for a region',
      withCluster({ region: 'eu-west-1a' }),
      /clusters\[0\]\.region: "eu-west-1a" is not an AWS region such as eu-west-1/,
    ],
    [
      'an account id that is a number',
      withCluster({ accountId: 111122223333 }),
      /accountId: .*expected string.*found 111122223333/,
    ],
    [
      'an account id of 11 digits',
      withCluster({ accountId: '11112222333' }),
      /accountId: "11112222333" is not an AWS account id of 12 digits/,
    ],
    [
      'a user for a role',
      withCluster({ roleArn: 'arn:aws:iam::111122223333:user/x' }),
      /roleArn: "arn:aws:iam::111122223333:user\/x" is not the ARN of a role/,
    ],
    [
      'another way of RBAC',
      withCluster({ rbac: 'auto' }),
      /clusters\[0\]\.rbac: .*"apply"\|"manual".*found "auto"/,
    ],
    [
      'another way to new namespaces',
      { ...withCluster({}), newNamespaces: 'watch' },
      /newNamespaces: .*"audit-log" \(found "watch"\)/,
    ],
    ['no entry', { ...withCluster({}), secrets: [] }, /secrets: .*>=1 items/],
    [
      'a secret with capitals',
      withEntry({ name: 'Ecr' }),
      /secrets\[0\]\.name: "Ecr" is not a name of a Kubernetes secret/,
    ],
    ['no registry', withEntry({ registries: [] }), /secrets\[0\]\.registries: .*>=1 items/],
    [
      'an unknown type of registry',
      withRegistry({ type: 'gcr' }),
      /registries\[0\]\.type: "gcr" is no type of registry; known are ecr, ecr-public, stored/,
    ],
    ['a registry that is a text', withRegistry('ecr'), /registries\[0\]: .*expected object.*found "ecr"/],
    [
      'stored without secretId',
      withRegistry({ type: 'stored' }),
      /registries\[0\]\.secretId: .*expected string/,
    ],
    [
      'a field of another type of registry',
      withRegistry({ type: 'stored', secretId: 'x', hosts: [] }),
      /unknown field "hosts"; known are type, secretId, kmsKeyArn/,
    ],
    [
      'a host with https',
      withRegistry({ type: 'ecr', hosts: ['https://x.io'] }),
      /hosts\[0\]: "https:\/\/x.io" is not a registry host without https/,
    ],
    [
      'a host with a path',
      withRegistry({ type: 'ecr', hosts: ['x.io/v1'] }),
      /hosts\[0\]: "x.io\/v1" is not a registry host/,
    ],
    [
      'a repository ARN',
      withRegistry({ type: 'ecr', repositories: ['arn:aws:ecr:x'] }),
      /repositories\[0\]: "arn:aws:ecr:x" is not a repository name/,
    ],
    ['no repository', withRegistry({ type: 'ecr', repositories: [] }), /repositories: .*>=1 items/],
    [
      'an alias for a key',
      withRegistry({ type: 'ecr', kmsKeyArn: 'alias/x' }),
      /kmsKeyArn: "alias\/x" is not the ARN of a KMS key/,
    ],
    [
      'a namespace with capitals',
      withEntry({ namespaces: { include: ['Team'] } }),
      /namespaces\.include\[0\]: "Team" is not a namespace name or a glob/,
    ],
    ['no namespace', withEntry({ namespaces: { include: [] } }), /namespaces\.include: .*>=1 items/],
    [
      'a question mark in a glob',
      withEntry({ namespaces: { exclude: ['team-?'] } }),
      /namespaces\.exclude\[0\]: "team-\?" is not a namespace name or a glob/,
    ],
    [
      'a service account that is named twice',
      withEntry({ serviceAccounts: ['default', 'builder', 'default'] }),
      /secrets\[0\].serviceAccounts\[2\]: "default" is named twice/,
    ],
    [
      'a service account by a glob',
      withEntry({ serviceAccounts: ['build-*'] }),
      /serviceAccounts\[0\]: "build-\*" is not a name of a service account/,
    ],
    ['recreate as a text', withEntry({ recreate: 'yes' }), /recreate: .*expected boolean.*found "yes"/],
    [
      'a field manager with a line feed',
      withEntry({ adoptFrom: ['a\nb'] }),
      /adoptFrom\[0\]: "a\\nb" is not the name of a field manager/,
    ],
    [
      'no schedule at all',
      { ...withCluster({}), schedule: 'daily' },
      /schedule: "daily" is no schedule such as rate\(8 hours\)/,
    ],
    [
      'a gap of half a day',
      { ...withCluster({}), schedule: 'rate(12 hours)' },
      /schedule: "rate\(12 hours\)" leaves more than 10 hours/,
    ],
    ['weekdays only', { ...withCluster({}), schedule: 'cron(0 0/8 ? * MON-FRI *)' }, /may leave days out/],
    [
      'a namespace both in and out',
      withEntry({ namespaces: { include: ['team-a'], exclude: ['team-*'] } }),
      /secrets\[0\].namespaces.include\[0\]: "team-a" is excluded as well/,
    ],
    ['no write at once', { ...withCluster({}), concurrency: 0 }, /concurrency: .*>=1 \(found 0\)/],
    ['too many writes at once', { ...withCluster({}), concurrency: 65 }, /concurrency: .*<=64 \(found 65\)/],
    ['half a write', { ...withCluster({}), concurrency: 1.5 }, /concurrency: .*expected int.*found 1.5/],
    [
      'a VPC without subnets',
      {
        ...withCluster({}),
        vpc: { vpcId: 'vpc-1a2b3c4d', subnetIds: [], securityGroupIds: ['sg-1a2b3c4d'] },
      },
      /vpc\.subnetIds: .*>=1 items/,
    ],
  ])('%s', ([, input, problem]) => {
    expect(problemOf(input)).toMatch(problem);
  });

  test('all that is wrong is told at once', () => {
    const problem = problemOf({ clusters: [{ name: 'a b', region: 'moon' }], concurrency: 0 });
    expect(problem).toMatch(/clusters\[0\]\.name: .*; clusters\[0\]\.region: .*; concurrency: /);
  });
});

describe('label selectors', () => {
  test.for([
    'team=x',
    'team==x',
    'team != x',
    'team',
    '!team',
    'team=',
    'example.com/team=x',
    'tier in (web, api)',
    'tier notin (web),team',
    'kubernetes.io/metadata.name=prod, a=b',
  ])('taken: %s', (selector) => {
    expect(checkSettings(withEntry({ namespaces: { selector } })).secrets[0]?.namespaces.selector).toBe(
      selector,
    );
  });

  test.for([
    '',
    '=x',
    'team x',
    'team=x,',
    'tier in web',
    'team=x;a=b',
    'team=a b',
    '-team',
    'tier in (a',
    'team>=1',
  ])('refused: %j', (selector) => {
    expect(problemOf(withEntry({ namespaces: { selector } }))).toContain(
      `secrets[0].namespaces.selector: ${JSON.stringify(selector)} is not a label selector such as team=x`,
    );
  });
});

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

test('whatever the JSON, it is settings or a SettingsError, and soon', () => {
  const json = fc.jsonValue();
  const glob = fc.array(fc.constantFrom('a', '*', 'b')).map((all) => all.join(''));
  const nearly = fc.record(
    {
      name: fc.oneof(fc.string(), json),
      clusters: fc.oneof(
        fc.array(
          fc.record({ name: fc.oneof(glob, json), id: fc.oneof(glob, json) }, { requiredKeys: ['name'] }),
        ),
        json,
      ),
      secrets: fc.oneof(
        fc.array(
          fc.record(
            { clusters: fc.oneof(fc.array(glob), json), registries: json, namespaces: json, name: json },
            { requiredKeys: [] },
          ),
        ),
        json,
      ),
      schedule: fc.oneof(
        json,
        fc
          .array(
            fc.constantFrom('cron(', 'rate(', '0', '00', '/', '8', '*', '?', ' ', ' * * ? *)', ' hours)'),
          )
          .map((all) => all.join('')),
      ),
      concurrency: fc.oneof(fc.double(), json),
      vpc: json,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(json, nearly), (input) => {
      try {
        checkSettings(input);
      } catch (error) {
        expect(error).toBeInstanceOf(SettingsError);
      }
    }),
    { numRuns: 300 },
  );
});

// one pattern that backtracks without end would not come to the end of this either
test('valid settings with a few changes are settings or a SettingsError', () => {
  const files = globSync('examples/*/settings.json').map((file) => JSON.parse(readFileSync(file, 'utf8')));
  const documents = [...examples.map(([, input]) => input), ...files];
  expect(documents.length).toBeGreaterThan(examples.length);
  fc.assert(
    fc.property(mutated(documents), fc.nat(), (input, cut) => {
      const text = JSON.stringify(input);
      for (const SETTINGS of [text, text.slice(0, cut % (text.length + 1))]) {
        try {
          expect(readSettings({ SETTINGS }).clusters.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(SettingsError);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

describe('what is not known yet', () => {
  const token = `\${Token[AWS.AccountId.4]}`;
  const exempt = (value: string) => value === token;

  test('is taken unchecked at synth', () => {
    const input = { ...withCluster({ accountId: token }), schedule: token };
    expect(checkSettings(input, exempt)).toMatchObject(input);
  });

  test('is refused by the function', () => {
    expect(problemOf(withCluster({ accountId: token }))).toContain('is not an AWS account id');
  });
});

describe('the environment', () => {
  test('is read', () => {
    expect(readSettings({ SETTINGS: '{"clusters":[{"name":"prod"}],"concurrency":4}' }).concurrency).toBe(4);
  });

  test.for<[string, { SETTINGS?: string }, string]>([
    ['missing', {}, 'settings: the environment variable SETTINGS is missing'],
    ['empty', { SETTINGS: '' }, 'settings: the environment variable SETTINGS is missing'],
    ['not JSON', { SETTINGS: '{clusters' }, 'settings: the environment variable SETTINGS is not JSON'],
    [
      'against the schema',
      { SETTINGS: '{}' },
      'settings: clusters: Invalid input: expected array, received undefined',
    ],
  ])('is refused: %s', ([, environment, problem]) => {
    expect(() => readSettings(environment)).toThrow(
      expect.objectContaining({ name: 'SettingsError', problem }),
    );
  });
});

describe('the JSON Schema', () => {
  test('in docs is that of the code', () => {
    expect(
      JSON.parse(readFileSync(SETTINGS_SCHEMA_FILE, 'utf8')),
      'docs/settings.schema.json is out of date: run npm run schema',
    ).toEqual(JSON.parse(JSON.stringify(settingsJsonSchema())));
  });

  test('holds patterns that editors can compile, and demands a cluster only', () => {
    const schema = settingsJsonSchema() as { required: string[]; additionalProperties: boolean };
    const patterns = [...JSON.stringify(schema).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, text]) =>
      JSON.parse(text ?? ''),
    );
    expect(patterns.length).toBeGreaterThan(20);
    for (const pattern of patterns) expect(() => new RegExp(pattern, 'u')).not.toThrow();
    expect(schema).toMatchObject({ required: ['clusters'], additionalProperties: false });
  });

  test('is of the schema that checks', () => {
    expect(settingsSchema().safeParse({ clusters: [{ name: 'prod' }] }).success).toBe(true);
  });
});

test('settings that fit are no more than Lambda takes beside its other variables, quotes counted as it counts them', () => {
  const settings = (count: number): SettingsInput => ({
    clusters: [{ name: 'prod' }],
    secrets: Array.from({ length: count }, (_, nth) => ({ namespaces: { include: [`team-${nth}`] } })),
  });
  const fits = (count: number) => {
    try {
      return checkSize(settings(count)) > 0;
    } catch {
      return false;
    }
  };
  const most = Array.from({ length: 200 }, (_, count) => count).filter(fits).length - 1;
  const others = 'x'.repeat(470);
  const variables = JSON.stringify({ SETTINGS: JSON.stringify(settings(most)), others });
  expect(Buffer.byteLength(variables)).toBeLessThan(4_096);
  expect(Buffer.byteLength(variables)).toBeGreaterThan(3_900);
});

test.for([
  ['docker-hub', true],
  ['arn:aws:secretsmanager:eu-west-1:111122223333:secret:docker-hub-AbCdEf', true],
  // IAM compares it with the whole ARN, so that no policy would allow it
  ['arn:aws:secretsmanager:eu-west-1:111122223333:secret:docker-hub', false],
] as const)('the secret %s is taken: %s', ([secretId, isTaken]) => {
  const input = { clusters: [{ name: 'prod' }], secrets: [{ registries: [{ type: 'stored', secretId }] }] };
  if (isTaken) checkSettings(input);
  else expect(() => checkSettings(input)).toThrow('secretId: "arn:aws:secretsmanager');
});

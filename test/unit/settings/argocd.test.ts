import { describe, expect, test } from 'vitest';
import { listedClusters } from '../../../lambda/settings/locations.ts';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../../lambda/settings/schema.ts';
import { entriesOf, repositoriesOf } from '../../../lambda/settings/selection.ts';
import { problemOf, roleArn } from './inputs.ts';

const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
const charts = (given: object = {}) => ({
  type: 'argocd-repository' as const,
  name: 'charts',
  namespace: 'argocd',
  url: `${HOST}/charts`,
  clusters: ['*'],
  ...given,
});
const input = (...secrets: NonNullable<SettingsInput['secrets']>): SettingsInput => ({
  clusters: [{ name: 'prod' }, { name: 'dev' }],
  secrets,
});

describe('the secret of an Argo CD repository', () => {
  test('is apart from the pull secrets, and only in its clusters', () => {
    const settings = checkSettings(input(charts({ clusters: ['prod'] }), {}));
    expect(listedClusters(settings).map(({ name }) => repositoriesOf(settings, name).length)).toEqual([1, 0]);
    expect(entriesOf(settings, 'prod').map(({ name }) => name)).toEqual(['ecr-docker-creds']);
    expect(repositoriesOf(settings, 'prod')).toMatchObject([
      { ...charts({ clusters: ['prod'] }), enableOCI: false },
    ]);
  });

  test('is the same when its settings are written and read again', () => {
    const written = input(charts({ enableOCI: true, roleArn }), {});
    expect(checkSettings(JSON.parse(JSON.stringify(written)))).toEqual(checkSettings(written));
  });

  test.for<[string, object, object]>([
    [
      'registry and path',
      { url: `${HOST}/charts/team-a` },
      { repositories: ['charts/team-a', 'charts/team-a/*'] },
    ],
    ['OCI', { url: `oci://${HOST}/charts` }, { repositories: ['charts', 'charts/*'] }],
    [
      'China',
      { url: '444455556666.dkr.ecr.cn-north-1.amazonaws.com.cn/a' },
      { accountId: '444455556666', region: 'cn-north-1' },
    ],
    ['another role', { roleArn }, { roleArn }],
  ])('reads its registry from a URL: %s', ([, given, registry]) => {
    const [repository] = repositoriesOf(checkSettings(input(charts(given))), 'prod');
    expect(repository?.registries).toMatchObject([
      { type: 'ecr', accountId: '111122223333', region: 'eu-west-1', ...registry },
    ]);
  });

  test.for([
    `${HOST}.example.com/charts`,
    HOST,
    `${HOST}/${'a'.repeat(255)}`,
    `https://${HOST}/charts`,
    `${HOST}/charts/`,
    `${HOST}/charts?a`,
    `user@${HOST}/charts`,
    `${HOST}:443/charts`,
    '111122223333.dkr.ecr.eu-west-1.example.com/charts',
    'registry-1.docker.io/charts',
    '',
  ])('is refused with the url %j, which is printed', (url) => {
    expect(problemOf(input(charts({ url })))).toBe(
      `settings: secrets[0].url: ${JSON.stringify(url)} is not the URL of an ECR registry such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/charts, with oci:// or without; it needs a path, as Argo CD takes the url for a prefix`,
    );
  });

  test.for<[string, object, string]>([
    ['no name', { name: undefined }, 'secrets[0].name: expected string, found nothing'],
    ['a name of none', { name: 'Charts' }, 'secrets[0].name: "Charts" is not a name of a Kubernetes secret'],
    [
      'a glob for a namespace',
      { namespace: 'argo*' },
      'secrets[0].namespace: "argo*" is not a namespace name',
    ],
    ['enableOCI as text', { enableOCI: 'true' }, 'secrets[0].enableOCI: expected boolean'],
    [
      'a field of pull secrets',
      { serviceAccounts: ['x'] },
      'unknown field "serviceAccounts"; known are type, name',
    ],
    ['another type', { type: 'argocd' }, 'secrets[0].type: '],
    ['no clusters', { clusters: undefined }, 'secrets[0].clusters: expected array, found nothing'],
    ['a cluster that is none', { clusters: ['test'] }, 'secrets[0].clusters[0]: "test" matches none'],
  ])('is refused with %s', ([, given, problem]) => {
    expect(problemOf(input(charts(given) as ReturnType<typeof charts>, {}))).toContain(problem);
  });

  const taken = (at: number, other: number) =>
    `settings: secrets[${at}].name: "charts" is the name of secrets[${other}] too; give one of the two another name`;

  test('has a name that no pull secret has, wherever that is', () => {
    expect(problemOf(input(charts(), { name: 'charts', namespaces: { include: ['team'] } }))).toBe(
      taken(0, 1),
    );
    expect(problemOf(input({ name: 'charts' }, charts()))).toContain(taken(1, 0));
  });

  test('is there once in a namespace of a cluster', () => {
    expect(problemOf(input(charts(), charts({ url: `${HOST}/other` })))).toContain(taken(1, 0));
    const apart = [charts({ namespace: 'argocd-b' }), charts({ clusters: ['dev'] })];
    for (const other of apart) {
      expect(() => checkSettings(input(charts({ clusters: ['prod'] }), other))).not.toThrow();
    }
  });
});

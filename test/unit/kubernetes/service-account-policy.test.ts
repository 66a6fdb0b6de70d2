import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { labelsOf } from '../../../lambda/kubernetes/pull-secret.ts';
import { clusterRights } from '../../../lambda/kubernetes/rbac.ts';
import type { SettingsInput } from '../../../lambda/settings/schema.ts';
import { settingsOf } from '../factories.ts';

interface Spec {
  readonly failurePolicy?: string;
  readonly matchConditions?: object[];
  readonly matchConstraints?: object;
  readonly variables?: { name: string; expression: string }[];
  readonly validations?: { expression: string; message: string }[];
  readonly policyName?: string;
  readonly validationActions?: string[];
}

function rightsOf(secrets: NonNullable<SettingsInput['secrets']>, of = 'prod') {
  const clusters = [{ name: 'prod' }, { name: 'dev' }];
  const manifests = clusterRights(settingsOf({ name: 'team-helper', clusters, secrets }), { name: of });
  const rules = manifests[0]?.rules as { resources: string[] }[];
  const named = manifests.filter(({ metadata }) => metadata.name === 'team-helper-service-accounts');
  return {
    accountRules: rules.filter(({ resources }) => resources.includes('serviceaccounts')),
    kinds: named.map(({ kind }) => kind),
    labels: named.map(({ metadata }) => metadata.labels),
    specs: named.map(({ spec }) => spec as Spec),
  };
}

test('are not there where no entry of the cluster names accounts', () => {
  const none = { accountRules: [], kinds: [], labels: [], specs: [] };
  expect(rightsOf([{}])).toEqual(none);
  expect(rightsOf([{ clusters: ['prod'], serviceAccounts: ['default'] }, {}], 'dev')).toEqual(none);
});

describe('where entries name accounts', () => {
  const secrets = [
    { name: 'b', serviceAccounts: ['default', 'builder'] },
    { name: 'a', serviceAccounts: ['default'] },
    { name: 'c' },
  ];

  test('the role may list and patch those names, and neither read, make nor delete any', () => {
    expect(rightsOf(secrets).accountRules).toEqual([
      {
        apiGroups: [''],
        resources: ['serviceaccounts'],
        resourceNames: ['builder', 'default'],
        verbs: ['list', 'patch'],
      },
    ]);
  });

  test('a policy bounds every change by our group, and denies too when it cannot be asked', () => {
    const { kinds, labels, specs } = rightsOf(secrets);
    expect(kinds).toEqual(['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding']);
    expect(labels).toEqual([labelsOf('team-helper'), labelsOf('team-helper')]);
    expect(specs).toMatchObject([
      {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            { apiGroups: [''], apiVersions: ['v1'], resources: ['serviceaccounts'], operations: ['UPDATE'] },
          ],
        },
        matchConditions: [{ name: 'ours', expression: "'team-helper' in request.userInfo.groups" }],
      },
      { policyName: 'team-helper-service-accounts', validationActions: ['Deny'] },
    ]);
  });

  test('only the secrets that are put into accounts may come and go, and each comes once', () => {
    expect(rightsOf(secrets).specs[0]?.validations?.map(({ message }) => message)).toEqual([
      'only imagePullSecrets is changed',
      'imagePullSecrets only gains or loses a, b',
      'imagePullSecrets holds a once',
      'imagePullSecrets holds b once',
    ]);
  });

  const theirs = ['theirs', 'more'];
  test.for<[string, string[], string[], string | undefined]>([
    ['puts ours into none', [], ['a', 'b'], undefined],
    ['puts ours at the end', theirs, [...theirs, 'a'], undefined],
    ['takes ours out', ['theirs', 'a', 'more'], theirs, undefined],
    ['takes the last out', ['a'], [], undefined],
    ['adds another', theirs, [...theirs, 'c'], 'only gains or loses'],
    ['takes another out', theirs, ['theirs'], 'only gains or loses'],
    ['orders others anew', theirs, ['more', 'theirs'], 'only gains or loses'],
    ['adds ours twice', theirs, [...theirs, 'a', 'a'], 'holds a once'],
    ['adds ours where it is', ['b'], ['b', 'b'], 'holds b once'],
    ['adds one to the copies of an owner', ['a', 'a'], ['a', 'a', 'a'], 'holds a once'],
    ['adds another of ours beside the copies of an owner', ['a', 'a'], ['a', 'a', 'b'], undefined],
    ['puts copies of one in the place of another', ['a', 'a', 'b'], ['a', 'b', 'b'], 'holds b once'],
    ['takes one copy out', ['a', 'a', 'a'], ['a', 'a'], undefined],
  ])('a patch that %s', ([, before, after, refusal]) => {
    const { variables = [], validations = [] } = rightsOf(secrets).specs[0] ?? {};
    expect(refusalOf({ variables, validations }, before, after)).toEqual(
      refusal === undefined ? undefined : expect.stringContaining(refusal),
    );
  });
});

/** What a policy says of a change of `imagePullSecrets`; its expressions mean the same in JavaScript but for macros and `==`. */
function refusalOf(
  { variables, validations }: Required<Pick<Spec, 'variables' | 'validations'>>,
  before: readonly string[],
  after: readonly string[],
): string | undefined {
  const account = (names: readonly string[]) => ({
    metadata: {},
    ...(names.length > 0 && { imagePullSecrets: names.map((name) => ({ name })) }),
  });
  const script = (expression: string) =>
    expression
      .replaceAll('.filter(one, ', '.filter((one) => ')
      .replace(/^(variables\.\w+) == (variables\.\w+)$/, 'JSON.stringify($1) == JSON.stringify($2)');
  const named = variables.map(({ name, expression }) => `get ${name}() { return ${script(expression)}; }`);
  const tests = validations.map(({ expression }) => `() => ${script(expression)}`);
  const failed = runInNewContext(`
    const has = (field) => field !== undefined;
    const size = (list) => list.length;
    const [oldObject, object] = ${JSON.stringify([before, after].map(account))};
    const variables = { ${named} };
    [${tests}].findIndex((holds) => !holds());
  `);
  return validations[failed]?.message;
}

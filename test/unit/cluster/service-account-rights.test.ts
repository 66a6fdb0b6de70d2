import { describe, expect, test } from 'vitest';
import { clusterRights, labelsOf } from '../../../lambda/cluster/rights.ts';
import type { SettingsInput } from '../../../lambda/settings.ts';
import { settingsOf } from '../factories.ts';

interface Spec {
  readonly failurePolicy?: string;
  readonly matchConditions?: object[];
  readonly matchConstraints?: object;
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

  test('only the secrets that are put into accounts may come and go', () => {
    const [kept, others] = rightsOf(secrets).specs[0]?.validations ?? [];
    expect(kept?.message).toBe('only imagePullSecrets is changed');
    expect(others?.message).toBe('imagePullSecrets only gains or loses a, b');
    expect(others?.expression).toContain("one.name == 'a' || one.name == 'b'");
    expect(others?.expression).not.toContain("'c'");
  });
});

import { describe, expect, test } from 'vitest';
import { clusterRights, labelsOf, NEWER_IS_THERE, SECRET_TYPE } from '../../../lambda/cluster/rights.ts';
import { listedClusters } from '../../../lambda/settings/fleet-settings.ts';
import type { SettingsInput } from '../../../lambda/settings.ts';
import { settingsOf } from '../factories.ts';

interface Rule {
  readonly resources: string[];
  readonly resourceNames?: string[];
  readonly verbs: string[];
}

function rightsOf(secrets: SettingsInput['secrets'], of = 'prod', cleanup = false) {
  const clusters = [{ name: 'prod' }, { name: 'dev' }];
  const settings = settingsOf({ name: 'team-helper', clusters, cleanup, ...(secrets && { secrets }) });
  const cluster = listedClusters(settings).find(({ name }) => name === of);
  if (!cluster) throw new Error(`no cluster ${of}`);
  const manifests = clusterRights(settings, cluster);
  const [role, binding, policy, policyBinding] = manifests;
  const rules = role?.rules as Rule[];
  const spec = policy?.spec as { validations: { expression: string; message: string }[] };
  return { manifests, rules, binding, policy, policyBinding, validations: spec.validations };
}

test('one cluster gets a role, a policy and their bindings, all called like the deployment and labelled', () => {
  const { manifests } = rightsOf(undefined);
  expect(manifests.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual([
    'rbac.authorization.k8s.io/v1 ClusterRole',
    'rbac.authorization.k8s.io/v1 ClusterRoleBinding',
    'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy',
    'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding',
  ]);
  for (const { metadata } of manifests) {
    expect(metadata).toEqual({
      name: 'team-helper',
      labels: {
        'app.kubernetes.io/name': 'ecr-registry-helper',
        'app.kubernetes.io/managed-by': 'team-helper',
      },
    });
  }
});

describe('the role', () => {
  test('lists namespaces, and lists and writes secrets of these names only', () => {
    const { rules } = rightsOf([
      { name: 'b-pull' },
      { name: 'a-pull' },
      { name: 'b-pull', namespaces: { include: ['x'] } },
    ]);
    expect(rules).toEqual([
      { apiGroups: [''], resources: ['namespaces'], verbs: ['list'] },
      {
        apiGroups: [''],
        resources: ['secrets'],
        resourceNames: ['a-pull', 'b-pull'],
        verbs: ['create', 'list', 'patch'],
      },
    ]);
  });

  test('of one cluster has no name of an entry for another', () => {
    const secrets = [
      { name: 'a', clusters: ['prod'] },
      { name: 'b', clusters: ['*'] },
    ];
    expect(rightsOf(secrets, 'prod').rules[1]?.resourceNames).toEqual(['a', 'b']);
    expect(rightsOf(secrets, 'dev').rules[1]?.resourceNames).toEqual(['b']);
  });

  test('may get and delete only the names that an entry of this cluster recreates', () => {
    const secrets = [{ name: 'a', clusters: ['prod'], recreate: true }, { name: 'b' }];
    expect(rightsOf(secrets, 'prod').rules.slice(1)).toMatchObject([
      { resourceNames: ['a', 'b'], verbs: ['create', 'list', 'patch'] },
      { resourceNames: ['a'], verbs: ['delete', 'get'] },
    ]);
    expect(rightsOf(secrets, 'dev').rules.slice(1)).toMatchObject([
      { resourceNames: ['b'], verbs: ['create', 'list', 'patch'] },
    ]);
  });

  test('may delete every name of this cluster where cleanup is set, and read none for it', () => {
    const secrets = [{ name: 'a', clusters: ['prod'] }, { name: 'b' }];
    expect(rightsOf(secrets, 'prod', true).rules.slice(1)).toMatchObject([
      { resourceNames: ['a', 'b'], verbs: ['create', 'delete', 'list', 'patch'] },
    ]);
  });

  test('never watches or updates secrets, and never any of them', () => {
    for (const [recreate, cleanup] of [
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ]) {
      const { rules } = rightsOf([{ recreate }], 'prod', cleanup);
      for (const { resources, resourceNames, verbs } of rules) {
        expect(verbs).not.toContain('*');
        expect(resources).not.toContain('*');
        if (!resources.includes('secrets')) continue;
        expect(resourceNames?.length).toBeGreaterThan(0);
        expect(verbs.filter((verb) => ['watch', 'update', 'deletecollection'].includes(verb))).toEqual([]);
      }
    }
  });

  test('is bound to the group of the same name', () => {
    expect(rightsOf(undefined).binding).toMatchObject({
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'team-helper' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'team-helper' }],
    });
  });
});

describe('the admission policy', () => {
  test('denies, and denies too when it cannot be asked', () => {
    const { policy, policyBinding } = rightsOf(undefined);
    expect(policy?.spec).toMatchObject({ failurePolicy: 'Fail' });
    expect(policyBinding?.spec).toEqual({ policyName: 'team-helper', validationActions: ['Deny'] });
  });

  test('is for what our group does to secrets, and for nobody else', () => {
    expect(rightsOf(undefined).policy?.spec).toMatchObject({
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            resources: ['secrets'],
            operations: ['CREATE', 'UPDATE', 'DELETE'],
          },
        ],
      },
      matchConditions: [{ name: 'ours', expression: "'team-helper' in request.userInfo.groups" }],
    });
  });

  test('bounds type, finalizers, owners and age of what is written', () => {
    const { validations } = rightsOf([{ recreate: true }]);
    expect(validations.map(({ message }) => message)).toEqual([
      `only secrets of type ${SECRET_TYPE}`,
      'no finalizers',
      'no owner references',
      NEWER_IS_THERE,
      'only secrets of ours are deleted',
    ]);
    for (const { expression } of validations.slice(0, -1))
      expect(expression).toMatch(/^request\.operation == 'DELETE' \|\| \(/);
  });

  test('keeps secrets that are not ours from being deleted, but those of the names that an entry recreates', () => {
    const deletion = (recreate: boolean) =>
      rightsOf([{ name: 'a', recreate }, { name: 'b' }]).validations.at(-1)?.expression ?? '';
    for (const recreate of [true, false]) {
      expect(deletion(recreate)).toContain(
        "oldObject.metadata.labels['app.kubernetes.io/managed-by'] == 'team-helper'",
      );
      expect(deletion(recreate).includes("oldObject.metadata.name == 'a' || ")).toBe(recreate);
      expect(deletion(recreate)).not.toContain("'b'");
    }
  });
});

test('labels are values that Kubernetes takes', () => {
  for (const value of Object.values(labelsOf('a'.repeat(40))))
    expect(value).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
});

test('the manifests are JSON, for kubectl and CDK', () => {
  const { manifests } = rightsOf(undefined);
  expect(JSON.parse(JSON.stringify(manifests))).toEqual(manifests);
});

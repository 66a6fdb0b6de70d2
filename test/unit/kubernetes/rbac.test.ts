import { describe, expect, test } from 'vitest';
import { permissionsIn } from '../../../lambda/doctor/permission-checks.ts';
import {
  EXPIRES_AT,
  FETCHED_AT,
  labelsOf,
  NEWER_IS_THERE,
  PULL_ROLE,
  SECRET_TYPE,
} from '../../../lambda/kubernetes/pull-secret.ts';
import { clusterRights, rightsVersion } from '../../../lambda/kubernetes/rbac.ts';
import { listedClusters } from '../../../lambda/settings/locations.ts';
import type { SettingsInput } from '../../../lambda/settings/schema.ts';
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
  const [role, policy, policyBinding, binding] = manifests;
  const rules = role?.rules as Rule[];
  const spec = policy?.spec as { validations: { expression: string; message: string }[] };
  return { manifests, rules, binding, policy, policyBinding, validations: spec.validations };
}

test('one cluster gets a role, a policy and their bindings, all called like the deployment and labelled', () => {
  const { manifests } = rightsOf(undefined);
  expect(manifests.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual([
    'rbac.authorization.k8s.io/v1 ClusterRole',
    'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy',
    'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding',
    'rbac.authorization.k8s.io/v1 ClusterRoleBinding',
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
      { name: 'b-pull', namespaces: { include: ['x'] } },
      { name: 'a-pull' },
      { name: 'b-pull' },
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

test('no permission is granted before the policies that bound it are in the cluster', () => {
  for (const secrets of [[{}], [{ serviceAccounts: ['default'] }]]) {
    const kinds = rightsOf(secrets).manifests.map(({ kind }) => kind);
    expect(kinds.at(-1)).toBe('ClusterRoleBinding');
    expect(kinds.filter((kind) => kind === 'ClusterRoleBinding')).toHaveLength(1);
  }
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

  test('bounds all that can be written, and what can be deleted', () => {
    const { validations } = rightsOf([{ recreate: true }]);
    expect(validations.map(({ message }) => message)).toEqual([
      `only secrets of type ${SECRET_TYPE}`,
      expect.stringMatching(/^no finalizers \(rights [0-9a-f]{8}\)$/),
      'no owner references',
      'it is not made immutable',
      'of data only .dockerconfigjson is added or changed',
      'of labels only app.kubernetes.io/name, app.kubernetes.io/managed-by are added or changed',
      `of annotations only ${FETCHED_AT}, ${EXPIRES_AT}, ${PULL_ROLE} are added or changed`,
      `a token has a time in ${EXPIRES_AT}`,
      NEWER_IS_THERE,
      'only secrets of ours are deleted',
    ]);
  });

  test('says which names may lack an expiry by the entries of this cluster alone', () => {
    const hub = [{ type: 'stored', secretId: 'hub' } as const];
    const secrets = [{ name: 'a', clusters: ['dev'], registries: hub }, { name: 'a' }];
    const expiry = (cluster: string) =>
      rightsOf(secrets, cluster).validations.find(({ message }) => message.startsWith('a token'))?.expression;
    expect(expiry('dev')).toContain("object.metadata.name == 'a' || ");
    expect(expiry('prod')).not.toContain("'a'");
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

describe('the version of the rights', () => {
  const versionOf = (given: Partial<SettingsInput>, name = 'prod') =>
    rightsVersion(settingsOf({ clusters: [{ name: 'prod' }, { name: 'dev' }], ...given }), { name });

  test.for<[string, Partial<SettingsInput>]>([
    ['a right more', { cleanup: true }],
    ['another secret', { secrets: [{ name: 'pull' }] }],
    ['a secret that may be deleted', { secrets: [{ recreate: true }] }],
    ['one without an expiry', { secrets: [{ registries: [{ type: 'stored', secretId: 'hub' }] }] }],
    ['service accounts', { secrets: [{ serviceAccounts: ['default'] }] }],
    ['another deployment', { name: 'other' }],
  ])('is another with %s', ([, given]) => {
    expect(versionOf(given)).not.toBe(versionOf({}));
  });

  test.for<[string, Partial<SettingsInput>]>([
    ['nothing', {}],
    ['other namespaces', { secrets: [{ namespaces: { include: ['team-*'] } }] }],
    ['another schedule', { schedule: 'rate(6 hours)' }],
    ['an entry of another cluster', { secrets: [{}, { name: 'dev-only', clusters: ['dev'] }] }],
  ])('is the same with %s', ([, given]) => {
    expect(versionOf(given)).toBe(versionOf({}));
  });

  test('is in the one message that a run provokes', () => {
    const { validations } = rightsOf(undefined);
    const messages = validations.map(({ message }) => message);
    const settings = settingsOf({ name: 'team-helper', clusters: [{ name: 'prod' }, { name: 'dev' }] });
    expect(messages.filter((message) => message.includes('rights'))).toEqual([
      `no finalizers (rights ${rightsVersion(settings, { name: 'prod' })})`,
    ]);
  });
});

test('the version of rights without new features stays, so that nobody has to apply them again', () => {
  expect(rightsVersion(settingsOf({ clusters: [{ name: 'demo' }] }), { name: 'demo' })).toBe('ca32c113');
});

describe('for Argo CD repositories', () => {
  const charts = (name: string, namespace: string) => ({
    type: 'argocd-repository' as const,
    name,
    namespace,
    url: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/charts',
    clusters: ['*'],
  });

  test('a Role in each namespace comes after the policies, and may create nothing', () => {
    const secrets = [charts('b', 'argocd'), charts('a', 'argocd'), charts('a', 'apps')];
    const { manifests, rules } = rightsOf(secrets);
    expect(rules).toEqual([]);
    expect(
      manifests.map(({ kind, metadata: { name, namespace = '' } }) => `${kind} ${namespace}/${name}`),
    ).toEqual([
      'ClusterRole /team-helper',
      'ValidatingAdmissionPolicy /team-helper',
      'ValidatingAdmissionPolicyBinding /team-helper',
      'ValidatingAdmissionPolicy /team-helper.argocd',
      'ValidatingAdmissionPolicyBinding /team-helper.argocd',
      'Role apps/team-helper.argocd',
      'RoleBinding apps/team-helper.argocd',
      'Role argocd/team-helper.argocd',
      'RoleBinding argocd/team-helper.argocd',
      'ClusterRoleBinding /team-helper',
    ]);
    const roles = manifests.filter(({ kind }) => kind === 'Role');
    expect(roles.map((role) => role.rules)).toEqual(
      [['a'], ['a', 'b']].map((resourceNames) => [
        { apiGroups: [''], resources: ['secrets'], resourceNames, verbs: ['list', 'patch'] },
      ]),
    );
    expect(permissionsIn(manifests)).toContainEqual({
      verb: 'patch',
      group: '',
      resource: 'secrets',
      name: 'b',
      namespace: 'argocd',
    });
  });

  test('each of the two policies is for what the other is not', () => {
    const { manifests } = rightsOf([charts('a', 'argocd'), {}]);
    const conditions = manifests
      .filter(({ kind }) => kind === 'ValidatingAdmissionPolicy')
      .map(
        ({ spec }) => (spec as { matchConditions: { expression: string }[] }).matchConditions[1]?.expression,
      );
    const isRepository = "(request.namespace + '/' + request.name in ['argocd/a'])";
    expect(conditions).toEqual([`!${isRepository}`, isRepository]);
  });

  test('none is in the permissions of a cluster that they do not cover', () => {
    const { manifests } = rightsOf([{ ...charts('a', 'argocd'), clusters: ['dev'] }, {}]);
    expect(manifests).toEqual(rightsOf([{}]).manifests);
  });
});

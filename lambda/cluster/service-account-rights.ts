import type { SecretEntry } from '../settings.ts';

type Entry = Pick<SecretEntry, 'name' | 'serviceAccounts'>;

/** All of a service account that may not be changed, beside the name and the like, which the API server keeps. */
const KEPT = [
  'metadata.labels',
  'metadata.annotations',
  'metadata.finalizers',
  'metadata.ownerReferences',
  'secrets',
  'automountServiceAccountToken',
];

/** The name of the admission policy on service accounts, and of its binding. */
export function accountPolicyName(deployment: string): string {
  return `${deployment}-service-accounts`;
}

/** The rule of the ClusterRole for the accounts that entries name; none where none are named. */
export function accountRules(entries: readonly Entry[]) {
  const names = entries.flatMap(({ serviceAccounts }) => serviceAccounts);
  if (names.length === 0) return [];
  return [
    {
      apiGroups: [''],
      resources: ['serviceaccounts'],
      resourceNames: [...new Set(names)].sort(),
      // no get: a list of one exact name is as good, and needs one request for many namespaces
      verbs: ['list', 'patch'],
    },
  ];
}

/**
 * What RBAC cannot say: a patch by us changes `imagePullSecrets` alone, and there only names of our secrets.
 * @param labels of the objects
 * @returns the admission policy and its binding; nothing where no accounts are named
 */
export function accountPolicy(
  deployment: string,
  entries: readonly Entry[],
  labels: Readonly<Record<string, string>>,
) {
  const linked = entries.filter(({ serviceAccounts }) => serviceAccounts.length > 0);
  if (linked.length === 0) return [];
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const metadata = { name: accountPolicyName(deployment), labels };
  const resources = { apiGroups: [''], apiVersions: ['v1'], resources: ['serviceaccounts'] };
  const names = [...new Set(linked.map(({ name }) => name))].sort();
  return [
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicy',
      metadata,
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: { resourceRules: [{ ...resources, operations: ['UPDATE'] }] },
        matchConditions: [{ name: 'ours', expression: `'${deployment}' in request.userInfo.groups` }],
        validations: [
          { expression: KEPT.map(isKept).join(' && '), message: 'only imagePullSecrets is changed' },
          {
            expression: `${others('object', names)} == ${others('oldObject', names)}`,
            message: `imagePullSecrets only gains or loses ${names.join(', ')}`,
          },
        ],
      },
    },
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: { policyName: metadata.name, validationActions: ['Deny'] },
    },
  ];
}

function isKept(field: string): string {
  return `(has(object.${field}) == has(oldObject.${field}) && (!has(object.${field}) || object.${field} == oldObject.${field}))`;
}

/** The pull secrets of others, in their order. */
function others(object: string, names: readonly string[]): string {
  const ours = names.map((name) => `one.name == '${name}'`).join(' || ');
  const list = `(has(${object}.imagePullSecrets) ? ${object}.imagePullSecrets : [])`;
  return `${list}.filter(one, !(has(one.name) && (${ours})))`;
}

import { entriesOf } from '../settings/coverage.ts';
import { type ClusterSettings, clusterId, type Settings } from '../settings.ts';
import { accountPolicy, accountRules } from './service-account-rights.ts';

export const SECRET_TYPE = 'kubernetes.io/dockerconfigjson';
export const IGNORE_LABEL = 'ecr-registry-helper/ignore';
export const FETCHED_AT = 'ecr-registry-helper/fetched-at';
export const EXPIRES_AT = 'ecr-registry-helper/expires-at';
/** The name of the role whose rights the token has; absent for the function's own. */
export const PULL_ROLE = 'ecr-registry-helper/pull-role';

/** What the admission policy says when a run that is late would put an older token over a newer one. */
export const NEWER_IS_THERE = 'a token that expires later is there already';

/** What it says of a secret that something else keeps or will delete. */
export const NO_FINALIZERS = 'no finalizers';
export const NO_OWNERS = 'no owner references';

const PRODUCT = 'ecr-registry-helper';

/** A Kubernetes object as it is applied. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

/** The labels of every object that a deployment makes in a cluster. */
export function labelsOf(deployment: string): Record<string, string> {
  return { 'app.kubernetes.io/name': PRODUCT, 'app.kubernetes.io/managed-by': deployment };
}

/** What a deployment may do in one cluster, as objects for `kubectl apply`; the group is called like the deployment. */
export function clusterRights(
  settings: Pick<Settings, 'name' | 'secrets' | 'cleanup'>,
  cluster: ClusterSettings,
): Manifest[] {
  const entries = entriesOf(settings, clusterId(cluster));
  const recreated = entries.filter((entry) => entry.recreate);
  const recreatedNames = [...new Set(recreated.map(({ name }) => name))].sort();
  const metadata = { name: settings.name, labels: labelsOf(settings.name) };
  const rbac = 'rbac.authorization.k8s.io';
  const admission = 'admissionregistration.k8s.io/v1';
  // create takes resourceNames here because a server-side apply names the object in its path, and list because
  // its field selector does: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
  const secrets = (named: typeof entries, verbs: string[]) => ({
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: [...new Set(named.map((entry) => entry.name))].sort(),
    verbs,
  });
  return [
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata,
      rules: [
        { apiGroups: [''], resources: ['namespaces'], verbs: ['list'] },
        secrets(entries, ['create', ...(settings.cleanup ? ['delete'] : []), 'list', 'patch']),
        ...(recreated.length > 0 ? [secrets(recreated, ['delete', 'get'])] : []),
        ...accountRules(entries),
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: settings.name },
      subjects: [{ apiGroup: rbac, kind: 'Group', name: settings.name }],
    },
    {
      apiVersion: admission,
      kind: 'ValidatingAdmissionPolicy',
      metadata,
      spec: {
        failurePolicy: 'Fail',
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
        matchConditions: [{ name: 'ours', expression: `'${settings.name}' in request.userInfo.groups` }],
        validations: validations(settings.name, recreatedNames),
      },
    },
    {
      apiVersion: admission,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: { policyName: settings.name, validationActions: ['Deny'] },
    },
    ...accountPolicy(settings.name, entries, metadata.labels),
  ];
}

/** RBAC bounds the name; these bound the object, as a service account's token under that name could be read back. */
function validations(
  deployment: string,
  recreated: readonly string[],
): { expression: string; message: string }[] {
  const expiry = (object: string) => `${object}.metadata.annotations['${EXPIRES_AT}']`;
  const hasExpiry = (object: string) =>
    `has(${object}.metadata.annotations) && '${EXPIRES_AT}' in ${object}.metadata.annotations`;
  const written = [
    { expression: `object.type == '${SECRET_TYPE}'`, message: `only secrets of type ${SECRET_TYPE}` },
    {
      expression: '!has(object.metadata.finalizers) || size(object.metadata.finalizers) == 0',
      message: NO_FINALIZERS,
    },
    {
      expression: '!has(object.metadata.ownerReferences) || size(object.metadata.ownerReferences) == 0',
      message: NO_OWNERS,
    },
    {
      expression: `request.operation != 'UPDATE' || !(${hasExpiry('oldObject')}) || !(${hasExpiry('object')}) || timestamp(${expiry('object')}) >= timestamp(${expiry('oldObject')})`,
      message: NEWER_IS_THERE,
    },
  ].map(({ expression, message }) => ({
    expression: `request.operation == 'DELETE' || (${expression})`,
    message,
  }));
  const label = "'app.kubernetes.io/managed-by'";
  const replaceable = recreated.map((name) => `oldObject.metadata.name == '${name}' || `).join('');
  return [
    ...written,
    {
      expression: `request.operation != 'DELETE' || ${replaceable}(has(oldObject.metadata.labels) && ${label} in oldObject.metadata.labels && oldObject.metadata.labels[${label}] == '${deployment}')`,
      message: 'only secrets of ours are deleted',
    },
  ];
}

import type { ArgocdRepository } from '../settings/schema.ts';
import { argocdPolicyName, labelsOf, NOT_AS_DECLARED } from './pull-secret.ts';
import type { Manifest } from './rbac.ts';

/** Argo CD's label of what a secret is: https://argo-cd.readthedocs.io/en/stable/operator-manual/argocd-repositories-yaml/ */
const SECRET_TYPE_LABEL = 'argocd.argoproj.io/secret-type';
const KEYS = ['username', 'password'];
/** The API server itself keeps its type. */
const KEPT = [
  'metadata.labels',
  'metadata.annotations',
  'metadata.finalizers',
  'metadata.ownerReferences',
  'immutable',
];

/** A condition on a request: whether it is for one of these secrets, or with `!` for none of them. */
export function isForRepository(repositories: readonly ArgocdRepository[], not: '' | '!' = '') {
  const paths = repositories.map(({ namespace, name }) => `'${namespace}/${name}'`).sort();
  return {
    name: 'repositories',
    expression: `${not}(request.namespace + '/' + request.name in [${paths.join(', ')}])`,
  };
}

/**
 * What RBAC cannot express: in a secret that somebody declared for Argo CD, the function changes only the two keys, and
 * only while the secret is for the registry of the settings.
 * @param version that a denial names
 */
export function repositoryValidations(repositories: readonly ArgocdRepository[], version: string) {
  const label = `object.metadata.labels['${SECRET_TYPE_LABEL}']`;
  const dataOf = (key: string) =>
    `(has(object.data) && '${key}' in object.data ? object.data['${key}'] : '')`;
  const isOff = (key: string) => `${dataOf(key)} in ['', '${base64('false')}']`;
  const path = "request.namespace + '/' + request.name";
  const wanted = (of: (repository: ArgocdRepository) => string) => {
    const pairs = repositories.map((one) => `'${one.namespace}/${one.name}': ${of(one)}`).sort();
    return `{${pairs.join(', ')}}[${path}]`;
  };
  return [
    { expression: "request.operation == 'UPDATE'", message: 'only a secret that exists is changed' },
    {
      expression: [
        ...KEPT.map(isKept),
        changesOnly('object', 'oldObject'),
        changesOnly('oldObject', 'object'),
      ].join(' && '),
      message: NOT_AS_DECLARED.fields,
    },
    {
      expression: `has(object.metadata.labels) && '${SECRET_TYPE_LABEL}' in object.metadata.labels && ${label} in ['repository', 'repo-creds']`,
      message: NOT_AS_DECLARED.label,
    },
    {
      expression: `${dataOf('url')} == ${wanted(({ url }) => `'${base64(url)}'`)}`,
      message: NOT_AS_DECLARED.url,
    },
    {
      expression: `${wanted(({ enableOCI }) => String(enableOCI))} ? ${dataOf('enableOCI')} == '${base64('true')}' : ${isOff('enableOCI')}`,
      message: NOT_AS_DECLARED.enableOCI,
    },
    {
      expression: `${isOff('insecure')} && ${isOff('insecureOCIForceHttp')}`,
      message: NOT_AS_DECLARED.insecure,
    },
  ].map(({ expression, message }) => ({ expression, message: `${message} (rights ${version})` }));
}

/** As the data of a secret is written in an expression, which sees it in base64. */
function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** An expression: the request leaves a field of the object as it was. */
export function isKept(field: string): string {
  return `(has(object.${field}) == has(oldObject.${field}) && (!has(object.${field}) || object.${field} == oldObject.${field}))`;
}

/** Every key of one map but ours is in the other one, with the same value. */
function changesOnly(one: string, other: string): string {
  const keys = KEYS.map((key) => `'${key}'`).join(', ');
  return `(!has(${one}.data) || ${one}.data.all(key, key in [${keys}] || (has(${other}.data) && key in ${other}.data && ${other}.data[key] == ${one}.data[key])))`;
}

/** A Role and a RoleBinding in each namespace: without `create`, as a secret that nobody declared is none of ours. */
export function repositoryRoles(deployment: string, repositories: readonly ArgocdRepository[]): Manifest[] {
  const apiGroup = 'rbac.authorization.k8s.io';
  const name = argocdPolicyName(deployment);
  return [...Map.groupBy(repositories, (one) => one.namespace)].sort().flatMap(([namespace, inside]) => {
    const shared = {
      apiVersion: `${apiGroup}/v1`,
      metadata: { name, namespace, labels: labelsOf(deployment) },
    };
    const resourceNames = inside.map((one) => one.name).sort();
    return [
      {
        ...shared,
        kind: 'Role',
        rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames, verbs: ['list', 'patch'] }],
      },
      {
        ...shared,
        kind: 'RoleBinding',
        roleRef: { apiGroup, kind: 'Role', name },
        subjects: [{ apiGroup, kind: 'Group', name: deployment }],
      },
    ];
  });
}

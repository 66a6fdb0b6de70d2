/** The type of a pull secret: https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets */
export const SECRET_TYPE = 'kubernetes.io/dockerconfigjson';
/** The label of a namespace that no entry covers. */
export const IGNORE_LABEL = 'ecr-registry-helper/ignore';

/** Annotation: when the function requested the token. */
export const FETCHED_AT = 'ecr-registry-helper/fetched-at';
/** Annotation: when the token expires. */
export const EXPIRES_AT = 'ecr-registry-helper/expires-at';
/** Annotation: the name of the role whose permissions the token has; absent for the function's own role. */
export const PULL_ROLE = 'ecr-registry-helper/pull-role';

/** Denial of our admission policy: the secret holds a token that expires later than the new one. */
export const NEWER_IS_THERE = 'a token that expires later is there already';
/** Denial of our admission policy: another program holds the secret by a finalizer. */
export const NO_FINALIZERS = 'no finalizers';
/** Denial of our admission policy: the secret has an owner, and is deleted with it. */
export const NO_OWNERS = 'no owner references';

/** The labels of every object that a deployment creates in a cluster. */
export function labelsOf(deployment: string): Record<string, string> {
  return { 'app.kubernetes.io/name': 'ecr-registry-helper', 'app.kubernetes.io/managed-by': deployment };
}

/** The name of the admission policy on service accounts, and of its binding. */
export function accountPolicyName(deployment: string): string {
  return `${deployment}-service-accounts`;
}

/** The name of the admission policy on Argo CD repository secrets, of its binding, Roles and RoleBindings; no deployment has a dot. */
export function argocdPolicyName(deployment: string): string {
  return `${deployment}.argocd`;
}

/** Denials of that policy: the secret differs from the settings, or a token in it could reach another server. */
export const NOT_AS_DECLARED = {
  fields: 'our field manager has applied more of it than username and password',
  url: 'its url is not that of the settings',
  enableOCI: 'its enableOCI is not that of the settings',
  label: 'its label argocd.argoproj.io/secret-type is neither repository nor repo-creds',
  insecure: 'its insecure or insecureOCIForceHttp is set, so the token could reach another server',
} as const;

import { createHash } from 'node:crypto';
import {
  audienceOf,
  type ClusterSettings,
  clusterId,
  hasToken,
  type SecretEntry,
  type Settings,
} from '../settings/schema.ts';
import { entriesOf, repositoriesOf } from '../settings/selection.ts';
import { isForRepository, isKept, repositoryRoles, repositoryValidations } from './argocd-rights.ts';
import { podPolicy } from './inject-pods.ts';
import {
  accountPolicyName,
  argocdPolicyName,
  EXPIRES_AT,
  FETCHED_AT,
  labelsOf,
  NEWER_IS_THERE,
  NO_FINALIZERS,
  NO_OWNERS,
  PULL_ROLE,
  SECRET_TYPE,
} from './pull-secret.ts';

/** A Kubernetes object as it is applied. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** The settings that decide the permissions. */
type RightsSettings = Pick<Settings, 'name' | 'secrets' | 'cleanup' | 'accountId' | 'region'>;

/** The version of permissions whose settings are known only at deployment. */
export const UNKNOWN_VERSION = 'unknown';

/** A hash of the permissions of a deployment in one cluster, of eight characters: other settings have another one. */
export function rightsVersion(settings: RightsSettings, cluster: ClusterSettings): string {
  const rights = JSON.stringify(clusterRights(settings, cluster, ''));
  return createHash('sha256').update(rights).digest('hex').slice(0, 8);
}

/**
 * The permissions of a deployment in one cluster: the objects, in the order in which they must be applied. The group
 * has the name of the deployment.
 * @param version that a denial of the admission policy names
 */
export function clusterRights(
  settings: RightsSettings,
  cluster: ClusterSettings,
  version = rightsVersion(settings, cluster),
): Manifest[] {
  const entries = entriesOf(settings, clusterId(cluster));
  const repositories = repositoriesOf(settings, clusterId(cluster));
  const hasRepositories = repositories.length > 0;
  const recreated = entries.filter((entry) => entry.recreate);
  const accounts = [...new Set(entries.flatMap(({ serviceAccounts }) => serviceAccounts))].sort();
  const metadata = { name: settings.name, labels: labelsOf(settings.name) };
  const pods = podPolicy(settings, entries);
  const matched = { resources: ['secrets'], operations: ['CREATE', 'UPDATE', 'DELETE'] };
  const rbac = 'rbac.authorization.k8s.io';
  const verbs = ['create', ...(settings.cleanup ? ['delete'] : []), 'list', 'patch'];
  // create takes resourceNames here because a server-side apply names the object in its path, and list because
  // its field selector does: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
  const rule = (resource: string, resourceNames: string[], allowed: string[]) =>
    resourceNames.length > 0
      ? [{ apiGroups: [''], resources: [resource], resourceNames, verbs: allowed }]
      : [];
  return [
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata,
      rules: [
        ...(entries.length > 0 || settings.cleanup
          ? [{ apiGroups: [''], resources: ['namespaces'], verbs: ['list'] }]
          : []),
        ...rule('secrets', namesOf(entries), verbs),
        ...rule('secrets', namesOf(recreated), ['delete', 'get']),
        // no get: a list of one exact name is as good, and needs one request for many namespaces
        ...rule('serviceaccounts', accounts, ['list', 'patch']),
        ...pods.rules,
      ],
    },
    ...admissionPolicy(settings.name, settings.name, matched, {
      ...(hasRepositories && { matchConditions: [isForRepository(repositories, '!')] }),
      validations: validations(settings.name, entries, version),
    }),
    ...accountPolicy(settings.name, entries),
    ...(hasRepositories
      ? admissionPolicy(settings.name, argocdPolicyName(settings.name), matched, {
          matchConditions: [isForRepository(repositories)],
          validations: repositoryValidations(repositories, version),
        })
      : []),
    ...repositoryRoles(settings.name, repositories),
    // last: the group gets its permissions only after the policies that limit them
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: settings.name },
      subjects: [{ apiGroup: rbac, kind: 'Group', name: settings.name }],
    },
    // behind it: a server before 1.36 refuses these alone, and a refresh does not need them
    ...pods.manifests,
  ];
}

/** An admission policy on what the group of a deployment does to objects of one kind, and its binding. */
function admissionPolicy(
  deployment: string,
  name: string,
  matched: { resources: string[]; operations: string[] },
  {
    matchConditions = [],
    ...rules
  }: { matchConditions?: object[]; variables?: object[]; validations: object[] },
): Manifest[] {
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const metadata = { name, labels: labelsOf(deployment) };
  return [
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicy',
      metadata,
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], ...matched }] },
        matchConditions: [
          { name: 'ours', expression: `'${deployment}' in request.userInfo.groups` },
          ...matchConditions,
        ],
        ...rules,
      },
    },
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}

/**
 * A time of the years 2000 to 2999 as the function writes it. CEL's `timestamp` raises an error for a date that does
 * not exist, such as 30 February, and an error is a denial.
 */
const TIME = [
  '^(2[0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))',
  '|(2[0-9](0[48]|[2468][048]|[13579][26])|2[048]00)-02-29)',
  'T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$',
].join('');

/**
 * RBAC limits the name of the secret, and these its content: a secret of that name and of the type of service account
 * tokens would give the function the token of any service account.
 */
function validations(
  deployment: string,
  entries: readonly SecretEntry[],
  version: string,
): { expression: string; message: string }[] {
  const recreated = entries.filter((entry) => entry.recreate);
  const stored = entries.filter((entry) => !hasToken(entry));
  const expiry = (object: string) => `${object}.metadata.annotations['${EXPIRES_AT}']`;
  // the size comes first: a pattern over a value of 256 KiB costs more than an expression may
  const hasExpiry = (object: string) =>
    `(has(${object}.metadata.annotations) && '${EXPIRES_AT}' in ${object}.metadata.annotations && size(${expiry(object)}) == 20 && ${expiry(object)}.matches('${TIME}'))`;
  const keysOf = (field: 'labels' | 'annotations') => entries.flatMap((entry) => Object.keys(entry[field]));
  const labels = [...new Set([...Object.keys(labelsOf(deployment)), ...keysOf('labels')])];
  const annotations = [...new Set([FETCHED_AT, EXPIRES_AT, PULL_ROLE, ...keysOf('annotations')])];
  const written = [
    { expression: `object.type == '${SECRET_TYPE}'`, message: `only secrets of type ${SECRET_TYPE}` },
    {
      expression: '!has(object.metadata.finalizers) || size(object.metadata.finalizers) == 0',
      message: `${NO_FINALIZERS} (rights ${version})`,
    },
    {
      expression: '!has(object.metadata.ownerReferences) || size(object.metadata.ownerReferences) == 0',
      message: NO_OWNERS,
    },
    {
      expression: `!has(object.immutable) || !object.immutable || (request.operation == 'UPDATE' && has(oldObject.immutable) && oldObject.immutable)`,
      message: 'it is not made immutable',
    },
    {
      expression: addsOnly('data', ['.dockerconfigjson']),
      message: 'of data only .dockerconfigjson is added or changed',
    },
    {
      expression: addsOnly('metadata.labels', labels),
      message: `of labels only ${labels.join(', ')} are added or changed`,
    },
    {
      expression: addsOnly('metadata.annotations', annotations),
      message: `of annotations only ${annotations.join(', ')} are added or changed`,
    },
    {
      // any token could replace that of a secret without an expiry
      expression: `${isNamed('object', stored)}${hasExpiry('object')}`,
      message: `a token has a time in ${EXPIRES_AT}`,
    },
    {
      // an expiry that no token can have is spoofed, and must not block later tokens
      expression: `request.operation != 'UPDATE' || !${hasExpiry('oldObject')} || !${hasExpiry('object')} || timestamp(${expiry('object')}) >= timestamp(${expiry('oldObject')}) || timestamp(${expiry('oldObject')}) > timestamp(${expiry('object')}) + duration('1h')`,
      message: NEWER_IS_THERE,
    },
  ].map(({ expression, message }) => ({
    expression: `request.operation == 'DELETE' || (${expression})`,
    message,
  }));
  const label = "'app.kubernetes.io/managed-by'";
  const isLabelled = `has(oldObject.metadata.labels) && ${label} in oldObject.metadata.labels && oldObject.metadata.labels[${label}] == '${deployment}'`;
  // the copies that a replicator makes carry our label too
  const isApplied = `has(oldObject.metadata.managedFields) && oldObject.metadata.managedFields.exists(entry, has(entry.manager) && entry.manager == '${deployment}' && has(entry.operation) && entry.operation == 'Apply')`;
  return [
    ...written,
    {
      expression: `request.operation != 'DELETE' || ${isNamed('oldObject', recreated)}(${isLabelled} && ${isApplied})`,
      message: 'only secrets of ours are deleted',
    },
  ];
}

/** Only these keys of a map may be added or changed. Removal needs no rule: an apply removes only keys that it owns. */
function addsOnly(map: string, keys: readonly string[]): string {
  const [after, before] = [`object.${map}`, `oldObject.${map}`];
  const ours = keys.map((key) => `key == '${key}' || `).join('');
  return `!has(${after}) || ${after}.all(key, ${ours}(request.operation == 'UPDATE' && has(${before}) && key in ${before} && ${before}[key] == ${after}[key]))`;
}

/** A condition on the name of an object for each entry, each with `||` after it. */
function isNamed(object: string, entries: readonly SecretEntry[]): string {
  return namesOf(entries)
    .map((name) => `${object}.metadata.name == '${name}' || `)
    .join('');
}

function namesOf(entries: readonly SecretEntry[]): string[] {
  return [...new Set(entries.map(({ name }) => name))].sort();
}

/** The fields of a service account that may not change; the API server itself keeps its name and uid. */
const KEPT = [
  'metadata.labels',
  'metadata.annotations',
  'metadata.finalizers',
  'metadata.ownerReferences',
  'secrets',
  'automountServiceAccountToken',
];

/**
 * What RBAC cannot express: the function changes only `imagePullSecrets`, and there only the names of its secrets.
 * @returns the admission policy and its binding; nothing if no entry names service accounts
 */
function accountPolicy(deployment: string, entries: readonly SecretEntry[]): Manifest[] {
  const names = namesOf(entries.filter(({ serviceAccounts }) => serviceAccounts.length > 0));
  if (names.length === 0) return [];
  const isOurs = `has(one.name) && (${names.map((name) => `one.name == '${name}'`).join(' || ')})`;
  const matched = { resources: ['serviceaccounts'], operations: ['UPDATE'] };
  return admissionPolicy(deployment, accountPolicyName(deployment), matched, {
    // a variable is evaluated once, however many expressions use it: the list may be very long
    variables: ['object', 'oldObject'].flatMap((object) => [
      { name: `ours_${object}`, expression: pullSecretsOf(object, isOurs) },
      { name: `others_${object}`, expression: pullSecretsOf(object, `!(${isOurs})`) },
    ]),
    validations: [
      { expression: KEPT.map(isKept).join(' && '), message: 'only imagePullSecrets is changed' },
      {
        expression: 'variables.others_object == variables.others_oldObject',
        message: `imagePullSecrets only gains or loses ${names.join(', ')}`,
      },
      ...names.map((name) => ({
        expression: `${count('object', name)} <= 1 || ${count('object', name)} <= ${count('oldObject', name)}`,
        message: `imagePullSecrets holds ${name} once`,
      })),
    ],
  });
}

/** The pull secrets of a service account that meet a condition, in their order. */
function pullSecretsOf(object: string, condition: string): string {
  return `has(${object}.imagePullSecrets) ? ${object}.imagePullSecrets.filter(one, ${condition}) : []`;
}

/** How often a service account names a secret of ours. */
function count(object: string, name: string): string {
  return `size(variables.ours_${object}.filter(one, one.name == '${name}'))`;
}

/**
 * The configuration by which an API server trusts one role and maps it to a group:
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
 * Claims: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html
 * @param issuer of the account: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOutboundWebIdentityFederationInfo.html
 */
export function authenticationConfiguration(
  settings: Settings,
  cluster: ClusterSettings,
  { issuer, roleArn }: { readonly issuer: string; readonly roleArn: string },
): object {
  const [, , , , account] = roleArn.split(':');
  return {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [
      {
        issuer: { url: issuer, audiences: [audienceOf(settings, cluster)] },
        claimValidationRules: [
          { expression: `claims.sub == '${roleArn}'`, message: 'the role is another' },
          {
            expression: `claims['https://sts.amazonaws.com/'].aws_account == '${account}'`,
            message: 'the account is another',
          },
        ],
        claimMappings: {
          username: { expression: "'aws:' + claims.sub" },
          groups: { expression: `['${settings.name}']` },
        },
      },
    ],
  };
}

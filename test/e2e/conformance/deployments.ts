import { clusterRights, type Manifest, rightsVersion } from '../../../lambda/kubernetes/rbac.ts';
import { listedClusters } from '../../../lambda/settings/locations.ts';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import type { Settings } from '../../../lambda/settings/schema.ts';
import { type AdmissionCheck, deniedByPolicy } from '../../sandbox/kubernetes/admission.ts';
import { pullSecretPolicy } from '../../sandbox/kubernetes/pull-secret-policy.ts';
import { serviceAccountPolicy } from '../../sandbox/kubernetes/service-account-policy.ts';
import type { AccountCheck } from '../../sandbox/kubernetes/service-accounts.ts';
import { PULL_SECRET } from '../objects.ts';

export const CLUSTER = 'prod';
export const DEPLOYMENT = 'ecr-registry-helper';
/** A deployment without `recreate`, which may delete secrets all the same, so that its policy is asked. */
export const CAUTIOUS = 'cautious';
/** A policy of somebody else, which refuses secrets with these labels by a message that echoes the docker config. */
export const ECHO = 'echo';
export const ECHO_LABELS = { 'app.kubernetes.io/name': ECHO };

export function roleArn(accountId: string, deployment: string): string {
  return `arn:aws:iam::${accountId}:role/${deployment}`;
}

/** What EKS makes of a role whose access entry has no username. */
export function usernameOf(accountId: string, deployment: string): string {
  return `arn:aws:sts::${accountId}:assumed-role/${deployment}/{{SessionName}}`;
}

/** The rights of both deployments, as the product makes them. */
export function rightsOfBoth(): Manifest[] {
  return [...[DEPLOYMENT, CAUTIOUS].flatMap(rightsOf), ...rightToCleanUp()];
}

/** The policy of somebody else as the real server is given it. */
export function echoPolicy(): Manifest[] {
  const admission = 'admissionregistration.k8s.io/v1';
  const metadata = { name: ECHO, labels: {} };
  const resources = { apiGroups: [''], apiVersions: ['v1'], resources: ['secrets'] };
  return [
    {
      apiVersion: admission,
      kind: 'ValidatingAdmissionPolicy',
      metadata,
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          objectSelector: { matchLabels: ECHO_LABELS },
          resourceRules: [{ ...resources, operations: ['CREATE', 'UPDATE'] }],
        },
        validations: [
          { expression: 'false', messageExpression: `'got ' + string(object.data['.dockerconfigjson'])` },
        ],
      },
    },
    {
      apiVersion: admission,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: { policyName: ECHO, validationActions: ['Deny'] },
    },
  ];
}

/** All of these policies as the emulator is given them, which runs no CEL; in the order in which the real server asks. */
export function emulatedPolicies(): AdmissionCheck[] {
  return [
    ...[DEPLOYMENT, CAUTIOUS].map((name) => {
      const settings = settingsOf(name);
      const version = rightsVersion(settings, { name: CLUSTER });
      return pullSecretPolicy({ name, version, entries: settings.secrets });
    }),
    (request) => {
      const { object, operation } = request;
      const isTaken = object?.metadata.labels?.['app.kubernetes.io/name'] === ECHO;
      if (operation === 'DELETE' || !isTaken) return undefined;
      const text = `got ${object.data?.['.dockerconfigjson']}`;
      return deniedByPolicy(request, { policy: ECHO, binding: ECHO, text });
    },
  ];
}

/** The policy on service accounts, for the only deployment that may patch some. */
export function emulatedAccountPolicies(): AccountCheck[] {
  return [serviceAccountPolicy(DEPLOYMENT, [PULL_SECRET])];
}

function settingsOf(name: string): Settings {
  const isWhole = name === DEPLOYMENT;
  const secrets = [{ recreate: isWhole, serviceAccounts: isWhole ? ['default'] : [] }];
  return checkSettings({ name, clusters: [{ name: CLUSTER }], secrets });
}

function rightsOf(name: string): Manifest[] {
  const settings = settingsOf(name);
  return listedClusters(settings).flatMap((cluster) => clusterRights(settings, cluster));
}

function rightToCleanUp(): Manifest[] {
  const rbac = 'rbac.authorization.k8s.io';
  const metadata = { name: 'clean-up', labels: {} };
  const rule = { apiGroups: [''], resources: ['secrets'], verbs: ['delete', 'get'] };
  return [
    { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata, rules: [rule] },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: metadata.name },
      subjects: [{ apiGroup: rbac, kind: 'Group', name: CAUTIOUS }],
    },
  ];
}

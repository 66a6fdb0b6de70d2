import { clusterRights, type Manifest } from '../../../lambda/cluster/rights.ts';
import { listedClusters } from '../../../lambda/settings/fleet-settings.ts';
import { checkSettings } from '../../../lambda/settings.ts';
import { type AdmissionCheck, deniedByPolicy } from '../../sandbox/kubernetes/admission.ts';
import { pullSecretPolicy } from '../../sandbox/kubernetes/pull-secret-policy.ts';
import { serviceAccountPolicy } from '../../sandbox/kubernetes/service-account-policy.ts';
import type { AccountCheck } from '../../sandbox/kubernetes/service-accounts.ts';
import { PULL_SECRET } from '../objects.ts';

export const CLUSTER = 'prod';
export const DEPLOYMENT = 'ecr-registry-helper';
/** A deployment without `recreate`, which may delete secrets all the same, so that its policy is asked. */
export const CAUTIOUS = 'cautious';
/** A label that a policy of somebody else refuses, by a message that echoes the docker config. */
export const ECHO_LABEL = 'echo';

export function roleArn(accountId: string, deployment: string): string {
  return `arn:aws:iam::${accountId}:role/${deployment}`;
}

/** What EKS makes of a role whose access entry has no username. */
export function usernameOf(accountId: string, deployment: string): string {
  return `arn:aws:sts::${accountId}:assumed-role/${deployment}/{{SessionName}}`;
}

/** The rights of both deployments, as the product makes them. */
export function rightsOfBoth(): Manifest[] {
  return [...rightsOf(DEPLOYMENT, true), ...rightsOf(CAUTIOUS, false), ...rightToCleanUp()];
}

/** The policy of somebody else as the real server is given it. */
export function echoPolicy(): Manifest[] {
  const admission = 'admissionregistration.k8s.io/v1';
  const metadata = { name: ECHO_LABEL, labels: {} };
  const resources = { apiGroups: [''], apiVersions: ['v1'], resources: ['secrets'] };
  return [
    {
      apiVersion: admission,
      kind: 'ValidatingAdmissionPolicy',
      metadata,
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          objectSelector: { matchLabels: { [ECHO_LABEL]: 'true' } },
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
      spec: { policyName: ECHO_LABEL, validationActions: ['Deny'] },
    },
  ];
}

/** All of these policies as the emulator is given them, which runs no CEL; in the order in which the real server asks. */
export function emulatedPolicies(): AdmissionCheck[] {
  return [
    pullSecretPolicy({ name: DEPLOYMENT, recreated: [PULL_SECRET] }),
    pullSecretPolicy({ name: CAUTIOUS, recreated: [] }),
    (request) => {
      const { object, operation } = request;
      if (operation === 'DELETE' || object?.metadata.labels?.[ECHO_LABEL] !== 'true') return undefined;
      const text = `got ${object.data?.['.dockerconfigjson']}`;
      return deniedByPolicy(request, { policy: ECHO_LABEL, binding: ECHO_LABEL, text });
    },
  ];
}

/** The policy on service accounts, for the only deployment that may patch some. */
export function emulatedAccountPolicies(): AccountCheck[] {
  return [serviceAccountPolicy(DEPLOYMENT, [PULL_SECRET])];
}

function rightsOf(name: string, isWhole: boolean): Manifest[] {
  const serviceAccounts = isWhole ? ['default'] : [];
  const secrets = [{ recreate: isWhole, serviceAccounts }];
  const settings = checkSettings({ name, clusters: [{ name: CLUSTER }], secrets });
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

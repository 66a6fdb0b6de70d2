import { Annotations, Stack } from 'aws-cdk-lib';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { clusterRights } from '../../lambda/cluster/rights.ts';
import { SettingsError } from '../../lambda/errors.ts';
import { discoveriesOf, listedClusters } from '../../lambda/settings/fleet-settings.ts';
import { accessPlaces, homeOf } from '../../lambda/settings/places.ts';
import { type ClusterSettings, clusterId, type Settings } from '../../lambda/settings.ts';
import type { Network } from '../network.ts';
import { clusterPlace, differs, elsewhere } from './cluster-place.ts';
import { Kubectl } from './kubectl.ts';

export interface AccessProps {
  readonly settings: Settings;
  /** All of the stack's own account and region. */
  readonly clusters: readonly ClusterSettings[];
  /** Of the same stack, as an access entry holds for that very role. */
  readonly role: iam.IRole;
  readonly network: Network | undefined;
}

/** Lets a role into clusters, and gives it its rights there. */
export class Access extends Construct {
  constructor(scope: Construct, id: string, { settings, clusters, role, network }: AccessProps) {
    super(scope, id);
    if (clusters.length === 0) return;
    const kubectl = new Kubectl(this, 'Kubectl', clusters[0]?.name ?? '', network);
    const names = clusters.map(({ name }) => name);
    for (const [at, cluster] of clusters.entries()) {
      if (names.indexOf(cluster.name) !== at) {
        throw new SettingsError(
          `the cluster ${cluster.name} is let into twice, and EKS takes one access entry for a role: let one of them have rbac "manual", or list it once`,
        );
      }
      // by its name, as the entry of another id of it could not be made while there is this one
      const place = clusterPlace(this, cluster.name, at);
      new eks.CfnAccessEntry(place, 'Entry', {
        clusterName: cluster.name,
        principalArn: role.roleArn,
        kubernetesGroups: [settings.name],
      });
      kubectl.apply(place, cluster.name, clusterRights(settings, cluster));
    }
  }
}

/**
 * The clusters into which the function's own stack lets it: by default all that it can.
 * @throws SettingsError for one where it is asked to and cannot, or where the function could never get
 */
export function appliedAtHome(scope: Construct, settings: Settings): ClusterSettings[] {
  for (const { accounts: [accountId] = [], roleName } of discoveriesOf(settings)) {
    const { account } = Stack.of(scope);
    if (roleName || homeOf(settings) || differs(accountId, account) !== true) continue;
    throw new SettingsError(
      `a discover is of account ${accountId} and the stack of ${account}; give it a roleName, or the settings the function's accountId and region, and CDK makes the roles`,
    );
  }
  const away = new Set(accessPlaces(settings).flatMap(({ clusters }) => clusters));
  return listedClusters(settings).filter((cluster) => !away.has(cluster) && isApplied(scope, cluster));
}

function isApplied(scope: Construct, cluster: ClusterSettings): boolean {
  // nothing of AWS reaches into it, CDK's kubectl neither
  if (cluster.kubeconfigSecretId) return false;
  const { account } = Stack.of(scope);
  const id = clusterId(cluster);
  if (!cluster.roleArn && differs(cluster.accountId, account) === true) {
    throw new SettingsError(
      `the cluster ${id} is of account ${cluster.accountId} and the stack of ${account}; give it a roleArn of ${cluster.accountId}, or the settings the function's accountId and region, and there is a stack for it`,
    );
  }
  if (cluster.rbac === 'manual') return false;
  const obstacle =
    elsewhere(scope, cluster) ??
    (cluster.roleArn ? 'it is reached by a role that this stack does not make' : undefined);
  if (!obstacle) return true;
  if (cluster.rbac === 'apply') {
    throw new SettingsError(
      `the cluster ${id} cannot have rbac "apply": ${obstacle}; take "manual", and apply what npm run -s rbac prints`,
    );
  }
  Annotations.of(scope).addInfoV2(
    `ecr-registry-helper:manual:${id}`,
    `the cluster ${id} has rbac "manual", as ${obstacle}: apply what npm run -s rbac prints`,
  );
  return false;
}

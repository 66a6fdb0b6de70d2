import { KubectlV36Layer } from '@aws-cdk/lambda-layer-kubectl-v36';
import { Annotations, Stack, Token, TokenComparison } from 'aws-cdk-lib';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { clusterRights } from '../lambda/cluster/rights.ts';
import { SettingsError } from '../lambda/errors.ts';
import { listedClusters } from '../lambda/fleet-settings.ts';
import { type ClusterSettings, clusterId, type Settings } from '../lambda/settings.ts';
import { acknowledgeKubectl } from './acknowledgements.ts';
import { clusterPlace } from './cluster-place.ts';
import type { Network } from './network.ts';

export interface AccessProps {
  readonly settings: Settings;
  readonly role: iam.IRole;
  readonly network: Network | undefined;
}

/** Lets the function's role into each cluster with `rbac: "apply"`, and gives it its rights there. */
export class Access extends Construct {
  constructor(scope: Construct, id: string, { settings, role, network }: AccessProps) {
    super(scope, id);
    const applied = listedClusters(settings).filter((cluster) => isApplied(this, cluster));
    if (applied.length === 0) return;
    const kubectl = new Kubectl(this, 'Kubectl', applied[0]?.name ?? '', network);
    for (const [at, cluster] of applied.entries()) {
      const id = clusterId(cluster);
      const place = clusterPlace(this, id, at);
      new eks.CfnAccessEntry(place, 'Entry', {
        clusterName: cluster.name,
        principalArn: role.roleArn,
        kubernetesGroups: [settings.name],
      });
      kubectl.apply(place, cluster.name, clusterRights(settings, cluster));
    }
  }
}

/** CDK's function that runs kubectl: one for all clusters, admin in each of them. */
class Kubectl extends Construct {
  readonly provider: eks.KubectlProvider;
  readonly role: iam.IRole;

  constructor(scope: Construct, id: string, clusterName: string, network: Network | undefined) {
    super(scope, id);
    this.provider = new eks.KubectlProvider(this, 'Provider', {
      cluster: eks.Cluster.fromClusterAttributes(this, 'Cluster', { clusterName, vpc: network?.vpc }),
      kubectlLayer: new KubectlV36Layer(this, 'Layer'),
      privateSubnets: network?.subnets,
      securityGroups: network?.securityGroups,
    });
    if (!this.provider.role) throw new Error('the kubectl provider has no role');
    this.role = this.provider.role;
    // of every cluster: one that leaves the settings must still be found when its rights are taken away
    const clusters = Stack.of(this).formatArn({ service: 'eks', resource: 'cluster', resourceName: '*' });
    this.role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        sid: 'FindClusters',
        actions: ['eks:DescribeCluster'],
        resources: [clusters],
      }),
    );
    acknowledgeKubectl(this.provider, this.provider.node.findChild('Handler') as lambda.Function, clusters);
    Annotations.of(this).addInfoV2(
      'ecr-registry-helper:kubectl',
      'CDK\'s kubectl function, which is admin of these clusters, applies the RBAC and stays in the stack; with "rbac": "manual" there is none, and you apply what npm run -s rbac prints',
    );
  }

  apply(place: Construct, clusterName: string, manifest: readonly object[]): void {
    const entry = new eks.CfnAccessEntry(place, 'KubectlEntry', {
      clusterName,
      principalArn: this.role.roleArn,
      accessPolicies: [
        {
          policyArn: `arn:${Stack.of(this).partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy`,
          accessScope: { type: 'cluster' },
        },
      ],
    });
    const rights = new eks.KubernetesManifest(place, 'Rights', {
      cluster: eks.Cluster.fromClusterAttributes(place, 'Cluster', {
        clusterName,
        kubectlProvider: this.provider,
      }),
      manifest: manifest.map((object) => ({ ...object })),
      overwrite: true,
      prune: false,
    });
    // also keeps the right to delete until the manifest is deleted
    rights.node.addDependency(entry);
  }
}

/**
 * Whether this stack lets the role in and applies the RBAC: by default where it can.
 * @throws SettingsError when it is asked to and cannot, or when the function could never get there
 */
function isApplied(scope: Construct, cluster: ClusterSettings): boolean {
  // nothing of AWS reaches into it, CDK's kubectl neither
  if (cluster.kubeconfigSecretId) return false;
  const { region, account } = Stack.of(scope);
  const id = clusterId(cluster);
  if (!cluster.roleArn && differs(cluster.accountId, account) === true) {
    throw new SettingsError(
      `the cluster ${id} is of account ${cluster.accountId} and the stack of ${account}; give it a roleArn of ${cluster.accountId}`,
    );
  }
  if (cluster.rbac === 'manual') return false;
  const obstacle =
    elsewhere('region', cluster.region, region) ??
    elsewhere('account', cluster.accountId, account) ??
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

/** Why a cluster is not, or may not be, where the stack is; undefined when it is there. */
export function elsewhere(
  what: 'region' | 'account',
  wanted: string | undefined,
  stack: string,
): string | undefined {
  const different = differs(wanted, stack);
  if (different === false) return undefined;
  if (different) return `its ${what} is ${wanted} and that of the stack ${stack}`;
  return `its ${what} is set and that of the stack is not known at synth (-c ${what}=, or env of the stack)`;
}

/** Undefined when it is known only at deployment. */
function differs(wanted: string | undefined, stack: string): boolean | undefined {
  if (wanted === undefined) return false;
  switch (Token.compareStrings(wanted, stack)) {
    case TokenComparison.SAME:
      return false;
    case TokenComparison.DIFFERENT:
      return true;
    default:
      return undefined;
  }
}

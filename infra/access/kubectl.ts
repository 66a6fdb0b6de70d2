import { KubectlV36Layer } from '@aws-cdk/lambda-layer-kubectl-v36';
import { Annotations, Stack } from 'aws-cdk-lib';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { acknowledgeKubectl } from '../acknowledgements.ts';
import type { Network } from '../network.ts';

/** CDK's function that runs kubectl: one for all clusters, admin in each of them. */
export class Kubectl extends Construct {
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

  /** Applies objects in a cluster, now and whenever they change. */
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

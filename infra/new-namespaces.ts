import { Stack } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import { discoveriesOf, listedClusters } from '../lambda/fleet-settings.ts';
import { type ClusterSettings, clusterId, type Settings } from '../lambda/settings.ts';
import { clusterPlace, elsewhere } from './cluster-place.ts';

/**
 * The audit records that tell of a namespace made by a create or a server-side apply; the function asks the same again.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
export const CREATIONS = `{ ${[
  '($.objectRef.resource = "namespaces")',
  '($.objectRef.apiGroup NOT EXISTS)',
  '($.objectRef.subresource NOT EXISTS)',
  '(($.verb = "create") || ($.verb = "patch"))',
  '($.responseStatus.code = 201)',
  '($.stage = "ResponseComplete")',
  '($.requestURI != "*dryRun=*")',
].join(' && ')} }`;

export interface NewNamespacesProps {
  readonly settings: Settings;
  readonly refresher: lambda.IFunction;
}

/** Lets the audit log of each cluster tell the function of namespaces that were made, where the settings ask for it. */
export class NewNamespaces extends Construct {
  /** @throws SettingsError for a cluster whose log cannot reach the function */
  constructor(scope: Construct, id: string, { settings, refresher }: NewNamespacesProps) {
    super(scope, id);
    if (!settings.newNamespaces) return;
    if (discoveriesOf(settings).length > 0) {
      throw new SettingsError(
        'newNamespaces: the logs of clusters that a discover finds cannot be subscribed to at deployment; list them, or leave newNamespaces out',
      );
    }
    const subscribed = new Set<string>();
    for (const [at, cluster] of listedClusters(settings).entries()) {
      refuseElsewhere(this, cluster);
      // ids may share a cluster, and its log group takes two filters at most
      if (!settings.enabled || subscribed.has(cluster.name)) continue;
      subscribed.add(cluster.name);
      const place = clusterPlace(this, clusterId(cluster), at);
      const logGroup = logs.LogGroup.fromLogGroupName(place, 'Log', `/aws/eks/${cluster.name}/cluster`);
      const permission = new CfnPermission(place, 'Permission', {
        functionName: refresher.functionArn,
        action: 'lambda:InvokeFunction',
        principal: 'logs.amazonaws.com',
        sourceArn: logGroup.logGroupArn,
        sourceAccount: Stack.of(this).account,
      });
      const filter = new logs.SubscriptionFilter(place, 'Filter', {
        logGroup,
        filterPattern: logs.FilterPattern.literal(CREATIONS),
        destination: { bind: () => ({ arn: refresher.functionArn }) },
      });
      // CloudWatch Logs tries the function when it makes the filter
      filter.node.addDependency(permission);
    }
  }
}

function refuseElsewhere(scope: Construct, cluster: ClusterSettings): void {
  const obstacle =
    elsewhere(scope, cluster) ??
    (cluster.roleArn ? 'it is reached by a role' : undefined) ??
    (cluster.kubeconfigSecretId ? 'it is reached by a kubeconfig' : undefined);
  if (!obstacle) return;
  throw new SettingsError(
    `newNamespaces: the log of the cluster ${clusterId(cluster)} cannot reach the function, as ${obstacle}; a subscription is of one account and region. Take a deployment of its own for this cluster, or leave newNamespaces out`,
  );
}

import { Stack } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import { discoveriesOf, listedClusters } from '../lambda/settings/fleet-settings.ts';
import { type ClusterSettings, clusterId, type Settings } from '../lambda/settings.ts';
import { clusterPlace, elsewhere } from './access/cluster-place.ts';

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

/** The log groups that the function is subscribed to. */
export function subscribedLogs(settings: Settings): string[] {
  if (!settings.newNamespaces || !settings.enabled) return [];
  // ids may share a cluster, and its log group takes two filters at most
  return [...new Set(listedClusters(settings).map(({ name }) => logGroupOf(name)))];
}

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
    const logGroups = new Set(subscribedLogs(settings));
    for (const [at, cluster] of listedClusters(settings).entries()) {
      refuseElsewhere(this, cluster);
      const logGroupName = logGroupOf(cluster.name);
      if (!logGroups.delete(logGroupName)) continue;
      const place = clusterPlace(this, cluster.name, at);
      const logGroup = logs.LogGroup.fromLogGroupName(place, 'Log', logGroupName);
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

function logGroupOf(clusterName: string): string {
  return `/aws/eks/${clusterName}/cluster`;
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

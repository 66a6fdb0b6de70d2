import { Annotations, Stack, Token } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import { discoveriesOf, listedClusters } from '../lambda/settings/locations.ts';
import {
  type ClusterSettings,
  clusterId,
  isEks,
  type Settings,
  storedSecretId,
} from '../lambda/settings/schema.ts';
import { clusterScope, differenceFromStack, isDifferent } from './cluster-access.ts';
import { isArn, listRegistries, secretArn } from './permissions.ts';

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
const LONGEST_PATTERN = 2048;

/**
 * The audit records of namespaces that a create or a server-side apply made; the function checks them again.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
export const NAMESPACE_CREATED = `{ ${[
  '($.objectRef.resource = "namespaces")',
  '($.objectRef.apiGroup NOT EXISTS)',
  '($.objectRef.subresource NOT EXISTS)',
  '(($.verb = "create") || ($.verb = "patch"))',
  '($.responseStatus.code = 201)',
  '($.stage = "ResponseComplete")',
  '($.requestURI != "*dryRun=*")',
].join(' && ')} }`;

const auditLogOf = (clusterName: string) => `/aws/eks/${clusterName}/cluster`;

/** The log groups that invoke the function. */
export function subscribedLogs(settings: Settings): string[] {
  if (!settings.newNamespaces || !settings.enabled) return [];
  // ids may share a cluster, and its log group takes two filters at most
  return [...new Set(listedClusters(settings).map(({ name }) => auditLogOf(name)))];
}

/**
 * Has the audit log of each cluster invoke the function when a namespace is created, where the settings want it.
 * @throws SettingsError for a cluster whose log cannot invoke the function
 */
export function watchNamespaces(parent: Construct, settings: Settings, refresher: lambda.IFunction): void {
  if (!settings.newNamespaces) return;
  if (discoveriesOf(settings).length > 0) {
    throw new SettingsError(
      'newNamespaces: a deployment cannot subscribe to the logs of clusters that a discover finds; list the clusters, or leave newNamespaces out',
    );
  }
  const scope = new Construct(parent, 'NewNamespaces');
  const logGroups = new Set(subscribedLogs(settings));
  for (const [at, cluster] of listedClusters(settings).entries()) {
    checkLog(scope, cluster);
    const logGroupName = auditLogOf(cluster.name);
    if (!logGroups.delete(logGroupName)) continue;
    const inner = clusterScope(scope, cluster.name, at);
    const logGroup = logs.LogGroup.fromLogGroupName(inner, 'Log', logGroupName);
    const permission = new lambda.CfnPermission(inner, 'Permission', {
      functionName: refresher.functionArn,
      action: 'lambda:InvokeFunction',
      principal: 'logs.amazonaws.com',
      sourceArn: logGroup.logGroupArn,
      sourceAccount: Stack.of(scope).account,
    });
    const filter = new logs.SubscriptionFilter(inner, 'Filter', {
      logGroup,
      filterPattern: logs.FilterPattern.literal(NAMESPACE_CREATED),
      destination: { bind: () => ({ arn: refresher.functionArn }) },
    });
    // CloudWatch Logs invokes the function when it creates the filter
    filter.node.addDependency(permission);
  }
}

function checkLog(scope: Construct, cluster: ClusterSettings): void {
  const obstacle =
    differenceFromStack(scope, cluster) ??
    (cluster.roleArn && 'the function uses a role there') ??
    (isEks(cluster) ? undefined : 'it is not of EKS');
  if (!obstacle) return;
  throw new SettingsError(
    `newNamespaces: the log of the cluster ${clusterId(cluster)} cannot invoke the function: ${obstacle}, and a subscription works in one account and region; deploy a second function for this cluster, or leave newNamespaces out`,
  );
}

/**
 * Starts a refresh when a secret of Secrets Manager that a registry names changes, where the settings want it.
 * @param target what the rule starts: the function, or the state machine of a fleet
 * @throws SettingsError where the settings name more secrets than a rule takes
 */
export function watchStoredSecrets(parent: Construct, settings: Settings, target: events.IRuleTarget): void {
  if (!settings.storedChanges) return;
  const scope = new Construct(parent, 'StoredChanges');
  const stack = Stack.of(scope);
  const ids = [...new Set(listRegistries(settings).flatMap((registry) => storedSecretId(registry) ?? []))];
  const eventPattern = eventPatternFor(stack, ids);
  const { length } = JSON.stringify(stack.resolve(eventPattern));
  if (length > LONGEST_PATTERN) {
    throw new SettingsError(
      `storedChanges: the rule for ${ids.length} secrets takes ${length} characters, and EventBridge allows ${LONGEST_PATTERN}; put several docker configs into one secret, or leave storedChanges out`,
    );
  }
  new events.Rule(scope, 'Rule', {
    ruleName: `${settings.name}-stored-changes`,
    description: 'Refreshes ECR pull secrets when a stored secret has changed',
    eventPattern,
    enabled: settings.enabled,
    targets: [target],
  });
  const others = ids.filter((one) => isOfOtherPlace(one, stack));
  if (others.length === 0) return;
  Annotations.of(scope).addWarningV2(
    'ecr-registry-helper:storedChanges',
    `storedChanges: EventBridge sends no events of another account or region here: the next scheduled run reads a change of ${others.join(', ')}, unless a rule there forwards its events to the event bus of this account (docs/guides/registries.md)`,
  );
}

/** One event for each change of a value: https://docs.aws.amazon.com/secretsmanager/latest/userguide/secret-event-notifications.html */
function eventPatternFor(stack: Stack, ids: readonly string[]): events.EventPattern {
  const names = ids.map(secretNameOf);
  const arns = ids.map((id) => {
    const arn = secretArn(stack, id, '');
    return isArn(id) ? events.Match.exactString(arn) : events.Match.prefix(arn);
  });
  return {
    source: ['aws.secretsmanager'],
    detailType: ['Secret Label Updated'],
    resources: events.Match.anyOf(...arns),
    detail: {
      labelUpdated: ['AWSCURRENT'],
      // the ARN of docker-hub is a prefix of that of docker-hub-staging
      ...(names.every((name) => name !== undefined) && { name: names }),
    },
  };
}

/** Undefined for an ARN that only the deployment knows. */
function secretNameOf(id: string): string | undefined {
  if (Token.isUnresolved(id)) return undefined;
  return isArn(id) ? id.split(':')[6]?.slice(0, -'-??????'.length) : id;
}

function isOfOtherPlace(id: string, stack: Stack): boolean {
  if (Token.isUnresolved(id) || !isArn(id)) return false;
  const [, , , region, account] = id.split(':');
  return isDifferent(region, stack.region) === true || isDifferent(account, stack.account) === true;
}

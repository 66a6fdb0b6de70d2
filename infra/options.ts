import { CfnResource, RemovalPolicy, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct, IConstruct } from 'constructs';
import type { Settings, SettingsInput } from '../lambda/settings/schema.ts';

/** Of the stacks that `cdk deploy` makes. */
export interface HelperStackProps extends StackProps {
  readonly settings: SettingsInput;
}

/** Of every log group of a stack. */
export type LogOptions = Pick<logs.LogGroupProps, 'retention' | 'encryptionKey'>;

/** The key of the settings, whose policy must allow what uses it, and the options of log groups: properties come first. */
export function readOptions(
  scope: Construct,
  { logRetentionDays = logs.RetentionDays.THREE_MONTHS }: Settings,
  keyArn: string | undefined,
  { logRetention = logRetentionDays, logKey }: { logRetention?: logs.RetentionDays; logKey?: kms.IKey } = {},
): { key: kms.IKey | undefined; logs: LogOptions } {
  const key = keyArn === undefined ? undefined : kms.Key.fromKeyArn(scope, 'Key', keyArn);
  return { key, logs: { retention: logRetention, encryptionKey: logKey ?? key } };
}

/**
 * Applies tags and the permissions boundary of the settings to everything in a scope.
 * @param boundary of the properties, which come first
 */
export function applyOptions(
  scope: Construct,
  { tags = [], permissionsBoundary: name }: Settings,
  boundary = name ? iam.ManagedPolicy.fromManagedPolicyName(scope, 'Boundary', name) : undefined,
): void {
  for (const { key, value } of tags) {
    Tags.of(scope).add(key, value);
    // CloudFormation passes them on to what CDK cannot tag
    if (Stack.isStack(scope)) scope.tags.setTag(key, value);
  }
  if (boundary) iam.PermissionsBoundary.of(scope).apply(boundary);
}

/** The functions that CDK makes in a scope write to a log group of the stack; Lambda would keep theirs for ever. */
export function ownLog(scope: Construct, id: string, functions: IConstruct, options: LogOptions): void {
  const log = new logs.LogGroup(scope, id, { ...options, removalPolicy: RemovalPolicy.DESTROY });
  for (const node of functions.node.findAll()) {
    if (!CfnResource.isCfnResource(node) || node.cfnResourceType !== 'AWS::Lambda::Function') continue;
    // of a feature flag of CDK: without a retention, and left behind
    node.node.scope?.node.tryRemoveChild('LogGroup');
    node.addPropertyOverride('LoggingConfig.LogGroup', log.logGroupName);
  }
}

/** Tells checkov that findings are wrong. @param skips the reasons by the ids of its checks */
export function skipChecks(scope: Construct, skips: Readonly<Record<string, string>>): void {
  const skip = Object.entries(skips).map(([id, comment]) => ({ id, comment }));
  (scope.node.defaultChild as CfnResource).addMetadata('checkov', { skip });
}

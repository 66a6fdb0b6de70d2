import { Duration, Stack, Token, Validations } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import * as triggers from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import {
  accessPlaces,
  credentialsRoleName,
  homeRoleName,
  isFleet,
  listedClusters,
} from '../lambda/settings/locations.ts';
import { checkSettings } from '../lambda/settings/rules.ts';
import type { Settings, SettingsInput } from '../lambda/settings/schema.ts';
import { ClusterAccess, checkMainPlace, checkResources, listAppliedClusters } from './cluster-access.ts';
import { subscribedLogs, watchNamespaces, watchStoredSecrets } from './event-sources.ts';
import { Fleet } from './fleet.ts';
import { RefreshFunction, RetryQueues } from './function.ts';
import { type AlarmTopicProps, Monitoring } from './monitoring.ts';
import { type NetworkProps, resolveNetwork } from './network.ts';
import { applyOptions, ownLog, readOptions } from './options.ts';
import { addPermissions, functionPermissions, roleArn, vpcPermissions } from './permissions.ts';
import { makeCredentialsRole, PullRoles, registryPermissions } from './registry-permissions.ts';

export interface EcrRegistryHelperProps extends NetworkProps, AlarmTopicProps {
  /**
   * Clusters, secrets and schedule: the same document as the settings file. Texts may be tokens; the id of a
   * Secrets Manager secret that is a token must be its ARN.
   */
  readonly settings: SettingsInput;
  /**
   * A role of the same stack that Lambda may assume, as an access entry is valid only for the very role that it was
   * created for.
   * @default - a new role
   */
  readonly role?: iam.Role;
  /** Of all roles that the construct makes. @default - that of `settings.permissionsBoundary`, or none */
  readonly permissionsBoundary?: iam.IManagedPolicy;
  /** Memory of the function in MiB. @default 512 */
  readonly memorySize?: number;
  /** The longest run of the function, at most 15 minutes. @default Duration.minutes(15) */
  readonly timeout?: Duration;
  /** Whether a deployment starts a refresh, by CDK's trigger, which is a custom resource. @default true */
  readonly refreshOnDeploy?: boolean;
  /** Clusters at once when the settings say `fleet`, 2 to 1,000: one run of the function each. @default 20 */
  readonly fleetConcurrency?: number;
  /** How long logs are kept. @default - `settings.logRetentionDays`, or RetentionDays.THREE_MONTHS */
  readonly logRetention?: RetentionDays;
  /** KMS key of the logs; its policy must allow CloudWatch Logs. @default - that of `settings.kmsKeyArn`, or the key of CloudWatch Logs */
  readonly logKey?: kms.IKey;
  /** KMS key of the queues of failed runs. @default - that of `settings.kmsKeyArn`, or the key of SQS */
  readonly queueKey?: kms.IKey;
  /** KMS key of the function's environment. @default - that of `settings.kmsKeyArn`, or the key of Lambda */
  readonly environmentKey?: kms.IKey;
}

/** CDK's id for what runs all triggers of a stack. */
const TRIGGER_PROVIDER = 'AWSCDK.TriggerCustomResourceProviderCustomResourceProvider';

/**
 * A function that keeps ECR pull secrets fresh in the namespaces of EKS clusters, with its schedule, its permissions in
 * AWS and in the clusters, the first run after a deployment, the retries of failed runs, and the alarms.
 * @throws SettingsError for wrong settings
 */
export class EcrRegistryHelper extends Construct {
  /** Checked, with the defaults filled in; `clusterRights` takes them for clusters with `rbac: "manual"`. */
  readonly settings: Settings;
  /** The function. */
  readonly refresher: lambda.Function;
  /** The role of the function, for which the clusters have access entries. */
  readonly role: iam.Role;
  /** The EventBridge rule of the schedule. */
  readonly rule: events.Rule;
  /** The log of the function. */
  readonly logGroup: LogGroup;
  /** Has the failed runs, and retries them. */
  readonly failedQueue: sqs.Queue;
  /** Has the runs that are retried no more. */
  readonly deadLetterQueue: sqs.Queue;
  /** The state machine of a fleet, with what starts it. Only with `fleet`. */
  readonly fleet: Fleet | undefined;
  /** The alarms with their topic, and the dashboard. */
  readonly monitoring: Monitoring;

  constructor(scope: Construct, id: string, props: EcrRegistryHelperProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const main = { accountId: stack.account, region: stack.region };
    const settings = checkSettings(props.settings, Token.isUnresolved, main);
    const { name, enabled } = settings;
    this.settings = settings;
    checkMainPlace(this, settings);
    const clusters = listAppliedClusters(this, settings);
    checkResources(settings, clusters.length);
    const hasAccessStacks = accessPlaces(settings).length > 0;
    // clusters with webIdentity trust it by its ARN
    const isNamed =
      hasAccessStacks || (!props.role && listedClusters(settings).some((one) => one.webIdentity));
    const role = resolveRole(this, props, isNamed ? homeRoleName(name, main.region) : undefined);
    this.role = role;
    const network = resolveNetwork(this, props, settings.vpc);
    const { key, logs } = readOptions(this, settings, settings.kmsKeyArn, props);
    applyOptions(this, settings, props.permissionsBoundary);
    const hasVpcFunctions = settings.accessStacks.some(({ vpc }) => vpc);
    const credentialsRole = roleArn(stack, main.accountId, credentialsRoleName(name, main.region));
    const readers = [role.roleArn, ...(hasVpcFunctions ? [credentialsRole] : [])];
    const pullRoles = new PullRoles(this, 'PullRoles', settings, readers);
    if (hasVpcFunctions) makeCredentialsRole(this, settings, pullRoles.arns);
    addPermissions(role, [
      ...registryPermissions(stack, settings, pullRoles.arns),
      ...functionPermissions(stack, settings, subscribedLogs(settings)),
      ...(network ? vpcPermissions(stack) : []),
    ]);

    const queues = new RetryQueues(this, 'Retries', name, props.queueKey ?? key);
    const { failedQueue, retries } = queues;
    const { memorySize, fleetConcurrency: concurrency } = props;
    const refresher = new RefreshFunction(this, 'Refresher', {
      ...{ settings, input: props.settings, main, role, network, retries, memorySize, logOptions: logs },
      functionName: name,
      description: 'Refreshes the ECR pull secrets of Kubernetes clusters',
      timeout: props.timeout ?? Duration.minutes(15),
      environment: { RULE_NAME: name },
      environmentEncryption: props.environmentKey ?? key,
    });
    this.refresher = refresher;
    this.logGroup = refresher.log;
    this.failedQueue = failedQueue;
    this.deadLetterQueue = queues.deadLetterQueue;
    this.fleet = isFleet(settings)
      ? new Fleet(this, 'Fleet', { settings, refresher, failedQueue, logs, concurrency })
      : undefined;
    queues.invoke(refresher, enabled, this.fleet?.concurrency);
    this.monitoring = new Monitoring(this, 'Monitoring', this, props, key);

    const access = new ClusterAccess(this, 'Access', { settings, clusters, role, network, logs });
    const target = this.fleet?.target ?? new targets.LambdaFunction(refresher);
    this.rule = new events.Rule(this, 'Schedule', {
      ruleName: name,
      description: 'Refreshes ECR pull secrets before their tokens expire',
      schedule: events.Schedule.expression(settings.schedule),
      enabled,
      targets: [target],
    });
    this.rule.node.addDependency(access);
    watchNamespaces(this, settings, refresher);
    watchStoredSecrets(this, settings, target);
    if (!enabled || props.refreshOnDeploy === false) return;
    if (this.fleet) this.fleet.startOnDeploy(refresher, [access, pullRoles, role], logs);
    else this.refreshOnDeploy(retries, [access, pullRoles, role]);
    const trigger = stack.node.tryFindChild(TRIGGER_PROVIDER);
    if (trigger) ownLog(this, 'TriggerLog', trigger, logs);
  }

  /** A rate rule may fire hours after the deployment. As an EVENT, a run that fails does not roll the stack back. */
  private refreshOnDeploy(retries: lambda.EventInvokeConfigOptions, before: Construct[]): void {
    const { refresher } = this;
    // the trigger invokes the published version, and each qualifier has its own settings of asynchronous runs
    const version = refresher.currentVersion;
    version.configureAsyncInvoke(retries);
    Validations.of(refresher).acknowledge({
      id: '@aws-cdk/aws-lambda:addPermissionsToVersionOrAlias',
      reason: 'the rule invokes the function itself; the trigger may invoke its versions by its own role',
    });
    new triggers.Trigger(this, 'FirstRefresh', {
      handler: refresher,
      invocationType: triggers.InvocationType.EVENT,
      executeAfter: [...before, version],
    });
  }
}

/** @param roleName where access stacks trust the role by its name */
function resolveRole(
  scope: Construct,
  { role, permissionsBoundary }: EcrRegistryHelperProps,
  roleName: string | undefined,
): iam.Role {
  if (!role) {
    return new iam.Role(scope, 'Role', {
      roleName,
      description: 'Gets ECR tokens and writes pull secrets',
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
    });
  }
  if (roleName) throw new SettingsError(`role: access stacks trust the role ${roleName}; leave role out`);
  if (permissionsBoundary) throw new SettingsError('permissionsBoundary: set it on the role that you give');
  if (!iam.Role.isRole(role) || Stack.of(role) !== Stack.of(scope)) {
    throw new SettingsError(
      `role: ${role.node.path} is not made in the stack ${Stack.of(scope).stackName}; access entries and permissions would not be valid for it`,
    );
  }
  return role;
}

import { Duration, Names, Stack, Token } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import * as triggers from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import { isFleet } from '../lambda/settings/fleet-settings.ts';
import { accessPlaces, credentialsRoleName, homeRoleName } from '../lambda/settings/places.ts';
import { checkSettings, checkSize, type Settings } from '../lambda/settings.ts';
import { Access, appliedAtHome } from './access/access.ts';
import { checkHome } from './access/cluster-place.ts';
import { acknowledgeVersion } from './acknowledgements.ts';
import { bundleFolder } from './bundle.ts';
import { FLEET_CONCURRENCY, Fleet } from './fleet/fleet.ts';
import type { EcrRegistryHelperProps } from './helper-props.ts';
import { Monitoring } from './monitoring/monitoring.ts';
import { networkOf } from './network.ts';
import { NewNamespaces } from './new-namespaces.ts';
import { Retries } from './retries.ts';
import { makeCredentialsRole, roleArn, vpcPlaces } from './rights/credentials-role.ts';
import { functionRights } from './rights/policy.ts';
import { PullRoles } from './rights/pull-roles.ts';
import { addRights } from './rights/rights.ts';

/**
 * A function that keeps ECR pull secrets fresh in the namespaces of EKS clusters: its schedule, its rights in AWS
 * and in the clusters, the first run after a deployment, the retries of runs that failed, and the alarms.
 * @throws SettingsError for settings that are wrong
 */
export class EcrRegistryHelper extends Construct {
  /** As checked, with the defaults filled in; `clusterRights` takes them for clusters with `rbac: "manual"`. */
  readonly settings: Settings;
  readonly refresher: lambda.Function;
  readonly role: iam.Role;
  readonly rule: events.Rule;
  readonly logGroup: logs.LogGroup;
  readonly failedQueue: sqs.Queue;
  readonly deadLetterQueue: sqs.Queue;
  /** Only with `fleet`. */
  readonly fleet: Fleet | undefined;
  readonly monitoring: Monitoring;

  constructor(scope: Construct, id: string, props: EcrRegistryHelperProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const settings = checkSettings(props.settings, Token.isUnresolved);
    checkSize(props.settings);
    this.settings = settings;
    checkHome(this, settings);
    const hasAccessStacks = accessPlaces(settings).length > 0;
    this.role = roleOf(this, props, hasAccessStacks ? homeRoleName(settings.name, stack.region) : undefined);
    const network = networkOf(this, props, settings.vpc);
    // given here, so that the function can be told it before the rule is made, which needs the function
    const ruleName = Names.uniqueResourceName(this, { maxLength: 64, separator: '-' });
    const { role } = this;
    const isHelped = vpcPlaces(settings).length > 0;
    const readers = [
      role.roleArn,
      ...(isHelped ? [roleArn(stack, stack.account, credentialsRoleName(settings.name, stack.region))] : []),
    ];
    const pullRoles = new PullRoles(this, 'PullRoles', { ...props, settings, readers });
    if (isHelped) makeCredentialsRole(this, settings, pullRoles.arns, props.permissionsBoundary);
    const inVpc = network !== undefined;
    addRights(role, functionRights(stack, settings, { inVpc, ruleName, pullRoles: pullRoles.arns }));
    this.logGroup = new logs.LogGroup(this, 'Log', {
      retention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      encryptionKey: props.logKey,
    });
    this.logGroup.grantWrite(this.role);
    const retries = new Retries(this, 'Retries', { key: props.queueKey, role: this.role });
    this.failedQueue = retries.failedQueue;
    this.deadLetterQueue = retries.deadLetterQueue;

    this.refresher = new lambda.Function(this, 'Refresher', {
      description: 'Refreshes the ECR pull secrets of Kubernetes clusters',
      code: lambda.Code.fromAsset(bundleFolder()),
      handler: 'index.handler',
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      timeout: props.timeout ?? Duration.minutes(15),
      memorySize: props.memorySize ?? 512,
      role: this.role,
      logGroup: this.logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      environment: {
        SETTINGS: stack.toJsonString(props.settings),
        POWERTOOLS_SERVICE_NAME: settings.name,
        RULE_NAME: ruleName,
        ...pullRoles.environment,
        // an endpoint of somebody's choosing would be sent tokens
        AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
      },
      environmentEncryption: props.environmentKey,
      vpc: network?.vpc,
      vpcSubnets: network && { subnets: network.subnets },
      securityGroups: network?.securityGroups,
      ...retries.asynchronous(),
    });
    const { refresher, failedQueue } = this;
    const concurrency = props.fleetConcurrency ?? FLEET_CONCURRENCY;
    this.fleet = isFleet(settings)
      ? new Fleet(this, 'Fleet', { refresher, failedQueue, concurrency })
      : undefined;
    retries.feed(refresher, settings.enabled, this.fleet && concurrency);
    this.monitoring = new Monitoring(this, 'Monitoring', this, props);

    const access = new Access(this, 'Access', {
      settings,
      clusters: appliedAtHome(this, settings),
      role: this.role,
      network,
    });
    this.rule = new events.Rule(this, 'Schedule', {
      ruleName,
      description: 'Refreshes ECR pull secrets before their tokens end',
      schedule: events.Schedule.expression(settings.schedule),
      enabled: settings.enabled,
      targets: [this.fleet?.target ?? new targets.LambdaFunction(this.refresher)],
    });
    this.rule.node.addDependency(access);
    new NewNamespaces(this, 'NewNamespaces', { settings, refresher: this.refresher });
    if (!settings.enabled) return;
    if (this.fleet) this.fleet.startOnDeploy();
    else this.refreshOnDeploy(retries, access, pullRoles);
  }

  /** A rate rule may fire hours after the deployment. As an EVENT, a run that fails does not roll the stack back. */
  private refreshOnDeploy(retries: Retries, ...before: Construct[]): void {
    // the trigger invokes the published version, and the settings of asynchronous runs are each qualifier's own
    const version = this.refresher.currentVersion;
    version.configureAsyncInvoke(retries.asynchronous());
    acknowledgeVersion(this.refresher);
    new triggers.Trigger(this, 'FirstRefresh', {
      handler: this.refresher,
      invocationType: triggers.InvocationType.EVENT,
      executeAfter: [...before, version, this.role],
    });
  }
}

/** @param roleName where access stacks trust it by its name */
function roleOf(
  scope: Construct,
  { role, permissionsBoundary }: EcrRegistryHelperProps,
  roleName: string | undefined,
): iam.Role {
  if (!role) {
    return new iam.Role(scope, 'Role', {
      roleName,
      description: 'Fetches ECR tokens and writes pull secrets',
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      permissionsBoundary,
    });
  }
  if (roleName)
    throw new SettingsError(`role: access stacks trust the role ${roleName}; give none, and it is made`);
  if (permissionsBoundary) throw new SettingsError('permissionsBoundary: set it on the role that you give');
  if (!iam.Role.isRole(role) || Stack.of(role) !== Stack.of(scope)) {
    throw new SettingsError(
      `role: ${role.node.path} is not made in the stack ${Stack.of(scope).stackName}; access entries and rights would not hold for it`,
    );
  }
  return role;
}

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import type { Place } from '../lambda/settings/locations.ts';
import {
  functionSettings,
  LARGEST_IN_ENVIRONMENT,
  packSettings,
  parameterName,
  sizeInEnvironment,
} from '../lambda/settings/packing.ts';
import type { Settings, SettingsInput } from '../lambda/settings/schema.ts';
import type { Network } from './network.ts';
import { type LogOptions, skipChecks } from './options.ts';
import { addPermissions, roleArn, settingsPermissions } from './permissions.ts';
import { pullRolePrefix } from './registry-permissions.ts';

/** What all functions of this package share. */
export const RUNTIME = {
  handler: 'index.handler',
  runtime: lambda.Runtime.NODEJS_24_X,
  architecture: lambda.Architecture.ARM_64,
  loggingFormat: lambda.LoggingFormat.JSON,
};

type Options = 'description' | 'environmentEncryption' | 'functionName' | 'memorySize' | 'timeout';

export interface RefreshFunctionProps extends Pick<lambda.FunctionOptions, Options> {
  readonly settings: Settings;
  /** The settings as written: the function checks them itself. */
  readonly input: SettingsInput;
  /** The place of the main function, in whose account the pull roles are. */
  readonly main: Place;
  readonly role: iam.Role;
  readonly network: Network | undefined;
  /** What this function alone gets, beside the settings. */
  readonly environment: Record<string, string>;
  readonly logOptions: LogOptions;
  /** How Lambda retries it. @default - it does not, as another function waits for its result */
  readonly retries?: lambda.EventInvokeConfigOptions;
}

/** Context: the flags of the CDK app of this project, or the guide to templates; another app has stacks, which `cdk deploy` takes by their path. */
export const APP_FLAGS = 'ecr-registry-helper:app-flags';
/** What fits in the environment beside the longest settings and names. Where it is longer, printed commands lack the flags. */
const LONGEST_DEPLOYED_BY = 100;

/** The function that refreshes pull secrets: the main function, and the VPC function of an access stack. */
export class RefreshFunction extends lambda.Function {
  readonly log: logs.LogGroup;

  /** @throws SettingsError for settings that are too large */
  constructor(scope: Construct, id: string, props: RefreshFunctionProps) {
    const { settings, input, main, role, network, environment, logOptions, retries, ...options } = props;
    const stack = Stack.of(scope);
    const passed = passSettings(scope, role, settings.name, functionSettings(input));
    const room = LONGEST_DEPLOYED_BY + LARGEST_IN_ENVIRONMENT - passed.size;
    const deployedBy = scope.node.tryGetContext(APP_FLAGS) ?? stack.node.path;
    // kept after the stack, but not after a first deployment that failed
    const removalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    const logGroup = new logs.LogGroup(scope, 'Log', { ...logOptions, removalPolicy });
    logGroup.grantWrite(role);
    super(scope, id, {
      code: lambda.Code.fromAsset(bundleFolder()),
      ...RUNTIME,
      role,
      logGroup,
      environment: {
        ...passed.variables,
        ...(deployedBy.length <= room && { DEPLOYED_BY: deployedBy }),
        ...(settings.secrets.some(({ repositories }) => repositories) && {
          PULL_ROLE_PREFIX: roleArn(stack, main.accountId, pullRolePrefix(settings.name, main.region)),
        }),
        // the function would send tokens to an endpoint that somebody configured
        AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
        // other endpoints have no IPv6 address: https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html
        ...(network?.ipv6 && { AWS_USE_DUALSTACK_ENDPOINT: 'true' }),
        ...environment,
      },
      vpc: network?.vpc,
      vpcSubnets: network && { subnets: network.subnets },
      securityGroups: network?.securityGroups,
      ipv6AllowedForDualStack: network?.ipv6 || undefined,
      ...retries,
      ...options,
      memorySize: options.memorySize ?? 512,
    });
    this.log = logGroup;
    this.node.addDependency(...passed.parameters);
    skipChecks(this, {
      CKV_AWS_45: 'the settings have ids of accounts and names of secrets, and no secret',
      CKV_AWS_116: retries
        ? 'its failed runs go to a queue (EventInvokeConfig)'
        : 'a caller waits for its result',
    });
  }
}

/** The variables by which a function gets its settings, and the parameters that hold those that do not fit in there. */
interface PassedSettings {
  readonly variables: Readonly<Record<string, string>>;
  /** In the environment, in bytes. */
  readonly size: number;
  readonly parameters: readonly ssm.StringParameter[];
}

/** @throws SettingsError for settings that are too large */
function passSettings(scope: Construct, role: iam.Role, name: string, settings: object): PassedSettings {
  const stack = Stack.of(scope);
  const size = sizeInEnvironment(settings);
  if (size <= LARGEST_IN_ENVIRONMENT) {
    return { variables: { SETTINGS: stack.toJsonString(settings) }, size, parameters: [] };
  }
  if (Token.isUnresolved(JSON.stringify(settings))) {
    throw new SettingsError(
      `they take ${size} bytes, and with texts that are known only at deployment at most ${LARGEST_IN_ENVIRONMENT}; give the texts themselves, use globs, or several deployments`,
    );
  }
  const { path, values } = packSettings(settings, name);
  const parameters = values.map(
    (stringValue, at) =>
      new ssm.StringParameter(scope, `Settings${at + 1}`, {
        parameterName: parameterName(path, at),
        description: `Settings of ${name}, compressed: part ${at + 1} of ${values.length}`,
        stringValue,
        tier: ssm.ParameterTier.STANDARD,
      }),
  );
  addPermissions(role, settingsPermissions(stack, name));
  return { variables: { SETTINGS_PATH: path }, size: LARGEST_IN_ENVIRONMENT, parameters };
}

/** The folder of the function's bundle, by the name of the package: it is the same from its sources and from its builds. */
export function bundleFolder(): string {
  const root = dirname(createRequire(import.meta.url).resolve('ecr-registry-helper/package.json'));
  const folder = join(root, 'dist/lambda');
  if (!existsSync(folder)) throw new SettingsError(`${folder} does not exist; run npm run build:lambda`);
  return folder;
}

/** How often the queue starts a failed run again: for six hours, with its visibility timeout of half an hour. */
const RETRIES_BY_QUEUE = 12;

/**
 * The queues of failed runs: Lambda retries a run twice within minutes, then the queue starts it again every half hour
 * for six hours, then it stays in the dead-letter queue.
 */
export class RetryQueues extends Construct {
  readonly failedQueue: sqs.Queue;
  readonly deadLetterQueue: sqs.Queue;
  /** How Lambda retries the function; a version of it needs the same. */
  readonly retries: lambda.EventInvokeConfigOptions;

  /** @param name of the deployment */
  constructor(scope: Construct, id: string, name: string, key: kms.IKey | undefined) {
    super(scope, id);
    const shared: sqs.QueueProps = {
      encryption: key ? sqs.QueueEncryption.KMS : sqs.QueueEncryption.SQS_MANAGED,
      encryptionMasterKey: key,
      enforceSSL: true,
    };
    this.deadLetterQueue = new sqs.Queue(this, 'DeadLetterQueue', {
      ...shared,
      queueName: `${name}-dead-letter`,
      // the default, by which Control Tower knows a dead-letter queue
      redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.ALLOW_ALL },
      retentionPeriod: Duration.days(14),
    });
    this.failedQueue = new sqs.Queue(this, 'FailedQueue', {
      ...shared,
      queueName: `${name}-failed`,
      // Lambda has just retried; 15 minutes is the longest delay of SQS
      deliveryDelay: Duration.minutes(15),
      visibilityTimeout: Duration.minutes(30),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: RETRIES_BY_QUEUE },
    });
    const skips = { CKV_AWS_27: 'it is encrypted, by the key of SQS' };
    if (!key) for (const queue of [this.failedQueue, this.deadLetterQueue]) skipChecks(queue, skips);
    this.retries = {
      retryAttempts: 2,
      // enough for three runs of 15 minutes and the pauses between them
      maxEventAge: Duration.hours(1),
      onFailure: { bind: () => ({ destination: this.failedQueue.queueArn }) },
    };
  }

  /**
   * Has the queue invoke the function, one failed run at a time; while `enabled` is false they wait (four days).
   * @param maxConcurrency for a fleet, of which many clusters may have failed at once
   */
  invoke(refresher: lambda.Function, enabled: boolean, maxConcurrency?: number): void {
    // what Lambda needs of a destination and of an event source; the grants of CDK's own classes allow more
    this.failedQueue.grant(
      refresher,
      'sqs:SendMessage',
      'sqs:ReceiveMessage',
      'sqs:DeleteMessage',
      'sqs:GetQueueAttributes',
    );
    this.failedQueue.encryptionMasterKey?.grant(refresher, 'kms:GenerateDataKey', 'kms:Decrypt');
    refresher.addEventSourceMapping('Failed', {
      eventSourceArn: this.failedQueue.queueArn,
      batchSize: 1,
      enabled,
      maxConcurrency,
    });
  }
}

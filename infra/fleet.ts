import { Duration, RemovalPolicy, Stack, Token, Validations } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import * as triggers from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import type { Settings } from '../lambda/settings/schema.ts';
import { fleetDefinition } from './fleet-definition.ts';
import { RUNTIME } from './function.ts';
import type { LogOptions } from './options.ts';
import { addPermissions, type Permission } from './permissions.ts';

const DEFAULT_CONCURRENCY = 20;
/** Of an event source of SQS: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
const LEAST_CONCURRENCY = 2;
const MOST_CONCURRENCY = 1000;

export interface FleetProps {
  readonly settings: Pick<Settings, 'name' | 'stateMachineLogs'>;
  readonly refresher: lambda.IFunction;
  readonly failedQueue: sqs.IQueue;
  readonly logs: LogOptions;
  /** Clusters at once. @default 20 */
  readonly concurrency?: number;
}

/** The state machine that invokes the function once for each cluster of a fleet, and what starts it. */
export class Fleet extends Construct {
  readonly stateMachine: sfn.StateMachine;
  readonly role: iam.Role;
  /** For rules: they start the state machine with an empty input. */
  readonly target: events.IRuleTarget;
  readonly concurrency: number;

  /** @throws SettingsError for a concurrency that Lambda refuses */
  constructor(scope: Construct, id: string, props: FleetProps) {
    super(scope, id);
    const { settings, refresher, failedQueue, concurrency = DEFAULT_CONCURRENCY } = props;
    const isInRange = concurrency >= LEAST_CONCURRENCY && concurrency <= MOST_CONCURRENCY;
    if (!Token.isUnresolved(concurrency) && !(Number.isInteger(concurrency) && isInRange)) {
      throw new SettingsError(
        `fleetConcurrency: ${concurrency} is not a whole number from ${LEAST_CONCURRENCY} to ${MOST_CONCURRENCY}`,
      );
    }
    this.concurrency = concurrency;
    const stack = Stack.of(this);
    this.role = new iam.Role(this, 'Role', {
      description: 'Runs the function for each cluster of a fleet',
      assumedBy: ofThisAccount(stack, 'states.amazonaws.com'),
    });
    addPermissions(this.role, fleetPermissions(stack, props));
    failedQueue.encryptionMasterKey?.grant(this.role, 'kms:GenerateDataKey', 'kms:Decrypt');
    const definition = fleetDefinition({
      partition: stack.partition,
      functionArn: refresher.functionArn,
      failedQueueUrl: failedQueue.queueUrl,
      concurrency,
    });
    const removalPolicy = RemovalPolicy.DESTROY;
    // a name of these needs no resource policy of its own
    const logGroupName = `/aws/vendedlogs/states/${settings.name}`;
    const destination =
      settings.stateMachineLogs &&
      new logs.LogGroup(this, 'Log', { ...props.logs, logGroupName, removalPolicy });
    this.stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      stateMachineName: settings.name,
      role: this.role,
      definitionBody: sfn.DefinitionBody.fromString(stack.toJsonString(definition)),
      logs: destination ? { destination, level: sfn.LogLevel.ALL } : undefined,
    });
    // both would need permissions on every log group and trace of the account
    Validations.of(this).acknowledge(
      destination
        ? { id: 'AwsSolutions-IAM5[Resource::*]', reason: 'log deliveries take no resource' }
        : {
            id: 'AwsSolutions-SF1',
            reason:
              'Step Functions keeps the history of each execution for 90 days, and the function logs each run; stateMachineLogs in the settings logs it too',
          },
      { id: 'AwsSolutions-SF2', reason: 'the history has the duration of each step' },
    );
    this.target = new targets.SfnStateMachine(this.stateMachine, {
      role: new iam.Role(this, 'RuleRole', {
        description: 'Starts the state machine of a fleet by rules of this account',
        assumedBy: ofThisAccount(stack, 'events.amazonaws.com'),
      }),
      input: events.RuleTargetInput.fromObject({}),
    });
  }

  /**
   * Starts the state machine after a deployment that changes the function's code or settings, as the schedule may wait
   * for hours. As an EVENT, a start that fails does not roll the stack back, and Lambda retries it twice.
   */
  startOnDeploy(refresher: lambda.Function, before: Construct[], options: LogOptions): void {
    const removalPolicy = RemovalPolicy.DESTROY;
    const logGroup = new logs.LogGroup(this, 'StarterLog', { ...options, removalPolicy });
    const role = new iam.Role(this, 'StarterRole', {
      description: 'Starts the state machine of a fleet after a deployment',
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
    });
    logGroup.grantWrite(role);
    this.stateMachine.grantStartExecution(role);
    const starter = new lambda.Function(this, 'Starter', {
      description: 'Starts the state machine of the fleet after a deployment',
      code: lambda.Code.fromInline(START),
      ...RUNTIME,
      timeout: Duration.seconds(30),
      role,
      logGroup,
      environment: {
        STATE_MACHINE_ARN: this.stateMachine.stateMachineArn,
        // changes with code and settings, so that the trigger runs again
        REFRESHER: refresher.currentVersion.functionArn,
      },
    });
    new triggers.Trigger(this, 'FirstRefresh', {
      handler: starter,
      invocationType: triggers.InvocationType.EVENT,
      executeAfter: [...before, this.stateMachine, this.role, role],
    });
  }
}

/** With the SDK of Lambda's runtime. */
const START = `const { SFNClient, StartExecutionCommand } = require('@aws-sdk/client-sfn');
exports.handler = () =>
  new SFNClient().send(new StartExecutionCommand({ stateMachineArn: process.env.STATE_MACHINE_ARN }));
`;

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html */
function ofThisAccount({ account }: Stack, service: string): iam.ServicePrincipal {
  return new iam.ServicePrincipal(service, {
    conditions: { StringEquals: { 'aws:SourceAccount': account } },
  });
}

/** What the state machine calls, and what a Distributed Map needs for its child executions. */
function fleetPermissions(stack: Stack, { settings, refresher, failedQueue }: FleetProps): Permission[] {
  const { partition, region, account } = stack;
  const states = `arn:${partition}:states:${region}:${account}`;
  return [
    {
      sid: 'RunFunction',
      reason: 'one run of the function for each cluster',
      actions: ['lambda:InvokeFunction'],
      resources: [refresher.functionArn],
    },
    {
      sid: 'QueueFailed',
      reason: 'the queue of failed runs retries a cluster that failed',
      actions: ['sqs:SendMessage'],
      resources: [failedQueue.queueArn],
    },
    // https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
    {
      sid: 'StartChildren',
      reason: 'a Distributed Map starts child executions of the same state machine',
      actions: ['states:StartExecution'],
      resources: [`${states}:stateMachine:${settings.name}`],
    },
    {
      sid: 'SeeChildren',
      reason: 'a Distributed Map waits for child executions, whose names Step Functions generates',
      actions: ['states:DescribeExecution', 'states:StopExecution'],
      resources: [`${states}:execution:${settings.name}:*`],
    },
  ];
}

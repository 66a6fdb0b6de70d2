import { ArnFormat, Names, Stack, Token } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { SettingsError } from '../../lambda/errors.ts';
import { acknowledgeNoDelivery, acknowledgeWildcards } from '../acknowledgements.ts';
import { fleetDefinition } from './fleet-definition.ts';

/** How many clusters at once, if nothing else is said. */
export const FLEET_CONCURRENCY = 20;
/** Of an event source of SQS: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
const LEAST_CONCURRENCY = 2;
const MOST_CONCURRENCY = 1000;

export interface FleetProps {
  readonly refresher: lambda.IFunction;
  readonly failedQueue: sqs.IQueue;
  /** Clusters at once. */
  readonly concurrency: number;
}

/** The state machine that has the function refresh each cluster of a fleet by itself, and what starts it. */
export class Fleet extends Construct {
  readonly stateMachine: sfn.StateMachine;
  readonly role: iam.Role;
  /** For rules: they start the state machine with nothing. */
  readonly target: events.IRuleTarget;

  /** @throws SettingsError for a concurrency that Lambda does not take */
  constructor(scope: Construct, id: string, { refresher, failedQueue, concurrency }: FleetProps) {
    super(scope, id);
    if (!Token.isUnresolved(concurrency) && !isConcurrency(concurrency)) {
      throw new SettingsError(
        `fleetConcurrency: ${concurrency} is no whole number from ${LEAST_CONCURRENCY} to ${MOST_CONCURRENCY}`,
      );
    }
    const stack = Stack.of(this);
    // given here, so that the role can name it, which the state machine needs
    const stateMachineName = Names.uniqueResourceName(this, { maxLength: 80, separator: '-' });
    this.role = new iam.Role(this, 'Role', {
      description: 'Runs the function for each cluster of a fleet',
      assumedBy: new iam.ServicePrincipal('states.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
      }),
    });
    grantRights(this.role, stateMachineName, refresher, failedQueue);
    this.stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      stateMachineName,
      role: this.role,
      definitionBody: sfn.DefinitionBody.fromString(
        stack.toJsonString(
          fleetDefinition({
            partition: stack.partition,
            functionArn: refresher.functionArn,
            failedQueueUrl: failedQueue.queueUrl,
            concurrency,
          }),
        ),
      ),
    });
    acknowledgeNoDelivery(this.stateMachine);
    this.target = new targets.SfnStateMachine(this.stateMachine, {
      input: events.RuleTargetInput.fromObject({}),
    });
  }

  /**
   * The first refresh after a deployment, as the schedule may wait for hours: CloudFormation tells when the stack is
   * made or updated, which is before it deletes what is no longer in it, pull roles of before among that.
   * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/eventbridge.html
   */
  startOnDeploy(): void {
    new events.Rule(this, 'Deployed', {
      description: 'Refreshes ECR pull secrets once the stack is deployed',
      eventPattern: {
        source: ['aws.cloudformation'],
        detailType: ['CloudFormation Stack Status Change'],
        detail: {
          'stack-id': [Stack.of(this).stackId],
          'status-details': { status: ['CREATE_COMPLETE', 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS'] },
        },
      },
      targets: [this.target],
    });
  }
}

function grantRights(
  role: iam.Role,
  stateMachineName: string,
  refresher: lambda.IFunction,
  queue: sqs.IQueue,
): void {
  const ofStates = (resource: string, resourceName: string) =>
    Stack.of(role).formatArn({
      service: 'states',
      resource,
      resourceName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  const executions = ofStates('execution', `${stateMachineName}:*`);
  const allow = (sid: string, actions: string[], resource: string) =>
    role.addToPolicy(new iam.PolicyStatement({ sid, actions, resources: [resource] }));
  allow('RunFunction', ['lambda:InvokeFunction'], refresher.functionArn);
  allow('QueueFailed', ['sqs:SendMessage'], queue.queueArn);
  // the least that a Distributed Map needs: https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
  allow('StartChildren', ['states:StartExecution'], ofStates('stateMachine', stateMachineName));
  allow('SeeChildren', ['states:DescribeExecution', 'states:StopExecution'], executions);
  acknowledgeWildcards(role, [
    {
      resources: [executions],
      why: 'the executions that a Distributed Map starts have names that Step Functions makes up',
    },
  ]);
  queue.encryptionMasterKey?.grant(role, 'kms:GenerateDataKey', 'kms:Decrypt');
}

function isConcurrency(value: number): boolean {
  return Number.isInteger(value) && value >= LEAST_CONCURRENCY && value <= MOST_CONCURRENCY;
}

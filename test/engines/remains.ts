import { DescribeStacksCommand, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { ListRulesCommand } from '@aws-sdk/client-eventbridge';
import { ListEventSourceMappingsCommand, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { ListStateMachinesCommand } from '@aws-sdk/client-sfn';
import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import { type Deployment, STACK } from './deployment.ts';
import { LISTED } from './emulators.ts';
import { demand } from './steps.ts';

/** Shows that the deployed template retains the log group of the function, and nothing else. */
export async function showRetained({ engine }: Deployment): Promise<string> {
  const { TemplateBody = '' } = await engine.cloudFormation.send(
    new GetTemplateCommand({ StackName: STACK, TemplateStage: 'Original' }),
  );
  const resources = Object.entries<{ Type: string; DeletionPolicy?: string }>(
    JSON.parse(TemplateBody).Resources,
  );
  const retained = resources.filter(([, { DeletionPolicy = 'Delete' }]) => DeletionPolicy !== 'Delete');
  const shown = retained
    .map(([id, { Type, DeletionPolicy }]) => `${Type} ${id} (${DeletionPolicy})`)
    .join(', ');
  const isLogGroup = retained.length === 1 && retained[0]?.[1].Type === 'AWS::Logs::LogGroup';
  demand(isLogGroup && shown.includes('HelperLog'), `the template retains ${shown}`);
  return `only ${shown}`;
}

/**
 * Shows that of a stack that was destroyed nothing is left: LocalStack also deletes the log group that the template
 * retains.
 */
export async function showNothingLeft(deployment: Deployment): Promise<string> {
  const { engine, emulators } = deployment;
  const { Stacks = [] } = await engine.cloudFormation.send(new DescribeStacksCommand({}));
  const { Functions = [] } = await engine.lambda.send(new ListFunctionsCommand({}));
  const { EventSourceMappings = [] } = await engine.lambda.send(new ListEventSourceMappingsCommand({}));
  const { Rules = [] } = await engine.eventBridge.send(new ListRulesCommand({}));
  const { stateMachines = [] } = await engine.stepFunctions.send(new ListStateMachinesCommand({}));
  const { QueueUrls = [] } = await engine.sqs.send(new ListQueuesCommand({}));
  const { logGroups = [] } = await engine.logs.send(new DescribeLogGroupsCommand({}));
  const left = [
    ...Stacks.filter(
      ({ StackName, StackStatus }) => StackName === STACK && StackStatus !== 'DELETE_COMPLETE',
    ).map(({ StackStatus, StackStatusReason }) => `the stack (${StackStatus}, ${StackStatusReason})`),
    ...Functions.map(({ FunctionArn }) => FunctionArn),
    ...EventSourceMappings.map(({ EventSourceMappingArn }) => EventSourceMappingArn),
    ...Rules.map(({ Arn }) => Arn),
    ...stateMachines.map(({ stateMachineArn }) => stateMachineArn),
    ...QueueUrls,
    ...logGroups.map(({ logGroupName }) => logGroupName),
    ...emulators.cluster(LISTED).manifest.map((object) => JSON.stringify(object)),
  ];
  demand(left.length === 0, `left are ${left.join(', ')}`);
  return `stack, functions, event sources, rules, state machine, queues, log groups and the RBAC of ${LISTED} are gone`;
}

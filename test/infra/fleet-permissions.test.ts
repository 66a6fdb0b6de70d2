import * as kms from 'aws-cdk-lib/aws-kms';
import { expect, it } from 'vitest';
import { type Call, statements, unusedPermissions, verdict } from './iam.ts';
import { definitionOf } from './state-machine.ts';
import { DEMO, resource, synth } from './synth.ts';

const { template } = synth((stack) => ({
  settings: { ...DEMO, fleet: true },
  queueKey: new kms.Key(stack, 'Key'),
}));
const policy = statements(template, undefined, 'HelperFleetRole');
const name: string = resource(template, 'AWS::StepFunctions::StateMachine').properties.StateMachineName;
const idOf = (type: string, prefix: string) => resource(template, type, prefix).id;
const arn = (service: string, rest: string) => `arn:aws:${service}:eu-west-1:111122223333:${rest}`;
const refresher = arn('lambda', `function:${idOf('AWS::Lambda::Function', 'HelperRefresher')}`);
const failedQueue = arn('sqs', idOf('AWS::SQS::Queue', 'HelperRetriesFailed'));
const deadLetters = arn('sqs', idOf('AWS::SQS::Queue', 'HelperRetriesDead'));
const key = arn('kms', `key/${idOf('AWS::KMS::Key', 'Key')}`);
const machine = arn('states', `stateMachine:${name}`);
const child = arn('states', `execution:${name}:4711`);

/** The calls of each resource of a task, and those that a Distributed Map needs to run. */
const CALLS: Record<string, Call[]> = {
  'lambda:invoke': [{ action: 'lambda:InvokeFunction', resource: refresher }],
  'sqs:sendMessage': [
    { action: 'sqs:SendMessage', resource: failedQueue },
    // of whoever sends to a queue with a key
    { action: 'kms:GenerateDataKey', resource: key },
    { action: 'kms:Decrypt', resource: key },
  ],
  DISTRIBUTED: [
    { action: 'states:StartExecution', resource: machine },
    { action: 'states:DescribeExecution', resource: child },
    { action: 'states:StopExecution', resource: child },
  ],
};

it('the state machine has the permissions that its definition needs, and no other', async () => {
  const text = JSON.stringify(definitionOf(template));
  const used = [...text.matchAll(/:states:::([\w:]+)"|"Mode":"(\w+)"/g)].map(
    ([, task, mode]) => task ?? mode,
  );
  expect(new Set(used)).toEqual(new Set(Object.keys(CALLS)));
  const calls = Object.values(CALLS).flat();
  for (const call of calls) expect([call, await verdict(policy, call)]).toEqual([call, 'allowed']);
  expect(await unusedPermissions(policy, calls)).toEqual([]);
});

it.each([
  ['another function', { action: 'lambda:InvokeFunction', resource: `${refresher}2` }],
  ['a version of the function', { action: 'lambda:InvokeFunction', resource: `${refresher}:1` }],
  ["the function's code", { action: 'lambda:UpdateFunctionCode', resource: refresher }],
  ['the dead-letter queue', { action: 'sqs:SendMessage', resource: deadLetters }],
  ['what lies in the queue', { action: 'sqs:ReceiveMessage', resource: failedQueue }],
  ['another state machine', { action: 'states:StartExecution', resource: `${machine}2` }],
  ['its own definition', { action: 'states:UpdateStateMachine', resource: machine }],
  [
    'executions of another',
    { action: 'states:StopExecution', resource: arn('states', `execution:${name}2:4711`) },
  ],
  ['a token of ECR', { action: 'ecr:GetAuthorizationToken', resource: '*' }],
  ['a log group', { action: 'logs:PutResourcePolicy', resource: '*' }],
])('it has no permission for %s', async (_, call) => {
  expect(await verdict(policy, call)).toBe('not allowed');
});

it('its role is for state machines of this account, without managed policies', () => {
  const { properties } = resource(template, 'AWS::IAM::Role', 'HelperFleetRole');
  expect(properties).not.toHaveProperty('ManagedPolicyArns');
  expect(properties.AssumeRolePolicyDocument.Statement).toEqual([
    {
      Action: 'sts:AssumeRole',
      Effect: 'Allow',
      Principal: { Service: 'states.amazonaws.com' },
      Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } },
    },
  ]);
});

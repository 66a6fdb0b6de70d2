import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { Answer } from '../answers.ts';
import { codeOf } from '../errors.ts';
import { ACTIONS } from '../event.ts';
import {
  awsFault,
  FunctionFailedError,
  FunctionNotFoundError,
  NoAnswerError,
  StackNotFoundError,
  StackOutputError,
} from './errors.ts';

/** Lambda's longest run, and some time for its answer. */
const LONGEST_MS = 15 * 60_000 + 10_000;

/**
 * The name of the function that a stack made.
 * @throws StackNotFoundError, StackOutputError, CredentialsError, RegionError, AwsCallError
 */
export async function findFunction(stack: string): Promise<string> {
  const client = new CloudFormationClient({});
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: stack }));
    const name = Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey === 'FunctionName')?.OutputValue;
    if (!name) throw new StackOutputError(stack);
    return name;
  } catch (fault) {
    // of CloudFormation a stack that is not there is one of many validation errors
    if (codeOf(fault) === 'ValidationError')
      throw new StackNotFoundError(stack, await client.config.region());
    throw awsFault(fault, 'cloudformation:DescribeStacks', stack);
  } finally {
    client.destroy();
  }
}

/**
 * Runs the function once, and waits for its answer as long as it may run.
 * @throws FunctionFailedError with what it says, FunctionNotFoundError, NoAnswerError, CredentialsError, RegionError, AwsCallError
 */
export async function invokeFunction(name: string, event: unknown): Promise<Answer> {
  const client = new LambdaClient({
    // an invocation that was sent must not be sent again
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: LONGEST_MS,
      throwOnRequestTimeout: true,
    },
  });
  try {
    const answer = await client.send(
      new InvokeCommand({ FunctionName: name, Payload: Buffer.from(JSON.stringify(event)) }),
    );
    const text = answer.Payload?.transformToString() ?? '';
    if (answer.FunctionError) throw new FunctionFailedError(name, messageOf(text));
    return readAnswer(name, text);
  } catch (fault) {
    if (codeOf(fault) === 'ResourceNotFoundException') {
      throw new FunctionNotFoundError(name, await client.config.region());
    }
    throw awsFault(fault, 'lambda:InvokeFunction', name);
  } finally {
    client.destroy();
  }
}

/** What Lambda says of a function that threw: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html */
function messageOf(text: string): string {
  const { errorMessage } = parsed(text) ?? {};
  return typeof errorMessage === 'string' ? errorMessage : 'it said nothing';
}

function readAnswer(name: string, text: string): Answer {
  const answer = parsed(text);
  if (typeof answer?.ok !== 'boolean' || !ACTIONS.some((action) => action === answer.action)) {
    throw new NoAnswerError(name);
  }
  return answer as unknown as Answer;
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

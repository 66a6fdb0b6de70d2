import { InvokeCommand } from '@aws-sdk/client-lambda';
import { partition } from '@aws-sdk/util-endpoints';
import type { Answer } from '../answers.ts';
import type { AwsAccess } from '../aws.ts';
import { confirmedCluster } from '../cleanup.ts';
import { codeOf, DeadlineError, EventError, HelperError, RelayError } from '../errors.ts';
import { chosenClusters, type Invocation } from '../event.ts';
import { accessRole, accessRoleName, vpcStackOf } from '../settings/places.ts';
import { type AccessStackSettings, type ClusterSettings, clusterId, type Settings } from '../settings.ts';

/**
 * The access stack whose function has to do what is asked for, as its clusters are reached from a VPC there;
 * undefined where they are reached from here.
 * @param own the role of the function in such a VPC, where this is one
 * @throws EventError when some are reached from elsewhere than others; NotCoveredError, FleetEventError, CleanupOffError
 */
export function relayedTo(
  settings: Settings,
  invocation: Invocation,
  own?: string,
): AccessStackSettings | undefined {
  if (!settings.accessStacks.some(({ vpc }) => vpc)) return undefined;
  const [first, ...others] = clustersOf(settings, invocation);
  const stack = first && vpcStackOf(settings, first);
  const other = others.find((cluster) => vpcStackOf(settings, cluster) !== stack);
  if (first && other) {
    throw new EventError(
      `clusters: ${clusterId(first)} and ${clusterId(other)} are not reached from the same VPC; name those of one account and region`,
    );
  }
  return first?.roleArn === own ? undefined : stack;
}

function clustersOf(settings: Settings, invocation: Invocation): ClusterSettings[] {
  const { action } = invocation;
  if (action === 'discover' || action === 'summarize') return [];
  return action === 'cleanup'
    ? [confirmedCluster(settings, invocation)]
    : chosenClusters(settings, invocation);
}

/**
 * Has the function of an access stack do what is asked for, and waits for its answer. It gets no more than a person could send.
 * @throws RelayError, AssumeRoleError, DeadlineError
 */
export async function relay(
  aws: AwsAccess,
  settings: Settings,
  { accountId, region }: AccessStackSettings,
  invocation: Invocation,
  signal: AbortSignal,
): Promise<Answer> {
  const { origin: _, ...event } = invocation;
  const { name } = partition(region);
  const identity = accessRole(settings, { accountId, region }, name) ?? {};
  const functionArn = `arn:${name}:lambda:${region}:${accountId}:function:${accessRoleName(settings.name, region)}`;
  try {
    const answer = await aws
      .lambda(region, identity)
      .send(new InvokeCommand({ FunctionName: functionArn, Payload: Buffer.from(JSON.stringify(event)) }), {
        abortSignal: signal,
      });
    const said: unknown = JSON.parse(answer.Payload?.transformToString() ?? '');
    if (answer.FunctionError) throw new RelayError(functionArn, errorTypeOf(said));
    if (!isAnswer(said, invocation)) throw new RelayError(functionArn, 'NoAnswer');
    return said;
  } catch (fault) {
    if (fault instanceof HelperError) throw fault;
    if (signal.aborted) throw new DeadlineError();
    throw new RelayError(functionArn, fault instanceof SyntaxError ? 'NoAnswer' : codeOf(fault));
  }
}

/** What Lambda says of a function that threw: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html */
function errorTypeOf(said: unknown): string {
  const { errorType } = (said ?? {}) as { errorType?: unknown };
  return codeOf({ code: errorType });
}

function isAnswer(said: unknown, { action }: Invocation): said is Answer {
  const answer = (said ?? {}) as Partial<Answer>;
  return typeof answer.ok === 'boolean' && answer.action === action;
}

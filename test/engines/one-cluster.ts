import { DescribeRuleCommand } from '@aws-sdk/client-eventbridge';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { GetQueueAttributesCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { until } from '../e2e/until.ts';
import { type Deployment, RUN_SECONDS } from './deployment.ts';
import { LISTED } from './emulators.ts';
import { demand } from './steps.ts';

/** The namespaces of an emulated cluster that the default entry covers. */
export const NAMESPACES = ['default', 'team-a', 'team-b'];
/** Lambda's own retries of an asynchronous run that failed. */
const ATTEMPTS = 3;
/** Events that are refused: one that is invoked synchronously, and one asynchronously. */
const REFUSED = 2;

/** Shows that the run which CDK's trigger starts with a deployment has written the secrets of these names. */
export async function showRefreshByDeployment(
  deployment: Deployment,
  since: number,
  names: readonly string[],
): Promise<string> {
  await deployment.awaitRun(since, 'deployed', ({ message }) => message === 'ok');
  const secrets = deployment.emulators.secretsOf(LISTED);
  for (const name of names) {
    for (const namespace of NAMESPACES) {
      demand(secrets.includes(`${namespace}/${name}`), `there is no secret ${namespace}/${name}`);
    }
  }
  return `the version that CDK's trigger invoked wrote ${names.join(' and ')} in ${NAMESPACES.join(', ')}`;
}

/** Shows that the rule has this schedule, and that EventBridge starts the function by it. */
export async function showSchedule(deployment: Deployment, schedule: string, since: number): Promise<string> {
  const { ScheduleExpression, State } = await deployment.engine.eventBridge.send(
    new DescribeRuleCommand({ Name: deployment.output('RuleName') }),
  );
  demand(
    ScheduleExpression === schedule && State === 'ENABLED',
    `the rule is ${State}, ${ScheduleExpression}`,
  );
  await deployment.awaitRun(since, 'scheduled', ({ message }) => message === 'ok');
  return `EventBridge started a run by ${schedule}`;
}

/** Shows that a manual event for a cluster that the settings do not cover gets an answer, and is no failed run. */
export async function showRefusedEvent(deployment: Deployment, since: number): Promise<string> {
  const event = {
    FunctionName: deployment.output('FunctionName'),
    Payload: Buffer.from(JSON.stringify({ action: 'refresh', clusters: ['unknown'] })),
  };
  const { FunctionError, Payload } = await deployment.engine.lambda.send(new InvokeCommand(event));
  demand(!FunctionError, `Lambda reports ${FunctionError}`);
  const { ok, error } = JSON.parse(Buffer.from(Payload ?? []).toString());
  demand(ok === false && error.code === 'NotCoveredError', `the answer is ${JSON.stringify({ ok, error })}`);
  await deployment.engine.lambda.send(new InvokeCommand({ ...event, InvocationType: 'Event' }));
  await until(
    'the log has the asynchronous run',
    async () => (await countRefusals(deployment, since)) === REFUSED,
    RUN_SECONDS,
  );
  return `${error.code}, for a caller who waits and for one who does not`;
}

/** Lets the queue of failed runs start a run at once, and again after seconds: in minutes as deployed. */
export async function shortenQueue({ engine, outputs }: Deployment): Promise<void> {
  await engine.sqs.send(
    new SetQueueAttributesCommand({
      QueueUrl: outputs.FailedQueueUrl,
      Attributes: { DelaySeconds: '0', VisibilityTimeout: '5' },
    }),
  );
}

/**
 * Shows what happens to a scheduled run whose cluster rejects the function: Lambda retries it, the on-failure
 * destination gets its record, the event source mapping starts it again from the queue until the cluster is repaired.
 * @param since when the two events were refused, which Lambda has not retried in the meantime
 */
export async function showRetryQueue(deployment: Deployment, since: number): Promise<string> {
  const repair = deployment.emulators.reject(LISTED);
  try {
    await runOnSchedule(deployment);
    const isFailed = ({ level }: { level: string }) => level === 'ERROR';
    await deployment.awaitRun(since, 'queued', isFailed);
    const scheduled = (await deployment.readRuns(since)).filter(({ origin }) => origin === 'scheduled');
    const ids = new Set(scheduled.map(({ requestId }) => requestId));
    demand(
      scheduled.length === ATTEMPTS && ids.size === 1,
      `${scheduled.length} scheduled runs of ${ids.size} requests`,
    );
  } finally {
    repair();
  }
  await deployment.awaitRun(since, 'queued', ({ message }) => message === 'ok');
  await until('the queue is empty', async () => (await countFailedRuns(deployment)) === 0);
  const failed = (await deployment.readRuns(since)).filter(({ level }) => level === 'ERROR');
  const byQueue = failed.filter(({ origin }) => origin === 'queued').length;
  demand((await countRefusals(deployment, since)) === REFUSED, 'Lambda retried a refused event');
  return `${ATTEMPTS} runs by Lambda failed, then ${byQueue} by the queue; the first after the repair emptied it, and no refused event was retried`;
}

/** Messages in the queue of failed runs, also those that a run has received. */
export async function countFailedRuns({ engine, outputs }: Deployment): Promise<number> {
  const { Attributes = {} } = await engine.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: outputs.FailedQueueUrl, AttributeNames: ['All'] }),
  );
  const { ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible } = Attributes;
  return Number(ApproximateNumberOfMessages) + Number(ApproximateNumberOfMessagesNotVisible);
}

/** Invokes the function with the event of a rule, asynchronously as EventBridge does. */
async function runOnSchedule(deployment: Deployment): Promise<void> {
  const event = {
    source: 'aws.events',
    'detail-type': 'Scheduled Event',
    time: new Date().toISOString().replace(/\.\d+/, ''),
    detail: {},
  };
  await deployment.engine.lambda.send(
    new InvokeCommand({
      FunctionName: deployment.output('FunctionName'),
      InvocationType: 'Event',
      Payload: Buffer.from(JSON.stringify(event)),
    }),
  );
}

async function countRefusals(deployment: Deployment, since: number): Promise<number> {
  const lines = await deployment.readLines(since);
  return lines.filter((line) => line.includes('"errorName":"NotCoveredError"')).length;
}

import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { act } from './actions.ts';
import type { Answer } from './answers.ts';
import type { InPlace } from './aws.ts';
import type { CleanupReport } from './cleanup-report.ts';
import { startDeadline, systemClock } from './clock.ts';
import { HelperError, InternalError, RefreshFailedError, SettingsError } from './errors.ts';
import { type Invocation, readEvent } from './event.ts';
import { FleetFailedError } from './fleet/errors.ts';
import { fleetFailure } from './fleet/fleet-summary.ts';
import { measure, measureFleet } from './measure.ts';
import { narrowToLogged } from './new-namespaces.ts';
import { summary } from './report.ts';
import { isFleet } from './settings/fleet-settings.ts';
import { readSettings, type Settings } from './settings.ts';

/** Time before Lambda's own time-out that is kept for the report. */
const MARGIN_MS = 5_000;
const PRODUCT = 'ecr-registry-helper';

/** What the handler needs of Lambda's context. */
export type InvocationContext = Pick<
  Context,
  'getRemainingTimeInMillis' | 'invokedFunctionArn' | 'awsRequestId'
>;

/**
 * The function. Answers with the report of what it was asked to do; a run that was not started by hand throws when it
 * is not ok, so that AWS tries it again and alarms; so does the summary of a fleet, so that its state machine fails.
 * @throws SettingsError, EventError, CleanupOffError, NotCoveredError, FleetEventError, FleetTooLargeError, FleetFailedError, RefreshFailedError
 */
export async function handler(event: unknown, context: InvocationContext): Promise<Answer> {
  let logger = new Logger({ serviceName: PRODUCT });
  try {
    const settings = readSettings(process.env);
    logger = new Logger({ serviceName: settings.name, persistentKeys: { requestId: context.awsRequestId } });
    const asked = originOf(readEvent(event), context);
    const invocation = narrowToLogged(settings, asked, context.invokedFunctionArn);
    const answer = await run(settings, invocation, context);
    tell(logger, invocation, answer);
    if (answer.action === 'discover' || answer.action === 'summarize') measureFleet(settings.name, answer);
    if (answer.action === 'summarize' && !answer.ok) throw new FleetFailedError(fleetFailure(answer));
    if (answer.action !== 'refresh') return answer;
    // the function that it was relayed by does
    if (!placeOf(process.env)) measure(settings.name, invocation, answer, isFleet(settings));
    if (!answer.ok && invocation.origin !== 'manual') throw new RefreshFailedError(summary(answer));
    return answer;
  } catch (fault) {
    const known = fault instanceof HelperError ? fault : new InternalError(fault);
    if (!(known instanceof RefreshFailedError)) {
      logger.error(known.problem, { errorName: known.name, remedy: known.remedy });
    }
    throw known;
  }
}

/** One line for every run. What lists secrets or findings one by one is for who asked, not for the log. */
function tell(logger: Logger, { origin, logged }: Invocation, answer: Answer): void {
  if (answer.action === 'refresh' || answer.action === 'plan') {
    const told = { origin, ...(logged && { logged }), report: answer };
    if (answer.ok) logger.info('ok', told);
    else logger.error(summary(answer), told);
    return;
  }
  const { ok, action, durationMs } = answer;
  const more = answer.action === 'cleanup' ? removalsOf(answer) : {};
  const line = { origin, action, ok, durationMs, ...more };
  logger[ok ? 'info' : 'warn'](`${action}: ${ok ? 'ok' : 'not ok'}`, line);
}

/** Who asked may lose the answer, and this alone was a change. */
function removalsOf({ cluster, dryRun, removed, failed }: CleanupReport): object {
  return { cluster, dryRun, removed, failed };
}

async function run(settings: Settings, invocation: Invocation, context: InvocationContext): Promise<Answer> {
  const {
    AWS_REGION: region,
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    RULE_NAME: ruleName,
    PULL_ROLE_PREFIX: pullRolePrefix,
  } = process.env;
  const inPlace = placeOf(process.env);
  if (!region) throw new SettingsError('the environment variable AWS_REGION is missing');
  const clock = systemClock;
  const deadline = startDeadline(clock, clock.now() + context.getRemainingTimeInMillis() - MARGIN_MS);
  try {
    return await act(settings, invocation, {
      region,
      clock,
      deadline,
      functionName,
      ruleName,
      pullRolePrefix,
      inPlace,
    });
  } finally {
    deadline.stop();
  }
}

/** What the stack says of a function in the VPC of an access stack. */
function placeOf({ ACCESS_ROLE_ARN, CREDENTIALS_ROLE_ARN }: NodeJS.ProcessEnv): InPlace | undefined {
  if (!ACCESS_ROLE_ARN || !CREDENTIALS_ROLE_ARN) return undefined;
  return { accessRoleArn: ACCESS_ROLE_ARN, credentialsRoleArn: CREDENTIALS_ROLE_ARN };
}

/** The deployment's first refresh comes through the published version that CDK's trigger invokes; nobody waits for it. */
function originOf(invocation: Invocation, { invokedFunctionArn }: InvocationContext): Invocation {
  const published = /:function:[^:]+:\d+$/.test(invokedFunctionArn);
  return published && invocation.origin === 'manual' ? { ...invocation, origin: 'deployed' } : invocation;
}

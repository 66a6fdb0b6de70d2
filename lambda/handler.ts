import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { startDeadline, systemClock } from './clock.ts';
import { HelperError, InternalError, RefreshFailedError, SettingsError } from './errors.ts';
import { type Invocation, readEvent } from './event.ts';
import { measure } from './measure.ts';
import { type Report, summary } from './report.ts';
import { readSettings, type Settings } from './settings.ts';
import { refreshWithAws } from './wiring.ts';

/** Time before Lambda's own time-out that is kept for the report. */
const MARGIN_MS = 5_000;
const PRODUCT = 'ecr-registry-helper';

/** What the handler needs of Lambda's context. */
export type InvocationContext = Pick<
  Context,
  'getRemainingTimeInMillis' | 'invokedFunctionArn' | 'awsRequestId'
>;

/**
 * The function. Answers with the report; a run that was not started by hand throws when it is not ok, so
 * that AWS tries it again and alarms.
 * @throws SettingsError, EventError, NotCoveredError, RefreshFailedError
 */
export async function handler(event: unknown, context: InvocationContext): Promise<Report> {
  let logger = new Logger({ serviceName: PRODUCT });
  try {
    const settings = readSettings(process.env);
    logger = new Logger({ serviceName: settings.name, persistentKeys: { requestId: context.awsRequestId } });
    const invocation = originOf(readEvent(event), context);
    const report = await run(settings, invocation, context);
    const line = { origin: invocation.origin, report };
    if (report.ok) logger.info('ok', line);
    else logger.error(summary(report), line);
    measure(settings.name, invocation, report);
    if (!report.ok && invocation.origin !== 'manual') throw new RefreshFailedError(summary(report));
    return report;
  } catch (fault) {
    const known = fault instanceof HelperError ? fault : new InternalError(fault);
    if (!(known instanceof RefreshFailedError)) {
      logger.error(known.problem, { errorName: known.name, remedy: known.remedy });
    }
    throw known;
  }
}

async function run(settings: Settings, invocation: Invocation, context: InvocationContext): Promise<Report> {
  const { AWS_REGION: region } = process.env;
  if (!region) throw new SettingsError('the environment variable AWS_REGION is missing');
  const clock = systemClock;
  const deadline = startDeadline(clock, clock.now() + context.getRemainingTimeInMillis() - MARGIN_MS);
  try {
    return await refreshWithAws(settings, invocation, { region, clock, deadline });
  } finally {
    deadline.stop();
  }
}

/** The deployment's first refresh comes through the published version that CDK's trigger invokes; nobody waits for it. */
function originOf(invocation: Invocation, { invokedFunctionArn }: InvocationContext): Invocation {
  const published = /:function:[^:]+:\d+$/.test(invokedFunctionArn);
  return published && invocation.origin === 'manual' ? { ...invocation, origin: 'deployed' } : invocation;
}

import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { type Parameter, paginateGetParametersByPath, SSMClient } from '@aws-sdk/client-ssm';
import type { Context } from 'aws-lambda';
import { ArgocdRepositories } from './argocd-repositories.ts';
import { AwsClients, awsError, BoundedHttpHandler, callAws } from './aws.ts';
import { type CleanupReport, cleanup } from './cleanup.ts';
import { type Clock, type RunContext, readEnvironment, startDeadline, systemClock } from './context.ts';
import { diagnose } from './doctor/doctor.ts';
import type { DoctorReport } from './doctor/report.ts';
import { cut, EventError, hasCode, log, RefreshFailedError, SettingsError, toHelperError } from './errors.ts';
import { type DiscoveryReport, discover, type FleetSummary, fleetFailedError, summarize } from './fleet.ts';
import { connect, type FoundCluster, findByEks } from './kubernetes/cluster.ts';
import { findByKubeconfig } from './kubernetes/kubeconfig.ts';
import { findByWebIdentity } from './kubernetes/web-identity.ts';
import { narrowToLogged } from './new-namespaces.ts';
import { PolicyCheck } from './policy-check.ts';
import { refresh } from './refresh/refresh.ts';
import {
  fleetMetrics,
  METRICS_NAMESPACE,
  type MetricLine,
  policyProblems,
  type Report,
  type ReportedError,
  reportError,
  runMetrics,
  summarizeFailures,
  timesOf,
  unitOf,
} from './refresh/report.ts';
import { CredentialCache, CredentialReader } from './registries/credentials.ts';
import {
  type Action,
  isManual,
  narrowToChanged,
  type RunRequest,
  readEvent,
  resolveScope,
  withResolvedLocations,
} from './request.ts';
import { AccountLinks } from './service-accounts.ts';
import { isFleet } from './settings/locations.ts';
import { unpackSettings } from './settings/packing.ts';
import { readSettings } from './settings/rules.ts';
import { type ClusterSettings, clusterId, type Settings } from './settings/schema.ts';
import { type StatusReport, status } from './status.ts';
import { findVpcFunction, invokeVpcFunction } from './vpc-function.ts';

/** What an invocation returns, by its action. */
export type Answer = Report | StatusReport | DoctorReport | CleanupReport | DiscoveryReport | FleetSummary;

/** The answer to a manual event that is wrong, or that the settings do not cover: nothing was called. */
export type Refusal = { readonly ok: false; readonly error: ReportedError };

/** All that the function can do. A fleet's state machine calls `discover` and `summarize`. */
const ACTIONS: Record<Action, (ctx: RunContext) => Promise<Answer>> = {
  refresh: (ctx) => refresh(ctx, [AccountLinks, ArgocdRepositories, PolicyCheck]),
  plan: (ctx) => refresh(ctx, [AccountLinks, ArgocdRepositories, PolicyCheck]),
  status,
  doctor: diagnose,
  cleanup,
  discover,
  summarize,
};

const PRODUCT = 'ecr-registry-helper';
/** What is kept of Lambda's own time-out for the report. */
const MARGIN_MS = 5_000;
/** An ECR token lives 12 hours: what was written longer ago may be about to expire, so a later retry writes everything. */
const LONGEST_DELAY_MS = 11 * 3_600_000;
/** The errors after which a retry changes nothing: its cluster or the settings for it are gone. */
const OBSOLETE = ['ClusterNotFoundError', 'NotCoveredError', 'FleetEventError'];
/** The errors of an event; the person who sent it gets them as an answer. */
const REFUSED = ['EventError', 'NotCoveredError', 'FleetEventError', 'CleanupOffError'];

/** Outlives a run where the function stays warm. */
const cache = new CredentialCache();

/** What the handler needs of Lambda's context. */
export type InvocationContext = Pick<
  Context,
  'getRemainingTimeInMillis' | 'invokedFunctionArn' | 'awsRequestId'
>;

/**
 * The Lambda function: reads the event, runs its action, logs the result, sends metrics and returns the report. Only a
 * manual run returns a report that is not ok, and a manual event that is wrong gets a refusal; the others throw, so that
 * AWS retries them and an alarm fires. A retry for a cluster that is gone ends as done: it would fail until it is in the
 * dead-letter queue.
 * @throws HelperError, among them SettingsError, EventError, NotCoveredError, RefreshFailedError, FleetTooLargeError
 */
export async function handler(event: unknown, context: InvocationContext): Promise<Answer | Refusal> {
  let logger = new Logger({ serviceName: PRODUCT });
  const clock = systemClock;
  const deadline = startDeadline(clock, clock.now() + context.getRemainingTimeInMillis() - MARGIN_MS);
  try {
    const settings = await loadSettings(process.env, { clock, signal: deadline.signal });
    logger = new Logger({ serviceName: settings.name, persistentKeys: { requestId: context.awsRequestId } });
    const received = withOrigin(readEvent(event), context);
    try {
      const { invokedFunctionArn: arn } = context;
      const request = narrowToChanged(settings, narrowToLogged(settings, received, arn), arn);
      const environment = readEnvironment(process.env);
      const answer = await runAction(settings, request, { environment, clock, deadline });
      logAnswer(logger, request, answer);
      // the main function sends those of a VPC function
      if (!environment.vpcRoles) sendMetrics(settings, request, answer);
      throwIfFailed(request, answer);
      return answer;
    } catch (fault) {
      if (received.origin !== 'queued' || !hasCode(fault, ...OBSOLETE)) throw fault;
      const { origin } = received;
      log(logger, 'warn', `not retried: ${fault.problem}`, { origin, errorName: fault.name });
      const times = timesOf({ startedAt: clock.now(), clock });
      return { ok: true, action: 'refresh', ...times, secrets: [], clusters: [] };
    }
  } catch (fault) {
    const error = toHelperError(fault);
    const isRefused = isManual(event) && hasCode(error, ...REFUSED);
    if (!(error instanceof RefreshFailedError)) {
      const line = { errorName: error.name, remedy: error.fix };
      log(logger, isRefused ? 'warn' : 'error', error.problem, line);
    }
    if (isRefused) return { ok: false, error: reportError(error) };
    throw error;
  } finally {
    deadline.stop();
  }
}

/** Outlives a run where the function stays warm; other settings have another path. */
const loaded = new Map<string, Promise<Settings>>();

/**
 * The settings of the function: in the variable SETTINGS or, longer ones, in the SSM parameters under SETTINGS_PATH,
 * which are read once a cold start.
 * @throws SettingsError; HelperError: SettingsCallError, DeadlineError
 */
export async function loadSettings(
  env: NodeJS.ProcessEnv,
  time: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Settings> {
  const { SETTINGS_PATH: path } = env;
  if (!path) return readSettings(env);
  const loading = loaded.get(path) ?? readParameters(path, env, time);
  loaded.set(path, loading);
  try {
    return await loading;
  } catch (fault) {
    loaded.delete(path);
    throw fault;
  }
}

async function readParameters(
  path: string,
  env: NodeJS.ProcessEnv,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Settings> {
  const { region, deployCommand } = readEnvironment(env);
  const client = new SSMClient({ region, requestHandler: new BoundedHttpHandler(clock) });
  const parameters = await callAws(
    async (options) => {
      const all: Parameter[] = [];
      for await (const { Parameters: page = [] } of paginateGetParametersByPath(
        { client },
        { Path: path },
        options,
      )) {
        all.push(...page);
      }
      return all;
    },
    signal,
    (awsCode) =>
      awsError('SettingsCallError', `could not read the settings in SSM under ${path}`, awsCode, {
        service: 'ssm',
        region,
        ifDenied: `Allow ssm:GetParametersByPath on it to the caller. The stack allows it to its function: ${deployCommand}`,
        otherwise: 'The next run retries transient errors.',
      }),
  ).finally(() => client.destroy());
  return readSettings({ SETTINGS: unpack(parameters, path, deployCommand) });
}

/** @throws SettingsError where parameters are missing or were changed */
function unpack(parameters: readonly Parameter[], path: string, deployCommand: string): string {
  try {
    return unpackSettings(parameters);
  } catch {
    const problem = `the ${parameters.length} parameters in SSM under ${path} are not the settings that were deployed`;
    throw new SettingsError(problem, `Deploy them again: ${deployCommand}`);
  }
}

/** Finds a cluster by what the settings say of it. @throws HelperError */
async function findCluster(ctx: RunContext, cluster: ClusterSettings): Promise<FoundCluster> {
  const { kubeconfigSecretId: secretId, webIdentity } = cluster;
  if (webIdentity) return await findByWebIdentity(ctx, cluster);
  return secretId ? await findByKubeconfig(ctx, cluster, secretId) : await findByEks(ctx, cluster);
}

/**
 * Runs the action of a request with the real clients, and closes what they opened. The clusters of an access stack with
 * a VPC are left to the function in it.
 * @throws HelperError before anything is read or written: EventError, NotCoveredError, FleetEventError, CleanupOffError;
 *   FleetTooLargeError
 */
export async function runAction(
  given: Settings,
  { dueAt, ...rest }: RunRequest,
  { environment, clock, deadline }: Pick<RunContext, 'environment' | 'clock' | 'deadline'>,
): Promise<Answer> {
  // only the handler knows of which cluster they are; without that a run would be for all
  if (rest.awslogs !== undefined) throw new EventError('awslogs: only the deployed function takes it');
  const isRecent = dueAt !== undefined && clock.now() - dueAt <= LONGEST_DELAY_MS;
  const request = isRecent ? { ...rest, dueAt } : rest;
  const settings = withResolvedLocations(given, environment.region);
  const scope = resolveScope(settings, request);
  const vpcStack = findVpcFunction(settings, scope, environment.vpcRoles);
  const aws = new AwsClients({ settings, environment, clock, deadline });
  const reader = new CredentialReader(aws, environment.pullRolePrefix);
  const ctx: RunContext = {
    ...{ settings, request, scope, environment, clock, startedAt: clock.now(), deadline, aws },
    readCredentials: async (entry) => {
      // every other run is there to write new tokens
      const cached =
        request.origin === 'logged' ? cache.find(entry, settings.schedule, clock.now()) : undefined;
      return cached ?? cache.keep(entry, await reader.read(entry));
    },
    findCluster: (cluster) => findCluster(ctx, cluster),
    openCluster: async (cluster) => connect(ctx, clusterId(cluster), await findCluster(ctx, cluster)),
  };
  try {
    return await (vpcStack ? invokeVpcFunction(ctx, vpcStack) : ACTIONS[request.action](ctx));
  } finally {
    aws.destroy();
  }
}

/** The deployment's first refresh comes through the published version that CDK's trigger invokes; nobody waits for it. */
function withOrigin(request: RunRequest, { invokedFunctionArn }: InvocationContext): RunRequest {
  const isPublished = /:function:[^:]+:\d+$/.test(invokedFunctionArn);
  return isPublished && request.origin === 'manual' ? { ...request, origin: 'deployed' } : request;
}

/** Logs one line a run. Lists of secrets or checks are for the caller, not for the log. */
function logAnswer(logger: Logger, request: RunRequest, answer: Answer): void {
  const { origin, logged, changed } = request;
  if (answer.action === 'refresh' || answer.action === 'plan') {
    const line = { origin, ...(logged && { logged }), ...(changed && { changed }), report: answer };
    const obsolete = whyObsolete(request, answer);
    const policy = policyProblems(answer);
    if (answer.ok) log(logger, policy ? 'warn' : 'info', policy || 'ok', line);
    else if (obsolete) log(logger, 'warn', `not retried: ${obsolete}`, line);
    else log(logger, 'error', summarizeFailures(answer), line);
    return;
  }
  const { ok, action, durationMs } = answer;
  const line = { origin, action, ok, durationMs };
  log(logger, ok ? 'info' : 'warn', `${action}: ${ok ? 'ok' : 'not ok'}`, {
    ...line,
    ...(answer.action === 'cleanup' && removalCounts(answer)),
  });
}

/** The caller may lose the answer, and this alone was a change. */
function removalCounts({ cluster, dryRun, removed, failed }: CleanupReport): object {
  return { cluster, dryRun, removed, failed };
}

function sendMetrics(settings: Settings, request: RunRequest, answer: Answer): void {
  const { name } = settings;
  const { action } = answer;
  if (action === 'refresh') publish(name, runMetrics(answer, request, isFleet(settings)));
  // one by hand must not keep the alarm for silence from firing
  const isFleetStep = (action === 'discover' || action === 'summarize') && !request.dryRun;
  if (isFleetStep) publish(name, fleetMetrics(answer));
}

/** Prints metrics in the embedded metric format. */
export function publish(service: string, lines: readonly MetricLine[]): void {
  for (const { cluster, values } of lines) {
    const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: service });
    if (cluster !== undefined) metrics.addDimension('cluster', cluster);
    for (const [name, value] of Object.entries(values)) {
      metrics.addMetric(name, unitOf(name), value);
    }
    metrics.publishStoredMetrics();
  }
}

/** @throws RefreshFailedError; HelperError (FleetFailedError) so that the state machine of a fleet fails */
function throwIfFailed(request: RunRequest, answer: Answer): void {
  if (answer.ok) return;
  if (answer.action === 'summarize') throw fleetFailedError(answer);
  if (answer.action !== 'refresh' || request.origin === 'manual' || whyObsolete(request, answer)) return;
  throw new RefreshFailedError(cut(summarizeFailures(answer)));
}

/** Why a retry changes nothing for each cluster that a retry left without its secrets; undefined where another may help. */
function whyObsolete({ origin }: RunRequest, { clusters }: Report): string | undefined {
  const failed = clusters.filter(({ ok }) => !ok);
  const isOver =
    origin === 'queued' &&
    failed.length > 0 &&
    failed.every(({ error }) => OBSOLETE.includes(error?.code ?? ''));
  return isOver ? failed.map(({ id, error }) => `cluster ${id}: ${error?.reason}`).join('; ') : undefined;
}

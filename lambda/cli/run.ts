import type { LambdaClient } from '@aws-sdk/client-lambda';
import yoctoSpinner from 'yocto-spinner';
import { startDeadline, systemClock } from '../context.ts';
import { codeOf, HelperError, plain } from '../errors.ts';
import type { Answer } from '../handler.ts';
import { ACTIONS, readEvent } from '../request.ts';
import { readSettings } from '../settings/rules.ts';
import type { Settings } from '../settings/schema.ts';
import {
  exitCodeOf,
  localCommands,
  print,
  printError,
  printJson,
  readSettingsFlags,
  UsageError,
} from './io.ts';
import { answerView, doctorView } from './views.ts';

/** Lambda's longest run, and some time for its answer. */
const LONGEST_CALL_MS = 15 * 60_000 + 10_000;
const LONGEST_LOCAL_MS = 15 * 60_000;
const LONGEST_PREFLIGHT_MS = 60_000;

/** Where a command runs, and how it prints the report. */
export interface RunOptions {
  readonly function?: string;
  readonly stack: string;
  readonly region?: string;
  readonly profile?: string;
  readonly local?: true;
  readonly settings?: string;
  readonly clusterName?: string;
  readonly json?: true;
}

/**
 * Invokes the deployed function, or with `--local` runs its code here; prints the report on stdout and sets the exit code.
 * @throws UsageError, EventError before anything is called; HelperError
 */
export async function runEvent(options: RunOptions, event: unknown): Promise<void> {
  setAwsEnvironment(options);
  const answer = options.local ? await runHere(options, event) : await invokeDeployed(options, event);
  printAnswer(answer, options, answerView);
}

function printAnswer<Given extends Answer>(
  answer: Given,
  { json }: Pick<RunOptions, 'json'>,
  view: (answer: Given) => string,
): void {
  if (json) printJson(answer);
  else print(`${view(plain(answer))}\n`);
  process.exitCode = exitCodeOf(answer);
}

/**
 * The event of an action, checked as the function would.
 * @throws EventError
 */
export function checkEvent(event: Readonly<Record<string, unknown>>): unknown {
  readEvent(event);
  return event;
}

/** The environment is what every client reads, also those that assume a role. */
export function setAwsEnvironment({ profile, region }: Pick<RunOptions, 'profile' | 'region'>): void {
  const { env } = process;
  if (profile) env.AWS_PROFILE = profile;
  const chosen = region || env.AWS_REGION || env.AWS_DEFAULT_REGION;
  if (chosen) env.AWS_REGION = chosen;
  else delete env.AWS_REGION;
}

async function invokeDeployed(options: RunOptions, event: unknown): Promise<Answer> {
  if (options.settings) throw new UsageError('--settings needs --local; the function has its own');
  if (options.clusterName) {
    throw new UsageError('--cluster-name needs --local; --cluster narrows what the function does');
  }
  const name = options.function ?? (await findFunction(options.stack));
  return withProgress(`invoking the function ${name}`, 'the function goes on; see its log', () =>
    invokeFunction(name, event),
  );
}

async function runHere(options: RunOptions, event: unknown): Promise<Answer> {
  return withProgress('running here', 'what was written stays', () => runLocally(options, event));
}

// the SDK and the Kubernetes client are imported where they are used: loading them takes a second

/**
 * The name of the function in a stack.
 * @throws HelperError: StackNotFoundError, StackOutputError, and those of {@link toCallError}
 */
export async function findFunction(stack: string): Promise<string> {
  const { CloudFormationClient, DescribeStacksCommand } = await import('@aws-sdk/client-cloudformation');
  const client = new CloudFormationClient({});
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: stack }));
    const name = Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey === 'FunctionName')?.OutputValue;
    if (name) return name;
    throw new HelperError(
      'StackOutputError',
      `the stack ${stack} has no output FunctionName`,
      'Give the stack of the helper by --stack, or the function itself by --function.',
    );
  } catch (fault) {
    // CloudFormation answers with one of many validation errors
    if (codeOf(fault) !== 'ValidationError') throw toCallError(fault, 'cloudformation:DescribeStacks', stack);
    throw new HelperError(
      'StackNotFoundError',
      `there is no stack ${stack} in ${await client.config.region()}`,
      'Give its name by --stack, its region by --region, or the function itself by --function.',
    );
  } finally {
    client.destroy();
  }
}

/**
 * Invokes the function once, and waits for its answer as long as it may run.
 * @throws HelperError: FunctionFailedError, FunctionNotFoundError, NoAnswerError, and those of {@link toCallError}
 */
export async function invokeFunction(name: string, event: unknown): Promise<Answer> {
  const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  const client = new LambdaClient({
    // an invocation that was sent must not be repeated
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: LONGEST_CALL_MS,
      throwOnRequestTimeout: true,
    },
  });
  try {
    const { Payload: payload, FunctionError: failed } = await client.send(
      new InvokeCommand({ FunctionName: name, Payload: Buffer.from(JSON.stringify(event)) }),
    );
    const answer = parseObject(payload?.transformToString() ?? '');
    if (failed) throw functionFailed(name, answer?.errorMessage);
    if (typeof answer?.ok !== 'boolean' || !ACTIONS.some((action) => action === answer.action)) {
      throw new HelperError(
        'NoAnswerError',
        `unexpected response of the function ${name}`,
        'Check that it is an ecr-registry-helper function of the same version.',
      );
    }
    return answer as unknown as Answer;
  } catch (fault) {
    throw await toFunctionError(fault, client, 'lambda:InvokeFunction', name);
  } finally {
    client.destroy();
  }
}

/**
 * Reads the settings of a deployed function.
 * @throws SettingsError; HelperError: FunctionNotFoundError, and those of {@link toCallError}
 */
export async function readDeployedSettings(name: string): Promise<Settings> {
  const { GetFunctionConfigurationCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  const client = new LambdaClient({});
  try {
    const { Environment: environment } = await client.send(
      new GetFunctionConfigurationCommand({ FunctionName: name }),
    );
    return readSettings({ SETTINGS: environment?.Variables?.SETTINGS });
  } catch (fault) {
    throw await toFunctionError(fault, client, 'lambda:GetFunctionConfiguration', name);
  } finally {
    client.destroy();
  }
}

async function toFunctionError(
  fault: unknown,
  { config }: LambdaClient,
  action: string,
  name: string,
): Promise<HelperError> {
  if (codeOf(fault) !== 'ResourceNotFoundException') return toCallError(fault, action, name);
  return new HelperError(
    'FunctionNotFoundError',
    `there is no function ${name} in ${await config.region()}`,
    'Correct --function or --region; the output FunctionName of the stack is its name.',
  );
}

/** The error of a function that threw: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html */
function functionFailed(name: string, errorMessage: unknown): HelperError {
  const message = typeof errorMessage === 'string' ? errorMessage.replace(/\.$/, '') : 'without a message';
  return new HelperError('FunctionFailedError', `the function ${name} failed: ${message}`, 'See its log.');
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Runs the code of the function here, with your own credentials.
 * @throws HelperError (OwnTokenError) before anything is read; EventError, NotCoveredError, those of {@link toCallError}
 */
async function runLocally(options: RunOptions, event: unknown): Promise<Answer> {
  const settings = readSettingsFlags(options);
  const request = readEvent(event);
  if (request.action === 'refresh') refuseOwnToken(settings);
  const { runAction } = await import('../handler.ts');
  const region = await readRegion();
  const deadline = startDeadline(systemClock, systemClock.now() + LONGEST_LOCAL_MS);
  return await runAction(settings, request, {
    environment: { region, ...localCommands(options) },
    clock: systemClock,
    deadline,
  }).finally(deadline.stop);
}

/**
 * Refuses settings by which a token of the caller would reach the clusters: that of an administrator carries an
 * administrator's permissions into every namespace.
 * @throws HelperError (OwnTokenError)
 */
export function refuseOwnToken({ secrets }: Settings): void {
  const own = secrets.flatMap(({ name, repositories, registries }, entry) =>
    registries.flatMap((registry, nth) => {
      const isEcr = registry.type === 'ecr';
      if (registry.type === 'stored' || (isEcr && (registry.roleArn || registry.keysSecretId))) return [];
      const place = `secrets[${entry}].registries[${nth}] (${name})`;
      return { place, mayHaveRole: isEcr && !repositories && !registry.pullThroughCache };
    }),
  );
  if (own.length === 0) return;
  const places = own.map(({ place }) => place).join(', ');
  throw new HelperError(
    'OwnTokenError',
    `refresh --local would spread a token of your own identity: ${places} has neither roleArn nor keysSecretId`,
    own.every(({ mayHaveRole }) => mayHaveRole)
      ? 'Give the registry a roleArn that may only pull, or leave out --local: then the function fetches it.'
      : 'Leave out --local: then the function fetches it. An entry with repositories, a registry with pullThroughCache and ECR Public take no roleArn.',
  );
}

/**
 * Checks an EKS cluster before anything is deployed, with your own credentials; prints the report, and sets the exit code.
 * @throws HelperError without credentials or a region
 */
export async function runPreflight(
  options: Omit<RunOptions, 'stack'> & { clusterName: string },
): Promise<void> {
  setAwsEnvironment(options);
  const report = await withProgress('running here', 'nothing was written', async () => {
    const { AwsClients } = await import('../aws.ts');
    const { preflight } = await import('../doctor/doctor.ts');
    const region = await readRegion();
    const deadline = startDeadline(systemClock, systemClock.now() + LONGEST_PREFLIGHT_MS);
    const { signal } = deadline;
    const commands = localCommands(options);
    const aws = new AwsClients({ region, sessionName: 'preflight', clock: systemClock, signal, ...commands });
    return preflight(aws, options.clusterName, systemClock.now).finally(() => {
      aws.destroy();
      deadline.stop();
    });
  });
  printAnswer(report, options, (one) => doctorView(one, 'preflight'));
}

/** The region of environment or profile, once there are credentials too. */
async function readRegion(): Promise<string> {
  const { EKSClient } = await import('@aws-sdk/client-eks');
  const client = new EKSClient({});
  try {
    await client.config.credentials();
    return await client.config.region();
  } catch (fault) {
    throw toCallError(fault, 'sts:GetCallerIdentity', 'your own identity');
  } finally {
    client.destroy();
  }
}

/** The error of a failed call: CredentialsError, RegionError or AwsCallError; a HelperError as it is. */
export function toCallError(fault: unknown, action: string, object: string): HelperError {
  if (fault instanceof HelperError) return fault;
  const code = codeOf(fault);
  if (/^(Credentials|Token)ProviderError$|ExpiredToken|InvalidClientTokenId|UnrecognizedClient/.test(code)) {
    return new HelperError(
      'CredentialsError',
      `no valid AWS credentials (${code})`,
      'Sign in (aws sso login), or name a profile by --profile or AWS_PROFILE.',
    );
  }
  if (fault instanceof Error && fault.message === 'Region is missing') {
    const fix = 'Give --region, set AWS_REGION, or use a profile that has one.';
    return new HelperError('RegionError', 'the AWS region is missing', fix);
  }
  const fix = code.startsWith('AccessDenied')
    ? `Allow ${action} on it to your own identity.`
    : action === 'lambda:InvokeFunction'
      ? 'If the function was reached, it may be running: see its log before you start it again.'
      : 'Check that AWS can be reached from here, and run the command again.';
  return new HelperError('AwsCallError', `${action} on ${object} failed (${code})`, fix);
}

/**
 * Prints on stderr what runs: on a terminal with the seconds that it takes, elsewhere in one plain line.
 * @param given what runs
 * @param leftBehind what a person who interrupts it has to know
 */
export async function withProgress<Value>(
  given: string,
  leftBehind: string,
  work: () => Promise<Value>,
): Promise<Value> {
  const text = plain(given);
  const { stderr, env } = process;
  const animated = stderr.isTTY && env.TERM !== 'dumb' && !('CI' in env);
  const spinner = animated ? yoctoSpinner({ text, stream: stderr, handleSignals: false }) : undefined;
  const interrupted = () => {
    spinner?.stop();
    printError(`interrupted; ${leftBehind}`);
    process.exit(130);
  };
  process.once('SIGINT', interrupted);
  if (spinner) spinner.start();
  else printError(text);
  const startedAt = performance.now();
  const seconds = setInterval(() => {
    if (spinner) spinner.text = `${text} (${Math.round((performance.now() - startedAt) / 1_000)} s)`;
  }, 1_000);
  try {
    return await work();
  } finally {
    process.off('SIGINT', interrupted);
    clearInterval(seconds);
    spinner?.stop();
  }
}

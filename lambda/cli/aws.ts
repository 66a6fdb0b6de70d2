import { type Clock, systemClock } from '../context.ts';
import { codeOf, HelperError, parseJson } from '../errors.ts';
import type { FleetSummary } from '../fleet.ts';
import type { Answer, Refusal } from '../handler.ts';
import { ACTIONS } from '../request.ts';
import type { Settings } from '../settings/schema.ts';
import { invokedAs, shellWord } from './io.ts';

/** Lambda's longest run, and some time for its answer. */
const LONGEST_CALL_MS = 15 * 60_000 + 10_000;
const KEEP_ALIVE_MS = 30_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
const KEYS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];

/** The environment is what every client reads, also those that assume a role. A profile that is given replaces its keys. */
export function setAwsEnvironment({ profile, region }: { profile?: string; region?: string }): void {
  const { env } = process;
  if (profile) {
    env.AWS_PROFILE = profile;
    for (const name of KEYS) delete env[name];
  }
  const chosen = region || env.AWS_REGION || env.AWS_DEFAULT_REGION;
  if (chosen) env.AWS_REGION = chosen;
  else delete env.AWS_REGION;
}

// the SDK and the Kubernetes client are imported where they are used: loading them takes a second

/**
 * An output of a stack.
 * @param flag that gives the value itself
 * @throws HelperError: StackNotFoundError, StackOutputError, and those of {@link toCallError}
 */
export async function findOutput(stack: string, key: string, flag: string): Promise<string> {
  const { CloudFormationClient, DescribeStacksCommand } = await import('@aws-sdk/client-cloudformation');
  const client = new CloudFormationClient({});
  return await calling(client, 'cloudformation:DescribeStacks', stack, async () => {
    const { Stacks } = await client
      .send(new DescribeStacksCommand({ StackName: stack }))
      .catch(async (fault) => {
        // CloudFormation answers with one of many validation errors
        if (codeOf(fault) !== 'ValidationError') throw fault;
        const fix = `Give its name by --stack, its region by --region, or ${flag}.`;
        const problem = `there is no stack ${stack} in ${await client.config.region()}`;
        throw new HelperError('StackNotFoundError', problem, fix);
      });
    const value = Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey === key)?.OutputValue;
    if (value) return value;
    const fix = `Give the stack by --stack, or ${flag}.`;
    throw new HelperError('StackOutputError', `the stack ${stack} has no output ${key}`, fix);
  });
}

/** Does calls by a client, which it closes. @throws HelperError: FunctionNotFoundError, those of {@link toCallError} */
async function calling<Value>(
  client: { readonly config: { region: () => Promise<string> }; destroy(): void },
  action: string,
  object: string,
  work: () => Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (fault) {
    const isMissing = action.startsWith('lambda:') && codeOf(fault) === 'ResourceNotFoundException';
    if (!isMissing) throw toCallError(fault, action, object);
    const problem = `there is no function ${object} in ${await client.config.region()}`;
    const fix = 'Correct --function or --region; the output FunctionName of the stack is its name.';
    throw new HelperError('FunctionNotFoundError', problem, fix);
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
      // networks on the way drop a connection that is silent for minutes
      httpsAgent: { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS },
      httpAgent: { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS },
    },
  });
  return await calling(client, 'lambda:InvokeFunction', name, async () => {
    const command = new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event) });
    const { Payload: payload, FunctionError: failed } = await client.send(command);
    const answer = readPayload(payload?.transformToString());
    const { ok, action, error, errorMessage = 'without a message' } = answer;
    if (failed) {
      const problem = `the function ${name} failed: ${String(errorMessage).replace(/\.$/, '')}`;
      throw new HelperError('FunctionFailedError', problem, 'See its log.');
    }
    if (error && !action) throw new HelperError(error.code, error.reason, error.remedy);
    if (typeof ok === 'boolean' && ACTIONS.some((one) => one === action)) return answer as Answer;
    const fix = 'Check that it is an ecr-registry-helper function of the same version.';
    throw new HelperError('NoAnswerError', `unexpected response of the function ${name}`, fix);
  });
}

/** What a function may return; a failed one has a message: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html */
type Payload = Partial<Refusal> & { readonly action?: string; readonly errorMessage?: unknown };

/** Reads a payload; {} for a text that is no object in JSON. */
function readPayload(text = ''): Payload {
  return Object(parseJson(text));
}

/**
 * Starts the state machine of a fleet.
 * @returns the ARN of the execution
 * @throws HelperError of {@link toCallError}
 */
export async function startExecution(stateMachineArn: string): Promise<string> {
  const { SFNClient, StartExecutionCommand } = await import('@aws-sdk/client-sfn');
  // an execution that was started must not be started again
  const client = new SFNClient({ maxAttempts: 1 });
  return await calling(client, 'states:StartExecution', stateMachineArn, async () => {
    const { executionArn = '' } = await client.send(new StartExecutionCommand({ stateMachineArn }));
    return executionArn;
  });
}

/**
 * Follows an execution of a fleet to its end.
 * @param update is called with the progress in words
 * @returns the summary of one that succeeded
 * @throws HelperError: by the name of the error of one that failed, and those of {@link toCallError}
 */
export async function followExecution(
  executionArn: string,
  update: (progress: string) => void,
  clock: Pick<Clock, 'sleep'> = systemClock,
): Promise<FleetSummary> {
  const sfn = await import('@aws-sdk/client-sfn');
  const client = new sfn.SFNClient({});
  const actions = 'states:DescribeExecution, ListMapRuns and DescribeMapRun';
  return await calling(client, actions, executionArn, async () => {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const execution = await client.send(new sfn.DescribeExecutionCommand({ executionArn }));
      const { status = '', output, error = status, cause = '' } = execution;
      if (status === 'SUCCEEDED') return JSON.parse(output ?? '{}') as FleetSummary;
      if (status !== 'RUNNING') {
        const message = String(readPayload(cause).errorMessage ?? cause).split('. ')[0];
        const problem = `the execution ${executionArn} failed: ${message || status}`;
        throw new HelperError(error, problem, `See which clusters are not fresh: ${invokedAs} status`);
      }
      // a later round has a map run of its own, and is listed first
      const { mapRuns: [run] = [] } = await client.send(new sfn.ListMapRunsCommand({ executionArn }));
      const { itemCounts } = run
        ? await client.send(new sfn.DescribeMapRunCommand({ mapRunArn: run.mapRunArn }))
        : {};
      const { total = 0, pending = 0, running = 0 } = itemCounts ?? {};
      update(itemCounts ? `${total - pending - running} of ${total} clusters` : 'finding the clusters');
      await clock.sleep(pauseMs, AbortSignal.any([]));
    }
  });
}

/**
 * Reads the settings of a deployed function.
 * @throws SettingsError; HelperError: FunctionNotFoundError, SettingsCallError, and those of {@link toCallError}
 */
export async function readDeployedSettings(name: string): Promise<Settings> {
  const { GetFunctionConfigurationCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  const client = new LambdaClient({});
  return await calling(client, 'lambda:GetFunctionConfiguration', name, async () => {
    const command = new GetFunctionConfigurationCommand({ FunctionName: name });
    const { Environment: environment } = await client.send(command);
    const { loadSettings } = await import('../handler.ts');
    const env = { ...environment?.Variables, AWS_REGION: await client.config.region() };
    return await loadSettings(env, { clock: systemClock, signal: AbortSignal.any([]) });
  });
}

/** The region of environment or profile, once there are credentials too. */
export async function readRegion(): Promise<string> {
  const { EKSClient } = await import('@aws-sdk/client-eks');
  const client = new EKSClient({});
  return await calling(client, 'sts:GetCallerIdentity', 'your own identity', async () => {
    await client.config.credentials();
    return await client.config.region();
  });
}

const LIST_PROFILES = 'Name another profile by --profile. List the profiles: aws configure list-profiles';
const SEE_KEYS = 'See where its keys are, and replace them: aws configure list';

/** What the SDK says of credentials, the cause, and the fix, to which a profile is added; the first that matches applies. */
const CREDENTIAL_FAULTS: readonly (readonly [RegExp, string, string])[] = [
  [/aws sso login|ession token not found/, 'the SSO session expired', 'Run: aws sso login'],
  [/re-?authenticate|Failed to load (a )?token/i, 'the session of aws login expired', 'Run: aws login'],
  [/multi-factor/, 'its role requires an MFA code', LIST_PROFILES],
  [/to perform: sts:AssumeRole /, 'its role may not be assumed', LIST_PROFILES],
  [/Could not load credentials/, 'there are none', LIST_PROFILES],
  [/ExpiredToken/, 'the session token expired', SEE_KEYS],
  [/InvalidClientTokenId|UnrecognizedClient/, 'AWS does not know the access key', SEE_KEYS],
  [/SignatureDoesNotMatch|InvalidSignature/, 'AWS rejected the signature', SEE_KEYS],
  [/^(Credentials|Token)ProviderError/, 'the profile is not complete', LIST_PROFILES],
];

/** The error of a failed call: CredentialsError, RegionError or AwsCallError; a HelperError as it is. */
export function toCallError(fault: unknown, action: string, object: string): HelperError {
  if (fault instanceof HelperError) return fault;
  const code = codeOf(fault);
  const said = `${code}: ${fault instanceof Error ? fault.message : ''}`;
  const [, cause, fix] = CREDENTIAL_FAULTS.find(([pattern]) => pattern.test(said)) ?? [];
  if (cause) {
    const { AWS_PROFILE: profile, AWS_ACCESS_KEY_ID: key } = process.env;
    const source = profile ? ` for profile ${profile}` : key ? ' in the environment' : '';
    const flag = profile && fix !== LIST_PROFILES ? ` --profile ${shellWord(profile)}` : '';
    return new HelperError('CredentialsError', `no valid AWS credentials${source}: ${cause}`, fix + flag);
  }
  if (fault instanceof Error && fault.message === 'Region is missing') {
    const giveRegion = 'Give --region, set AWS_REGION, or use a profile that has one.';
    return new HelperError('RegionError', 'the AWS region is missing', giveRegion);
  }
  const remedy = code.startsWith('AccessDenied')
    ? `Allow ${action} on it to your own identity.`
    : /^lambda:Invoke|^states:Start/.test(action)
      ? 'If the call arrived, a run may be in progress: see the log of the function before you start it again.'
      : 'Check that AWS can be reached from here, and run the command again.';
  return new HelperError('AwsCallError', `${action} on ${object} failed (${code})`, remedy);
}

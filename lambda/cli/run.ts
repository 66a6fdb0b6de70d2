import pMap from 'p-map';
import yoctoSpinner from 'yocto-spinner';
import { startDeadline, systemClock } from '../context.ts';
import { HelperError, hasCode, plain, toHelperError } from '../errors.ts';
import type { DiscoveryProblem, DiscoveryReport } from '../fleet.ts';
import type { Answer } from '../handler.ts';
import { readEvent } from '../request.ts';
import type { Settings } from '../settings/schema.ts';
import {
  findOutput,
  followExecution,
  invokeFunction,
  readRegion,
  setAwsEnvironment,
  startExecution,
} from './aws.ts';
import {
  exitCodeOf,
  localCommands,
  print,
  printError,
  printJson,
  readSettingsFlags,
  UsageError,
} from './io.ts';
import { answerView, type ViewOptions } from './views.ts';

/** Clusters of a fleet at once, each with an invocation. */
const CLUSTERS_AT_ONCE = 10;
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
  readonly verbose?: true;
}

/**
 * Invokes the deployed function, or with `--local` runs its code here; prints the report on stdout and sets the exit code.
 * @throws UsageError, EventError before anything is called; HelperError
 */
export async function runEvent(options: RunOptions, event: object): Promise<void> {
  await run(options, (call) => call(event));
}

/** Runs one event, and returns its report. */
type Call = (event: object) => Promise<Answer>;

async function run(
  options: RunOptions,
  work: (call: Call, update: (progress: string) => void) => Promise<Answer>,
): Promise<void> {
  setAwsEnvironment(options);
  if (!options.local && options.settings) {
    throw new UsageError('--settings needs --local; the function has its own');
  }
  if (!options.local && options.clusterName) {
    throw new UsageError('--cluster-name needs --local; --cluster narrows what the function does');
  }
  const name = options.local
    ? ''
    : (options.function ??
      (await findOutput(options.stack, 'FunctionName', 'the function itself by --function')));
  const call: Call = (event) => (options.local ? runLocally(options, event) : invokeFunction(name, event));
  const [given, leftBehind] = options.local
    ? ['running here', 'what was written stays']
    : [`invoking the function ${name}`, 'the function goes on; see its log'];
  printAnswer(await withProgress(given, leftBehind, (update) => work(call, update)), options);
}

function printAnswer(answer: Answer, options: Pick<RunOptions, 'json'> & ViewOptions): void {
  if (options.json) printJson(answer);
  else print(`${answerView(plain(answer), options)}\n`);
  process.exitCode = exitCodeOf(answer);
}

/** The errors of an event that a person can correct: wrong usage. */
export const WRONG_EVENTS = ['EventError', 'NotCoveredError', 'FleetEventError'];
/** The flags for the fields of an event. */
const FLAGS: Readonly<Record<string, string>> = {
  clusters: '--cluster',
  confirm: '--cluster',
  namespaces: '--namespaces',
  repository: '--repository',
};

/**
 * Runs the event of a command, as {@link runEvent} does, for a fleet once for each of its clusters; an error of the event
 * names the flag.
 * @throws UsageError; HelperError
 */
export async function runCommand(
  options: RunOptions,
  event: Readonly<Record<string, unknown>>,
): Promise<void> {
  try {
    const { action } = readEvent(event);
    await run(options, (call, update) =>
      call(event).catch((fault) => {
        if (!hasCode(fault, 'FleetEventError') || action === 'cleanup') throw fault;
        return runForFleet(call, event, update);
      }),
    );
  } catch (fault) {
    if (!hasCode(fault, ...WRONG_EVENTS)) throw fault;
    const toFlag = (_: string, field?: string) => (field ? (FLAGS[field] ?? field) : '');
    const problem = fault.problem.replace(/^event: (?:(\w+)(?:\[\d+\])?(?=:| is | "))?/, toFlag);
    throw new UsageError(problem, fault.code === 'EventError' ? undefined : fault.fix);
  }
}

/**
 * Finds the clusters of a fleet, runs an event for each, and merges the reports.
 * @returns with `problems`: what could not be found, and the runs that failed
 * @throws HelperError where no run has a report
 */
async function runForFleet(call: Call, event: object, update: (progress: string) => void): Promise<Answer> {
  const startedAt = Date.now();
  update('finding the clusters');
  const { items, problems: lost } = (await call({ action: 'discover', dryRun: true })) as DiscoveryReport;
  const problems: DiscoveryProblem[] = [...lost];
  let done = 0;
  const runs = await pMap(
    items,
    async ({ clusters }) => {
      const answer = await call({ ...event, clusters }).catch((fault) => {
        const { problem: reason, fix: remedy } = toHelperError(fault);
        problems.push({ where: `cluster ${clusters[0]}`, reason, remedy });
      });
      done += 1;
      update(`${done} of ${items.length} clusters`);
      return answer ?? [];
    },
    { concurrency: CLUSTERS_AT_ONCE },
  );
  const answers = runs.flat();
  const [first] = answers;
  if (!first) {
    const { where = 'fleet', reason = 'no cluster was found', remedy = '' } = problems[0] ?? {};
    throw new HelperError('FleetError', `${where}: ${reason}`, remedy);
  }
  const ok = problems.length === 0 && answers.every((answer) => answer.ok);
  const durationMs = Date.now() - startedAt;
  const lists = LISTS.filter((key) => key in first).map((key) => [key, mergeLists(answers, key)]);
  return { ...first, ok, durationMs, ...Object.fromEntries(lists), ...(problems.length > 0 && { problems }) };
}

/** The lists of reports; what is in several reports of a fleet, such as an entry, is in theirs once. */
const LISTS = ['clusters', 'findings', 'secrets'] as const;

function mergeLists(answers: readonly Answer[], key: (typeof LISTS)[number]): unknown[] {
  const all = answers.flatMap(
    (answer) => (answer as Partial<Record<typeof key, { name?: string }[]>>)[key] ?? [],
  );
  return [...new Map(all.map((one) => [one.name ?? JSON.stringify(one), one])).values()];
}

/**
 * Runs the code of the function here, with your own credentials.
 * @throws HelperError (OwnTokenError) before anything is read; EventError, NotCoveredError, those of {@link toCallError}
 */
async function runLocally(options: RunOptions, event: object): Promise<Answer> {
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
    const settings = readSettingsFlags(options);
    const environment = { region: await readRegion(), ...localCommands(options) };
    const deadline = startDeadline(systemClock, systemClock.now() + LONGEST_PREFLIGHT_MS);
    const aws = new AwsClients({ settings, environment, clock: systemClock, deadline });
    return preflight(aws, options.clusterName).finally(() => {
      aws.destroy();
      deadline.stop();
    });
  });
  printAnswer(report, { ...options, command: 'preflight', verbose: true });
}

type StartOptions = RunOptions & { readonly stateMachine?: string; readonly wait?: true };

/**
 * Starts the state machine of a fleet, and with `--wait` follows it; prints the execution or the summary on stdout.
 * @throws HelperError
 */
export async function startFleet({ stack, stateMachine, wait, ...options }: StartOptions): Promise<void> {
  setAwsEnvironment(options);
  const flag = 'the state machine itself by --state-machine';
  const arn = stateMachine ?? (await findOutput(stack, 'StateMachineArn', flag));
  const execution = await startExecution(arn);
  if (!wait) {
    if (options.json) printJson({ ok: true, action: 'start', execution });
    else print(`ok: started ${plain(execution)}\n`);
    return;
  }
  const summary = await withProgress(`execution ${execution}`, 'the execution goes on', (update) =>
    followExecution(execution, update),
  );
  printAnswer(summary, options);
}

/**
 * Prints on stderr what runs: on a terminal with its progress and the seconds that it takes, elsewhere in one plain line.
 * @param given what runs
 * @param leftBehind what a person who interrupts it has to know
 */
export async function withProgress<Value>(
  given: string,
  leftBehind: string,
  work: (update: (progress: string) => void) => Promise<Value>,
): Promise<Value> {
  let text = plain(given);
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
  const update = (progress: string) => {
    text = plain(`${given}: ${progress}`);
  };
  try {
    return await work(update);
  } finally {
    process.off('SIGINT', interrupted);
    clearInterval(seconds);
    spinner?.stop();
  }
}

import pMap, { pMapSkip } from 'p-map';
import yoctoSpinner from 'yocto-spinner';
import { startDeadline, systemClock } from '../context.ts';
import { HelperError, hasCode, plain, toHelperError } from '../errors.ts';
import type { DiscoveryProblem, DiscoveryReport } from '../fleet.ts';
import type { Answer } from '../handler.ts';
import { readEvent } from '../request.ts';
import type { Settings } from '../settings/schema.ts';
import { findOutput, followExecution, invokeFunction, readRegion, startExecution } from './aws.ts';
import {
  type Flags,
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

/**
 * Invokes the deployed function, or with `--local` runs its code here; prints the report on stdout and sets the exit code.
 * @throws UsageError, EventError before anything is called; HelperError
 */
export async function runEvent(flags: Flags, event: object): Promise<void> {
  await run(flags, (call) => call(event));
}

/** Runs one event, and returns its report. */
type Call = (event: object) => Promise<Answer>;
type Update = (progress: string) => void;
/** Gets an answer, and says how far it is. */
type Work = (update: Update) => Promise<Answer>;

async function run(flags: Flags, work: (call: Call, update: Update) => Promise<Answer>): Promise<void> {
  if (flags.local) {
    const call: Call = (event) => runLocally(flags, event);
    return await printAnswer(flags, 'running here', 'what was written stays', (update) => work(call, update));
  }
  if (flags.settings) throw new UsageError('--settings needs --local; the function has its own');
  if (flags.clusterName) {
    throw new UsageError('--cluster-name needs --local; --cluster narrows what the function does');
  }
  const flag = 'the function itself by --function';
  const name = flags.function ?? (await findOutput(flags.stack, 'FunctionName', flag));
  const text = `invoking the function ${name}`;
  const call: Call = (event) => invokeFunction(name, event);
  await printAnswer(flags, text, 'the function goes on; see its log', (update) => work(call, update));
}

type Format = Pick<Flags, 'json'> & ViewOptions;

/** Waits for an answer {@link withProgress}, prints it on stdout, and sets the exit code. */
async function printAnswer(format: Format, text: string, leftBehind: string, work: Work): Promise<void> {
  const answer = await withProgress(text, leftBehind, work);
  if (format.json) printJson(answer);
  else print(`${answerView(plain(answer), format)}\n`);
  process.exitCode = exitCodeOf(answer);
}

/** The exit codes; 130 is that of an interrupt. */
export const EXIT = { ok: 0, failed: 1, usage: 2, stale: 3, blocked: 4 } as const;

/** The exit code of the worst in a report: failed before stale, and that before blocked. */
export function exitCodeOf(answer: Answer & { readonly problems?: readonly unknown[] }): number {
  const { action, ok, problems = [] } = answer;
  if (action === 'status') {
    if (problems.length > 0 || answer.clusters.some(({ error }) => error)) return EXIT.failed;
    if (!ok) return EXIT.stale;
    return answer.clusters.some(({ counts }) => counts.blocked > 0) ? EXIT.blocked : EXIT.ok;
  }
  if (!ok) return EXIT.failed;
  const isRefresh = action === 'refresh' || action === 'plan';
  return isRefresh && answer.clusters.some(({ blocked }) => blocked > 0) ? EXIT.blocked : EXIT.ok;
}

/** The errors of an event that a person can correct: wrong usage. */
export const WRONG_EVENTS = ['EventError', 'NotCoveredError', 'FleetEventError'];

/**
 * Runs the event of a command, as {@link runEvent} does, for a fleet once for each of its clusters; an error of the event
 * names the flag.
 * @throws UsageError; HelperError
 */
export async function runCommand(flags: Flags, event: Readonly<Record<string, unknown>>): Promise<void> {
  try {
    const { action } = readEvent(event);
    await run(flags, (call, update) =>
      call(event).catch((fault) => {
        if (!hasCode(fault, 'FleetEventError') || action === 'cleanup') throw fault;
        return runForFleet(call, event, update);
      }),
    );
  } catch (fault) {
    if (!hasCode(fault, ...WRONG_EVENTS)) throw fault;
    // a flag has the name of its field, but for that of clusters
    const toFlag = (_: string, field?: string) =>
      field ? `--${field.replace(/^(clusters|confirm)$/, 'cluster')}` : '';
    const problem = fault.problem.replace(/^event: (?:(\w+)(?:\[\d+\])?(?=:| is | "))?/, toFlag);
    throw new UsageError(problem, fault.code === 'EventError' ? undefined : fault.fix);
  }
}

/**
 * Finds the clusters of a fleet, runs an event for each, and merges the reports.
 * @returns with `problems`: what could not be found, and the runs that failed
 * @throws HelperError where no run has a report
 */
async function runForFleet(call: Call, event: object, update: Update): Promise<Answer> {
  const startedAt = Date.now();
  update('finding the clusters');
  const { items, problems: lost } = (await call({ action: 'discover', dryRun: true })) as DiscoveryReport;
  const problems: DiscoveryProblem[] = [...lost];
  let done = 0;
  const answers = await pMap(
    items,
    async ({ clusters }) => {
      const answer = await call({ ...event, clusters }).catch((fault): typeof pMapSkip => {
        const { problem: reason, fix: remedy } = toHelperError(fault);
        problems.push({ where: `cluster ${clusters[0]}`, reason, remedy });
        return pMapSkip;
      });
      done += 1;
      update(`${done} of ${items.length} clusters`);
      return answer;
    },
    { concurrency: CLUSTERS_AT_ONCE },
  );
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
const LISTS = ['clusters', 'findings', 'secrets'];

function mergeLists(answers: readonly Answer[], key: string): unknown[] {
  const all = answers.flatMap((answer): { name?: string }[] => Object(answer)[key] ?? []);
  return [...new Map(all.map((one) => [one.name ?? JSON.stringify(one), one])).values()];
}

/**
 * Runs the code of the function here, with your own credentials.
 * @throws HelperError (OwnTokenError) before anything is read; EventError, NotCoveredError, those of {@link toCallError}
 */
async function runLocally(flags: Flags, event: object): Promise<Answer> {
  const settings = readSettingsFlags(flags);
  const request = readEvent(event);
  if (request.action === 'refresh') refuseOwnToken(settings);
  const { runAction } = await import('../handler.ts');
  const context = await startContext(flags, LONGEST_LOCAL_MS);
  return await runAction(settings, request, context).finally(context.deadline.stop);
}

/** What a run here has in place of Lambda's environment and context. */
async function startContext(flags: Flags, longestMs: number) {
  const environment = { region: await readRegion(), ...localCommands(flags) };
  const deadline = startDeadline(systemClock, systemClock.now() + longestMs);
  return { environment, clock: systemClock, deadline };
}

/**
 * Refuses settings by which a token of the caller would reach the clusters: that of an administrator carries an
 * administrator's permissions into every namespace.
 * @throws HelperError (OwnTokenError)
 */
export function refuseOwnToken({ secrets }: Settings): void {
  const argocd = secrets.find((entry) => 'type' in entry);
  if (argocd) {
    throw new HelperError(
      'OwnTokenError',
      `refresh --local does not write the Argo CD repository secret ${argocd.name}: no admission policy checks its url when you write it`,
      'Leave out --local: then the function writes it.',
    );
  }
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
export async function runPreflight(flags: Flags & { readonly clusterName: string }): Promise<void> {
  const options = { ...flags, command: 'preflight', verbose: true };
  await printAnswer(options, 'running here', 'nothing was written', async () => {
    const { AwsClients } = await import('../aws.ts');
    const { preflight } = await import('../doctor/doctor.ts');
    const settings = readSettingsFlags(flags);
    const context = await startContext(flags, LONGEST_PREFLIGHT_MS);
    const aws = new AwsClients({ settings, ...context });
    return preflight(aws, flags.clusterName).finally(() => {
      aws.destroy();
      context.deadline.stop();
    });
  });
}

/**
 * Starts the state machine of a fleet, and with `--wait` follows it; prints the execution or the summary on stdout.
 * @throws HelperError
 */
export async function startFleet(flags: Flags): Promise<void> {
  const flag = 'the state machine itself by --state-machine';
  const arn = flags.stateMachine ?? (await findOutput(flags.stack, 'StateMachineArn', flag));
  const execution = await startExecution(arn);
  if (flags.wait) {
    const follow: Work = (update) => followExecution(execution, update);
    await printAnswer(flags, `execution ${execution}`, 'the execution goes on', follow);
  } else if (flags.json) printJson({ ok: true, action: 'start', execution });
  else print(`ok: started ${plain(execution)}\n`);
}

/**
 * Prints on stderr what runs: on a terminal with its progress and the seconds that it takes, elsewhere in one plain line.
 * @param given what runs
 * @param leftBehind what a person who interrupts it has to know
 */
async function withProgress(given: string, leftBehind: string, work: Work): Promise<Answer> {
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

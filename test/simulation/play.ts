import { setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { handler } from '../../lambda/handler.ts';
import type { Report } from '../../lambda/report.ts';
import { checkSettings, type Settings } from '../../lambda/settings.ts';
import { captured } from '../integration/capture.ts';
import type { AwsEmulator } from '../sandbox/aws/server.ts';
import { hadTime } from './blame.ts';
import { namespacesOf } from './expected.ts';
import { makeTrouble, type Trouble } from './faults.ts';
import type { Fleet } from './fleet.ts';
import { HUB_CONFIG, OLD_AUTH, STATIC_KEYS } from './holdings.ts';
import type { Entry } from './journal.ts';
import { MachineTime } from './machine-time.ts';
import { FAR_MS, type Schedule } from './schedule.ts';
import { Traffic } from './traffic.ts';
import type { Ending, Phase, Remains, Scene, Witness } from './witness.ts';

const SCHEDULED = { source: 'aws.events', 'detail-type': 'Scheduled Event' };
const QUEUED = { Records: [{ eventSource: 'aws:sqs', body: '{"requestPayload":{}}' }] };
/** What the function keeps of its time for the report. */
const MARGIN_MS = 5_000;
/** How much later a second run begins, and how long after the faults the last. */
const OVERLAP_MS = 60_000;
const HALF_AN_HOUR_MS = 1_800_000;
/** Real time after which a run will not end. */
const STUCK_MS = 20_000;
/** The SDK stops waiting at the deadline, but leaves the timer of its wait, up to two seconds before its third try. */
const CLOSING_MS = 3_000;

/** Plays a schedule with the real handler, and once more when its faults have ended. */
export async function play(schedule: Schedule, fleet: Fleet): Promise<Witness> {
  const traffic = new Traffic();
  const time = new MachineTime(traffic);
  const settings = checkSettings(schedule.settings);
  const timers = liveTimers();
  traffic.watch();
  time.take();
  try {
    const journal: Entry[] = [];
    const aws = await fleet.deploy(schedule, settings, journal);
    try {
      const env = {
        ...aws.env,
        AWS_MAX_ATTEMPTS: String(schedule.attempts),
        SETTINGS: JSON.stringify(schedule.settings),
      };
      const stage = { schedule, settings, fleet, aws, env, journal, time, traffic, timers };
      const trouble = makeTrouble(schedule, fleet, aws, time);
      const troubled = await act(stage, trouble);
      trouble.end();
      for (const ship of fleet.ships.values()) fleet.repair(ship, settings);
      time.pass(HALF_AN_HOUR_MS);
      const after = await act({ ...stage, schedule: { ...schedule, event: 'manual' } });
      return { schedule, settings, troubled, after, secrets: secretsOf(aws, [troubled, after]) };
    } finally {
      await aws.close();
    }
  } finally {
    time.restore();
    traffic.unwatch();
  }
}

interface Stage {
  readonly schedule: Schedule;
  readonly settings: Settings;
  readonly fleet: Fleet;
  readonly env: Record<string, string>;
  /** Of all phases. */
  readonly journal: Entry[];
  readonly time: MachineTime;
  readonly traffic: Traffic;
  /** Those of others, before anything was played. */
  readonly timers: number;
}

async function act(stage: Stage, trouble?: Trouble): Promise<Phase> {
  const { schedule, env, journal, time } = stage;
  const written = journal.length;
  const before = scene(stage);
  const event = eventOf(schedule);
  const ms = trouble && 'ms' in schedule.deadline ? schedule.deadline.ms : FAR_MS;
  const endsAt = time.now() + ms;
  time.horizon = endsAt - MARGIN_MS;
  const invoke = (name: string) => invoked(event, name, endsAt, time);
  const { value, output } = await captured(env, async () => {
    const first = invoke('first');
    if (!trouble || !schedule.heldAt || !hadTime(schedule)) return [await first];
    const isHeld = await Promise.race([trouble.held.then(() => true), first.then(() => false)]);
    if (!isHeld) return [await first];
    time.pass(OVERLAP_MS);
    const second = await invoke('second');
    trouble.release();
    return [await first, second];
  });
  const endings = (value ?? []).map(
    (ended, at) => ended && withReport(ended, output, at === 0 ? 'first' : 'second'),
  );
  return {
    event,
    origin: schedule.event === 'scheduled' || schedule.event === 'queued' ? schedule.event : 'manual',
    plan: schedule.event === 'plan',
    narrowed: schedule.event === 'narrowed',
    before,
    after: scene(stage),
    journal: journal.slice(written),
    hits: [...(trouble?.hits ?? [])],
    endings,
    endsAt,
    remains: await remains(stage),
    shown: [output, ...endings.flatMap((ending) => (ending ? shownBy(ending, event) : []))].join('\n'),
  };
}

type Invoked = Ending & { readonly report: Report | undefined };

/** Invokes the handler; undefined when it does not end. */
async function invoked(
  event: unknown,
  name: string,
  endsAt: number,
  time: MachineTime,
): Promise<Invoked | undefined> {
  const context = {
    awsRequestId: name,
    invokedFunctionArn: 'arn:aws:lambda:eu-west-1:111122223333:function:ecr-registry-helper',
    getRemainingTimeInMillis: () => endsAt - time.now(),
  };
  const run = handler(event, context).then(
    (answer) => ({ report: answer as Report, error: undefined, endedAt: time.now() }),
    (error: unknown) => ({ report: undefined, error, endedAt: time.now() }),
  );
  const stuck = Promise.withResolvers<undefined>();
  const watch = time.afterReal(STUCK_MS, () => stuck.resolve(undefined));
  const ended = await Promise.race([run, stuck.promise]);
  watch();
  return ended;
}

/** A run that threw has its report in the log. */
function withReport(ending: Invoked, output: string, requestId: string): Ending {
  if (ending.report) return ending;
  for (const line of output.split('\n').filter((one) => one.startsWith('{'))) {
    const logged = JSON.parse(line) as { requestId?: string; report?: Report };
    if (logged.requestId === requestId && logged.report) return { ...ending, report: logged.report };
  }
  return ending;
}

/** All that is to be seen of a run beside its log, among it the record that Lambda queues of one that failed. */
function shownBy({ report, error }: Ending, event: unknown): string[] {
  const shown = [JSON.stringify(report) ?? ''];
  if (error === undefined) return shown;
  const { name, message, stack = '' } = error as Error;
  const record = {
    version: '1.0',
    requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
    requestPayload: event,
    responsePayload: { errorType: name, errorMessage: message, trace: stack.split('\n') },
  };
  return [...shown, JSON.stringify(record), inspect(error, { depth: null, showHidden: true })];
}

function scene({ fleet, settings }: Stage): Scene {
  return {
    secrets: fleet.snapshot(settings.name),
    namespaces: new Map([...fleet.ships].map(([name, ship]) => [name, namespacesOf(ship)])),
  };
}

/** What is left once what is being closed has had the time for it. */
async function remains({ time, traffic, fleet, timers }: Stage): Promise<Remains> {
  const startedAt = performance.now();
  const count = () => ({
    sockets: traffic.openSockets,
    connections: [...fleet.ships.values()].reduce((sum, { api }) => sum + api.openSockets, 0),
    waits: time.pending,
    timers: liveTimers() - timers,
  });
  let left = count();
  while (Object.values(left).some((number) => number > 0) && performance.now() - startedAt < CLOSING_MS) {
    await turn();
    left = count();
  }
  return left;
}

function liveTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
}

function eventOf({ event, namespaces }: Schedule): unknown {
  switch (event) {
    case 'manual':
      return {};
    case 'scheduled':
      return SCHEDULED;
    case 'queued':
      return QUEUED;
    case 'plan':
      return { action: 'plan' };
    case 'narrowed':
      return { clusters: ['blue'], namespaces: [namespaces[0]?.name ?? 'default'] };
  }
}

function secretsOf(aws: AwsEmulator, phases: readonly Phase[]): string[] {
  const keys = [...aws.principals].flatMap(({ secretAccessKey, sessionToken }) => [
    secretAccessKey,
    sessionToken ?? '',
  ]);
  const written = phases.flatMap(({ journal }) =>
    journal.flatMap(({ after }) => Object.values(after?.auths ?? {})),
  );
  const auths = [OLD_AUTH, HUB_CONFIG.slice(HUB_CONFIG.lastIndexOf(':"') + 2, -4), ...written];
  const passwords = auths.map((auth) =>
    Buffer.from(auth, 'base64')
      .toString()
      .replace(/^[^:]*:/, ''),
  );
  const all = [...keys, STATIC_KEYS.secretAccessKey, ...auths, ...passwords];
  return [...new Set(all)].filter((secret) => secret.length > 0);
}

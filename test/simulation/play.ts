import { setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { handler } from '../../lambda/handler.ts';
import type { Report } from '../../lambda/refresh/report.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { Settings } from '../../lambda/settings/schema.ts';
import type { StatusReport } from '../../lambda/status.ts';
import { captured } from '../integration/capture.ts';
import type { AwsEmulator } from '../sandbox/aws/server.ts';
import { reported } from '../sandbox/bundle.ts';
import { toTimestamp } from '../sandbox/kubernetes/objects.ts';
import { hadTime } from './blame.ts';
import { namespacesOf } from './expected.ts';
import { makeTrouble, type Trouble } from './faults.ts';
import type { Fleet } from './fleet.ts';
import { DUE_BEFORE_MS, HUB_CONFIG, OLD_AUTH, STATIC_KEYS } from './holdings.ts';
import type { Entry } from './journal.ts';
import { MachineTime } from './machine-time.ts';
import { FAR_MS, type Schedule } from './schedule.ts';
import { Traffic } from './traffic.ts';
import type { Ending, Phase, Remains, Scene, Witness } from './witness.ts';

/** What the function keeps of its time for the report. */
export const MARGIN_MS = 5_000;
/** How much later a second run begins, before the held write of the first is given up; how long after the faults the last. */
const OVERLAP_MS = 3_000;
const HALF_AN_HOUR_MS = 1_800_000;
const MINUTE_MS = 60_000;
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
  fleet.time = time;
  traffic.connections = settings.concurrency;
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
      const manual = { ...stage, schedule: { ...schedule, event: 'manual' } as const };
      const first = await look<StatusReport>(manual, 'status');
      const trouble = makeTrouble(schedule, fleet, aws, time);
      const troubled = await act(stage, trouble);
      trouble.end();
      for (const ship of fleet.ships.values()) fleet.repair(ship, settings);
      time.pass(MINUTE_MS);
      const retry =
        schedule.retried && troubled.due && !schedule.heldAt
          ? await act(stage, undefined, troubled)
          : undefined;
      time.pass(HALF_AN_HOUR_MS);
      const looks = {
        first,
        before: await look<StatusReport>(manual, 'status'),
        plan: await look<Report>(manual, 'plan'),
      };
      const after = await act(manual);
      return {
        ...{ schedule, settings, troubled, retry, after },
        looks: { ...looks, after: await look<StatusReport>(manual, 'status') },
        secrets: secretsOf(aws, [troubled, ...(retry ? [retry] : []), after]),
      };
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

/** @param repeated the phase whose event comes again */
async function act(stage: Stage, trouble?: Trouble, repeated?: Phase): Promise<Phase> {
  const { schedule, env, journal, time } = stage;
  const written = journal.length;
  const before = scene(stage);
  const now = time.now();
  const event = repeated?.event ?? eventOf(schedule, now);
  const dueAt = repeated?.due?.at ?? dueOf(schedule, now);
  const ms = trouble && 'ms' in schedule.deadline ? schedule.deadline.ms : FAR_MS;
  const endsAt = time.now() + ms;
  time.horizon = endsAt - MARGIN_MS;
  const invoke = (name: string) =>
    invoked(name === 'second' ? eventOf(schedule, time.now()) : event, name, endsAt, time);
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
    due: dueAt === undefined ? undefined : { at: dueAt, now },
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

/** Asks what changes nothing; undefined where that is not answered. */
async function look<Answer>({ env, time }: Stage, action: 'status' | 'plan'): Promise<Answer | undefined> {
  const endsAt = time.now() + FAR_MS;
  time.horizon = endsAt - MARGIN_MS;
  const { value } = await captured(env, () => invoked({ action }, action, endsAt, time));
  return value?.report as Answer | undefined;
}

export type Invoked = Ending & { readonly report: Report | undefined };

const FUNCTION_ARN = 'arn:aws:lambda:eu-west-1:111122223333:function:ecr-registry-helper';

/**
 * Invokes the handler; undefined when it does not end.
 * @param version of the function that was published; default: none
 */
export async function invoked(
  event: unknown,
  name: string,
  endsAt: number,
  time: MachineTime,
  version?: number,
): Promise<Invoked | undefined> {
  const context = {
    awsRequestId: name,
    invokedFunctionArn: version === undefined ? FUNCTION_ARN : `${FUNCTION_ARN}:${version}`,
    getRemainingTimeInMillis: () => endsAt - time.now(),
  };
  const run = handler(event, context)
    .then(reported)
    .then(
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

/** When a run was due by its event, in milliseconds since the epoch; undefined where its event does not say. */
function dueOf({ event, heldAt }: Schedule, now: number): number | undefined {
  if (event === 'scheduled') return now;
  // what overlaps another is no retry of it
  return event === 'queued' ? now - (heldAt ? 0 : DUE_BEFORE_MS) : undefined;
}

function eventOf(schedule: Schedule, now: number): unknown {
  const { event, namespaces } = schedule;
  const time = toTimestamp(new Date(dueOf(schedule, now) ?? now));
  const scheduled = { source: 'aws.events', 'detail-type': 'Scheduled Event', time };
  switch (event) {
    case 'manual':
      return {};
    case 'scheduled':
      return scheduled;
    case 'queued': {
      const body = JSON.stringify({ timestamp: new Date(now).toISOString(), requestPayload: scheduled });
      return { Records: [{ eventSource: 'aws:sqs', body }] };
    }
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

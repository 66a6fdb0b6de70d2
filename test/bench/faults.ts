import type { Problem, Report } from '../../lambda/refresh/report.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import type { RunRequest } from '../e2e/function/invoke.ts';
import { makeNamespaces } from '../e2e/objects.ts';
import { denyByOwnPolicy, permit } from '../e2e/rights.ts';
import { hanging, startWebhooks, type Webhooks } from '../e2e/webhooks.ts';
import { CLUSTER, DEPLOYMENT, type Recording, startWorld, type World } from '../e2e/world.ts';
import { type Line, line } from './table.ts';

const MOST_IN_FLIGHT = 24;
/** Of a function with the longest time-out that Lambda knows. */
const LONGEST = { remainingMs: 900_000 };
/** By which an event can narrow a run. */
const MOST_NAMES = 100;
const DENIALS = [401, 403, 404, 409, 422, 429, 500, 503];
/** Two by Lambda, the others by the queue. */
const RETRIES = 12;
const RETRIES_BY_LAMBDA = 2;

/** A run, and when the last of its healthy namespaces was written. */
interface Timed extends Recording<RunRequest> {
  readonly healthyMs: number;
  readonly healthyWritten: number;
}

/** Runs beside namespaces that hang or deny, and retries of runs that failed, on a real API server. */
export async function benchFaults(): Promise<Line[]> {
  const [world, webhooks] = await Promise.all([startWorld(), startWebhooks()]);
  console.log(
    'On one kube-apiserver whose webhooks listen on loopback; all requests pass through a proxy that counts them. Takes about seven minutes.\n',
  );
  try {
    await permit(world.admin, { clusters: [{ name: CLUSTER }] });
    return [
      ...(await besideHanging(world, webhooks)),
      ...(await besideDenied(world, webhooks)),
      ...(await ignored(world, webhooks)),
      ...(await retried(world, webhooks)),
    ];
  } finally {
    await Promise.all([world.stop(), webhooks.stop()]);
  }
}

async function besideHanging(world: World, webhooks: Webhooks): Promise<Line[]> {
  const [hung, healthy] = [namesOf('hang', 130), namesOf('hang-not', 24)];
  await makeNamespaces(world.admin, healthy);
  await webhooks.guard(world.admin, hung, { name: 'hang.example.com', review: hanging(10_000) });
  const run = await timed(world, settingsOf('hang-*'), healthy);
  const { created = 0 } = run.result.report?.clusters[0] ?? {};
  const all = hung.length + healthy.length;
  const isWritten = run.healthyWritten === healthy.length;
  return [
    line(
      `beside ${hung.length} that hang 10 s: the ${healthy.length} healthy`,
      isWritten ? seconds(run.healthyMs) : `${run.healthyWritten} written`,
      'within 120 s',
      isWritten && run.healthyMs <= 120_000,
    ),
    inFlight('  requests in flight, concurrency 16', run),
    line(`  the whole run, ${created} of ${all} written`, seconds(run.result.durationMs)),
    line('  PATCHes', `${patches(run)}`),
  ];
}

async function besideDenied(world: World, webhooks: Webhooks): Promise<Line[]> {
  const [denied, healthy] = [namesOf('deny', 400), namesOf('deny-not', 30)];
  await makeNamespaces(world.admin, healthy);
  const each = denied.length / DENIALS.length;
  for (const [nth, code] of DENIALS.entries()) {
    const name = `deny-${code}.example.com`;
    const namespaces = denied.slice(nth * each, (nth + 1) * each);
    await webhooks.guard(world.admin, namespaces, { name, review: () => ({ code }) });
  }
  const run = await timed(world, { ...settingsOf('deny-*'), concurrency: 64 }, healthy);
  const { blocked = 0 } = run.result.report?.clusters[0] ?? {};
  // a report lists its first problems only: those of all come from runs that are narrowed
  let named = 0;
  for (let at = 0; at < denied.length; at += MOST_NAMES) {
    const event = { namespaces: denied.slice(at, at + MOST_NAMES) };
    const { report } = await world.invoke(settingsOf('deny-*'), event, undefined, LONGEST);
    named += problemsOf(report).filter(({ reason }) => /webhook deny-\d+\.example\.com$/.test(reason)).length;
  }
  const isWritten = run.healthyWritten === healthy.length;
  const { durationMs } = run.result;
  const sent = patches(run);
  return [
    line(
      `beside ${denied.length} that are denied: the ${healthy.length} healthy`,
      isWritten ? seconds(run.healthyMs) : `${run.healthyWritten} written`,
      'within 30 s',
      isWritten && run.healthyMs <= 30_000,
    ),
    line('  the whole run', seconds(durationMs), 'within 60 s', durationMs <= 60_000),
    inFlight('  requests in flight, concurrency 64', run),
    line('  blocked', `${blocked}`, `${denied.length}`, blocked === denied.length),
    line('  that name their webhook', `${named}`, `${denied.length}`, named === denied.length),
    line(
      '  PATCHes',
      `${sent}`,
      `${denied.length + healthy.length + 1}, 1 of them tries the policy`,
      sent === denied.length + healthy.length + 1,
    ),
  ];
}

async function ignored(world: World, webhooks: Webhooks): Promise<Line[]> {
  const webhook = { failurePolicy: 'Ignore', timeoutSeconds: 20, review: hanging(60_000) } as const;
  await webhooks.guard(world.admin, ['ignored'], { name: 'ignored.example.com', ...webhook });
  const { report, durationMs } = await world.invoke(settingsOf('ignored'), {}, undefined, LONGEST);
  const isCreated = report?.clusters[0]?.created === 1;
  return [
    line(
      'beside a webhook that is ignored after 20 s',
      isCreated ? 'created' : (problemsOf(report)[0]?.reason ?? 'not created'),
      'created',
      isCreated,
    ),
    line('  the whole run', seconds(durationMs)),
  ];
}

/** PATCHes of a scheduled run of which one of 1,000 fails, and of all its retries. */
async function retried(world: World, webhooks: Webhooks): Promise<Line[]> {
  const [final, transient] = ['retry-denied', 'retry-down'];
  const healthy = namesOf('retry', 999);
  await makeNamespaces(world.admin, [...healthy, final]);
  await denyByOwnPolicy(world.admin, DEPLOYMENT, final);
  await webhooks.guard(world.admin, [transient], { name: 'down.example.com', isDown: true });
  const short = { remainingMs: 20_000 };
  const runs = (exclude: string, hasTime: boolean, lambda = LONGEST) =>
    patchesOfRetries(world, exclude, hasTime, lambda);
  const ofFinal = await runs(transient, true);
  const ofTransient = await runs(final, true, short);
  const ofUntimed = await runs(transient, false);
  return [
    line(
      `1 of 1,000 is denied by our own policy, ${RETRIES} retries: PATCHes`,
      `${ofFinal}`,
      'at most 1030',
      ofFinal <= 1_030,
    ),
    line(
      `1 of 1,000 has a webhook that is down, runs of ${short.remainingMs / 1_000} s: PATCHes`,
      `${ofTransient}`,
    ),
    line('1 of 1,000 is denied, the event has no time: PATCHes', `${ofUntimed}`),
  ];
}

async function patchesOfRetries(
  world: World,
  exclude: string,
  hasTime: boolean,
  lambda: typeof LONGEST,
): Promise<number> {
  const settings = { secrets: [{ namespaces: { include: ['retry-*'], exclude: [exclude] } }] };
  const time = hasTime ? { time: `${new Date().toISOString().slice(0, 19)}Z` } : {};
  const scheduled = { source: 'aws.events', 'detail-type': 'Scheduled Event', ...time };
  let event: object = scheduled;
  let sent = 0;
  for (let nth = 0; nth <= RETRIES; nth += 1) {
    if (nth === RETRIES_BY_LAMBDA + 1) event = queued(scheduled);
    const run = await world.record(() => world.invoke(settings, event, undefined, lambda));
    if (!run.result.error) throw new Error(`the run did not fail: ${JSON.stringify(run.result.report)}`);
    sent += patches(run);
  }
  return sent;
}

/** The record of a run that failed, as Lambda sends it to the queue and the queue to the function. */
function queued(requestPayload: object): object {
  const timestamp = new Date().toISOString();
  return {
    Records: [
      { eventSource: 'aws:sqs', body: JSON.stringify({ version: '1.0', timestamp, requestPayload }) },
    ],
  };
}

async function timed(
  world: World,
  settings: Partial<SettingsInput>,
  healthy: readonly string[],
): Promise<Timed> {
  const left = new Set(healthy);
  const began = performance.now();
  let healthyMs = 0;
  const recording = await world.record(
    () => world.invoke(settings, {}, undefined, LONGEST),
    async ({ url, status }) => {
      if (status === 201 && left.delete(url.pathname.split('/')[4] ?? ''))
        healthyMs = performance.now() - began;
    },
  );
  return { ...recording, healthyMs, healthyWritten: healthy.length - left.size };
}

function settingsOf(include: string) {
  return { secrets: [{ namespaces: { include: [include] } }] };
}

function namesOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
}

function inFlight(what: string, { arrivals }: Recording<unknown>): Line {
  const most = Math.max(...arrivals.map((arrival) => arrival.inFlight));
  return line(what, `${most}`, `at most ${MOST_IN_FLIGHT}`, most <= MOST_IN_FLIGHT);
}

function patches({ arrivals }: Recording<unknown>): number {
  return arrivals.filter(({ method }) => method === 'PATCH').length;
}

function problemsOf(report: Report | undefined): readonly Problem[] {
  return report?.clusters[0]?.problems ?? [];
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

import pMap from 'p-map';
import type { RunContext } from '../context.ts';
import { HelperError, toHelperError } from '../errors.ts';
import { judgeFailure } from '../kubernetes/api-error.ts';
import type { OpenCluster } from '../kubernetes/client.ts';
import { withCluster } from '../kubernetes/cluster.ts';
import type { PullCredentials } from '../registries/credentials.ts';
import type { ClusterScope } from '../request.ts';
import type { SecretEntry } from '../settings/schema.ts';
import { PullSecret } from './apply-secret.ts';
import { listHeldSecrets, permissionFor } from './ownership.ts';
import {
  type ClusterReport,
  type Outcome,
  type Report,
  reportError,
  type SecretReport,
  Tally,
  timesOf,
  type Verdict,
} from './report.ts';
import { runInRounds, type Task } from './rounds.ts';
import { findTargets, listNamespaces, type Target } from './targets.ts';

export const CLUSTERS_AT_ONCE = 10;
/** A cluster that hangs or fails gives its slot to the next, and goes on beside it. */
const LONGEST_SLOT_MS = 20_000;
/** How long the list of written secrets may take: no write may wait for it long. */
const LIST_TIMEOUT_MS = 5_000;
const OLDER_TOKEN =
  '; a token that is in the secret stays until it expires (status says whether it is too wide)';

/** An entry of the settings with its credentials, or why nothing of it may be written. */
export interface ReadEntry {
  readonly settings: SecretEntry;
  readonly credentials: PullCredentials | HelperError;
}

/** The refresh of one cluster. */
export interface ClusterRun {
  readonly ctx: RunContext;
  readonly scope: ClusterScope;
  readonly entries: readonly ReadEntry[];
  readonly tally: Tally;
}

/** Work that follows the secrets of one cluster, made for each run of it. */
export interface FollowUp {
  /** Takes the outcome of an entry's secret in a namespace. */
  recordOutcome?(entry: SecretEntry, namespace: string, outcome: Outcome): void;
  /** The tasks after the first attempts of all secrets. */
  tasks(cluster: OpenCluster): readonly Task[];
  /** The tasks for a namespace whose secret was written by a later attempt. */
  tasksIn?(namespace: string, cluster: OpenCluster): readonly Task[];
  /** Its part of the report. */
  report?(): Partial<ClusterReport>;
}

export type StartFollowUp = new (run: ClusterRun) => FollowUp;

/**
 * Refreshes the secrets in the scope of a run, or plans to. A cluster waits for the registries of its own entries; a
 * registry or cluster that fails stops no other and is in the report. Does not throw.
 */
export async function refresh(ctx: RunContext, followUps: readonly StartFollowUp[]): Promise<Report> {
  const { clock, request, scope } = ctx;
  const read = async (settings: SecretEntry): Promise<ReadEntry> => ({
    settings,
    credentials: await ctx.readCredentials(settings).catch(toHelperError),
  });
  const reading = new Map(scope.entries.map((entry) => [entry, read(entry)]));
  const running = scope.clusters.map((one) => ({
    scope: one,
    report: Promise.withResolvers<ClusterReport>(),
  }));
  const readable = running.map(async (one) => ({
    ...one,
    entries: await Promise.all(one.scope.entries.flatMap((entry) => reading.get(entry) ?? [])),
  }));
  await pMap(
    asTheySettle(readable),
    async ({ report, ...one }) => {
      const slot = Promise.withResolvers<void>();
      const stop = clock.after(LONGEST_SLOT_MS, slot.resolve);
      const run = { ctx, ...one, tally: new Tally() };
      const refreshed = refreshCluster(run, followUps, slot.resolve);
      report.resolve(refreshed);
      await Promise.race([slot.promise, refreshed]);
      stop();
    },
    { concurrency: CLUSTERS_AT_ONCE },
  );
  const clusters = await Promise.all(running.map(({ report }) => report.promise));
  const secrets = (await Promise.all(reading.values())).map(reportSecret);
  return {
    ok: clusters.every(({ ok }) => ok) && secrets.every(({ error }) => !error),
    action: request.action === 'plan' ? 'plan' : 'refresh',
    ...timesOf(ctx),
    secrets,
    clusters,
  };
}

/** In the order in which they settle, so that what waits long holds no slot. */
async function* asTheySettle<Value>(promises: readonly Promise<Value>[]): AsyncGenerator<Value> {
  const left = new Map(promises.map((promise, at) => [at, promise.then((value) => ({ at, value }))]));
  while (left.size > 0) {
    const { at, value } = await Promise.race(left.values());
    left.delete(at);
    yield value;
  }
}

function reportSecret({ settings: { name }, credentials }: ReadEntry): SecretReport {
  if (credentials instanceof HelperError) return { name, registries: [], error: reportError(credentials) };
  const { auths, token } = credentials;
  return { name, registries: [...auths.keys()], ...(token && { expiresAt: token.expiresAt.toISOString() }) };
}

/**
 * Refreshes every secret of one cluster: attempts all of them, then decides whether it is ok. Does not throw.
 * @param onFirstRound called when every namespace has had its first attempt
 */
async function refreshCluster(
  run: ClusterRun,
  starts: readonly StartFollowUp[],
  onFirstRound: () => void,
): Promise<ClusterReport> {
  const { ctx, scope, tally } = run;
  const startedAt = ctx.clock.now();
  const followUps = starts.map((Start) => new Start(run));
  const outcome = await withCluster(ctx, scope.cluster, (cluster) =>
    writeSecrets(run, cluster, followUps, onFirstRound).finally(() => {
      for (const entry of run.entries) listUnreadable(entry, tally);
    }),
  );
  return {
    id: scope.id,
    ...outcome,
    ok:
      !outcome.error &&
      tally.counts.failed === 0 &&
      run.entries.every(({ credentials }) => !(credentials instanceof HelperError)),
    ...tally.result(),
    ...Object.assign({}, ...followUps.map((followUp) => followUp.report?.())),
    durationMs: ctx.clock.now() - startedAt,
  };
}

async function writeSecrets(
  run: ClusterRun,
  cluster: OpenCluster,
  followUps: readonly FollowUp[],
  onFirstRound: () => void,
): Promise<void> {
  const { ctx, tally } = run;
  const { request } = ctx;
  const entries = run.entries.map(({ settings: entry, credentials }) => ({
    settings: entry,
    credentials,
    secret: credentials instanceof HelperError ? undefined : new PullSecret(ctx, entry, credentials),
  }));
  const { targets, problems, ...listed } = await findTargets(
    entries,
    (query) => listNamespaces(cluster.core, query),
    request.namespaces,
  );
  for (const problem of problems) {
    // audit records may name namespaces that were deleted since
    if (request.logged && problem.namespace !== '*') {
      tally.add(problem.namespace, problem.secret, { outcome: 'skipped' });
    } else tally.count(problem);
  }
  const isWritten = await findWritten(run, cluster);
  const record = ({ entry: { settings: entry }, namespace }: Target<ReadEntry>, verdict: Verdict) => {
    tally.add(namespace.name, entry.name, noteOlderToken(verdict, entry));
    for (const followUp of followUps) followUp.recordOutcome?.(entry, namespace.name, verdict.outcome);
  };
  const tasks = targets.flatMap((target): Task[] => {
    const { entry, namespace } = target;
    const { secret } = entry;
    if (namespace.skip || !secret || isWritten(target)) {
      record(target, { outcome: namespace.skip ? 'skipped' : secret ? 'unchanged' : 'failed' });
      return [];
    }
    return [
      {
        attempt: async (requests, attempt) => {
          record(target, await secret.write(namespace.name, requests));
          // after the first attempts the follow-ups look at all namespaces at once
          return attempt === 1
            ? []
            : followUps.flatMap((one) => one.tasksIn?.(namespace.name, cluster) ?? []);
        },
        fail: (fault) =>
          record(target, judgeFailure(fault, `secret ${namespace.name}/${entry.settings.name}`)),
      },
    ];
  });
  const stages = [() => tasks, ...followUps.map((one) => () => one.tasks(cluster))];
  await runInRounds(ctx, cluster, stages, onFirstRound);
  if ('fault' in listed) throw listed.fault;
}

/**
 * Finds what an earlier attempt of this run wrote, which a retry leaves as it is: a secret that is ours by an Apply
 * entry, without fields of others, of the same pull role, fetched between the time that the run was due and now.
 */
async function findWritten(
  { ctx, entries }: ClusterRun,
  cluster: OpenCluster,
): Promise<(target: Target<ReadEntry>) => boolean> {
  const { request, settings } = ctx;
  const { dueAt, namespaces } = request;
  if (dueAt === undefined) return () => false;
  const { core } = cluster.attempts(LIST_TIMEOUT_MS);
  const wanted = entries.map((entry) => entry.settings);
  const names = new Set(wanted.map(({ name }) => name));
  const query = { deployment: settings.name, namespaces, entries: wanted };
  // what cannot be listed at once is written again
  const held = await listHeldSecrets(core, names, query, () => undefined);
  return ({ entry, namespace }) => {
    const secret = held.get(`${namespace.name}/${entry.settings.name}`);
    if (!secret || entry.credentials instanceof HelperError) return false;
    const { owner, pullRole, fetchedAt } = secret;
    const isOurs = owner === 'ours' && permissionFor(secret, entry.settings) === 'write';
    return isOurs && pullRole === entry.credentials.pullRole && isOfThisRun(ctx, fetchedAt);
  };
}

/**
 * Whether an earlier attempt of this run wrote a secret.
 * @param writtenAt milliseconds since the epoch, of whole seconds; without it, and without a time when the run was due, no
 */
export function isOfThisRun({ clock, request }: RunContext, writtenAt = Number.NaN): boolean {
  const { dueAt = Number.NaN } = request;
  return Math.floor(dueAt / 1_000) * 1_000 <= writtenAt && writtenAt <= clock.now();
}

function listUnreadable({ settings, credentials }: ReadEntry, tally: Tally): void {
  if (!(credentials instanceof HelperError)) return;
  const { problem, fix } = credentials;
  const { reason = '' } = noteOlderToken({ outcome: 'failed', reason: problem }, settings);
  tally.list({ namespace: '*', secret: settings.name, outcome: 'failed', reason, remedy: fix });
}

/** The token that stays in a secret is not read; where tokens differ by entry, it may be wider than its entry says. */
function noteOlderToken(verdict: Verdict, { repositories }: SecretEntry): Verdict {
  if (!repositories || !verdict.reason) return verdict;
  return { ...verdict, reason: `${verdict.reason}${OLDER_TOKEN}` };
}

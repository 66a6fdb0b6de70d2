import pMap from 'p-map';
import { NOT_DECLARED, readHeld } from './argocd-repositories.ts';
import type { RunContext } from './context.ts';
import { judgeFailure, managedBy, OF_ANOTHER_TYPE } from './kubernetes/api-error.ts';
import type { OpenCluster } from './kubernetes/client.ts';
import { withCluster } from './kubernetes/cluster.ts';
import { EXPIRES_AT, FETCHED_AT } from './kubernetes/pull-secret.ts';
import { type HeldSecret, isPlausibleExpiry, listHeldSecrets, permissionFor } from './refresh/ownership.ts';
import { compare, type ReportedError, type RunTimes, timesOf, zeros } from './refresh/report.ts';
import { findTargets, listNamespaces } from './refresh/targets.ts';
import { pullRoleMismatch } from './registries/credentials.ts';
import type { ClusterScope } from './request.ts';
import { staleAfterHours } from './settings/schedule.ts';
import { hasToken, type SecretEntry } from './settings/schema.ts';

/** The state of the secret of one namespace, the worst first. */
export const CONDITIONS = ['missing', 'expired', 'stale', 'blocked', 'foreign', 'fresh', 'skipped'] as const;
export type Condition = (typeof CONDITIONS)[number];

export interface SecretStatus {
  /** `*` for one of a whole entry. */
  readonly namespace: string;
  /** The name of the pull secret. */
  readonly secret: string;
  /**
   * `stale`: its token is older than the schedule allows. `blocked`: its namespace's owner must allow a refresh.
   * `foreign`: not ours yet; a refresh may adopt it. `skipped`: its namespace is being deleted, or excluded by a label.
   */
  readonly condition: Condition;
  /** When its token was fetched, by its annotation (ISO 8601). */
  readonly fetchedAt?: string;
  /** When its token expires, by its annotation (ISO 8601). */
  readonly expiresAt?: string;
  /** Why it is not fresh. */
  readonly reason?: string;
  /** How to fix it. */
  readonly remedy?: string;
}

export interface ClusterStatus {
  /** The id of the settings, or the ARN of a discovered cluster. */
  readonly id: string;
  /** Absent for a cluster that is not EKS, or that EKS did not describe. */
  readonly arn?: string;
  /** Whether every secret that has to be fresh is. */
  readonly ok: boolean;
  /** How many secrets are in each condition. */
  readonly counts: Readonly<Record<Condition, number>>;
  /** The worst first. */
  readonly secrets: readonly SecretStatus[];
  /** How many there are beyond those listed. */
  readonly moreSecrets?: number;
  /** Why the cluster could not be read, or not to its end. */
  readonly error?: ReportedError;
}

/** What a status returns, from metadata only: nothing of it is secret. */
export interface StatusReport extends RunTimes {
  /** Whether every cluster is ok. */
  readonly ok: boolean;
  readonly action: 'status';
  /** The clusters of the run. */
  readonly clusters: readonly ClusterStatus[];
}

const CLUSTERS_AT_ONCE = 10;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** How long tokens of ECR live. */
const TOKEN_MS = 12 * HOUR_MS;
/** By how much the clocks of two machines may differ. */
const CLOCK_SKEW_MS = MINUTE_MS;
/** At up to 800 bytes each they stay under the 6 MB that an invocation may return. */
const MOST_SECRETS = 5_000;
/** These are for the operator of the function to fix; `blocked` is for the namespace's owner. */
const NOT_OK: readonly Condition[] = ['missing', 'expired', 'stale', 'foreign'];
const REFRESH = 'Refresh its namespace; the report says why it is not fresh.';

/**
 * Reports the state of the secrets in the scope of a run, by their metadata: reads nothing secret, fetches no token and
 * writes nothing. A cluster that fails is in the report and stops no other. Does not throw.
 */
export async function status(ctx: RunContext): Promise<StatusReport> {
  const clusters = await pMap(ctx.scope.clusters, (cluster) => readClusterStatus(ctx, cluster), {
    concurrency: CLUSTERS_AT_ONCE,
  });
  return {
    ok: clusters.every(({ ok }) => ok),
    action: 'status',
    ...timesOf(ctx),
    clusters,
  };
}

async function readClusterStatus(ctx: RunContext, scope: ClusterScope): Promise<ClusterStatus> {
  const found: SecretStatus[] = [];
  const outcome = await withCluster(ctx, scope.cluster, (cluster) =>
    readSecrets(ctx, scope, cluster, (one) => found.push(one)),
  );
  const counts = countConditions(found);
  const most = Math.floor(MOST_SECRETS / ctx.scope.clusters.length);
  return {
    id: scope.id,
    ...outcome,
    ok: !outcome.error && NOT_OK.every((condition) => counts[condition] === 0),
    counts,
    secrets: found.sort(worstFirst).slice(0, most),
    ...(found.length > most && { moreSecrets: found.length - most }),
  };
}

function countConditions(found: readonly SecretStatus[]): ClusterStatus['counts'] {
  const counts = zeros(CONDITIONS);
  for (const { condition } of found) counts[condition] += 1;
  return counts;
}

/**
 * Counts the secrets that a refresh of an open cluster would write by their state.
 * @throws HelperError, ApiError
 */
export async function countSecrets(
  ctx: RunContext,
  scope: ClusterScope,
  cluster: Pick<OpenCluster, 'core'>,
): Promise<ClusterStatus['counts']> {
  const found: SecretStatus[] = [];
  await readSecrets(ctx, scope, cluster, (one) => found.push(one));
  return countConditions(found);
}

/** Reads every secret that a refresh of the cluster would write, by lists of metadata. */
async function readSecrets(
  { clock, request: { namespaces }, settings }: RunContext,
  { entries, repositories }: ClusterScope,
  { core }: Pick<OpenCluster, 'core'>,
  add: (one: SecretStatus) => void,
): Promise<void> {
  // before the namespaces: a listed secret has a namespace, and one created meanwhile is only reported as missing
  const names = new Set(entries.map((entry) => entry.name));
  const unlisted = new Set<string>();
  const held = await listHeldSecrets(
    core,
    names,
    { deployment: settings.name, namespaces, entries },
    (name, fault) => {
      if (names.size === 1) throw fault;
      unlisted.add(name);
      const { reason, remedy = '' } = judgeFailure(fault, `secrets ${name}`);
      const why = { reason: `could not list them: ${reason}`, remedy };
      add({ namespace: '*', secret: name, condition: 'missing', ...why });
    },
  );
  const now = clock.now();
  const staleAfterMs = staleAfterHours(settings.schedule) * HOUR_MS;
  const { targets, problems, ...listed } = await findTargets(
    entries.map((entry) => ({ settings: entry })),
    (query) => listNamespaces(core, query),
    namespaces,
  );
  for (const { namespace, secret, reason, remedy } of problems) {
    add({ namespace, secret, condition: 'missing', reason, remedy });
  }
  for (const { entry, namespace } of targets) {
    const secret = entry.settings.name;
    if (unlisted.has(secret)) continue;
    const { name, skip } = namespace;
    const state: SecretState = skip
      ? { condition: 'skipped', reason: `its namespace is ${skip}` }
      : judgeSecret(held.get(`${name}/${secret}`), entry.settings, { now, staleAfterMs });
    add({ namespace: name, secret, ...state });
  }
  await pMap(
    repositories,
    async (repository) => {
      const { namespace, name } = repository;
      const state = await readHeld(core, repository, settings.name).then(
        (held) => judgeRepository(held, { now, staleAfterMs }),
        (fault): SecretState => {
          const { reason, remedy = '' } = judgeFailure(fault, `secret ${namespace}/${name}`);
          return { condition: 'missing', reason: `could not list it: ${reason}`, remedy };
        },
      );
      add({ namespace, secret: name, ...state });
    },
    { concurrency: settings.concurrency },
  );
  if ('fault' in listed) throw listed.fault;
}

function worstFirst(one: SecretStatus, other: SecretStatus): number {
  const rank = CONDITIONS.indexOf(one.condition) - CONDITIONS.indexOf(other.condition);
  return rank || compare(one.namespace, other.namespace) || compare(one.secret, other.secret);
}

/** The state of a secret wherever it is. */
export type SecretState = Omit<SecretStatus, 'namespace' | 'secret'>;

/**
 * Judges a secret by its metadata.
 * @param held undefined where there is none
 * @param now milliseconds since the epoch
 * @param staleAfterMs the age of a token that a working schedule never reaches
 */
export function judgeSecret(
  held: HeldSecret | undefined,
  entry: SecretEntry,
  { now, staleAfterMs }: { now: number; staleAfterMs: number },
): SecretState {
  if (!held) return { condition: 'missing', reason: 'the secret does not exist', remedy: REFRESH };
  const { fetchedAt, owner } = held;
  const isStored = !hasToken(entry);
  // an annotation that the entry does not write may be of another manager, and says nothing of its data
  const expiresAt = isStored && held.expiryManagers.length > 0 ? undefined : held.expiresAt;
  const pullRole = !entry.repositories && held.pullRoleManagers.length > 0 ? undefined : held.pullRole;
  const times = {
    ...(fetchedAt !== undefined && { fetchedAt: new Date(fetchedAt).toISOString() }),
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
  };
  const stale = (reason: string): SecretState => ({ condition: 'stale', ...times, reason, remedy: REFRESH });
  // as far as metadata shows: neither its type nor `immutable` is in it
  const permission = permissionFor(held, entry);
  const mayRecreate = held.isDockerConfig || entry.recreate;
  const blocked =
    typeof permission === 'object'
      ? managedBy(permission.managers)
      : mayRecreate
        ? undefined
        : OF_ANOTHER_TYPE;
  const other = owner === 'ours' && (expiresAt ?? 0) > now ? pullRoleMismatch(pullRole, entry) : undefined;
  if (blocked) {
    const { reason = '', remedy = '' } = blocked;
    return { condition: 'blocked', ...times, reason: other ? `${reason}, and ${other}` : reason, remedy };
  }
  if (permission === 'adopt' || owner !== 'ours') {
    const reason =
      owner === 'marked'
        ? 'it has our label and annotations, but no Apply entry of ours in its managed fields: a restored backup, a copy, or something removed them'
        : 'it is not ours yet';
    const remedy = 'The next refresh adopts it if it can; a plan shows whether.';
    return { condition: 'foreign', ...times, reason, remedy };
  }
  if (expiresAt !== undefined && expiresAt <= now) {
    return { condition: 'expired', ...times, reason: 'its token has expired', remedy: REFRESH };
  }
  if (fetchedAt === undefined) return stale(`it has no time in ${FETCHED_AT}`);
  if (expiresAt === undefined && !isStored) return stale(`it has no time in ${EXPIRES_AT}`);
  if (fetchedAt > now + CLOCK_SKEW_MS) return stale(`its ${FETCHED_AT} is in the future`);
  if (expiresAt !== undefined && !isPlausibleExpiry(expiresAt, now)) {
    return stale(`its ${EXPIRES_AT} is more than 13 hours away, longer than any token lives`);
  }
  if (now - fetchedAt > staleAfterMs) {
    const what = isStored ? 'its stored credentials were read' : 'its token was fetched';
    return stale(`${what} ${printAge(now - fetchedAt)} ago`);
  }
  if (isStored && expiresAt !== undefined) return stale('it holds a token, and its entry has none');
  if (other) return stale(other);
  return { condition: 'fresh', ...times };
}

/**
 * Judges the secret of an Argo CD repository by the time of our apply, as it has no annotation of ours.
 * @param held undefined where there is none
 */
function judgeRepository(
  held: Awaited<ReturnType<typeof readHeld>>,
  { now, staleAfterMs }: { now: number; staleAfterMs: number },
): SecretState {
  if (!held) return { condition: 'blocked', ...NOT_DECLARED };
  const { writtenAt } = held;
  if (writtenAt === undefined) {
    return { condition: 'missing', reason: 'it has no credentials of ours', remedy: REFRESH };
  }
  const fetchedAt = new Date(writtenAt).toISOString();
  const age = now - writtenAt;
  if (age <= staleAfterMs) return { condition: 'fresh', fetchedAt };
  const reason = `its credentials were written ${printAge(age)} ago`;
  return { condition: age > TOKEN_MS ? 'expired' : 'stale', fetchedAt, reason, remedy: REFRESH };
}

function printAge(ms: number): string {
  const minutes = Math.floor(ms / MINUTE_MS);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

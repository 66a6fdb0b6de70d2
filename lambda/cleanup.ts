import type { RunContext } from './context.ts';
import { HelperError } from './errors.ts';
import { ApiError, judgeFailure, objectBusyError } from './kubernetes/api-error.ts';
import { OBJECT_METADATA_ONLY, type OpenCluster, type Requests } from './kubernetes/client.ts';
import { withCluster } from './kubernetes/cluster.ts';
import { type HeldSecret, listHeldSecrets } from './refresh/ownership.ts';
import { compare, type ReportedError, type RunTimes, timesOf } from './refresh/report.ts';
import { runInRounds, type Task } from './refresh/rounds.ts';
import { findTargets, listNamespaces } from './refresh/targets.ts';
import type { ClusterScope } from './request.ts';
import { type AccountName, editAccount, listAccounts, removing } from './service-accounts.ts';

/** The outcome for one of our objects. */
export interface Removal {
  /** `*` for one of a whole entry. */
  readonly namespace: string;
  /** The secret, or the service account that named it. */
  readonly object: string;
  /** `kept`: it has our label, but is not ours. */
  readonly outcome: 'removed' | 'kept' | 'failed';
  /** Why it was kept, or failed. */
  readonly reason?: string;
  /** How to fix it. */
  readonly remedy?: string;
}

/** What a cleanup returns. */
export interface CleanupReport extends RunTimes {
  /** Whether all that had to be removed is, or in a dry run would be. */
  readonly ok: boolean;
  readonly action: 'cleanup';
  /** Whether nothing was removed. */
  readonly dryRun: boolean;
  /** The id of the cluster. */
  readonly cluster: string;
  /** Secrets, and service accounts that no longer name one. */
  readonly removed: number;
  /** Secrets of ours that the settings still cover. */
  readonly kept: number;
  /** Secrets of ours in namespaces that are ignored by label. */
  readonly ignored: number;
  /** Secrets and service accounts that could not be changed. */
  readonly failed: number;
  /** Those that failed first, then those that were kept. */
  readonly removals: readonly Removal[];
  /** How many removals there were beyond those listed. */
  readonly moreRemovals?: number;
  /** Why the cluster was not done, or not to its end. */
  readonly error?: ReportedError;
}

/** At up to 800 bytes each they stay under the 6 MB that an invocation may return. */
const MOST_REMOVALS = 5_000;
/** How often a deletion is tried while others change the same secret. */
const MOST_TRIES = 2;
const WORST_FIRST: readonly Removal['outcome'][] = ['failed', 'kept', 'removed'];

/** What was found and removed in one cluster. */
interface Found {
  readonly removals: Removal[];
  kept: number;
  ignored: number;
}

/**
 * Removes this deployment's secrets, known by its label and its Apply entry, from the namespaces of one cluster that the
 * settings no longer cover, or from all. The next refresh creates covered ones again: suspend it first (`enabled: false`).
 * A secret whose name left the settings stays, as the permission to list it left with the name: clean up before you
 * remove the name. Does not throw.
 */
export async function cleanup(ctx: RunContext): Promise<CleanupReport> {
  const [scope] = ctx.scope.clusters;
  if (!scope) throw new TypeError('a cleanup has a cluster');
  const found: Found = { removals: [], kept: 0, ignored: 0 };
  const { error } = await withCluster(ctx, scope.cluster, (cluster) =>
    cleanCluster(ctx, scope, cluster, found),
  );
  const { removals, kept, ignored } = found;
  const count = (wanted: Removal['outcome']) => removals.filter(({ outcome }) => outcome === wanted).length;
  const failed = count('failed');
  const listed = removals.toSorted(worstFirst).slice(0, MOST_REMOVALS);
  return {
    ok: !error && failed === 0,
    action: 'cleanup',
    dryRun: ctx.request.dryRun === true,
    ...timesOf(ctx),
    cluster: scope.id,
    removed: count('removed'),
    kept,
    ignored,
    failed,
    removals: listed,
    ...(removals.length > listed.length && { moreRemovals: removals.length - listed.length }),
    ...(error && { error }),
  };
}

function worstFirst(one: Removal, other: Removal): number {
  const rank = WORST_FIRST.indexOf(one.outcome) - WORST_FIRST.indexOf(other.outcome);
  return rank || compare(one.namespace, other.namespace);
}

/** Removes the secrets that no entry covers, and their names from service accounts. */
async function cleanCluster(
  ctx: RunContext,
  { entries }: ClusterScope,
  cluster: OpenCluster,
  found: Found,
): Promise<void> {
  const { request, settings } = ctx;
  const { removals } = found;
  const names = new Set(entries.map((entry) => entry.name));
  const query = { deployment: settings.name, namespaces: request.namespaces };
  const held = await listHeldSecrets(cluster.core, names, query, (name, fault) => {
    if (names.size === 1) throw fault;
    removals.push(failedRemoval('*', `secrets ${name}`, fault));
  });
  // after the secrets: the namespace of each listed secret is among these too
  const spared = await findSpared(ctx, entries, cluster);
  const removable: HeldSecret[] = [];
  for (const [key, secret] of held) {
    if (!secret.isLabelled) continue;
    if (spared.ignored.has(secret.namespace)) found.ignored += 1;
    else if (spared.covered.has(key)) found.kept += 1;
    else if (isRemovable(secret)) removable.push(secret);
    else removals.push(keptCopy(secret));
  }
  const tasks: Task[] = [];
  for (const [name, secrets] of Map.groupBy(removable, (secret) => secret.name)) {
    const accounts = entries.flatMap((entry) => (entry.name === name ? entry.serviceAccounts : []));
    const naming = await listNaming(new Set(accounts), cluster, removals);
    for (const secret of naming ? secrets : []) {
      const record = (removal: Removal) => removals.push(removal);
      tasks.push(removalTask(ctx, secret, naming?.get(secret.namespace) ?? [], record));
    }
  }
  await runInRounds(ctx, cluster, [() => tasks]);
}

function failedRemoval(namespace: string, object: string, fault: unknown, name = 'them'): Removal {
  const { reason = '', remedy = '' } = judgeFailure(fault, name);
  return { namespace, object, outcome: 'failed', reason, remedy };
}

/** A copy that a replicator made carries our label too. */
function keptCopy({ namespace, name }: HeldSecret): Removal {
  return {
    namespace,
    object: `secret ${name}`,
    outcome: 'kept',
    reason:
      'it has our label, but no Apply entry of ours in its managed fields: a copy, or a restored backup',
    remedy: `If nothing needs it: kubectl delete secret -n ${namespace} ${name}`,
  };
}

/**
 * Finds the namespaces in which nothing is removed: ignored ones, and covered ones as `NAMESPACE/SECRET`.
 * @throws HelperError (UnclearCoverageError) when an entry matches nothing: by a typo, all its secrets would be removed
 */
async function findSpared(
  { request: { namespaces, all } }: RunContext,
  entries: ClusterScope['entries'],
  { core }: OpenCluster,
) {
  const listed = await listNamespaces(core, { names: namespaces });
  if ('fault' in listed) throw listed.fault;
  const ignored = listed.items.filter(({ skip }) => skip === 'ignored by label').map(({ name }) => name);
  if (all) return { covered: new Set<string>(), ignored: new Set(ignored) };
  const coverage = entries.map((settings) => ({ settings }));
  const found = await findTargets(coverage, (query) => listNamespaces(core, query), undefined);
  if ('fault' in found) throw found.fault;
  const [problem] = found.problems;
  if (problem) {
    throw new HelperError(
      'UnclearCoverageError',
      `${problem.reason}, so it is unclear what the settings cover, and nothing was removed`,
      'Correct namespaces of this entry, deploy, and run the cleanup again.',
    );
  }
  const covered = found.targets.map(({ entry, namespace }) => `${namespace.name}/${entry.settings.name}`);
  return { covered: new Set(covered), ignored: new Set(ignored) };
}

/**
 * Lists the service accounts that may name a secret, by namespace. Accounts are found by name, so one that left the
 * settings, and with them the permission to patch it, stays as it is.
 * @returns undefined where they could not be listed, which is recorded
 */
async function listNaming(
  names: ReadonlySet<string>,
  cluster: OpenCluster,
  removals: Removal[],
): Promise<ReadonlyMap<string, AccountName[]> | undefined> {
  let found: readonly AccountName[] = [];
  let isWhole = true;
  for (const name of names) {
    try {
      found = [...found, ...(await listAccounts(cluster, name))];
    } catch (fault) {
      isWhole = false;
      removals.push(failedRemoval('*', `service accounts ${name}`, fault));
    }
  }
  return isWhole ? Map.groupBy(found, ({ namespace }) => namespace) : undefined;
}

/** Whether cleanup may delete it: it carries our label, and we have applied it. */
export function isRemovable({ owner, isLabelled }: Pick<HeldSecret, 'owner' | 'isLabelled'>): boolean {
  return owner === 'ours' && isLabelled;
}

/**
 * A task that removes a secret from the service accounts that name it, then deletes it if it still is ours. A secret
 * that an account still names stays: without it, the next cleanup would not find that account.
 */
function removalTask(
  ctx: RunContext,
  held: HeldSecret,
  accounts: readonly AccountName[],
  record: (removal: Removal) => void,
): Task {
  const { request, settings } = ctx;
  const { namespace, name } = held;
  const options = { deployment: settings.name, dryRun: request.dryRun === true };
  const unlinked = new Set<AccountName>();
  const secret = `secret ${name}`;
  let object = secret;
  return {
    attempt: async (requests, attempt) => {
      for (const account of accounts) {
        if (unlinked.has(account)) continue;
        object = `service account ${account.name}`;
        if (await editAccount(requests, account, removing(name), { ...options, attempt })) {
          record({ namespace, object, outcome: 'removed' });
        }
        unlinked.add(account);
      }
      object = secret;
      if (await deleteSecret(requests, held, { ...options, attempt })) {
        record({ namespace, object, outcome: 'removed' });
      }
      return undefined;
    },
    fail: (fault) => {
      const named = object === secret ? `secret ${namespace}/${name}` : 'it';
      record(failedRemoval(namespace, object, fault, named));
    },
  };
}

/**
 * Deletes a secret if it still is the object, in the version, that was listed. One that was changed meanwhile is
 * listed again, and so is every one for which the answer of an earlier attempt may have been lost.
 * @returns whether it is gone; false where it is not ours by now
 */
async function deleteSecret(
  requests: Requests,
  held: HeldSecret,
  { deployment, dryRun, attempt }: { deployment: string; dryRun: boolean; attempt: number },
): Promise<boolean> {
  const { namespace, name } = held;
  const query = { deployment, namespaces: [namespace] };
  const current = async () =>
    (await listHeldSecrets(requests.core, [name], query)).get(`${namespace}/${name}`);
  let listed = attempt === 1 ? held : await current();
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    if (!listed) return true;
    if (!isRemovable(listed)) return false;
    const { uid, resourceVersion } = listed;
    // in the body: the server ignores the query of a delete that has one
    const body = { preconditions: { uid, resourceVersion }, ...(dryRun && { dryRun: ['All'] }) };
    try {
      await requests.core.deleteNamespacedSecret({ name, namespace, body }, OBJECT_METADATA_ONLY);
      return true;
    } catch (fault) {
      if (!(fault instanceof ApiError) || fault.deniedBy) throw fault;
      if (fault.code === 404) return true;
      if (fault.code !== 409) throw fault;
      listed = await current();
    }
  }
  throw objectBusyError();
}

import pMap, { pMapSkip } from 'p-map';
import type { Removal } from '../cleanup-report.ts';
import { UnclearCoverageError } from '../errors.ts';
import type { SecretEntry } from '../settings.ts';
import { type HeldSecret, heldSecrets } from './held-secrets.ts';
import { listNamespaces } from './namespaces.ts';
import type { OpenCluster } from './refresh-cluster.ts';
import { removeSecret } from './remove-secret.ts';
import { ServiceAccounts } from './service-accounts.ts';
import { targets } from './targets.ts';
import { unlinkAccounts } from './unlink-accounts.ts';
import { type Visit, visitCluster } from './visit.ts';

export interface CleanupRun {
  /** @throws HelperError */
  readonly open: () => Promise<OpenCluster>;
  /** Those that are meant for this cluster. */
  readonly entries: readonly SecretEntry[];
  readonly deployment: string;
  /** The namespaces that the run is narrowed to. */
  readonly namespaces: readonly string[] | undefined;
  /** Also what the entries cover. */
  readonly all: boolean;
  readonly dryRun: boolean;
  /** Deletions at once. */
  readonly concurrency: number;
}

/** What was found and removed in one cluster. */
export interface Cleaned extends Visit {
  readonly removals: readonly Removal[];
  readonly kept: number;
  readonly ignored: number;
}

/** The namespaces in which nothing is removed. */
interface Spared {
  /** As `SECRET/NAMESPACE`. */
  readonly covered: ReadonlySet<string>;
  readonly ignored: ReadonlySet<string>;
}

/** Removes the secrets of this deployment that no entry covers, and their names from service accounts. Does not throw. */
export async function cleanCluster(run: CleanupRun): Promise<Cleaned> {
  const removals: Removal[] = [];
  let [kept, ignored] = [0, 0];
  const visit = await visitCluster(run.open, async (client) => {
    const found = new Map<string, Map<string, HeldSecret>>();
    for (const { name } of run.entries) found.set(name, await ours(run, client, name));
    // after the secrets: of each that was listed, the namespace is among these too
    const spared = await sparedNamespaces(run, client);
    for (const [name, held] of found) {
      const doomed: HeldSecret[] = [];
      for (const secret of held.values()) {
        if (spared.ignored.has(secret.namespace)) ignored += 1;
        else if (spared.covered.has(`${name}/${secret.namespace}`)) kept += 1;
        else doomed.push(secret);
      }
      removals.push(...(await removeAll(run, client, name, doomed)));
    }
  });
  return { ...visit, removals, kept, ignored };
}

async function ours(run: CleanupRun, { core }: OpenCluster, name: string): Promise<Map<string, HeldSecret>> {
  const found = new Map<string, HeldSecret>();
  for await (const secret of heldSecrets(core, { ...run, name })) {
    if (secret.isOurs) found.set(secret.namespace, secret);
  }
  return found;
}

/** @throws UnclearCoverageError when an entry matches nothing: by a typo, all that it is for would be removed */
async function sparedNamespaces(
  { entries, namespaces, all }: CleanupRun,
  { core }: OpenCluster,
): Promise<Spared> {
  const ignored = new Set<string>();
  for await (const { name, skip } of listNamespaces(core, { names: namespaces })) {
    if (skip === 'ignored by label') ignored.add(name);
  }
  const covered = new Set<string>();
  if (all) return { covered, ignored };
  const coverage = entries.map((settings) => ({ settings }));
  const list = (query: Parameters<typeof listNamespaces>[1]) => listNamespaces(core, query);
  const wanted = targets(coverage, list, undefined, ({ reason }) => {
    throw new UnclearCoverageError(reason);
  });
  for await (const { entry, namespace } of wanted) covered.add(`${entry.settings.name}/${namespace.name}`);
  return { covered, ignored };
}

async function removeAll(
  { entries, deployment, dryRun, concurrency }: CleanupRun,
  client: OpenCluster,
  secret: string,
  doomed: readonly HeldSecret[],
): Promise<Removal[]> {
  if (doomed.length === 0) return [];
  const accounts = new ServiceAccounts(client.core, { deployment, dryRun });
  const names = new Set(entries.flatMap((entry) => (entry.name === secret ? entry.serviceAccounts : [])));
  const namespaces = new Set(doomed.map(({ namespace }) => namespace));
  const unlinked = await unlinkAccounts(accounts, { secret, names: [...names], namespaces, concurrency });
  // a secret that an account still names stays: with it, the next cleanup would not find that account
  const named = new Set(
    unlinked.flatMap(({ namespace, outcome }) => (outcome === 'failed' ? [namespace] : [])),
  );
  const unnamed = named.has('*') ? [] : doomed.filter(({ namespace }) => !named.has(namespace));
  const removed = await pMap(
    unnamed,
    async (held) => (await removeSecret(client, { held, name: secret, deployment, dryRun })) ?? pMapSkip,
    { concurrency },
  );
  return [...unlinked, ...removed];
}

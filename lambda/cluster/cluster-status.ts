import type { Clock } from '../clock.ts';
import type { SecretEntry } from '../settings.ts';
import { type ClusterStatus, CONDITIONS, type Condition, type SecretStatus } from '../status-report.ts';
import { standingOf } from './condition.ts';
import { type HeldSecret, heldSecrets } from './held-secrets.ts';
import { listNamespaces } from './namespaces.ts';
import type { OpenCluster } from './refresh-cluster.ts';
import { targets } from './targets.ts';
import { visitCluster } from './visit.ts';

export interface StatusRun {
  readonly id: string;
  /** @throws HelperError */
  readonly open: () => Promise<OpenCluster>;
  /** Those that are meant for this cluster. */
  readonly entries: readonly SecretEntry[];
  readonly deployment: string;
  /** The namespaces that the run is narrowed to. */
  readonly namespaces: readonly string[] | undefined;
  readonly staleAfterMs: number;
  /** How many secrets are listed at most. */
  readonly most: number;
  readonly clock: Clock;
}

/** What is not as it should be, and ours to mend; `blocked` is for the namespace's owner. */
const NOT_OK: readonly Condition[] = ['missing', 'expired', 'stale', 'foreign'];

/** Looks at every secret that a refresh of the cluster would write, by lists of metadata alone. Does not throw. */
export async function clusterStatus(run: StatusRun): Promise<ClusterStatus> {
  const found: SecretStatus[] = [];
  const visit = await visitCluster(run.open, (cluster) => look(run, cluster, (one) => found.push(one)));
  const counts = Object.fromEntries(CONDITIONS.map((condition) => [condition, 0])) as Record<
    Condition,
    number
  >;
  for (const { condition } of found) counts[condition] += 1;
  found.sort(worstFirst);
  return {
    id: run.id,
    ...visit,
    ok: !visit.error && NOT_OK.every((condition) => counts[condition] === 0),
    counts,
    secrets: found.slice(0, run.most),
    ...(found.length > run.most && { moreSecrets: found.length - run.most }),
  };
}

async function look(
  { entries, deployment, namespaces, staleAfterMs, clock }: StatusRun,
  { core }: OpenCluster,
  tell: (one: SecretStatus) => void,
): Promise<void> {
  // before the namespaces: a secret that was listed has a namespace, and one made meanwhile is only told as missing
  const held = new Map<string, HeldSecret>();
  for (const name of new Set(entries.map((entry) => entry.name))) {
    for await (const secret of heldSecrets(core, { name, deployment, namespaces })) {
      held.set(`${secret.namespace}/${name}`, secret);
    }
  }
  const now = clock.now();
  const coverage = entries.map((settings) => ({ settings }));
  const list = (query: Parameters<typeof listNamespaces>[1]) => listNamespaces(core, query);
  const wanted = targets(coverage, list, namespaces, ({ namespace, secret, reason, remedy }) =>
    tell({ namespace, secret, condition: 'missing', reason, remedy }),
  );
  for await (const { entry, namespace } of wanted) {
    const secret = entry.settings.name;
    const { name, skip } = namespace;
    if (skip) tell({ namespace: name, secret, condition: 'skipped', reason: `its namespace is ${skip}` });
    else {
      const standing = standingOf(held.get(`${name}/${secret}`), entry.settings, { now, staleAfterMs });
      tell({ namespace: name, secret, ...standing });
    }
  }
}

function worstFirst(one: SecretStatus, other: SecretStatus): number {
  const rank = CONDITIONS.indexOf(one.condition) - CONDITIONS.indexOf(other.condition);
  return rank || compare(one.namespace, other.namespace) || compare(one.secret, other.secret);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

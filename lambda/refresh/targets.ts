import type { CoreV1Api, V1Namespace } from '@kubernetes/client-node';
import { judgeFailure } from '../kubernetes/api-error.ts';
import { type Listed, listMost, METADATA_ONLY } from '../kubernetes/client.ts';
import { IGNORE_LABEL } from '../kubernetes/pull-secret.ts';
import type { SecretEntry } from '../settings/schema.ts';
import { coversNamespace } from '../settings/selection.ts';
import type { Problem } from './report.ts';

/** One secret of one namespace that an entry is to write. */
export interface Target<Entry> {
  readonly entry: Entry;
  readonly namespace: Namespace;
}

type ListNamespaces = (query: NamespaceQuery) => Promise<Listed<Namespace>>;

/** An entry of the settings with whatever the caller needs to write it. */
export interface Coverage {
  readonly settings: Pick<SecretEntry, 'name' | 'namespaces'>;
}

export interface Found<Entry> {
  readonly targets: readonly Target<Entry>[];
  /** Entries that match nothing and exact names that do not exist, as either may be a typo; lists that failed. */
  readonly problems: readonly Problem[];
  /** The error of the first list, where none came to its end: it is the cluster's. */
  readonly fault?: unknown;
}

/**
 * Finds the targets of the entries of one cluster: each namespace, for each secret name, goes to the first entry that
 * matches it. A list that fails, as its selector is refused, fails its entries alone, less what came of it; what these
 * might match no later entry of the same name gets, as its credentials may be wider. Does not throw.
 * @param list lists the namespaces of a query; requested once for each selector
 * @param names the namespaces that the run is narrowed to
 */
export async function findTargets<Entry extends Coverage>(
  entries: readonly Entry[],
  list: ListNamespaces,
  names: readonly string[] | undefined,
): Promise<Found<Entry>> {
  const wantedOf = ({ settings }: Coverage) => names?.filter((name) => coversNamespace(settings, name));
  const relevant = entries.filter((entry) => wantedOf(entry)?.length !== 0);
  const lists = await listOnce(relevant, list, names);
  const [first] = lists.values();
  const isAllFailed = [...lists.values()].every((listed) => 'fault' in listed);
  const whole = isAllFailed && first && { fault: first.fault };
  // a namespace that is made between two lists is in one of them only
  const everything = unique([...lists.values()].flatMap(({ items }) => items));
  const targets: Target<Entry>[] = [];
  const problems: Problem[] = [];
  const claimed = new Set<string>();
  const seen = new Set<string>();
  const unseen = new Map<string, Problem>();
  const unlisted: Entry[] = [];
  for (const entry of relevant) {
    const { name: secret, namespaces } = entry.settings;
    const { include, selector } = namespaces;
    const which = selector ? ` with ${selector}` : '';
    const listed = lists.get(selector) ?? { items: [] };
    const found = (selector ? listed.items : everything).filter(({ name }) =>
      coversNamespace(entry.settings, name),
    );
    for (const namespace of found) {
      seen.add(namespace.name);
      const claim = `${secret}/${namespace.name}`;
      const mayBeOfAnother = unlisted.some(
        ({ settings }) => settings.name === secret && coversNamespace(settings, namespace.name),
      );
      if (claimed.has(claim) || mayBeOfAnother) continue;
      claimed.add(claim);
      targets.push({ entry, namespace });
    }
    if ('fault' in listed) {
      unlisted.push(entry);
      if (!whole) problems.push(listFailed(secret, `namespaces${which}`, listed.fault));
      continue;
    }
    const isThere = new Set(found.map(({ name }) => name));
    const wanted = wantedOf(entry);
    const missing = (wanted ?? include.filter((glob) => !glob.includes('*'))).filter(
      (name) => !isThere.has(name),
    );
    for (const namespace of missing) {
      const command = selector
        ? `or see its labels: kubectl get namespace ${namespace} --show-labels`
        : `or create the namespace: kubectl create namespace ${namespace}`;
      const absent = problem(namespace, secret, `there is no namespace ${namespace}${which}`, command);
      if (wanted) unseen.set(`${secret}/${namespace}`, absent);
      else problems.push(absent);
    }
    if (found.length === 0 && missing.length === 0) {
      problems.push(problem('*', secret, `no namespace matches ${include.join(', ')}${which}`));
    }
  }
  // a namespace that the run is narrowed to may be for the selector of one entry only
  problems.push(...[...unseen.values()].filter(({ namespace }) => !seen.has(namespace)));
  return { targets, problems, ...whole };
}

/** Requests the namespaces of each selector once, all selectors at once. */
async function listOnce(
  entries: readonly Coverage[],
  list: ListNamespaces,
  names: readonly string[] | undefined,
): Promise<Map<string | undefined, Listed<Namespace>>> {
  const selectors = [...new Set(entries.map(({ settings }) => settings.namespaces.selector))];
  const listed = selectors.map(async (selector) => [selector, await list({ selector, names })] as const);
  return new Map(await Promise.all(listed));
}

function unique(namespaces: readonly Namespace[]): Namespace[] {
  return [...new Map(namespaces.map((namespace) => [namespace.name, namespace])).values()];
}

function listFailed(secret: string, object: string, fault: unknown): Problem {
  const { reason = 'unknown', remedy = '' } = judgeFailure(fault, object);
  return { namespace: '*', secret, outcome: 'failed', reason: `could not list ${object}: ${reason}`, remedy };
}

/** @param command another way to fix it, in words */
function problem(namespace: string, secret: string, reason: string, command?: string): Problem {
  const remedy = command
    ? `Correct namespaces of this entry, ${command}`
    : 'Correct namespaces of this entry.';
  return { namespace, secret, outcome: 'failed', reason, remedy };
}

/** More named ones than that are found in the list of all, which takes fewer requests. */
const MOST_BY_NAME = 100;

/** What an owner writes who does not mean the label; with any other value, an empty one too, they mean it. */
const NOT_IGNORED = /^(?:false|no|off|0)$/i;

export interface Namespace {
  readonly name: string;
  /** Why it is left alone. */
  readonly skip: 'going away' | 'ignored by label' | undefined;
}

/** Which namespaces to list: those of a label selector, or of these only the named ones. */
export interface NamespaceQuery {
  readonly selector?: string | undefined;
  readonly names?: readonly string[] | undefined;
}

/** Lists namespaces: a few named ones by a request each, all at once, else the list of all. Does not throw. */
export async function listNamespaces(
  core: CoreV1Api,
  { selector, names }: NamespaceQuery,
): Promise<Listed<Namespace>> {
  const labels = selector ? { labelSelector: selector } : {};
  const named = names && new Set(names);
  const queries = (named && named.size > MOST_BY_NAME ? undefined : named && [...named])?.map((name) => ({
    ...labels,
    fieldSelector: `metadata.name=${name}`,
  })) ?? [labels];
  const listed = await listMost(
    queries.map((query) => (page) => core.listNamespace({ ...query, ...page }, METADATA_ONLY)),
    toNamespace,
  );
  return named ? { ...listed, items: listed.items.filter(({ name }) => named.has(name)) } : listed;
}

function toNamespace({ metadata }: V1Namespace): Namespace {
  const label = metadata?.labels?.[IGNORE_LABEL];
  const ignored = label !== undefined && !NOT_IGNORED.test(label);
  const skip = metadata?.deletionTimestamp ? 'going away' : ignored ? 'ignored by label' : undefined;
  return { name: metadata?.name ?? '', skip };
}

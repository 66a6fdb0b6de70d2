import type { Problem } from '../report.ts';
import { coversNamespace } from '../settings/coverage.ts';
import type { SecretEntry } from '../settings.ts';
import type { Namespace, NamespaceQuery } from './namespaces.ts';

/** One secret of one namespace that an entry is to write. */
export interface Target<Entry> {
  readonly entry: Entry;
  readonly namespace: Namespace;
}

/** An entry of the settings with whatever the caller needs to write it. */
export interface Coverage {
  readonly settings: Pick<SecretEntry, 'name' | 'namespaces'>;
}

/**
 * Walks the entries of one cluster in their order and gives each namespace, for each secret name, to the first
 * entry that matches it; pages flow on as they come.
 * @param list lists the namespaces of a query; a name that comes twice is taken once
 * @param names the namespaces that the run is narrowed to
 * @param tell told of an entry that matches nothing and of an exact name that does not exist, as either may be a typo
 */
export async function* targets<Entry extends Coverage>(
  entries: readonly Entry[],
  list: (query: NamespaceQuery) => AsyncIterable<Namespace>,
  names: readonly string[] | undefined,
  tell: (problem: Problem) => void,
): AsyncGenerator<Target<Entry>> {
  const claimed = new Set<string>();
  const seen = new Set<string>();
  const unseen = new Map<string, Problem>();
  for (const entry of entries) {
    const { name: secret, namespaces } = entry.settings;
    const { include, selector } = namespaces;
    const wanted = names?.filter((name) => coversNamespace(entry.settings, name));
    if (wanted?.length === 0) continue;
    const found = new Set<string>();
    for await (const namespace of list({ selector, names: wanted })) {
      if (!coversNamespace(entry.settings, namespace.name)) continue;
      found.add(namespace.name);
      seen.add(namespace.name);
      const claim = `${secret}/${namespace.name}`;
      if (claimed.has(claim)) continue;
      claimed.add(claim);
      yield {
        entry: entries.find((other) => other === entry || wouldTake(other, entry, namespace)) ?? entry,
        namespace,
      };
    }
    const missing = (wanted ?? include.filter((glob) => !glob.includes('*'))).filter(
      (name) => !found.has(name),
    );
    const which = selector ? ` with ${selector}` : '';
    for (const namespace of missing) {
      const told = problem(namespace, secret, `there is no namespace ${namespace}${which}`);
      if (wanted) unseen.set(`${secret}/${namespace}`, told);
      else tell(told);
    }
    if (found.size === 0 && missing.length === 0) {
      tell(problem('*', secret, `no namespace matches ${include.join(', ')}${which}`));
    }
  }
  // a namespace that the run is narrowed to may be for the selector of one entry only
  for (const told of unseen.values()) if (!seen.has(told.namespace)) tell(told);
}

/** Whether another entry takes a namespace whoever asks; it was not there yet when that entry's list was made. */
function wouldTake({ settings }: Coverage, { settings: { name } }: Coverage, namespace: Namespace): boolean {
  return settings.name === name && !settings.namespaces.selector && coversNamespace(settings, namespace.name);
}

function problem(namespace: string, secret: string, reason: string): Problem {
  const remedy = 'Correct namespaces of this entry, or create the namespace.';
  return { namespace, secret, outcome: 'failed', reason, remedy };
}

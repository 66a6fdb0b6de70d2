import { matchesAny } from '../glob.ts';
import type { SecretEntry, Settings } from '../settings.ts';

/**
 * The entries of `secrets` that are meant for a cluster, in their order.
 * @param cluster its id; of one that was found this is its ARN, and the globs are for the name in it
 */
export function entriesOf(settings: Pick<Settings, 'secrets'>, cluster: string): SecretEntry[] {
  const name = cluster.slice(cluster.lastIndexOf('/') + 1);
  return settings.secrets.filter((entry) => matchesAny(entry.clusters, name));
}

/** Whether an entry's globs take in a namespace; its selector is the API server's to judge. */
export function coversNamespace(entry: Pick<SecretEntry, 'namespaces'>, namespace: string): boolean {
  const { include, exclude } = entry.namespaces;
  return matchesAny(include, namespace) && !matchesAny(exclude, namespace);
}

import type { SecretEntry, Settings } from './settings.ts';

/** Whether one of the globs, in which `*` stands for any run of characters, matches the whole of `name`. */
export function matchesAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => matches(glob, name));
}

/** Takes each literal where it first fits; a regular expression would try every way and not end for many stars. */
function matches(glob: string, name: string): boolean {
  const [head = '', ...literals] = glob.split('*');
  const tail = literals.pop();
  if (tail === undefined) return glob === name;
  if (!name.startsWith(head) || !name.endsWith(tail)) return false;
  let at = head.length;
  for (const literal of literals) {
    const found = name.indexOf(literal, at);
    if (found < 0) return false;
    at = found + literal.length;
  }
  return at + tail.length <= name.length;
}

/** The entries of `secrets` that are meant for a cluster, in their order. */
export function entriesOf(settings: Pick<Settings, 'secrets'>, cluster: string): SecretEntry[] {
  return settings.secrets.filter((entry) => matchesAny(entry.clusters, cluster));
}

/** Whether an entry's globs take in a namespace; its selector is the API server's to judge. */
export function coversNamespace(entry: Pick<SecretEntry, 'namespaces'>, namespace: string): boolean {
  const { include, exclude } = entry.namespaces;
  return matchesAny(include, namespace) && !matchesAny(exclude, namespace);
}

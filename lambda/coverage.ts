import type { SecretEntry, Settings } from './settings.ts';

/** Whether one of the globs, in which `*` stands for any run of characters, matches the whole of `name`. */
export function matchesAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => glob === name || (glob.includes('*') && pattern(glob).test(name)));
}

function pattern(glob: string): RegExp {
  const literals = glob.split(/\*+/).map((literal) => literal.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literals.join('.*')}$`);
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

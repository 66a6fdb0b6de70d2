import type { CoreV1Api, V1Namespace } from '@kubernetes/client-node';
import { METADATA_ONLY, paged } from './pages.ts';
import { IGNORE_LABEL } from './rights.ts';

/** More named ones than that are found in the list of all, which takes fewer requests. */
const MOST_BY_NAME = 100;

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

/**
 * Lists namespaces page by page. A list whose pages expired (410) begins again, so a name may come twice.
 * @throws ApiAnswer, UnreachableError, DeadlineError
 */
export async function* listNamespaces(
  core: CoreV1Api,
  { selector, names }: NamespaceQuery,
): AsyncGenerator<Namespace> {
  const labels = selector ? { labelSelector: selector } : {};
  const named = names && new Set(names);
  const queries = (names && names.length > MOST_BY_NAME ? undefined : names)?.map((name) => ({
    ...labels,
    fieldSelector: `metadata.name=${name}`,
  })) ?? [labels];
  for (const query of queries) {
    const list = paged((page) => core.listNamespace({ ...query, ...page }, METADATA_ONLY));
    for await (const namespace of list) {
      if (!named || named.has(namespace.metadata?.name ?? '')) yield toNamespace(namespace);
    }
  }
}

function toNamespace({ metadata }: V1Namespace): Namespace {
  const ignored = metadata?.labels?.[IGNORE_LABEL] === 'true';
  const skip = metadata?.deletionTimestamp ? 'going away' : ignored ? 'ignored by label' : undefined;
  return { name: metadata?.name ?? '', skip };
}

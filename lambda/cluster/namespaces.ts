import { type CoreV1Api, setHeaderOptions, type V1Namespace } from '@kubernetes/client-node';
import { ApiAnswer } from './answer.ts';
import { IGNORE_LABEL } from './rights.ts';

const PAGE_SIZE = 500;
/** How often a list may begin again because its pages have expired. */
const MOST_RESTARTS = 5;

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches */
const METADATA_ONLY = setHeaderOptions(
  'Accept',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
);

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
  if (!names) return yield* pages(core, selector, undefined);
  for (const name of names) yield* pages(core, selector, `metadata.name=${name}`);
}

async function* pages(
  core: CoreV1Api,
  labelSelector: string | undefined,
  fieldSelector: string | undefined,
): AsyncGenerator<Namespace> {
  const query = {
    limit: PAGE_SIZE,
    ...(labelSelector && { labelSelector }),
    ...(fieldSelector && { fieldSelector }),
  };
  let next: string | undefined = '';
  let restarts = 0;
  while (next !== undefined) {
    try {
      const page = await core.listNamespace({ ...query, ...(next && { _continue: next }) }, METADATA_ONLY);
      next = page.metadata?._continue || undefined;
      // a metadata-only list with nothing in it has null here
      yield* (page.items ?? []).map(toNamespace);
    } catch (fault) {
      if (!(fault instanceof ApiAnswer) || fault.code !== 410 || restarts === MOST_RESTARTS) throw fault;
      restarts += 1;
      next = '';
    }
  }
}

function toNamespace({ metadata }: V1Namespace): Namespace {
  const ignored = metadata?.labels?.[IGNORE_LABEL] === 'true';
  const skip = metadata?.deletionTimestamp ? 'going away' : ignored ? 'ignored by label' : undefined;
  return { name: metadata?.name ?? '', skip };
}

import { setHeaderOptions } from '@kubernetes/client-node';
import { ApiAnswer } from './answer.ts';

/** Asks for a list of metadata alone: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches */
export const METADATA_ONLY = setHeaderOptions(
  'Accept',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
);

const PAGE_SIZE = 500;
/** How often a list may begin again because its pages have expired. */
const MOST_RESTARTS = 5;

/** A page of any list of the typed client; a metadata-only list with nothing in it has null for its items. */
interface Page<Item> {
  readonly metadata?: { readonly _continue?: string };
  readonly items: readonly Item[] | null;
}

/**
 * Gives the items of a list page by page. A list whose pages expired (410) begins again, so an item may come twice.
 * @param ask asks the API server for one page
 * @throws what `ask` throws: ApiAnswer, UnreachableError, DeadlineError
 */
export async function* paged<Item>(
  ask: (page: { limit: number; _continue?: string }) => Promise<Page<Item>>,
): AsyncGenerator<Item> {
  let next: string | undefined = '';
  let restarts = 0;
  while (next !== undefined) {
    try {
      const page: Page<Item> = await ask({ limit: PAGE_SIZE, ...(next && { _continue: next }) });
      next = page.metadata?._continue || undefined;
      yield* page.items ?? [];
    } catch (fault) {
      if (!(fault instanceof ApiAnswer) || fault.code !== 410 || restarts === MOST_RESTARTS) throw fault;
      restarts += 1;
      next = '';
    }
  }
}

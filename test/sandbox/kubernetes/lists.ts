import { toPartial, viewFor } from './negotiation.ts';
import type { ObjectMeta } from './objects.ts';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';
import { badRequest, StatusError } from './status.ts';
import type { Store } from './store.ts';

/** The objects of one kind, as lists are made of them. */
export interface Listed<Item> {
  readonly kind: `${string}List`;
  /** Those of a namespace, or all where it is empty, in the order in which etcd keeps them. */
  readonly all: (namespace: string) => Item[];
  /** What a field selector may ask for. */
  readonly fields: readonly string[];
  readonly fieldsOf: (item: Item) => Record<string, string>;
}

/** Lists that were begun: a page after the first shows what there was at the first. */
export interface Lister {
  list(query: URLSearchParams, accept: string | undefined, namespace?: string): object;
  /** Makes every continue token that is out too old, as etcd's compaction does. */
  expire(): void;
}

interface ContinueToken {
  rv: string;
  offset: number;
}

const tooOld =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list ' +
  'without the continue parameter, or use the continue token in this response to retrieve the remainder of the ' +
  'results. Continuing with the provided token results in an inconsistent list - objects that were created, ' +
  'modified, or deleted between the time the first chunk was returned and now may show up in the list.';

/** How many begun lists are kept. */
const maxSnapshots = 100;

export function createLister<Item extends { kind: string; apiVersion: string; metadata: ObjectMeta }>(
  store: Store,
  listed: Listed<Item>,
): Lister {
  const snapshots = new Map<string, Item[]>();
  return {
    expire: () => snapshots.clear(),
    list(query, accept, namespace = '') {
      const view = viewFor(accept, listed.kind);
      const token = query.get('continue');
      const limit = Number(query.get('limit') ?? 0);
      if (!Number.isInteger(limit)) {
        throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(query.get('limit'))}: invalid syntax`);
      }
      const { rv, offset } = token ? readToken(token) : { rv: store.resourceVersion, offset: 0 };
      const all = token ? snapshots.get(namespace + rv) : listed.all(namespace);
      if (all === undefined) {
        throw new StatusError(410, 'Expired', tooOld, {
          metadata: { continue: writeToken({ rv: '-1', offset }) },
        });
      }
      const { page, next, remaining } = takePage(all, listed, query, offset, limit);
      if (next !== undefined) remember(snapshots, namespace + rv, all);
      const metadata = {
        resourceVersion: rv,
        ...(next !== undefined && { continue: writeToken({ rv, offset: next }) }),
        ...(remaining !== undefined && { remainingItemCount: remaining }),
      };
      return view === 'metadata'
        ? {
            kind: 'PartialObjectMetadataList',
            apiVersion: 'meta.k8s.io/v1',
            metadata,
            // The server's Go slice is nil then, which JSON shows.
            items: page.length === 0 ? null : page.map(toPartial),
          }
        : {
            kind: listed.kind,
            apiVersion: 'v1',
            metadata,
            items: page.map(({ kind: _, apiVersion: __, ...rest }) => rest),
          };
    },
  };
}

/** The next `limit` (0: all) that match, and where the list goes on. */
function takePage<Item extends { metadata: ObjectMeta }>(
  all: Item[],
  { fields, fieldsOf }: Listed<Item>,
  query: URLSearchParams,
  offset: number,
  limit: number,
) {
  const labelSelector = query.get('labelSelector') ?? '';
  const fieldSelector = query.get('fieldSelector') ?? '';
  const byLabels = parseLabelSelector(labelSelector);
  const byFields = parseFieldSelector(fieldSelector, fields);
  const page: Item[] = [];
  for (let index = offset; index < all.length; index += 1) {
    const item = all[index];
    if (item === undefined || !byLabels(item.metadata.labels ?? {}) || !byFields(fieldsOf(item))) continue;
    if (limit > 0 && page.length === limit) {
      // The server knows how many are left only when it need not look at each.
      const isExact = labelSelector === '' && fieldSelector === '';
      return { page, next: index, remaining: isExact ? all.length - index : undefined };
    }
    page.push(item);
  }
  return { page };
}

function remember<Item>(snapshots: Map<string, Item[]>, key: string, all: Item[]): void {
  snapshots.set(key, all);
  const oldest = snapshots.keys().next().value;
  if (snapshots.size > maxSnapshots && oldest !== undefined) snapshots.delete(oldest);
}

function writeToken(token: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', ...token })).toString('base64url');
}

function readToken(text: string): ContinueToken {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString()) as ContinueToken;
    return { rv: String(token.rv), offset: Number(token.offset) };
  } catch {
    throw badRequest('invalid continue token: continue key is not valid');
  }
}

import { toPartial, viewFor } from './negotiation.ts';
import type { Namespace } from './objects.ts';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';
import { badRequest, StatusError } from './status.ts';
import type { Store } from './store.ts';

/** Lists that were begun: a page after the first shows what there was at the first. */
export interface NamespaceLister {
  list(query: URLSearchParams, accept: string | undefined): object;
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

export function createNamespaceLister(store: Store): NamespaceLister {
  const snapshots = new Map<string, Namespace[]>();
  return {
    expire: () => snapshots.clear(),
    list(query, accept) {
      const view = viewFor(accept, 'NamespaceList');
      const token = query.get('continue');
      const limit = Number(query.get('limit') ?? 0);
      if (!Number.isInteger(limit)) {
        throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(query.get('limit'))}: invalid syntax`);
      }
      const { rv, offset } = token ? readToken(token) : { rv: store.resourceVersion, offset: 0 };
      const all = token ? snapshots.get(rv) : store.namespaces();
      if (all === undefined) {
        throw new StatusError(410, 'Expired', tooOld, {
          metadata: { continue: writeToken({ rv: '-1', offset }) },
        });
      }
      const { page, next, remaining } = takePage(all, query, offset, limit);
      if (next !== undefined) remember(snapshots, rv, all);
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
            kind: 'NamespaceList',
            apiVersion: 'v1',
            metadata,
            items: page.map(({ kind: _, apiVersion: __, ...rest }) => rest),
          };
    },
  };
}

/** The next `limit` (0: all) that match, and where the list goes on. */
function takePage(all: Namespace[], query: URLSearchParams, offset: number, limit: number) {
  const labelSelector = query.get('labelSelector') ?? '';
  const fieldSelector = query.get('fieldSelector') ?? '';
  const byLabels = parseLabelSelector(labelSelector);
  const byFields = parseFieldSelector(fieldSelector, ['metadata.name', 'status.phase']);
  const matches = ({ metadata, status }: Namespace) =>
    byLabels(metadata.labels ?? {}) &&
    byFields({ 'metadata.name': metadata.name, 'status.phase': status.phase });
  const page: Namespace[] = [];
  for (let index = offset; index < all.length; index += 1) {
    const namespace = all[index];
    if (namespace === undefined || !matches(namespace)) continue;
    if (limit > 0 && page.length === limit) {
      // The server knows how many are left only when it need not look at each.
      const isExact = labelSelector === '' && fieldSelector === '';
      return { page, next: index, remaining: isExact ? all.length - index : undefined };
    }
    page.push(namespace);
  }
  return { page };
}

function remember(snapshots: Map<string, Namespace[]>, rv: string, all: Namespace[]): void {
  snapshots.set(rv, all);
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

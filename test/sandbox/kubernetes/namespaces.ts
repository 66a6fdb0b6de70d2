import { createLister, type Lister } from './lists.ts';
import type { Store } from './store.ts';

/** Lists of namespaces. */
export function createNamespaceLister(store: Store): Lister {
  return createLister(store, {
    kind: 'NamespaceList',
    all: () => store.namespaces(),
    fields: ['metadata.name', 'status.phase'],
    fieldsOf: ({ metadata, status }) => ({ 'metadata.name': metadata.name, 'status.phase': status.phase }),
  });
}

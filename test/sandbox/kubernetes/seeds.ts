import { apply, update } from './apply.ts';
import { fieldsOf } from './fields.ts';
import { type ObjectMeta, type Secret, toTimestamp } from './objects.ts';
import { newSecret, type Store, toSecret } from './store.ts';

/** A secret as a test wants it, and who made it so. */
export interface SecretSeed {
  /** Default `Opaque`. */
  type?: string;
  /** Base64 values, as in a manifest. */
  data?: Record<string, string>;
  /** Plain values. */
  stringData?: Record<string, string>;
  immutable?: boolean;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: NonNullable<ObjectMeta['ownerReferences']>;
  /** Default `kubectl-create`. */
  manager?: string;
  /** Default `Update`, which owns what it changes; `Apply` (forced) owns all that it names. */
  operation?: 'Apply' | 'Update';
  /** When the manager did so. Default: now. */
  time?: Date;
}

/** Writes a secret past authorization, validation and admission. One that is there keeps its uid. */
export function putSecret(store: Store, namespace: string, name: string, seed: SecretSeed): Secret {
  const { type = 'Opaque', immutable, labels, annotations, finalizers, ownerReferences } = seed;
  const plain = Object.entries(seed.stringData ?? {}).map(([key, value]) => [
    key,
    Buffer.from(value).toString('base64'),
  ]);
  const fields = fieldsOf({
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: {
      name,
      namespace,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ...(ownerReferences && { ownerReferences }),
    },
    data: { ...seed.data, ...Object.fromEntries(plain) },
    ...(immutable !== undefined && { immutable }),
    type,
  });
  const live = store.secret(namespace, name);
  const time = seed.time ? toTimestamp(seed.time) : store.timestamp();
  const change = { manager: seed.manager ?? 'kubectl-create', time };
  const managed =
    seed.operation === 'Apply'
      ? apply(live, fields, { ...change, force: true })
      : update(live, fields, change);
  const fresh = newSecret(store, namespace, name, managed);
  const stored = live ? { ...fresh, uid: live.uid, creationTimestamp: live.creationTimestamp } : fresh;
  store.writeSecret(stored);
  return toSecret(stored);
}

/** Takes its managed fields off a secret: nobody is known to own any of it. */
export function stripManagers(store: Store, namespace: string, name: string): void {
  const live = store.secret(namespace, name);
  if (live === undefined) throw new Error(`there is no secret ${namespace}/${name}`);
  store.writeSecret({ ...live, managers: [], resourceVersion: store.nextVersion() });
}

import { randomUUID } from 'node:crypto';
import type { Managed } from './apply.ts';
import { toFieldsV1, toParts } from './fields.ts';
import { type Namespace, type Secret, toTimestamp } from './objects.ts';

/** A stored secret: what the server sets, beside what its managers own. */
export interface StoredSecret extends Managed {
  namespace: string;
  name: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  deletionTimestamp?: string;
}

/** What etcd holds: namespaces and their secrets, with one resourceVersion counted up for all. */
export class Store {
  readonly #now: () => Date;
  readonly #namespaces = new Map<string, Namespace>();
  readonly #secrets = new Map<string, Map<string, StoredSecret>>();
  #version = 1_000;

  constructor(now: () => Date) {
    this.#now = now;
  }

  get resourceVersion(): string {
    return String(this.#version);
  }

  /** Now, as Kubernetes writes it. */
  timestamp(): string {
    return toTimestamp(this.#now());
  }

  namespace(name: string): Namespace | undefined {
    return this.#namespaces.get(name);
  }

  /** All namespaces in the order of their names, as etcd keeps them. */
  namespaces(): Namespace[] {
    return [...this.#namespaces.values()].sort((one, other) =>
      one.metadata.name < other.metadata.name ? -1 : 1,
    );
  }

  /** Adds a namespace as that manager, or changes the labels and phase of one that is there. */
  putNamespace(name: string, labels: Record<string, string>, isTerminating: boolean, manager: string): void {
    const before = this.#namespaces.get(name)?.metadata;
    const time = this.timestamp();
    const all = { 'kubernetes.io/metadata.name': name, ...labels };
    const owned = Object.fromEntries(Object.keys(all).map((key) => [`f:${key}`, {}]));
    this.#namespaces.set(name, {
      kind: 'Namespace',
      apiVersion: 'v1',
      metadata: {
        name,
        uid: before?.uid ?? randomUUID(),
        resourceVersion: this.nextVersion(),
        creationTimestamp: before?.creationTimestamp ?? time,
        ...(isTerminating && { deletionTimestamp: time }),
        labels: all,
        managedFields: [
          {
            manager,
            operation: 'Update',
            apiVersion: 'v1',
            time,
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:metadata': { 'f:labels': { '.': {}, ...owned } } },
          },
        ],
      },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: isTerminating ? 'Terminating' : 'Active' },
    });
  }

  removeNamespace(name: string): void {
    this.#namespaces.delete(name);
    this.#secrets.delete(name);
    this.#version += 1;
  }

  secret(namespace: string, name: string): StoredSecret | undefined {
    return this.#secrets.get(namespace)?.get(name);
  }

  *secrets(): Generator<StoredSecret> {
    for (const secrets of this.#secrets.values()) yield* secrets.values();
  }

  countSecrets(namespace: string): number {
    return this.#secrets.get(namespace)?.size ?? 0;
  }

  writeSecret(secret: StoredSecret): void {
    const secrets = this.#secrets.get(secret.namespace) ?? new Map<string, StoredSecret>();
    this.#secrets.set(secret.namespace, secrets.set(secret.name, secret));
  }

  deleteSecret(namespace: string, name: string): void {
    this.#secrets.get(namespace)?.delete(name);
    this.#version += 1;
  }

  /** A resourceVersion that nobody has had. */
  nextVersion(): string {
    this.#version += 1;
    return this.resourceVersion;
  }
}

/** A new secret of that name, not yet written. */
export function newSecret(store: Store, namespace: string, name: string, managed: Managed): StoredSecret {
  return {
    ...managed,
    namespace,
    name,
    uid: randomUUID(),
    resourceVersion: store.nextVersion(),
    creationTimestamp: store.timestamp(),
  };
}

/** A stored secret as the API shows it. */
export function toSecret(stored: StoredSecret): Secret {
  const { metadata, ...rest } = toParts(stored.fields);
  return {
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: {
      name: stored.name,
      namespace: stored.namespace,
      uid: stored.uid,
      // None yet: a dry run's answer.
      ...(stored.resourceVersion !== '' && { resourceVersion: stored.resourceVersion }),
      creationTimestamp: stored.creationTimestamp,
      ...(stored.deletionTimestamp !== undefined && {
        deletionTimestamp: stored.deletionTimestamp,
        deletionGracePeriodSeconds: 0,
      }),
      ...metadata,
      ...(stored.managers.length > 0 && {
        managedFields: stored.managers.map(({ name, operation, time, owned }) => ({
          manager: name,
          operation,
          apiVersion: 'v1',
          ...(time !== undefined && { time }),
          fieldsType: 'FieldsV1',
          fieldsV1: toFieldsV1(owned),
        })),
      }),
    },
    ...rest,
  };
}

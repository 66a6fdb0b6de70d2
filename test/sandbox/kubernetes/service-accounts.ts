import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { User } from './authorization.ts';
import type { Answer } from './exchange.ts';
import { patched } from './json-patch.ts';
import { createLister, type Lister } from './lists.ts';
import { toPartial, viewFor } from './negotiation.ts';
import type { ObjectMeta } from './objects.ts';
import { isDryRun, type SecretRequest } from './secret-requests.ts';
import { notFound, StatusError } from './status.ts';
import type { Store } from './store.ts';

/** A ServiceAccount as JSON; managed fields are not kept of it here. */
export interface ServiceAccount {
  kind: 'ServiceAccount';
  apiVersion: 'v1';
  metadata: ObjectMeta;
  secrets?: { name: string }[];
  imagePullSecrets?: { name?: string }[];
  automountServiceAccountToken?: boolean;
}

/** A service account as a test wants it. */
export interface ServiceAccountSeed extends Omit<ServiceAccount, 'kind' | 'apiVersion' | 'metadata'> {
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** What a policy on service accounts is shown; returns why it refuses, or undefined to let the change pass. */
export type AccountCheck = (request: AccountUpdate) => StatusError | undefined;

export interface AccountUpdate {
  user: User;
  name: string;
  namespace: string;
  object: ServiceAccount;
  oldObject: ServiceAccount;
  dryRun: boolean;
}

/** The service accounts of a cluster. No controller makes a `default` here. */
export class ServiceAccounts {
  readonly lister: Lister;
  /** Read anew at every change. */
  readonly admission: AccountCheck[] = [];
  readonly #store: Store;
  readonly #accounts = new Map<string, ServiceAccount>();

  constructor(store: Store) {
    this.#store = store;
    this.lister = createLister(store, {
      kind: 'ServiceAccountList',
      all: (namespace) => this.#all(namespace),
      fields: ['metadata.name', 'metadata.namespace'],
      fieldsOf: ({ metadata: { name, namespace = '' } }) => ({
        'metadata.name': name,
        'metadata.namespace': namespace,
      }),
    });
  }

  get(namespace: string, name: string): ServiceAccount | undefined {
    return this.#accounts.get(`${namespace}/${name}`);
  }

  /** Makes or changes an account as somebody else would. */
  put(namespace: string, name: string, { labels, annotations, ...fields }: ServiceAccountSeed): void {
    const before = this.get(namespace, name)?.metadata;
    this.#accounts.set(`${namespace}/${name}`, {
      kind: 'ServiceAccount',
      apiVersion: 'v1',
      metadata: {
        name,
        namespace,
        uid: before?.uid ?? randomUUID(),
        resourceVersion: this.#store.nextVersion(),
        creationTimestamp: before?.creationTimestamp ?? this.#store.timestamp(),
        ...(labels && { labels }),
        ...(annotations && { annotations }),
      },
      ...fields,
    });
  }

  remove(namespace: string, name: string): void {
    this.#accounts.delete(`${namespace}/${name}`);
    this.#store.nextVersion();
  }

  /** A JSON Patch of one account. */
  patch({ attributes, user, headers, query, body }: SecretRequest): Answer {
    const { namespace, name } = attributes;
    const view = viewFor(headers.accept, 'ServiceAccount');
    if (headers['content-type'] !== 'application/json-patch+json') {
      throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });
    }
    const dryRun = isDryRun('PatchOptions', query.getAll('dryRun'));
    const oldObject = this.get(namespace, name);
    if (!oldObject) throw notFound('serviceaccounts', name);
    const object = withoutEmpty(patched(oldObject, body));
    for (const check of this.admission) {
      const denial = check({ user, namespace, name, object, oldObject, dryRun });
      if (denial) throw denial;
    }
    if (!dryRun && !isDeepStrictEqual(object, oldObject)) {
      object.metadata.resourceVersion = this.#store.nextVersion();
      this.#accounts.set(`${namespace}/${name}`, object);
    }
    return { code: 200, body: view === 'metadata' ? toPartial(object) : object };
  }

  /** Those whose namespace is there still. */
  #all(namespace: string): ServiceAccount[] {
    return [...this.#accounts.entries()]
      .filter(([, { metadata }]) => namespace === '' || metadata.namespace === namespace)
      .filter(([, { metadata }]) => this.#store.namespace(metadata.namespace ?? ''))
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, account]) => account);
  }
}

/** A list with nothing in it is none to the server. */
function withoutEmpty({ imagePullSecrets = [], ...account }: ServiceAccount): ServiceAccount {
  return { ...account, ...(imagePullSecrets.length > 0 && { imagePullSecrets }) };
}

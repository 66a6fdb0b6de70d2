import { type AdmissionCheck, type AdmissionRequest, checkQuota, type Quota } from './admission.ts';
import { apply, type Managed } from './apply.ts';
import { type Attributes, authorize, type User } from './authorization.ts';
import type { Answer } from './exchange.ts';
import { type Fields, fieldsOf, typeField } from './fields.ts';
import { createLister, type Lister } from './lists.ts';
import { negotiate, toPartial, viewFor } from './negotiation.ts';
import type { Secret } from './objects.ts';
import { readApplyOptions, readConfig, readDeleteOptions, type SecretRequest } from './secret-requests.ts';
import {
  conflict,
  type FieldError,
  forbidden,
  invalid,
  notFound,
  type Status,
  type StatusError,
} from './status.ts';
import { newSecret, type Store, type StoredSecret, toSecret } from './store.ts';
import { validateSecret } from './validation.ts';
import { type Webhook, WebhookPending } from './webhooks.ts';

/** What secrets are kept in and guarded by; lists are read anew at every request. */
export interface SecretRules {
  store: Store;
  manifest: readonly object[];
  admission: readonly AdmissionCheck[];
  /** By namespace. */
  webhooks: ReadonlyMap<string, Webhook>;
  quotas: ReadonlyMap<string, Quota>;
  /** Told of each change that nothing refused. */
  observers: readonly ((request: AdmissionRequest) => void)[];
  /** As Kubernetes before 1.32: does not say that the right to create is missing. */
  hidesDeniedCreate: boolean;
}

/** Lists of the secrets of a namespace or of all. */
export function createSecretLister(store: Store): Lister {
  const keyOf = ({ metadata }: Secret) => `${metadata.namespace}/${metadata.name}`;
  return createLister(store, {
    kind: 'SecretList',
    all: (namespace) =>
      [...store.secrets()]
        .filter((secret) => namespace === '' || secret.namespace === namespace)
        .map(toSecret)
        .sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1)),
    fields: ['metadata.name', 'metadata.namespace', 'type'],
    fieldsOf: ({ metadata, type = '' }) => ({
      'metadata.name': metadata.name,
      'metadata.namespace': metadata.namespace ?? '',
      type,
    }),
  });
}

export function getSecret({ attributes, headers }: SecretRequest, { store }: SecretRules): Answer {
  const stored = store.secret(attributes.namespace, attributes.name);
  if (stored === undefined) throw notFound('secrets', attributes.name);
  return { code: 200, body: show(toSecret(stored), headers) };
}

/**
 * Server-side apply of one secret. The order is the real server's: conflicts come before the namespace's state,
 * validation before the right to create, and admission last.
 */
export function applySecret(request: SecretRequest, rules: SecretRules): Answer {
  const { attributes, user, headers } = request;
  const { store } = rules;
  const { namespace, name } = attributes;
  const { manager, force, dryRun } = readApplyOptions(request);
  negotiate(headers.accept);
  const config = readConfig(request);
  const live = store.secret(namespace, name);
  checkIdentity(config, live, name);

  const managed = apply(live, fieldsOf(config), { manager, force, time: store.timestamp() });
  if (live === undefined) checkNamespace(store, namespace, name);
  const after =
    live === undefined ? created(store, attributes, managed, dryRun) : updated(store, live, managed, dryRun);
  const object = toSecret(after);
  const oldObject = live && toSecret(live);
  validateSecret(object, oldObject);
  if (live === undefined) authorizeCreate(user, attributes, rules);
  const operation = live === undefined ? 'CREATE' : 'UPDATE';
  admit(
    { operation, user, namespace, name, object, ...(oldObject && { oldObject }), dryRun },
    rules,
    request,
  );
  if (!dryRun && after !== live) store.writeSecret(after);
  return { code: live === undefined ? 201 : 200, body: show(object, headers) };
}

/** Deletes one secret, if it is the one that the preconditions name. One with finalizers is only marked. */
export function deleteSecret(request: SecretRequest, rules: SecretRules): Answer {
  const { attributes, user, headers } = request;
  const { store } = rules;
  const { namespace, name } = attributes;
  negotiate(headers.accept);
  const { uid, resourceVersion, dryRun } = readDeleteOptions(request);
  const live = store.secret(namespace, name);
  if (live === undefined) throw notFound('secrets', name);
  if (uid !== undefined && uid !== live.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${live.uid})`;
    throw conflict('Secret', name, `${why}. The object might have been deleted and then recreated`);
  }
  if (resourceVersion !== undefined && resourceVersion !== live.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${live.resourceVersion})`;
    throw conflict('Secret', name, `${why}. The object might have been modified`);
  }
  const oldObject = toSecret(live);
  admit({ operation: 'DELETE', user, namespace, name, oldObject, dryRun }, rules, request);
  if (oldObject.metadata.finalizers?.length) {
    if (live.deletionTimestamp !== undefined) return { code: 200, body: show(oldObject, headers) };
    const resourceVersion = dryRun ? live.resourceVersion : store.nextVersion();
    const marked = { ...live, resourceVersion, deletionTimestamp: store.timestamp() };
    if (!dryRun) store.writeSecret(marked);
    return { code: 200, body: show(toSecret(marked), headers) };
  }
  if (!dryRun) store.deleteSecret(namespace, name);
  const details = { name, kind: 'secrets', uid: live.uid };
  const body: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  return { code: 200, body };
}

function show(secret: Secret, headers: Record<string, string>): object {
  return viewFor(headers.accept, 'Secret') === 'metadata' ? toPartial(secret) : secret;
}

function created(
  store: Store,
  { namespace, name }: Attributes,
  managed: Managed,
  dryRun: boolean,
): StoredSecret {
  const secret = newSecret(store, namespace, name, { ...managed, fields: withType(managed.fields) });
  return dryRun ? { ...secret, resourceVersion: '' } : secret;
}

function updated(store: Store, live: StoredSecret, managed: Managed, dryRun: boolean): StoredSecret {
  if (managed === live) return live;
  const resourceVersion = dryRun ? live.resourceVersion : store.nextVersion();
  return { ...live, fields: withType(managed.fields), managers: managed.managers, resourceVersion };
}

/** The server's default; nobody owns it. */
function withType(fields: Fields): Fields {
  return fields.has(typeField) ? fields : new Map([...fields, [typeField, 'Opaque']]);
}

/** A uid or resourceVersion in the config says which object it is for; a missing one has no version to differ from. */
function checkIdentity({ metadata }: Secret, live: StoredSecret | undefined, name: string): void {
  const { uid, resourceVersion } = metadata;
  if (uid !== undefined && live === undefined) {
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw conflict('secrets', name, why);
  }
  if (uid !== undefined && uid !== live?.uid) {
    const detail = `Invalid value: ${JSON.stringify(uid)}: field is immutable`;
    const error: FieldError = { reason: 'FieldValueInvalid', field: 'metadata.uid', detail };
    throw invalid('Secret', name, [error, error]);
  }
  if (resourceVersion !== undefined && live && resourceVersion !== live.resourceVersion) {
    const why = 'the object has been modified; please apply your changes to the latest version and try again';
    throw conflict('secrets', name, why);
  }
}

function authorizeCreate(user: User, attributes: Attributes, rules: SecretRules): void {
  try {
    authorize(user, { ...attributes, verb: 'create' }, rules.manifest);
  } catch (error) {
    // `withAuthorization` of k8s.io/apiserver `endpoints/handlers/create.go` had only RBAC's reason, which is none
    if (rules.hidesDeniedCreate) throw forbidden({ resource: 'secrets', name: attributes.name }, '');
    throw error;
  }
}

/** The NamespaceLifecycle admission plugin. */
function checkNamespace(store: Store, namespace: string, name: string): void {
  const found = store.namespace(namespace);
  if (found === undefined) throw notFound('namespaces', namespace);
  if (found.status.phase !== 'Terminating') return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const message = `namespace ${namespace} is being terminated`;
  throw forbidden({ resource: 'secrets', name }, why, [
    { reason: 'NamespaceTerminating', message, field: 'metadata.namespace' },
  ]);
}

/** The server's order: policies, then webhooks, then quotas. */
function admit(request: AdmissionRequest, rules: SecretRules, { hasWaited }: SecretRequest): void {
  const { namespace, name, operation } = request;
  const webhook = rules.webhooks.get(namespace);
  for (const check of rules.admission) refuse(check(request));
  if (webhook?.answersAfterMs !== undefined && !hasWaited) throw new WebhookPending(webhook.answersAfterMs);
  refuse(webhook?.verdict?.(request));
  const { quotas, store } = rules;
  if (operation === 'CREATE') refuse(checkQuota(quotas.get(namespace), store.countSecrets(namespace), name));
  for (const observe of rules.observers) observe(request);
}

function refuse(denial: StatusError | undefined): void {
  if (denial !== undefined) throw denial;
}

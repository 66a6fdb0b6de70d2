import type { ApiClient } from './control-plane/api-client.ts';

/** A secret as the API server holds it; `data` is in base64. */
export interface Secret {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields: readonly { readonly manager: string; readonly time: string }[];
  };
  readonly type: string;
  readonly immutable?: boolean;
  readonly data: Readonly<Record<string, string>>;
}

/** What a secret may be made with beside its name. */
export interface Metadata {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: string[];
  readonly ownerReferences?: object[];
}

export const PULL_SECRET = 'ecr-docker-creds';
export const PULL_SECRET_TYPE = 'kubernetes.io/dockerconfigjson';
/** A docker config without a login, for secrets of somebody else. */
export const EMPTY_CONFIG = { '.dockerconfigjson': Buffer.from('{"auths":{}}').toString('base64') };

const NAMESPACES = '/api/v1/namespaces';
const AT_ONCE = 16;

/** Makes namespaces, all with the same labels. */
export async function makeNamespaces(
  admin: ApiClient,
  names: Iterable<string>,
  labels: Record<string, string> = {},
): Promise<void> {
  const queue = [...names].values();
  const work = async () => {
    for (const name of queue) {
      await done(admin, 'POST', NAMESPACES, { metadata: { name, labels } });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Deletes a namespace, which stays `Terminating` as there is no controller manager. */
export async function deleteNamespace(admin: ApiClient, name: string): Promise<void> {
  await done(admin, 'DELETE', `${NAMESPACES}/${name}`);
}

/** Deletes an empty namespace to the end: also does what the controller manager would do. */
export async function removeNamespace(admin: ApiClient, name: string): Promise<void> {
  await deleteNamespace(admin, name);
  await done(admin, 'PUT', `${NAMESPACES}/${name}/finalize`, {
    metadata: { name },
    spec: { finalizers: [] },
  });
}

/** Makes a secret of the pull secret's name as `manager` would with a plain create. */
export async function makeSecret(
  admin: ApiClient,
  namespace: string,
  secret: Partial<Pick<Secret, 'type' | 'data' | 'immutable'>>,
  manager = 'somebody',
  more: Metadata = {},
): Promise<Secret> {
  const metadata = { name: PULL_SECRET, ...more };
  const body = { type: PULL_SECRET_TYPE, data: EMPTY_CONFIG, ...secret, metadata };
  const path = `${NAMESPACES}/${namespace}/secrets?fieldManager=${manager}`;
  return (await done(admin, 'POST', path, body)) as Secret;
}

/** The secret, or undefined if there is none. */
export async function readSecret(
  admin: ApiClient,
  namespace: string,
  name = PULL_SECRET,
): Promise<Secret | undefined> {
  const { status, body } = await admin.request<Secret>('GET', secretPath(namespace, name));
  return status === 200 ? body : undefined;
}

/** The secrets of one name in all namespaces, and the resource version of the list. */
export async function listSecrets(
  admin: ApiClient,
  name = PULL_SECRET,
): Promise<{ items: Secret[]; resourceVersion: string }> {
  const path = `/api/v1/secrets?fieldSelector=metadata.name=${name}`;
  const { body } = await admin.request<{ items: Secret[]; metadata: { resourceVersion: string } }>(
    'GET',
    path,
  );
  return { items: body.items, resourceVersion: body.metadata.resourceVersion };
}

export function secretPath(namespace: string, name = PULL_SECRET): string {
  return `${NAMESPACES}/${namespace}/secrets/${name}`;
}

/** The logins of a pull secret: `user:password` by registry host. */
export function loginsOf(secret: Pick<Secret, 'data'> | undefined): Record<string, string> {
  const json = Buffer.from(secret?.data['.dockerconfigjson'] ?? '', 'base64').toString();
  const { auths } = JSON.parse(json) as { auths: Record<string, { auth: string }> };
  return Object.fromEntries(
    Object.entries(auths).map(([host, { auth }]) => [host, Buffer.from(auth, 'base64').toString()]),
  );
}

/**
 * Sends what a test needs to succeed.
 * @throws {Error} with the answer if it does not
 */
export async function done(
  admin: ApiClient,
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  contentType?: string,
): Promise<unknown> {
  const answer = await admin.request(method, path, { body, ...(contentType && { contentType }) });
  if (answer.status < 300) return answer.body;
  throw new Error(`${method} ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}

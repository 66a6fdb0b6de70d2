import { EXPIRES_AT, FETCHED_AT, labelsOf, SECRET_TYPE } from '../../../lambda/kubernetes/pull-secret.ts';
import { PULL_SECRET, secretPath } from '../objects.ts';
import type { Call, Seed } from './case.ts';
import { DEPLOYMENT } from './deployments.ts';

export const PARTIAL = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
export const PARTIAL_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
export const LABELS = labelsOf(DEPLOYMENT);
export const ANNOTATIONS = { [FETCHED_AT]: '2026-11-23T00:00:00Z', [EXPIRES_AT]: '2026-11-23T12:00:00Z' };

type Options = Partial<Pick<Call, 'headers' | 'who'>>;

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The data of a pull secret that holds this login. */
export function dockerConfig(login: string): Record<string, string> {
  return { '.dockerconfigjson': base64(JSON.stringify({ auths: { host: { auth: login } } })) };
}

/** A pull secret as the function applies it, with what is different; undefined leaves a field out. */
export function pullSecret(login = '1', different: object = {}, metadata: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: PULL_SECRET, labels: LABELS, annotations: ANNOTATIONS, ...metadata },
    type: SECRET_TYPE,
    data: dockerConfig(login),
    ...different,
  };
}

/** A pull secret that somebody else wrote, with what is different. */
export function foreign(login: string, different: Partial<Seed> = {}): { seed: Seed } {
  return { seed: { type: SECRET_TYPE, data: dockerConfig(login), ...different } };
}

/** The server-side apply of a secret in the case's namespace, by the function's field manager. */
export function apply(
  object: object | string = pullSecret(),
  { query = {}, namespace = '{namespace}', name = PULL_SECRET, headers, who }: ApplyOptions = {},
): Call {
  const search = new URLSearchParams({ fieldManager: DEPLOYMENT, ...query });
  return {
    method: 'PATCH',
    path: `${secretPath(namespace, name)}?${search}`,
    body: object,
    headers: { 'content-type': 'application/apply-patch+yaml', ...headers },
    ...(who && { who }),
  };
}

interface ApplyOptions extends Options {
  query?: Record<string, string>;
  namespace?: string;
  name?: string;
}

/** The apply that takes over what others own. */
export function forcedApply(object?: object): Call {
  return apply(object, { query: { force: 'true' } });
}

export function get(path = secretPath('{namespace}'), options: Options = {}): Call {
  return { method: 'GET', path, ...options };
}

/** The deletion of the pull secret in the case's namespace; without options it has no body. */
export function remove(options?: object, { query, ...rest }: Options & { query?: string } = {}): Call {
  const path = secretPath('{namespace}');
  const body = { kind: 'DeleteOptions', apiVersion: 'v1', ...options };
  return { method: 'DELETE', path: query ? `${path}?${query}` : path, ...(options && { body }), ...rest };
}

/** A list of namespaces, as metadata only unless another kind is asked for. */
export function list(query: Record<string, string | number> = {}, accept = PARTIAL_LIST): Call {
  const search = new URLSearchParams(
    Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]),
  );
  return get(`/api/v1/namespaces?${search}`, { headers: { accept } });
}

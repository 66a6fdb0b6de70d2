import type { ApiRequest } from './control-plane/api-client.ts';
import { EMPTY_CONFIG, PULL_SECRET, PULL_SECRET_TYPE } from './objects.ts';
import { DEPLOYMENT } from './world.ts';

/** A secret as somebody might send it. */
export interface Draft {
  readonly type?: string;
  readonly data?: Record<string, string>;
  readonly metadata?: object;
}

export const MERGE = 'application/merge-patch+json';

/** When the token of a draft ends. */
export const EXPIRY = '2030-06-01T00:00:00Z';

/** The pull secret as a deployment sends it, but for what the draft says. */
export function pullSecret({ metadata, ...draft }: Draft = {}, name: string = PULL_SECRET): Draft {
  const annotations = { 'ecr-registry-helper/expires-at': EXPIRY };
  return {
    type: PULL_SECRET_TYPE,
    data: EMPTY_CONFIG,
    ...draft,
    metadata: { name, annotations, ...metadata },
  };
}

/** The pull secret with a token that ends at that time. */
export function expiring(at: string): Draft {
  return pullSecret({ metadata: { annotations: { 'ecr-registry-helper/expires-at': at } } });
}

/** A secret of the pull secret's name that asks for the token of the service account `admin`. */
export function accountToken(): Draft {
  const annotations = { 'kubernetes.io/service-account.name': 'admin' };
  return pullSecret({ type: 'kubernetes.io/service-account-token', data: {}, metadata: { annotations } });
}

/** An owner reference. */
export function owner(): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: '0b7b1d1c-2f7e-4c55-8a43-0e6d4c9f1a11' };
}

/** The draft with what says that it is a secret. */
export function named(draft: Draft): object {
  return { apiVersion: 'v1', kind: 'Secret', ...draft };
}

/** A server-side apply of the draft; by force also over what others own. */
export function apply(draft: Draft, { manager = DEPLOYMENT, force = false } = {}): ApiRequest {
  return {
    body: named({ metadata: { name: PULL_SECRET }, ...draft }),
    contentType: 'application/apply-patch+yaml',
    query: { fieldManager: manager, force },
  };
}

/** A JSON merge patch. */
export function merge(body: object): ApiRequest {
  return { body, contentType: MERGE };
}

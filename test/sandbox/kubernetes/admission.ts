import type { User } from './authorization.ts';
import type { Secret } from './objects.ts';
import { forbidden, StatusError } from './status.ts';

/** What an admission check is shown. `object` is what would be stored, `oldObject` what is. */
export interface AdmissionRequest {
  operation: 'CREATE' | 'UPDATE' | 'DELETE';
  user: User;
  namespace: string;
  name: string;
  object?: Secret;
  oldObject?: Secret;
  dryRun: boolean;
}

/** Returns why it refuses, or undefined to let the request pass. */
export type AdmissionCheck = (request: AdmissionRequest) => StatusError | undefined;

/**
 * The answer of a ValidatingAdmissionPolicy that denies: 422 `Invalid`, one cause with nothing but a message.
 * `text` is what the policy's messageExpression makes; a careless one echoes the whole object.
 */
export function deniedByPolicy(
  { resource = 'secrets', name }: { resource?: string; name: string },
  denial: { policy: string; binding: string; text: string },
): StatusError {
  const message = `ValidatingAdmissionPolicy '${denial.policy}' with binding '${denial.binding}' denied request: ${denial.text}`;
  return new StatusError(422, 'Invalid', `${resource} "${name}" is forbidden: ${message}`, {
    details: { name, kind: resource, causes: [{ message }] },
  });
}

/** What a webhook may choose of its denial, beside the code and the text. */
export interface DenialDetails {
  readonly reason?: string;
  readonly details?: StatusError['status']['details'];
}

/**
 * The denial of a webhook, as `ToStatusErr` of k8s.io/apiserver `admission/plugin/webhook/errors` makes it of the
 * webhook's Status: all but the beginning of the message is as the webhook chooses.
 */
export function deniedByWebhook(
  webhook: string,
  text: string,
  code = 403,
  { reason = code === 403 ? 'Forbidden' : '', details }: DenialDetails = {},
): StatusError {
  const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const message = text === '' ? `${denied} without explanation` : `${denied}: ${text}`;
  return new StatusError(code, reason, message, details && { details });
}

/** The answer where a webhook with `failurePolicy: Fail` could not be called: `NewInternalError` of apimachinery. */
export function failedWebhook(webhook: string, why = 'context deadline exceeded'): StatusError {
  const call = 'failed to call webhook: Post "https://guard.guard.svc:443/validate?timeout=10s"';
  const failure = `failed calling webhook ${JSON.stringify(webhook)}: ${call}: ${why}`;
  return new StatusError(500, 'InternalError', `Internal error occurred: ${failure}`, {
    details: { causes: [{ message: failure }] },
  });
}

/** A ResourceQuota on the number of secrets in a namespace. */
export interface Quota {
  name: string;
  secrets: number;
}

/** Refuses one secret more than the quota allows. */
export function checkQuota(quota: Quota | undefined, used: number, name: string): StatusError | undefined {
  if (quota === undefined || used < quota.secrets) return undefined;
  const counts = `requested: secrets=1, used: secrets=${used}, limited: secrets=${quota.secrets}`;
  return forbidden({ resource: 'secrets', name }, `exceeded quota: ${quota.name}, ${counts}`);
}

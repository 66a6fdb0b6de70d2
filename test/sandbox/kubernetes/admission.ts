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

/** The answer of a validating webhook that denies: 403 unless it names another code, and no causes. */
export function deniedByWebhook(webhook: string, text: string, code = 403): StatusError {
  const message = `admission webhook ${JSON.stringify(webhook)} denied the request: ${text}`;
  return new StatusError(code, code === 403 ? 'Forbidden' : '', message);
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

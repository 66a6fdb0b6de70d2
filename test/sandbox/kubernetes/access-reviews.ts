import { type Attributes, allowance, type User } from './authorization.ts';
import type { Answer } from './exchange.ts';

/** A SelfSubjectAccessReview as it comes in. */
interface Review {
  spec: { resourceAttributes?: Record<string, string> };
}

/** Who asks, for the record that the server makes of it. */
interface Asking {
  user: User;
  userAgent: string | undefined;
  /** As Kubernetes writes it. */
  time: string;
}

const apiVersion = 'authorization.k8s.io/v1';

/** Says whether who asks holds the right that a review names. */
export function reviewAccess(
  body: string,
  { user, userAgent = '', time }: Asking,
  manifest: readonly object[],
): Answer {
  const { spec } = JSON.parse(body) as Review;
  const asked = Object.entries(spec.resourceAttributes ?? {}).filter(([, value]) => value !== '');
  const none: Attributes = { verb: '', path: '', apiGroup: '', resource: '', namespace: '', name: '' };
  const resourceAttributes = Object.fromEntries(asked);
  const { group = '', ...rest } = resourceAttributes;
  const reason = allowance(user, { ...none, ...rest, apiGroup: group }, manifest);
  const fields = Object.fromEntries(asked.map(([name]) => [`f:${name}`, {}]));
  const managed = {
    manager: userAgent.split('/')[0] || 'unknown',
    operation: 'Update',
    apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': { 'f:resourceAttributes': { '.': {}, ...fields } } },
  };
  return {
    code: 201,
    body: {
      kind: 'SelfSubjectAccessReview',
      apiVersion,
      metadata: { managedFields: [managed] },
      spec: { resourceAttributes },
      status: { allowed: reason !== undefined, ...(reason && { reason }) },
    },
  };
}

/** Says whom the server takes who asks for. */
export function reviewUser(user: User, time: string): Answer {
  return {
    code: 201,
    body: {
      kind: 'SelfSubjectReview',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { creationTimestamp: time },
      status: { userInfo: user },
    },
  };
}

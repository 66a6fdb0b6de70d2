import { type AdmissionRequest, deniedByWebhook, failedWebhook } from '../sandbox/kubernetes/admission.ts';
import type { StatusCause, StatusError } from '../sandbox/kubernetes/status.ts';
import type { Webhook } from '../sandbox/kubernetes/webhooks.ts';
import type { Guard } from './schedule.ts';

/** The name of every webhook here, by which a report has to name it. */
export const WEBHOOK = 'guard.example.com';

/** The codes that a webhook denies with: each has a meaning of its own where the API server itself answers it. */
const DENIALS: Partial<Record<Guard, number>> = {
  webhook: 403,
  'denies-401': 401,
  'denies-404': 404,
  'denies-409': 409,
  'denies-422': 422,
  'denies-429': 429,
  'denies-500': 500,
};

const ANSWERS_AFTER_MS: Partial<Record<Guard, number>> = {
  'slow-3': 3_000,
  'slow-20': 20_000,
  // longer than any request is waited for
  hung: 600_000,
};

/** Whether it answers in the end, and allows. */
export function allows(guard: Guard | 'none'): boolean {
  return guard === 'none' || guard === 'slow-3' || guard === 'slow-20';
}

/** Whether it answers at once what another attempt would not change. */
export function isFinal(guard: Guard | 'none'): boolean {
  return !['slow-3', 'slow-20', 'hung', 'fails'].includes(guard);
}

/** Whether it denies what only the owner of the namespace can allow; the others are faults that pass, or none. */
export function isDenial(guard: Guard): boolean {
  return isFinal(guard) && guard !== 'unexplained';
}

/** Whether it denies by a webhook, which is final. */
export function deniesByWebhook(guard: Guard | 'none'): boolean {
  return guard !== 'none' && DENIALS[guard] !== undefined;
}

/** The webhook that a guard is; undefined for one that is none. */
export function webhookOf(guard: Guard): Webhook | undefined {
  const answersAfterMs = ANSWERS_AFTER_MS[guard];
  if (answersAfterMs !== undefined) return { name: WEBHOOK, answersAfterMs };
  if (guard === 'fails') return { name: WEBHOOK, verdict: unlessDeleted(() => failedWebhook(WEBHOOK)) };
  const code = DENIALS[guard];
  return code === undefined
    ? undefined
    : { name: WEBHOOK, verdict: unlessDeleted((request) => denial(request, code)) };
}

function unlessDeleted(verdict: NonNullable<Webhook['verdict']>): NonNullable<Webhook['verdict']> {
  return (request) => (request.operation === 'DELETE' ? undefined : verdict(request));
}

/** A careless webhook: tells all that it was shown, and looks like whatever the API server answers with that code. */
function denial({ object, namespace }: AdmissionRequest, code: number): StatusError {
  const config = Buffer.from(object?.data?.['.dockerconfigjson'] ?? '', 'base64').toString();
  const { auth = '' } = Object.values((JSON.parse(config) as Auths).auths)[0] ?? {};
  const piece = auth.slice(20, 60);
  const causes: StatusCause[] = [
    { reason: 'FieldManagerConflict', message: `conflict with "${piece}"`, field: `.data.${piece}` },
    { reason: 'NamespaceTerminating', message: piece, field: piece },
    { reason: 'FieldValueForbidden', message: piece, field: 'data' },
  ];
  return deniedByWebhook(WEBHOOK, JSON.stringify(object), code, {
    reason: REASONS[code] ?? '',
    details: {
      kind: 'namespaces',
      name: namespace,
      causes,
      ...(code === 429 && { retryAfterSeconds: 99_999_999 }),
    },
  });
}

interface Auths {
  readonly auths: Readonly<Record<string, { readonly auth: string }>>;
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
};

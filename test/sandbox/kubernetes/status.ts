/** One of the `details.causes` of a Status. */
export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

/** The `Status` object that a kube-apiserver answers an error with. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string };
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    causes?: StatusCause[];
    /** Also told by the header `Retry-After`. */
    retryAfterSeconds?: number;
  };
  code?: number;
}

/** An answer other than success, thrown from wherever it is found out. */
export class StatusError extends Error {
  readonly status: Status & { code: number };

  constructor(
    code: number,
    reason: string,
    message: string,
    rest: Pick<Status, 'details'> & Partial<Status> = {},
  ) {
    super(message);
    this.name = 'StatusError';
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: rest.metadata ?? {},
      status: 'Failure',
      message,
      ...(reason !== '' && { reason }),
      ...(rest.details && { details: rest.details }),
      code,
    };
  }
}

// The texts are those of k8s.io/apimachinery/pkg/api/errors and k8s.io/apiserver.

export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

export function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized');
}

/** What is refused to whom: a resource, of a group unless it is the core's, and the object's name if there is one. */
export interface Refused {
  resource: string;
  group?: string;
  name: string;
}

/** `resource.group "name" is forbidden: why` */
export function forbidden(
  { resource, group = '', name }: Refused,
  why: string,
  causes?: StatusCause[],
): StatusError {
  const kind = group === '' ? resource : `${resource}.${group}`;
  const what = name === '' ? kind : `${kind} "${name}"`;
  const details = {
    ...(name !== '' && { name }),
    ...(group !== '' && { group }),
    kind: resource,
    ...(causes && { causes }),
  };
  return new StatusError(403, 'Forbidden', `${what} is forbidden: ${why}`, { details });
}

export function notFound(resource: string, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${resource} "${name}" not found`, {
    details: { name, kind: resource },
  });
}

/** `what` is the resource, or the kind where the storage finds it out. */
export function conflict(what: 'secrets' | 'Secret', name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${what} "${name}": ${why}`;
  return new StatusError(409, 'Conflict', message, { details: { name, kind: what } });
}

/** What is wrong with the fields of one object. The message says the same thing once, the causes each time. */
export function invalid(kind: string, name: string, errors: FieldError[]): StatusError {
  const texts = [...new Set(errors.map(({ field, detail }) => `${field}: ${detail}`))];
  const all = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const causes = errors.map(({ reason, detail, field }) => ({ reason, message: detail, field }));
  return new StatusError(422, 'Invalid', `${kind} "${name}" is invalid: ${all}`, {
    details: { name, kind, causes },
  });
}

export type OptionsKind = 'PatchOptions' | 'DeleteOptions';

/** What is wrong with the options of a request. */
export function invalidOptions(kind: OptionsKind, { reason, field, detail }: FieldError): StatusError {
  const message = `${kind}.meta.k8s.io "" is invalid: ${field}: ${detail}`;
  return new StatusError(422, 'Invalid', message, {
    details: { group: 'meta.k8s.io', kind, causes: [{ reason, message: detail, field }] },
  });
}

/** One field and what is wrong with it. */
export interface FieldError {
  reason: `FieldValue${'Invalid' | 'Forbidden' | 'Required' | 'TooLong' | 'NotSupported'}`;
  field: string;
  detail: string;
}

export function notImplemented(method: string, path: string): StatusError {
  return new StatusError(501, 'NotImplemented', `This emulator does not serve ${method} ${path}`);
}

/** An answer of a kube-apiserver, as those of Kubernetes 1.30 to 1.36 write it. */
export interface Answered {
  readonly code: number;
  readonly body: string;
}

interface Cause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

function status(code: number, reason: string, message: string, details?: object): Answered {
  const body = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    details,
    code,
  };
  return { code, body: JSON.stringify(body) };
}

const SECRET = { name: 'ecr-docker-creds', kind: 'secrets' };
const user = 'arn:aws:sts::111122223333:assumed-role/ecr-registry-helper/session';

/** RBAC denies `verb` on our secret. */
export function rbac(verb: string): Answered {
  const message = `secrets "ecr-docker-creds" is forbidden: User "${user}" cannot ${verb} resource "secrets" in API group "" in the namespace "team-a"`;
  return status(403, 'Forbidden', message, SECRET);
}

export const rbacList = status(
  403,
  'Forbidden',
  `namespaces is forbidden: User "${user}" cannot list resource "namespaces" in API group "" at the cluster scope`,
  { kind: 'namespaces' },
);

const ACCOUNT = { name: 'default', kind: 'serviceaccounts' };

/** RBAC denies a patch of a service account. */
export const rbacAccount = status(
  403,
  'Forbidden',
  `serviceaccounts "default" is forbidden: User "${user}" cannot patch resource "serviceaccounts" in API group "" in the namespace "team-a"`,
  ACCOUNT,
);

/** A ValidatingAdmissionPolicy denies a change of a service account. */
export const accountPolicy = status(
  422,
  'Invalid',
  `serviceaccounts "default" is forbidden: ValidatingAdmissionPolicy 'frozen' with binding 'frozen-b' denied request: no`,
  { ...ACCOUNT, causes: [{ message: "ValidatingAdmissionPolicy 'frozen' with binding …" }] },
);

/** A test of a JSON Patch failed, or it has no place for an operation. */
export const patchNotHeld = status(
  422,
  'Invalid',
  'the server rejected our request due to an error in our request',
  {},
);

export const noNamespace = status(404, 'NotFound', 'namespaces "team-a" not found', {
  name: 'team-a',
  kind: 'namespaces',
});

export const terminating = status(
  403,
  'Forbidden',
  'secrets "ecr-docker-creds" is forbidden: unable to create new content in namespace team-a because it is being terminated',
  {
    ...SECRET,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: 'namespace team-a is being terminated',
        field: 'metadata.namespace',
      },
    ],
  },
);

export const quota = status(
  403,
  'Forbidden',
  'secrets "ecr-docker-creds" is forbidden: exceeded quota: few-secrets, requested: count/secrets=1,secrets=1, used: count/secrets=5,secrets=5, limited: count/secrets=5,secrets=5',
  SECRET,
);

/** A webhook denies, which may pick the code, and may add a text of its own. */
export function webhook(code: number, text?: string): Answered {
  const why = text === undefined ? ' without explanation' : `: ${text}`;
  const message = `admission webhook "validate.kyverno.svc-fail" denied the request${why}`;
  return status(code, code === 403 ? 'Forbidden' : '', message);
}

/** A ValidatingAdmissionPolicy denies with the text of its message. */
export function policy(text: string, name = 'no-new-secrets'): Answered {
  const message = `ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request: ${text}`;
  return status(422, 'Invalid', `secrets "ecr-docker-creds" is forbidden: ${message}`, {
    ...SECRET,
    causes: [{ message }],
  });
}

/** The quota controller has not counted yet. */
export const unknownQuota = forbidden('status unknown for quota: few-secrets, resources: count/secrets');

/** A 403 of whatever is not admission. */
export function forbidden(why: string): Answered {
  return status(403, 'Forbidden', `secrets "ecr-docker-creds" is forbidden: ${why}`, SECRET);
}

/** A webhook denies with a code, a reason, details and causes that say something else. */
export function deceivingWebhook(code: number): Answered {
  const causes = [
    { reason: 'FieldManagerConflict', message: 'conflict with "kubectl-create" using v1', field: '.type' },
    { reason: 'NamespaceTerminating', message: 'x', field: 'metadata.namespace' },
    { reason: 'FieldValueInvalid', message: 'x', field: 'type' },
  ];
  const message = 'admission webhook "validate.kyverno.svc-fail" denied the request: no';
  return status(code, 'NotFound', message, { name: 'team-a', kind: 'namespaces', causes });
}

export const failedWebhook = status(
  500,
  'InternalError',
  'Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno.svc:443/validate": dial tcp: connection refused',
);

export const tooLargeForEtcd = status(500, 'InternalError', 'etcdserver: request is too large');

export const tooLargeForGrpc = status(
  500,
  'InternalError',
  'rpc error: code = ResourceExhausted desc = trying to send message larger than max (2097300 vs. 2097152)',
);

export const unauthorized = status(401, 'Unauthorized', 'Unauthorized');

/** Fields that these managers own: an update names its version and time, an apply only the manager. */
export function conflict(...managers: string[]): Answered {
  const causes = managers.map((manager) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with "${manager}" using v1 at 2026-11-23T08:00:00Z`,
    field: '.data..dockerconfigjson',
  }));
  const plural = causes.length > 1 ? 's' : '';
  const message = `Apply failed with ${causes.length} conflict${plural}: ${causes[0]?.message}: .data..dockerconfigjson`;
  return status(409, 'Conflict', message, { causes });
}

/** One conflict with the cause's message as given. */
export function conflictSaying(message: string): Answered {
  return status(409, 'Conflict', `Apply failed with 1 conflict: ${message}`, {
    causes: [{ reason: 'FieldManagerConflict', message, field: '.type' }],
  });
}

/** Another writer was faster. */
export const raced = status(
  409,
  'Conflict',
  'Operation cannot be fulfilled on secrets "ecr-docker-creds": the object has been modified; please apply your changes to the latest version and try again',
  SECRET,
);

/** Validation refuses the object for one cause. */
export function invalid(cause: Required<Cause>): Answered {
  const message = `Secret "ecr-docker-creds" is invalid: ${cause.field}: ${cause.message}`;
  return status(422, 'Invalid', message, { name: 'ecr-docker-creds', kind: 'Secret', causes: [cause] });
}

export const otherType = invalid({
  reason: 'FieldValueInvalid',
  message: 'Invalid value: "kubernetes.io/dockerconfigjson": field is immutable',
  field: 'type',
});

export const immutable = invalid({
  reason: 'FieldValueForbidden',
  message: 'Forbidden: field is immutable when `immutable` is set',
  field: 'data',
});

export const tooLong = invalid({
  reason: 'FieldValueTooLong',
  message: 'Too long: may not be more than 1048576 bytes',
  field: 'data',
});

export const tooLongAnnotations = invalid({
  reason: 'FieldValueTooLong',
  message: 'Too long: may not be more than 262144 bytes',
  field: 'metadata.annotations',
});

export const brokenDockerConfig = invalid({
  reason: 'FieldValueInvalid',
  message: 'Invalid value: "<secret contents redacted>": unexpected end of JSON input',
  field: 'data[.dockerconfigjson]',
});

export const expiredPage = status(
  410,
  'Expired',
  'The provided continue parameter is too old to display a consistent list result.',
);

export const throttled = status(
  429,
  'TooManyRequests',
  'The apiserver is currently unable to handle the request',
);

/** A failure of the server itself. */
export function serverFailure(code: 500 | 502 | 503 | 504): Answered {
  if (code === 502) return { code, body: '<html><body>502 Bad Gateway</body></html>' };
  const reason = { 500: 'InternalError', 503: 'ServiceUnavailable', 504: 'Timeout' }[code];
  return status(code, reason, 'etcdserver: request timed out');
}

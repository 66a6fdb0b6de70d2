import type { IncomingHttpHeaders } from 'node:http';
import { HelperError, parseJson, toHelperError } from '../errors.ts';
import type { Verdict } from '../refresh/report.ts';
import { SHOW_WEBHOOKS } from './exchange.ts';
import {
  accountPolicyName,
  argocdPolicyName,
  NEWER_IS_THERE,
  NO_FINALIZERS,
  NO_OWNERS,
  NOT_AS_DECLARED,
} from './pull-secret.ts';

/** A denial by something of the namespace's owner or the cluster's. */
export interface Denial {
  readonly what: 'quota' | 'webhook' | 'policy';
  readonly name: string;
  /** Whether it is an admission policy of this deployment. */
  readonly isOurs: boolean;
}

/** The deployment whose request the API server answered. */
export interface Deployment {
  /** Also the name of its admission policy. */
  readonly name: string;
  /** The command that applies its permissions in this cluster. */
  readonly applyRbac: string;
}

/**
 * What is kept of an answer of the API server that is not a success: its code, the reasons, kinds and fields
 * that are known here, and names that a strict pattern recognizes in a text. The text itself may echo the
 * object that was sent, token and all, and is dropped.
 *
 * A webhook chooses code, reason, details and causes of its denial, but not how the API server begins its message: that
 * decides first, and of a denial only who denied is kept.
 */
export class ApiError extends Error {
  readonly code: number;
  /** As in `Status.reason`: Forbidden, Conflict, Invalid … */
  readonly reason: string;
  /** What the Status is about, as `secrets`; empty also for a type of objects that the server lacks. */
  readonly kind: string;
  readonly causes: readonly Readonly<Record<'reason' | 'field', string>>[];
  /** Field managers that own what we wanted to write; undefined for a name that could not be read. */
  readonly managers: readonly (string | undefined)[];
  /** The verb that RBAC denied. */
  readonly deniedVerb: string | undefined;
  readonly deniedBy: Denial | undefined;
  /** The webhook that the API server could not call. */
  readonly failedWebhook: string | undefined;
  /** Our own admission policy kept a token that expires later. */
  readonly newerIsThere: boolean;
  /** What our own admission policy does not write over. */
  readonly keptBy: 'finalizers' | 'owner references' | undefined;
  /** Of our own policy, in some of its denials: the version of the rights that it came with. */
  readonly rightsVersion: string | undefined;
  /** The object would be larger than the API server or etcd stores, or than our policy can check. */
  readonly isTooLarge: boolean;
  readonly retryAfter: string | undefined;
  /** When it was given, by the clock of the server: an HTTP date. */
  readonly date: string | undefined;
  /** Whether its text was JSON to its end. */
  readonly isWhole: boolean;
  /** What our own policy says is written that it does not allow: data, labels or annotations. */
  readonly foreignKeys: string | undefined;
  /** What our own policy says of an Argo CD repository secret: one of {@link NOT_AS_DECLARED}. */
  readonly notAsDeclared: string | undefined;
  /** As {@link Deployment.applyRbac}. */
  readonly applyRbac: string;
  readonly #isStarting: boolean;

  constructor(
    code: number,
    body: string,
    deployment: Deployment,
    { date, 'retry-after': retryAfter }: IncomingHttpHeaders = {},
  ) {
    super(`the API server answered ${code}`);
    this.name = 'ApiError';
    this.code = code;
    this.date = date;
    const json = parseJson(body);
    this.isWhole = isObject(json);
    const parsed = isObject(json) ? json : {};
    const message = textOf(parsed.message);
    this.applyRbac = deployment.applyRbac;
    this.deniedBy = denial(message, deployment.name);
    const isOurs = this.deniedBy?.isOurs === true;
    const rights = isOurs ? RIGHTS.exec(message) : null;
    const said = (own: string) => isOurs && message.slice(0, rights?.index).endsWith(`: ${own}`);
    this.newerIsThere = said(NEWER_IS_THERE);
    this.rightsVersion = rights?.[1];
    this.keptBy = said(NO_FINALIZERS) ? 'finalizers' : said(NO_OWNERS) ? 'owner references' : undefined;
    this.foreignKeys = isOurs ? FOREIGN_KEYS.exec(message)?.[1] : undefined;
    this.notAsDeclared = Object.values(NOT_AS_DECLARED).find(said);
    // all else of a denial is whatever the one who denied chose
    const status: Fields = parsed.kind === 'Status' && !this.deniedBy ? parsed : {};
    const details = isObject(status.details) ? status.details : {};
    const causes = Array.isArray(details.causes) ? details.causes.filter(isObject) : [];
    this.retryAfter = this.deniedBy ? undefined : retryAfter;
    this.reason = known(REASON, status.reason) || 'without a known reason';
    this.kind = known(KIND, details.kind);
    this.causes = causes.map((cause) => ({
      reason: known(CAUSE, cause.reason),
      field: known(FIELD, cause.field),
    }));
    this.managers =
      code === 409 && CONFLICTS.test(message)
        ? causes.filter(({ reason }) => reason === 'FieldManagerConflict').map(managerOf)
        : [];
    this.deniedVerb = this.deniedBy ? undefined : RBAC.exec(message)?.[1];
    this.#isStarting = NOT_READY.test(message);
    this.failedWebhook = FAILED_WEBHOOK.exec(message)?.[1];
    this.isTooLarge = this.deniedBy
      ? this.deniedBy.isOurs && message.endsWith(COST_LIMIT)
      : code === 413 || TOO_LARGE.test(message) || this.hasCause('FieldValueTooLong');
  }

  hasCause(reason: string): boolean {
    return this.causes.some((cause) => cause.reason === reason);
  }

  /** Whether the same request may be answered otherwise in a while; so may a write that raced with another. */
  get isTransient(): boolean {
    if (this.deniedBy || this.isTooLarge) return false;
    const hasRaced = this.code === 409 && this.managers.length === 0;
    return this.#isStarting || TRANSIENT_CODES.includes(this.code) || hasRaced;
  }
}

/** The codes that say that the same request may be answered otherwise in a while. */
export const TRANSIENT_CODES: readonly number[] = [429, 500, 502, 503, 504];

// k8s.io/apimachinery/pkg/apis/meta/v1/types.go, StatusReason and CauseType
const REASON =
  /^(Unauthorized|Forbidden|NotFound|AlreadyExists|Conflict|Gone|Expired|Invalid|ServerTimeout|Timeout|TooManyRequests|BadRequest|MethodNotAllowed|NotAcceptable|RequestEntityTooLarge|UnsupportedMediaType|InternalError|ServiceUnavailable)$/;
const CAUSE = /^(FieldManagerConflict|NamespaceTerminating|FieldValue(Invalid|Forbidden|Required|TooLong))$/;
const KIND = /^(secrets|namespaces|serviceaccounts|mutatingadmissionpolic(ies|ybindings))$/;
const FIELD =
  /^(type|data(\[\.dockerconfigjson\])?|immutable|metadata(\.(name|namespace|labels|annotations|finalizers|ownerReferences))?)$/;
// The forms of Kubernetes 1.30 to 1.36
const NAME = '[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?';
const CONFLICTS = /^Apply failed with \d+ conflicts?: /;
// k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go prints the name as Go quotes a string
const CONFLICT = /^conflict with ("(?:[^"\\]|\\.){1,512}")(?= |$)/;
/** The API server stores no longer name. */
const LONGEST_MANAGER = 128;
const RBAC =
  /^(?:secrets|namespaces|serviceaccounts|mutatingadmissionpolic(?:ies|ybindings)\.admissionregistration\.k8s\.io) (?:"[\w.-]{1,253}" )?is forbidden: User "[^"]{1,512}" cannot (list|get|create|patch|delete) resource "/;
const FORBIDDEN = `(?:secrets|serviceaccounts) "${NAME}" is forbidden: `;
const DENIALS: readonly [Denial['what'], RegExp][] = [
  // k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go
  [
    'quota',
    new RegExp(
      `^${FORBIDDEN}(?:exceeded quota: (${NAME}), requested: |failed quota: (${NAME}): |status unknown for quota: (${NAME}), resources: )`,
    ),
  ],
  ['webhook', new RegExp(`^admission webhook "(${NAME})" denied the request`)],
  [
    'policy',
    new RegExp(
      `^(?:${FORBIDDEN}ValidatingAdmissionPolicy|policy) ['"](${NAME})['"](?: with binding '${NAME}')? denied request: `,
    ),
  ],
];
const FAILED_WEBHOOK = new RegExp(`^Internal error occurred: failed calling webhook "(${NAME})"[:;] `);
/** An admission plugin of an API server that starts. */
const NOT_READY = new RegExp(`^${FORBIDDEN}not yet ready to handle request$`);
// etcd's limit of a request, and that of the gRPC client before it
const TOO_LARGE =
  /^(?:etcdserver: request is too large|rpc error: code = ResourceExhausted desc = trying to send message larger than max)/;

/** How some denials of our policies end (rbac.ts); an older policy names no version. */
const RIGHTS = / \(rights ([a-z0-9]{1,16})\)$/;
const FOREIGN_KEYS = /: of (data|labels|annotations) only [^:]+ (?:is|are) added or changed$/;
/** How the API server ends its message where an expression of our policy met more keys than it may look at. */
const COST_LIMIT = 'resulted in error: operation cancelled: actual cost limit exceeded';

function denial(message: string, deployment: string): Denial | undefined {
  const ours = [deployment, accountPolicyName(deployment), argocdPolicyName(deployment)];
  for (const [what, pattern] of DENIALS) {
    const name = pattern
      .exec(message)
      ?.slice(1)
      .find((found) => found);
    if (!name) continue;
    const isOurs = what === 'policy' && ours.includes(name);
    return { what, name, isOurs };
  }
  return undefined;
}

/** The field manager that the cause of a conflict names; undefined where it cannot be read. */
function managerOf({ message }: Fields): string | undefined {
  const name = parseJson(CONFLICT.exec(textOf(message))?.[1] ?? '');
  return typeof name === 'string' && name.length <= LONGEST_MANAGER ? name : undefined;
}

function textOf(said: unknown): string {
  return typeof said === 'string' ? said : '';
}

function known(pattern: RegExp, said: unknown): string {
  return typeof said === 'string' && pattern.test(said) ? said : '';
}

type Fields = { readonly [field: string]: unknown };

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

const DELETE_IT = 'Delete it, or set recreate for this entry.';

/** The verdict on a secret that has to be re-created. */
export const OF_ANOTHER_TYPE = blocked('a secret of another type has its name', DELETE_IT);

/** The verdict on what the owner of its namespace has to fix. */
export function blocked(reason: string, remedy: string): Verdict {
  return { outcome: 'blocked', reason, remedy };
}

/** Names that are printed at most: anybody may add field managers and choose their names. */
const MOST_NAMES = 3;
const LONGEST_NAME = 64;

/** The verdict on a secret whose field managers `adoptFrom` does not name. */
export function managedBy(managers: readonly (string | undefined)[]): Verdict {
  const names = managers.filter((manager) => manager !== undefined);
  const shown = names.slice(0, MOST_NAMES).map(printName);
  const more = managers.length - shown.length;
  const rest = more > 0 ? [`${more} ${shown.length > 0 ? 'more' : 'unknown'}`] : [];
  const named = [...shown, ...rest].join(', ');
  const isWhole = more === 0 && names.every((name, at) => JSON.stringify(name) === shown[at]);
  const adopted = isWhole ? named : '"*"';
  return blocked(`it is managed by ${named}`, `Ask its owner to delete it, or add ${adopted} to adoptFrom.`);
}

function printName(name: string): string {
  const printable = name.replace(/\p{C}/gu, '');
  return JSON.stringify(printable.length > LONGEST_NAME ? `${printable.slice(0, LONGEST_NAME)}…` : printable);
}

/** Whether only another object can hold what was rejected: its type is another, or its data is immutable. */
export function mustBeRecreated(error: ApiError): boolean {
  if (error.code !== 422 || error.deniedBy) return false;
  return error.causes.some(
    ({ field, reason }) => field === 'type' || (field === 'data' && reason === 'FieldValueForbidden'),
  );
}

/**
 * What an error of a write means. `blocked` is for the namespace's owner to fix, `failed` for the operator of this
 * function.
 * @param object the object as a person would name it
 */
export function judgeFailure(fault: unknown, object: string): Verdict {
  const judged = fault instanceof ApiError ? judgeApiError(fault, object) : toHelperError(fault);
  if (!(judged instanceof HelperError)) return judged;
  const { code, problem: reason, fix: remedy } = judged;
  // whoever changes an object all the time is in its namespace
  return { outcome: code === 'ObjectBusyError' ? 'blocked' : 'failed', code, reason, remedy };
}

function judgeApiError(error: ApiError, object: string): Verdict | HelperError {
  const { code, deniedBy, deniedVerb } = error;
  if (error.newerIsThere) return { outcome: 'unchanged' };
  if (error.keptBy) {
    return blocked(
      `it has ${error.keptBy}`,
      `Remove its ${error.keptBy}, or delete it: this function does not overwrite them.`,
    );
  }
  if (error.isTooLarge) {
    return blocked(
      `with our fields it would be too large (${code})`,
      'Ask its owner to delete it, or to remove other data from it.',
    );
  }
  if (deniedBy && error.foreignKeys) {
    return new HelperError(
      'MutatedWriteError',
      `the admission policy ${deniedBy.name} of this deployment denied it: something added or changed ${error.foreignKeys} that the function does not write`,
      `Exclude this secret from the policy or webhook that mutates it; if there is none, the policy is older than the settings. ${applyFix(error.applyRbac)}`,
    );
  }
  if (deniedBy?.isOurs) return outdatedPolicyError(deniedBy.name, error.applyRbac);
  if (deniedBy) {
    return blocked(
      `it was denied by the ${WHAT[deniedBy.what]} ${deniedBy.name}`,
      `Ask the owner of the namespace, or of ${deniedBy.name}, to allow it.`,
    );
  }
  if (code === 404 && error.kind === 'namespaces') return { outcome: 'skipped' };
  if (code === 403 && error.hasCause('NamespaceTerminating')) return { outcome: 'skipped' };
  // Kubernetes 1.30 and 1.31 do not say which verb RBAC denied to an apply that would create
  if (deniedVerb || (code === 403 && error.reason === 'Forbidden' && !error.isTransient))
    return forbiddenError(deniedVerb ?? 'write', object, error.applyRbac);
  if (mustBeRecreated(error)) {
    const isType = error.causes.some(({ field }) => field === 'type');
    return isType ? OF_ANOTHER_TYPE : blocked('it is marked immutable', DELETE_IT);
  }
  if (code === 409 && error.reason === 'Conflict' && !error.failedWebhook) return objectBusyError();
  return serverError(error);
}

const WHAT = { quota: 'quota', webhook: 'admission webhook', policy: 'admission policy' } as const;

/** The fix of permissions that are missing, or older than the settings. @param command that applies them */
export function applyFix(command: string): string {
  return `Apply the permissions of the settings: ${command}`;
}

/** The error of a request that RBAC denied. @param applyRbac as in {@link Deployment} */
export function forbiddenError(verb: string, object: string, applyRbac: string): HelperError {
  const problem = `no permission to ${verb} ${object} (403 Forbidden)`;
  return new HelperError('ForbiddenError', problem, applyFix(applyRbac));
}

/** The error of an admission policy of ours that is not that of the settings. @param applyRbac as in {@link Deployment} */
export function outdatedPolicyError(policy: string, applyRbac: string): HelperError {
  const problem = `the admission policy ${policy} is older than the settings`;
  return new HelperError('PolicyOutdatedError', problem, applyFix(applyRbac));
}

/** The error of a change that others were always faster to make. */
export function objectBusyError(): HelperError {
  return new HelperError(
    'ObjectBusyError',
    'something kept changing it',
    'Find out what changes it; the next run retries.',
  );
}

/** The error of an answer that nobody but the operator of the cluster can change. */
function serverError({ code, reason, failedWebhook, isTransient, causes }: ApiError): HelperError {
  if (failedWebhook) {
    return new HelperError(
      'WebhookFailedError',
      `the API server could not call the admission webhook ${failedWebhook} (500)`,
      `Repair the webhook; the next run retries. ${SHOW_WEBHOOKS}`,
    );
  }
  if (isTransient) {
    return new HelperError(
      'ServerBusyError',
      `the API server answered ${code} until the end of the run`,
      code === 429
        ? 'Lower concurrency, or give the function more seats in API priority and fairness.'
        : 'Check the health of the control plane; the next run retries transient errors.',
    );
  }
  const fields = [...new Set(causes.map(({ field }) => field).filter((field) => field !== ''))];
  const at = fields.length > 0 ? ` at ${fields.slice(0, 3).join(', ')}${fields.length > 3 ? ', …' : ''}` : '';
  return new HelperError(
    'UnexpectedAnswerError',
    `the API server answered ${code} ${reason}${at}`,
    "Search the API server's audit log for this request.",
  );
}

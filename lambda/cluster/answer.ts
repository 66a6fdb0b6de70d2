import { NEWER_IS_THERE, NO_FINALIZERS, NO_OWNERS } from './rights.ts';

/** A denial by something of the namespace's owner or the cluster's. */
export interface Denial {
  readonly what: 'quota' | 'webhook' | 'policy';
  readonly name: string;
}

interface Cause {
  readonly reason: string;
  readonly field: string;
}

/**
 * What is kept of an answer of the API server that is not a success: its code, the reasons, kinds and fields
 * that are known here, and names that a strict pattern recognises in a text. The text itself may echo the
 * object that was sent, token and all, and is dropped.
 */
export class ApiAnswer extends Error {
  readonly code: number;
  /** As in `Status.reason`: Forbidden, Conflict, Invalid … */
  readonly reason: string;
  /** What the Status is about: `secrets`, `namespaces` or `serviceaccounts`. */
  readonly kind: string;
  readonly causes: readonly Cause[];
  /** Field managers that own what we wanted to write. */
  readonly managers: readonly string[];
  /** The verb that RBAC denied. */
  readonly deniedVerb: string | undefined;
  readonly deniedBy: Denial | undefined;
  /** Our own admission policy kept a token that expires later. */
  readonly newerIsThere: boolean;
  /** Why it did not let us write over what is there, in a message of its own. */
  readonly keptBy: 'finalizers' | 'owner references' | undefined;
  readonly retryAfter: string | undefined;
  /** Whether its text was JSON to its end. */
  readonly isWhole: boolean;

  constructor(code: number, body: string, retryAfter?: string) {
    super(`the API server answered ${code}`);
    this.name = 'ApiAnswer';
    this.code = code;
    this.retryAfter = retryAfter;
    const parsed = parse(body);
    const status = parsed ?? {};
    this.isWhole = parsed !== undefined;
    const causes = Array.isArray(status.details?.causes) ? status.details.causes.filter(isObject) : [];
    this.reason = known(REASON, status.reason) || 'without a known reason';
    this.kind = known(KIND, status.details?.kind);
    this.causes = causes.map((cause) => ({
      reason: known(CAUSE, cause.reason),
      field: known(FIELD, cause.field),
    }));
    this.managers = causes
      .filter((cause) => cause.reason === 'FieldManagerConflict')
      .map((cause) => CONFLICT.exec(textOf(cause.message))?.[1] ?? 'unknown');
    const message = textOf(status.message);
    this.deniedVerb = RBAC.exec(message)?.[1];
    this.deniedBy = denial(message);
    const said = (own: string) => this.deniedBy?.what === 'policy' && message.endsWith(`: ${own}`);
    this.newerIsThere = said(NEWER_IS_THERE);
    this.keptBy = said(NO_FINALIZERS) ? 'finalizers' : said(NO_OWNERS) ? 'owner references' : undefined;
  }

  hasCause(reason: string): boolean {
    return this.causes.some((cause) => cause.reason === reason);
  }
}

// k8s.io/apimachinery/pkg/apis/meta/v1/types.go, StatusReason and CauseType
const REASON =
  /^(Unauthorized|Forbidden|NotFound|AlreadyExists|Conflict|Gone|Expired|Invalid|ServerTimeout|Timeout|TooManyRequests|BadRequest|MethodNotAllowed|NotAcceptable|RequestEntityTooLarge|UnsupportedMediaType|InternalError|ServiceUnavailable)$/;
const CAUSE = /^(FieldManagerConflict|NamespaceTerminating|FieldValue(Invalid|Forbidden|Required|TooLong))$/;
const KIND = /^(secrets|namespaces|serviceaccounts)$/;
const FIELD =
  /^(type|data(\[\.dockerconfigjson\])?|immutable|metadata(\.(name|namespace|labels|annotations|finalizers|ownerReferences))?)$/;
// The forms of Kubernetes 1.30 to 1.36
const NAME = '[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?';
const MANAGER = '[\\w .:/@-]{1,128}';
const CONFLICT = new RegExp(
  `^conflict with "(${MANAGER})"(?: with subresource "[\\w/-]{1,64}")?(?: using [\\w./-]{1,64}(?: at [\\dTZ:-]{1,32})?)?$`,
);
const RBAC =
  /^(?:secrets|namespaces|serviceaccounts) (?:"[\w.-]{1,253}" )?is forbidden: User "[^"]{1,512}" cannot (list|get|create|patch|delete) resource "/;
const FORBIDDEN = `(?:secrets|serviceaccounts) "${NAME}" is forbidden: `;
const DENIALS: readonly [Denial['what'], RegExp][] = [
  ['quota', new RegExp(`^${FORBIDDEN}exceeded quota: (${NAME}), requested: [\\w=,:./ -]{1,512}$`)],
  ['webhook', new RegExp(`^admission webhook "(${NAME})" denied the request`)],
  [
    'policy',
    new RegExp(`^${FORBIDDEN}ValidatingAdmissionPolicy '(${NAME})' with binding '${NAME}' denied request: `),
  ],
];

/** The name of a field manager if it is one that may be told, as anybody may call themselves anything. */
export function managerName(said: unknown): string {
  return known(new RegExp(`^${MANAGER}$`), said) || 'unknown';
}

function denial(message: string): Denial | undefined {
  for (const [what, pattern] of DENIALS) {
    const name = pattern.exec(message)?.[1];
    if (name) return { what, name };
  }
  return undefined;
}

function textOf(said: unknown): string {
  return typeof said === 'string' ? said : '';
}

function known(pattern: RegExp, said: unknown): string {
  return typeof said === 'string' && pattern.test(said) ? said : '';
}

interface Status {
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: { readonly kind?: unknown; readonly causes?: unknown } | null;
}

function parse(body: string): Status | undefined {
  try {
    const status: unknown = JSON.parse(body);
    return isObject(status) ? status : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === 'object' && value !== null;
}

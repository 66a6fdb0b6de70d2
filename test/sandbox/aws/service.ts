import type { Principal, SignedRequest } from '../signatures.ts';

/** How a service puts its answers and errors: AWS JSON 1.1, REST with JSON, or the query protocol with XML. */
export type Protocol = 'json' | 'rest' | 'query';

/** One operation as a client asked for it, before anybody knows whether it may. */
export interface Operation {
  /** As the API names it: `GetAuthorizationToken`. */
  name: string;
  input: Record<string, unknown>;
  /** The one thing the call is about: a cluster's name, a secret's id, a role's ARN. */
  detail?: string;
}

/** Who calls, for which region (both from the signature), and when. */
export interface Caller {
  principal: Principal;
  region: string;
  now: Date;
}

/** A successful answer with headers of its own. */
export interface Reply {
  body: string;
  headers: Record<string, string>;
}

/** One AWS service: reads its own requests and answers them, or throws a {@link ServiceError}. */
export interface Service {
  /** Path prefix on the emulator, and the service's name in IAM actions. */
  name: string;
  /** The service in a signature's credential scope. */
  signingName: string;
  protocol: Protocol;
  read(request: SignedRequest): Operation | undefined;
  /** The body of a successful answer, as the protocol wants it. */
  answer(operation: Operation, caller: Caller): string | Promise<Reply>;
}

/** An error that a service answers with: its code, HTTP status, and message. */
export class ServiceError extends Error {
  readonly code: string;
  readonly status: number;
  readonly fields: Record<string, unknown>;

  constructor(code: string, status: number, message: string, fields: Record<string, unknown> = {}) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
    this.fields = fields;
  }
}

/** The operation and JSON input of an AWS JSON 1.1 request (`X-Amz-Target: ANY.OPERATION`). */
export function readJsonOperation(request: SignedRequest, detailKey?: string): Operation | undefined {
  const name = request.headers['x-amz-target']?.split('.').at(-1);
  if (name === undefined || request.method !== 'POST') return undefined;
  const input = JSON.parse(request.body.toString() || '{}') as Record<string, unknown>;
  const detail = detailKey === undefined ? undefined : input[detailKey];
  return { name, input, ...(typeof detail === 'string' && { detail }) };
}

export function xmlText(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

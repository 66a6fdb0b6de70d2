/** A request as a fault is chosen by. */
export interface FaultyRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  /** How many requests of this method and path there have been, this one included. */
  attempt: number;
}

/**
 * What goes wrong with a request.
 * - `status`: answered so instead; a Status object of that code unless there is a `body`.
 * - `html`: an error page, as a proxy in between would send.
 * - `reset`: the connection is cut: `before` anything was done, `after` it was done but not answered, or in the
 *   middle of the answer's `body`.
 * - `stall`: nothing is done until the promise settles, and nothing at all if the caller has gone by then.
 * - `truncated`: done, and answered with half of the JSON in a well-formed HTTP message.
 * - `padded`: done, and answered with the JSON and so many blanks that it has this `length`.
 * - `oversized`: a page of a list that may have more items than `limit` is longer than a client reads.
 */
export type Fault =
  | { kind: 'status'; status: number; headers?: Record<string, string>; body?: string | object }
  | { kind: 'html'; status: number }
  | { kind: 'reset'; when: 'before' | 'after' | 'body' }
  | { kind: 'stall'; until: Promise<unknown> }
  | { kind: 'truncated' }
  | { kind: 'padded'; length: number }
  | { kind: 'oversized'; limit: number };

export type FaultRule = (request: FaultyRequest) => Fault | undefined;

/** The fault rules that are set, asked in their order, and the count of attempts. */
export class Faults {
  readonly #rules = new Set<FaultRule>();
  readonly #attempts = new Map<string, number>();

  /** Sets a rule; the returned function takes it away. */
  add(rule: FaultRule): () => void {
    this.#rules.add(rule);
    return () => {
      this.#rules.delete(rule);
    };
  }

  /** Counts the request and says what goes wrong with it. */
  of(request: Omit<FaultyRequest, 'attempt'>): Fault | undefined {
    const key = `${request.method} ${request.path}`;
    const attempt = (this.#attempts.get(key) ?? 0) + 1;
    this.#attempts.set(key, attempt);
    for (const rule of this.#rules) {
      const fault = rule({ ...request, attempt });
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
}

const reasons: Record<number, string> = {
  429: 'TooManyRequests',
  500: 'InternalError',
  502: '',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** The headers and body of a `status` or `html` fault. */
export function toAnswer(fault: Extract<Fault, { kind: 'status' | 'html' }>): {
  headers: Record<string, string>;
  body: string;
} {
  if (fault.kind === 'html') {
    const body = `<html><head><title>${fault.status}</title></head><body><h1>${fault.status}</h1></body></html>`;
    return { headers: { 'content-type': 'text/html' }, body };
  }
  const { status: code, headers = {}, body } = fault;
  if (typeof body === 'string') return { headers: { 'content-type': 'text/plain', ...headers }, body };
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'injected by a test',
    reason: reasons[code] ?? '',
    code,
  };
  const text = JSON.stringify(body ?? status);
  return { headers: { 'content-type': 'application/json', ...headers }, body: text };
}

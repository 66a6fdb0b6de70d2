import { Agent, errors } from 'undici';
import type { Clock, Deadline } from '../clock.ts';
import { codeOf, DeadlineError } from '../errors.ts';
import type { Redacted } from '../redacted.ts';
import { ApiAnswer } from './answer.ts';
import { isPassing, retryDelay } from './backoff.ts';
import { AnswerTooLongError, UnreachableError } from './errors.ts';
import { exchange } from './exchange.ts';
import { type ApiEndpoint, type TokenSource, tlsOf } from './way-in.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 15_000;

export interface TransportOptions {
  readonly endpoint: ApiEndpoint;
  readonly tokens: TokenSource;
  /** Connections, and so TLS sessions, at most. */
  readonly connections: number;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly deadline: Deadline;
  /** The error of a request that is answered with 401, also when it is signed anew where it can be. */
  readonly unauthorized: () => Error;
}

/** A request to the API server that may be sent twice; the transport adds who asks. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With its query, as `/api/v1/namespaces?limit=500`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/** A success of the API server, whose text was whole. */
export interface ApiSuccess {
  readonly code: number;
  /** When it answered, by its own clock: an HTTP date. */
  readonly date: string | undefined;
  readonly text: string;
  readonly json: unknown;
}

/** Carries requests to the API server of one cluster over connections that they share, without redirects or a proxy. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #agent: Agent;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connections: options.connections,
      pipelining: 1,
      // one request on a connection: a reset costs one, and undici is faster so
      allowH2: false,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
      connect: { ...tlsOf(options.endpoint), rejectUnauthorized: true, timeout: CONNECT_TIMEOUT_MS },
    });
    options.deadline.signal.addEventListener('abort', () => void this.close(), { once: true });
  }

  /** Ends all connections; requests under way fail. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /**
   * Signs a request, sends it, and again where what kept it may pass.
   * @throws ApiAnswer, AnswerTooLongError, UnreachableError, DeadlineError, BearerTokenTooLongError, AssumeRoleError, and
   * `unauthorized`
   */
  async send(request: ApiRequest): Promise<ApiSuccess> {
    const { clock, deadline, tokens } = this.#options;
    let firstAt = clock.now();
    let signedAnew = false;
    for (let attempt = 1; ; attempt += 1) {
      if (deadline.signal.aborted) throw new DeadlineError();
      const token = await tokens.current();
      const answer = await this.#try(request, token);
      if (!(answer instanceof Error)) return answer;
      if (deadline.signal.aborted) throw new DeadlineError();
      if (answer instanceof UnreachableError && answer.untrusted) throw answer;
      const said = answer instanceof ApiAnswer ? answer : undefined;
      if (said?.code === 401) {
        if (signedAnew || !token || !tokens.forget) throw this.#options.unauthorized();
        signedAnew = true;
        tokens.forget(token);
        continue;
      }
      // a server that throttles is there: only what comes after it takes patience
      if (said?.code === 429) firstAt = clock.now();
      const delay = retryDelay(
        {
          attempt,
          firstAt,
          now: clock.now(),
          deadline: deadline.at,
          code: said?.code,
          retryAfter: said?.retryAfter,
          raced: said?.code === 409 && !said.hasCause('FieldManagerConflict') && request.method === 'PATCH',
        },
        Math.random(),
      );
      if (delay === undefined) throw answer;
      await this.#pause(delay);
    }
  }

  async #pause(ms: number): Promise<void> {
    const { clock, deadline } = this.#options;
    try {
      await clock.sleep(ms, deadline.signal);
    } catch {
      throw new DeadlineError();
    }
  }

  /** One request; an answer that is cut off or not JSON counts as none. */
  async #try(
    request: ApiRequest,
    token: Redacted | undefined,
  ): Promise<ApiSuccess | ApiAnswer | UnreachableError> {
    const { endpoint, userAgent } = this.#options;
    try {
      const { code, headers, text } = await exchange(this.#agent, {
        ...request,
        origin: endpoint.url,
        headers: {
          ...request.headers,
          ...(token && { authorization: `Bearer ${token.reveal()}` }),
          'user-agent': userAgent,
        },
      });
      if (code >= 200 && code <= 299) return { code, date: headers.date, text, json: JSON.parse(text) };
      const answer = new ApiAnswer(code, text, headers['retry-after']);
      return isCutOff(answer, headers['content-type']) ? new UnreachableError('BrokenAnswer') : answer;
    } catch (fault) {
      // the next one would be as long
      if (fault instanceof AnswerTooLongError) throw fault;
      return new UnreachableError(fault instanceof SyntaxError ? 'BrokenAnswer' : unreachableCode(fault));
    }
  }
}

/** Whether an answer lacks the Status that says what to make of its code; 401 and passing codes need none. */
function isCutOff({ code, isWhole }: ApiAnswer, type: string | undefined): boolean {
  return !isWhole && type?.startsWith('application/json') === true && code !== 401 && !isPassing(code);
}

function unreachableCode(fault: unknown): string {
  const cause = fault instanceof errors.UndiciError && fault.cause ? fault.cause : fault;
  return codeOf(cause);
}

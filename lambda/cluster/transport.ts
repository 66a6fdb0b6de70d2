import {
  type HttpLibrary,
  type RequestContext,
  ResponseContext,
  wrapHttpLibrary,
} from '@kubernetes/client-node';
import { Agent, errors } from 'undici';
import type { Clock, Deadline } from '../clock.ts';
import { codeOf, DeadlineError, UnreachableError } from '../errors.ts';
import type { Redacted } from '../redacted.ts';
import { ApiAnswer } from './answer.ts';
import { retryDelay } from './backoff.ts';
import type { ClusterEndpoint } from './eks.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 15_000;

/** What a transport needs of the tokens of its cluster. */
export interface TokenSource {
  current(): Promise<Redacted>;
  forget(token: Redacted): void;
}

export interface TransportOptions {
  readonly endpoint: Pick<ClusterEndpoint, 'url' | 'caPem'>;
  readonly tokens: TokenSource;
  /** Connections, and so TLS sessions, at most. */
  readonly connections: number;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly deadline: Deadline;
  /** The error of a request that is answered with 401 also when it is signed anew. */
  readonly unauthorized: () => Error;
}

interface Answer {
  readonly code: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/**
 * Carries the requests of the Kubernetes client over connections that they share; the client's own library
 * makes a TLS session for each request and follows redirects. It signs, retries what passes, and turns all but
 * a success into an error: ApiAnswer, UnreachableError, DeadlineError, BearerTokenTooLongError, AssumeRoleError.
 */
export class Transport {
  /** To be given to `createConfiguration`. */
  readonly library: HttpLibrary;
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
      connect: { ca: options.endpoint.caPem, rejectUnauthorized: true, timeout: CONNECT_TIMEOUT_MS },
    });
    this.library = wrapHttpLibrary({ send: (request) => this.#send(request) });
    options.deadline.signal.addEventListener('abort', () => void this.close(), { once: true });
  }

  /** Ends all connections; requests under way fail. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #send(request: RequestContext): Promise<ResponseContext> {
    const { clock, deadline, tokens } = this.#options;
    const firstAt = clock.now();
    let signedAnew = false;
    for (let attempt = 1; ; attempt += 1) {
      if (deadline.signal.aborted) throw new DeadlineError();
      const token = await tokens.current();
      const answer = await this.#try(request, token);
      if (!(answer instanceof Error)) {
        return new ResponseContext(answer.code, answer.headers, {
          text: () => Promise.resolve(answer.body),
          binary: () => Promise.resolve(Buffer.from(answer.body)),
          stream: () => null,
        });
      }
      if (deadline.signal.aborted) throw new DeadlineError();
      if (answer instanceof UnreachableError && answer.untrusted) throw answer;
      const said = answer instanceof ApiAnswer ? answer : undefined;
      if (said?.code === 401) {
        if (signedAnew) throw this.#options.unauthorized();
        signedAnew = true;
        tokens.forget(token);
        continue;
      }
      const delay = retryDelay(
        {
          attempt,
          firstAt,
          now: clock.now(),
          deadline: deadline.at,
          code: said?.code,
          retryAfter: said?.retryAfter,
          raced:
            said?.code === 409 &&
            !said.hasCause('FieldManagerConflict') &&
            request.getHttpMethod() === 'PATCH',
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
  async #try(request: RequestContext, token: Redacted): Promise<Answer | ApiAnswer | UnreachableError> {
    const { endpoint, userAgent } = this.#options;
    const body = request.getBody();
    try {
      const answer = await this.#agent.request({
        origin: endpoint.url,
        path: request.getUrl().slice(endpoint.url.length),
        method: request.getHttpMethod() as 'GET',
        headers: {
          ...request.getHeaders(),
          authorization: `Bearer ${token.reveal()}`,
          'user-agent': userAgent,
        },
        ...(typeof body === 'string' && { body }),
      });
      const read = await answer.body.text();
      const headers = flat(answer.headers);
      if (answer.statusCode < 200 || answer.statusCode > 299) {
        return new ApiAnswer(answer.statusCode, read, headers['retry-after']);
      }
      JSON.parse(read);
      return { code: answer.statusCode, headers, body: read };
    } catch (fault) {
      return new UnreachableError(fault instanceof SyntaxError ? 'BrokenAnswer' : unreachableCode(fault));
    }
  }
}

function unreachableCode(fault: unknown): string {
  const cause = fault instanceof errors.UndiciError && fault.cause ? fault.cause : fault;
  return codeOf(cause);
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

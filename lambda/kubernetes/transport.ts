import { Agent, errors } from 'undici';
import type { Clock, Deadline } from '../context.ts';
import { codeOf, DeadlineError, HelperError, InternalError, parseJson, type Redacted } from '../errors.ts';
import { ApiError, type Deployment, TRANSIENT_CODES } from './api-error.ts';
import { answerTooLong, exchange, type HttpAnswer, LONGEST_LIST_MIB, type Reading } from './exchange.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** The limit of a first attempt: a namespace whose webhook hangs must not delay others. */
export const FIRST_TIMEOUT_MS = 5_000;
/** The API server takes up to 34 s for a write, after up to 15 s in its fairness queue. */
export const LATER_TIMEOUT_MS = 60_000;
/** AWS accepts a signature whose time differs by so much: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html */
const MOST_SKEW_MINUTES = 5;
/** A list is given up when the server was away for so long; while it only throttles, at the deadline. */
const GIVE_UP_AFTER_MS = 120_000;
/** About as many as API priority and fairness guarantees us; more of ours would queue before others of ours. */
export const MOST_IN_FLIGHT = 24;

/** The tokens of a cluster. */
export interface TokenSource {
  /** Undefined where a client certificate authenticates us. */
  current(): Promise<Redacted | undefined>;
  /** Absent where there is no other token. */
  forget?(token: Redacted): void;
}

/** Where an API server is, and how it and we authenticate. */
export interface ApiEndpoint {
  /** `https://…`, maybe with a path, without a slash at its end. */
  readonly url: string;
  /** Undefined only where the settings ask for a public certificate, which is checked against Node's own authorities. */
  readonly caPem: string | undefined;
  /** The name in its certificate, where that is not the host's. */
  readonly serverName?: string | undefined;
  /** The only addresses that reach it, where EKS restricts them. */
  readonly publicCidrs?: readonly string[] | undefined;
  readonly clientCertificate?: { readonly certificatePem: string; readonly key: Redacted } | undefined;
}

/** How to reach an API server, and to authenticate to it. */
export interface ApiAccess {
  readonly endpoint: ApiEndpoint;
  readonly tokens: TokenSource;
  /** The error of a request that is answered with 401, also after a new signature. */
  readonly unauthorized: () => Promise<Error> | Error;
}

export interface TransportOptions extends ApiAccess {
  /** Requests in flight at most, each on a connection of its own; never more than {@link MOST_IN_FLIGHT}. */
  readonly concurrency: number;
  readonly deployment: Deployment;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly deadline: Deadline;
}

/** A request to the API server that may be sent twice; the transport authenticates it. */
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
  readonly json: object;
}

/** Sends requests to the API server of one cluster over shared connections, without redirects or a proxy. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #base: URL;
  readonly #agent: Agent;
  readonly #seats: Seats;
  readonly #reading: Reading = { bytes: 0, total: 0 };
  /** Until when (ms since the epoch) nothing is sent, and the answer that asked for it. */
  #throttled: { readonly until: number; readonly by: ApiError } | undefined;

  constructor(options: TransportOptions) {
    const { url, caPem, serverName, clientCertificate } = options.endpoint;
    this.#options = options;
    this.#base = new URL(url);
    const connections = Math.min(options.concurrency, MOST_IN_FLIGHT);
    this.#seats = new Seats(connections);
    this.#agent = new Agent({
      connections,
      pipelining: 1,
      // one request on a connection: a reset costs one, and undici is faster so
      allowH2: false,
      maxResponseSize: LONGEST_LIST_MIB * 1024 * 1024,
      connect: {
        ca: caPem,
        cert: clientCertificate?.certificatePem,
        key: clientCertificate?.key.reveal(),
        ...(serverName && { servername: serverName }),
        rejectUnauthorized: true,
        timeout: CONNECT_TIMEOUT_MS,
      },
    });
    options.deadline.signal.addEventListener('abort', () => void this.close(), { once: true });
  }

  /** Closes all connections; requests in flight fail. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /**
   * Sends a request until it is answered, with pauses that grow, until the server was away for two minutes or the run
   * ends. For lists and what is done a few times in a run; writes are attempted in rounds.
   * @throws as {@link attempt}
   */
  async send(request: ApiRequest): Promise<ApiSuccess> {
    const { clock, deadline } = this.#options;
    let answeredAt = clock.now();
    let last: unknown;
    for (let retries = 1; ; retries += 1) {
      try {
        return await this.attempt(request, LATER_TIMEOUT_MS);
      } catch (fault) {
        // the end of the run says less than the error before it
        if (fault instanceof DeadlineError) throw last ?? fault;
        if (!isTransient(fault)) throw fault;
        last = fault;
        const now = clock.now();
        if (isThrottling(fault)) answeredAt = now;
        else if (now - answeredAt >= GIVE_UP_AFTER_MS) throw fault;
        const hasWait = isThrottling(fault) || (fault instanceof ApiError && fault.retryAfter !== undefined);
        const pause = hasWait ? requestedWait(fault.retryAfter, now) : pauseBefore(retries, Math.random());
        if (now + pause >= deadline.at) throw fault;
        await this.#pause(pause).catch(() => {
          throw fault;
        });
      }
    }
  }

  /**
   * Sends a request once, and once more with a new token where it is answered with 401.
   * @param timeoutMs for the whole answer
   * @throws ApiError; HelperError: LateAnswerError, UnreachableError, DeadlineError, AnswerTooLongError, AssumeRoleError,
   *   BearerTokenTooLongError, ClockSkewError, InternalError for a request that cannot be sent; what `unauthorized` returns
   */
  async attempt(request: ApiRequest, timeoutMs: number): Promise<ApiSuccess> {
    const { clock, deadline, tokens, unauthorized } = this.#options;
    return await this.#seats.use(async () => {
      await this.#waitWhileThrottled();
      for (let isRenewed = false; ; isRenewed = true) {
        if (deadline.signal.aborted) throw new DeadlineError();
        const token = await tokens.current();
        try {
          return this.#toSuccess(await this.#exchange(request, token, timeoutMs));
        } catch (fault) {
          if (deadline.signal.aborted) throw new DeadlineError();
          if (isThrottling(fault)) this.#slowDown(fault);
          if (!(fault instanceof ApiError) || fault.deniedBy || fault.code !== 401) throw fault;
          if (isRenewed || !token || !tokens.forget)
            throw clockSkew(fault.date, clock.now()) ?? (await unauthorized());
          tokens.forget(token);
        }
      }
    });
  }

  async #waitWhileThrottled(): Promise<void> {
    const { clock, deadline } = this.#options;
    if (!this.#throttled) return;
    if (this.#throttled.until >= deadline.at) throw this.#throttled.by;
    const ms = this.#throttled.until - clock.now();
    if (ms > 0) await this.#pause(ms);
  }

  /** The API server throttles all that this deployment sends, so all of it waits. */
  #slowDown(answer: ApiError): void {
    const now = this.#options.clock.now();
    const until = now + requestedWait(answer.retryAfter, now);
    if (until > (this.#throttled?.until ?? 0)) this.#throttled = { until, by: answer };
  }

  async #pause(ms: number): Promise<void> {
    const { clock, deadline } = this.#options;
    try {
      await clock.sleep(ms, deadline.signal);
    } catch {
      throw new DeadlineError();
    }
  }

  /** @throws as {@link exchange}; UnreachableError for a request without an answer; InternalError for one that cannot be sent */
  async #exchange(request: ApiRequest, token: Redacted | undefined, timeoutMs: number): Promise<HttpAnswer> {
    const { clock, endpoint, userAgent } = this.#options;
    const authorization = token && { authorization: `Bearer ${token.reveal()}` };
    const signed = {
      ...request,
      origin: this.#base.origin,
      path: `${this.#base.pathname.replace(/\/$/, '')}${request.path}`,
      headers: { ...request.headers, ...authorization, 'user-agent': userAgent },
    };
    try {
      return await exchange(this.#agent, signed, { timeoutMs, clock, reading: this.#reading });
    } catch (fault) {
      if (fault instanceof HelperError) throw fault;
      // a path or header that undici rejects is rejected each time
      if (fault instanceof errors.InvalidArgumentError) throw new InternalError(fault);
      if (fault instanceof errors.ResponseExceededMaxSizeError)
        throw answerTooLong(`${LONGEST_LIST_MIB} MiB`);
      const cause = fault instanceof errors.UndiciError && fault.cause ? fault.cause : fault;
      throw unreachableError(codeOf(cause), endpoint.publicCidrs);
    }
  }

  /** @throws ApiError; UnreachableError for an answer that is cut off or not JSON */
  #toSuccess({ code, headers, text }: HttpAnswer): ApiSuccess {
    if (code >= 200 && code <= 299) {
      const json = parseJson(text);
      if (typeof json === 'object' && json !== null) return { code, date: headers.date, text, json };
      throw unreachableError('BrokenAnswer');
    }
    const error = new ApiError(code, text, this.#options.deployment, headers);
    throw isCutOff(error, headers['content-type']) ? unreachableError('BrokenAnswer') : error;
  }
}

/** Whether an answer lacks the Status that explains its code; 401 and transient codes need none. */
function isCutOff({ code, isWhole }: ApiError, type: string | undefined): boolean {
  return (
    !isWhole &&
    type?.startsWith('application/json') === true &&
    code !== 401 &&
    !TRANSIENT_CODES.includes(code)
  );
}

/** The error of a 401 where the server's clock explains it: tokens and certificates are valid for a time. */
function clockSkew(date: string | undefined, now: number): HelperError | undefined {
  const minutes = Math.round(Math.abs(Date.parse(date ?? '') - now) / 60_000);
  if (!(minutes > MOST_SKEW_MINUTES)) return undefined;
  return new HelperError(
    'ClockSkewError',
    `the API server rejected the function (401 Unauthorized), and their clocks differ by ${minutes} minutes`,
    'Correct the clock that is wrong: that of the control plane or, with --local, of this machine (AWS keeps the clock of a function). Compare it with: curl -sI https://aws.amazon.com | grep -i ^date',
  );
}

const CERTIFICATE_FIXES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'Renew the serving certificate of the API server.',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'Something else than the API server answers at its endpoint, or its certificate is for another name: with a kubeconfig, set its tls-server-name; otherwise check DNS and proxies of the VPC.',
};

/** How a firewall looks from outside. */
const NO_CONNECTION = /^(?:ConnectTimeoutError|ETIMEDOUT|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH)$/;
const MOST_CIDRS = 5;

/** The first of up to 40 CIDRs, and how many more there are. */
export function shortenCidrs(cidrs: readonly string[]): string {
  const more = cidrs.length - MOST_CIDRS;
  return `${cidrs.slice(0, MOST_CIDRS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/**
 * The error of a request without an answer. It is transient but for a certificate of another authority.
 * @param publicCidrs the only addresses that reach the endpoint, where that is known
 */
export function unreachableError(code: string, publicCidrs?: readonly string[]): HelperError {
  const isUntrusted = /CERT|SIGNATURE|ISSUER/.test(code);
  return new HelperError(
    'UnreachableError',
    `could not reach the API server (${code})`,
    isUntrusted
      ? (CERTIFICATE_FIXES[code] ??
          'Something else than the API server of this cluster answers at its endpoint: check DNS and proxies of the VPC.')
      : publicCidrs && NO_CONNECTION.test(code)
        ? `Set vpc to one that reaches it (docs/guides/private-clusters.md): its public endpoint accepts only ${shortenCidrs(publicCidrs)}, and a function outside of a VPC has no fixed address.`
        : 'Check that the function may reach its endpoint: a private one needs the vpc setting.',
    { isTransient: !isUntrusted },
  );
}

/** Whether the API server itself asks for fewer requests; a webhook may answer 429 too. */
function isThrottling(fault: unknown): fault is ApiError {
  return fault instanceof ApiError && !fault.deniedBy && fault.code === 429;
}

/** Whether the same request may succeed later. */
export function isTransient(fault: unknown): boolean {
  return (fault instanceof ApiError || fault instanceof HelperError) && fault.isTransient;
}

/** Successes after which one more request may be in flight. */
const SUCCESSES_FOR_ONE_MORE = 25;

/**
 * How many requests to one API server may be in flight: half as many after it throttles one, then one more with every
 * so many successes. A pause alone would end in the same number of requests at once, which the server throttles again.
 */
export class Seats {
  readonly #most: number;
  #limit: number;
  #taken = 0;
  #successes = 0;
  /** How often the limit was halved. */
  #halved = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
    this.#limit = most;
  }

  /** Does `work` when there is a seat for it. */
  async use<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.#taken >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#taken += 1;
    const halved = this.#halved;
    try {
      const result = await work();
      this.#successes += 1;
      if (this.#successes % SUCCESSES_FOR_ONE_MORE === 0) this.#limit = Math.min(this.#most, this.#limit + 1);
      return result;
    } catch (fault) {
      // those that were sent together are throttled together, which says it once
      if (isThrottling(fault) && halved === this.#halved) this.#halve();
      throw fault;
    } finally {
      this.#taken -= 1;
      for (const resume of this.#waiting.splice(0, Math.max(0, this.#limit - this.#taken))) resume();
    }
  }

  #halve(): void {
    this.#halved += 1;
    this.#successes = 0;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
  }
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * The pause before a round of retries, or before one more request of a list: from 1 s it doubles up to 60 s.
 * @param retries 1 for the first
 * @param random a number from 0 up to 1, which shortens the pause by up to a half, so that retries spread
 * @returns milliseconds
 */
export function pauseBefore(retries: number, random: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(retries - 1, 16));
  return longest * (1 - random / 2);
}

/**
 * The wait that a `Retry-After` header asks for, within 1 s to 60 s; 1 s where it asks for nothing that can be read.
 * https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
 * @param now milliseconds since the epoch
 * @returns milliseconds
 */
export function requestedWait(header: string | undefined, now: number): number {
  const seconds = /^\d+$/.test(header ?? '') ? Number(header) : (Date.parse(header ?? '') - now) / 1_000;
  return Math.min(LONGEST_PAUSE_MS, Math.max(1_000, Number.isNaN(seconds) ? 0 : seconds * 1_000));
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { type Fault, toAnswer } from './faults.ts';
import type { Status } from './status.ts';

/** A finished answer. */
export interface Answer {
  code: number;
  body: object;
}

const MIB = 1024 * 1024;
/** More than the product reads of an answer. */
const OVERSIZED = 40 * MIB;

/** One request and its answer, over HTTP/1.1 or HTTP/2. */
export class Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Record<string, string>;
  readonly httpVersion: string;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #now: () => Date;
  readonly #gone = new AbortController();

  constructor(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    now: () => Date,
  ) {
    // Node's HTTP/2 compatibility API has all of HTTP/1.1's that is used here.
    this.#request = request as IncomingMessage;
    this.#response = response as ServerResponse;
    this.#now = now;
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
    this.method = request.method ?? '';
    this.path = path;
    this.query = new URLSearchParams(query);
    this.httpVersion = request.httpVersion;
    this.headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    this.#response.on('close', () => this.#gone.abort());
  }

  /** Whether the caller has hung up, or has had the answer. */
  get isGone(): boolean {
    return this.#gone.signal.aborted;
  }

  /** Aborts when the caller has hung up, or has had the answer. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  async readBody(): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#request) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  }

  send(code: number, headers: Record<string, string>, body: string): void {
    if (this.isGone) return;
    this.#begin(code, headers, body);
    this.#response.end(body);
  }

  /** The date is that of the answer, not of the request. */
  #begin(code: number, headers: Record<string, string>, body: string): void {
    const date = this.#now().toUTCString();
    this.#response.writeHead(code, { date, ...headers, 'content-length': Buffer.byteLength(body) });
  }

  /** Answers, unless the fault says that the answer is lost or spoilt on its way. */
  sendJson({ code, body }: Answer, fault?: Fault): void {
    const text = JSON.stringify(body);
    const { retryAfterSeconds } = (body as Partial<Status>).details ?? {};
    const headers = {
      'content-type': 'application/json',
      'cache-control': 'no-cache, private',
      ...(retryAfterSeconds && { 'retry-after': String(retryAfterSeconds) }),
    };
    const half = text.slice(0, Math.floor(text.length / 2));
    if (fault?.kind === 'truncated') this.send(code, headers, half);
    else if (fault?.kind === 'padded') this.send(code, headers, text.padEnd(fault.length));
    else if (fault?.kind === 'oversized' && this.#isLargerPage(fault.limit)) void this.#pour(code, headers);
    else if (fault?.kind === 'reset' && fault.when === 'after') this.cut();
    else if (fault?.kind === 'reset' && fault.when === 'body') {
      this.#begin(code, headers, text);
      this.#response.write(half, () => this.cut());
    } else this.send(code, headers, text);
  }

  #isLargerPage(limit: number): boolean {
    const asked = Number(this.query.get('limit') ?? 0);
    return asked === 0 || asked > limit;
  }

  /** Answers with one chunk over and over, until the caller has read as much as no client should. */
  async #pour(code: number, headers: Record<string, string>): Promise<void> {
    this.#response.writeHead(code, headers);
    const chunk = Buffer.alloc(MIB, ' ');
    for (let sent = 0; sent < OVERSIZED && !this.isGone; sent += MIB) {
      await new Promise<void>((resolve) => this.#response.write(chunk, () => resolve()));
    }
    this.#response.end();
  }

  /** Answers with what a fault says. */
  sendFault(fault: Extract<Fault, { kind: 'status' | 'html' }>): void {
    const { headers, body } = toAnswer(fault);
    this.send(fault.status, headers, body);
  }

  /** Cuts the whole connection, with all that goes on over it. */
  cut(): void {
    const { stream } = this.#request as unknown as Partial<Http2ServerRequest>;
    if (stream?.session) stream.session.destroy();
    else this.#request.socket.destroy();
  }
}

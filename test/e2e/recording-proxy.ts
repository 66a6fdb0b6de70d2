import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Agent, type Dispatcher } from 'undici';
import { createAuthority } from '../sandbox/certificates.ts';

/** One request to the API server with the answer that it got. */
export interface RecordedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly status: number;
  readonly answer: string;
}

/** A request when it came, before it was answered. */
export interface Arrival {
  readonly method: string;
  readonly path: string;
  readonly isDryRun: boolean;
  /** How many were not answered yet and still waited for, this one included. */
  readonly inFlight: number;
}

export interface RecordingProxyOptions {
  readonly endpoint: string;
  readonly caPem: string;
  /** Runs when the API server has answered and before the caller learns it: what changes in between. */
  readonly beforeAnswer?: (request: RecordedRequest) => Promise<void>;
}

/** An API server to its callers, which writes down what they and the real one say. */
export interface RecordingProxy {
  readonly endpoint: string;
  readonly caPem: string;
  /** Those that were answered, in the order of their answers. */
  readonly requests: readonly RecordedRequest[];
  /** All, in the order in which they came. */
  readonly arrivals: readonly Arrival[];
  /** TLS sessions that callers made, resumed ones too. */
  readonly tlsSessions: number;
  stop(): Promise<void>;
}

const connectionHeaders = ['host', 'connection', 'keep-alive', 'transfer-encoding', 'content-length'];

/** Starts a proxy that ends TLS with a certificate of its own and passes on requests to the API server at `endpoint`. */
export async function startRecordingProxy(options: RecordingProxyOptions): Promise<RecordingProxy> {
  const authority = await createAuthority('recording-proxy-test-ca');
  const { certificatePem, keyPem } = await authority.issue({
    commonName: 'recording-proxy',
    ipAddresses: ['127.0.0.1'],
    usage: 'server',
  });
  const upstream = new Agent({ connect: { ca: options.caPem } });
  const requests: RecordedRequest[] = [];
  const arrivals: Arrival[] = [];
  const inFlight = new Set<ServerResponse>();
  const sockets = new Set<Socket>();
  let tlsSessions = 0;

  const pass = async (incoming: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '/', headers } = incoming;
    const gaveUp = new AbortController();
    response.once('close', () => {
      inFlight.delete(response);
      // else the API server would go on with what its caller has given up
      gaveUp.abort();
    });
    inFlight.add(response);
    const { pathname: path, searchParams } = new URL(url, options.endpoint);
    arrivals.push({ method, path, isDryRun: searchParams.has('dryRun'), inFlight: inFlight.size });
    const body = (await buffer(incoming)).toString();
    const answered = await upstream.request({
      origin: options.endpoint,
      method: method as Dispatcher.HttpMethod,
      path: url,
      headers: without(headers),
      signal: gaveUp.signal,
      ...(body !== '' && { body }),
    });
    const answer = await answered.body.text();
    const status = answered.statusCode;
    const recorded = { method, url: new URL(url, options.endpoint), headers, body, status, answer };
    requests.push(recorded);
    await options.beforeAnswer?.(recorded);
    inFlight.delete(response);
    response.writeHead(status, without(answered.headers)).end(answer);
  };
  const server = createServer({ cert: certificatePem, key: keyPem }, (incoming, response) => {
    pass(incoming, response).catch(() => response.destroy());
  });
  server.on('secureConnection', (socket) => {
    tlsSessions += 1;
    sockets.add(socket.once('close', () => sockets.delete(socket)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caPem: authority.certificatePem,
    requests,
    arrivals,
    get tlsSessions() {
      return tlsSessions;
    },
    async stop() {
      const closed = once(server.close(), 'close');
      for (const socket of sockets) socket.destroy();
      await Promise.all([closed, upstream.destroy()]);
    },
  };
}

function without(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !connectionHeaders.includes(name)));
}

import { Agent, type Dispatcher, request } from 'undici';

/** A request's body is sent as JSON, a string as it is; `contentType` is `application/json` if not given. */
export interface ApiRequest {
  body?: unknown;
  contentType?: string;
  query?: Record<string, string | number | boolean>;
  headers?: Record<string, string>;
}

/** `body` is the parsed JSON, or the text if it is none. */
export interface ApiResponse<Body> {
  status: number;
  body: Body;
  headers: Dispatcher.ResponseData['headers'];
}

export interface WatchEvent<Resource> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: Resource;
}

/** The bare Kubernetes API, without an opinion on status codes: tests look at them. */
export interface ApiClient {
  request<Body = unknown>(
    method: Dispatcher.HttpMethod,
    path: string,
    options?: ApiRequest,
  ): Promise<ApiResponse<Body>>;
  /**
   * The changes of a collection as they come, until the server or `signal` ends the watch.
   * @throws {Error} if the server refuses the watch.
   */
  watch<Resource = unknown>(
    path: string,
    options?: Pick<ApiRequest, 'query'> & { signal?: AbortSignal },
  ): AsyncGenerator<WatchEvent<Resource>, void>;
  close(): Promise<void>;
}

/** Where the API server is, and whom to be there: by a client certificate, by a bearer token or anonymous. */
export interface ApiClientOptions {
  endpoint: string;
  caPem: string;
  certificate?: { certificatePem: string; keyPem: string };
  token?: string;
}

/** Makes a client with a connection pool of its own; `close` ends it. */
export function createApiClient({ endpoint, caPem, certificate, token }: ApiClientOptions): ApiClient {
  const identity = certificate ? { cert: certificate.certificatePem, key: certificate.keyPem } : {};
  const dispatcher = new Agent({ connect: { ca: caPem, ...identity } });
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    async request<Body>(method: Dispatcher.HttpMethod, path: string, options: ApiRequest = {}) {
      const { body, contentType = 'application/json', query, headers } = options;
      const response = await request(new URL(path, endpoint), {
        dispatcher,
        method,
        headers: {
          ...authorization,
          ...(body === undefined ? {} : { 'content-type': contentType }),
          ...headers,
        },
        ...(query ? { query } : {}),
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.body.text();
      const isJson = String(response.headers['content-type']).includes('json');
      return {
        status: response.statusCode,
        body: (isJson ? JSON.parse(text) : text) as Body,
        headers: response.headers,
      };
    },
    async *watch<Resource>(
      path: string,
      { query, signal }: { query?: Record<string, string | number | boolean>; signal?: AbortSignal } = {},
    ) {
      const response = await request(new URL(path, endpoint), {
        dispatcher,
        headers: authorization,
        query: { ...query, watch: true },
        ...(signal ? { signal } : {}),
      });
      if (response.statusCode !== 200) {
        throw new Error(
          `watch of ${path} was refused with ${response.statusCode}: ${await response.body.text()}`,
        );
      }
      yield* eventsOf<Resource>(response.body.setEncoding('utf8'), signal);
    },
    close: () => dispatcher.destroy(),
  };
}

/** A watch is one JSON document a line. */
async function* eventsOf<Resource>(
  body: AsyncIterable<string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchEvent<Resource>, void> {
  let rest = '';
  try {
    for await (const chunk of body) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as WatchEvent<Resource>;
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

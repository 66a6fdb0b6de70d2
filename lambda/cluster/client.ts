import {
  CoreV1Api,
  createConfiguration,
  type RequestContext,
  ResponseContext,
  ServerConfiguration,
  wrapHttpLibrary,
} from '@kubernetes/client-node';
import { type ApiRequest, type ApiSuccess, Transport, type TransportOptions } from './transport.ts';

/** The API server of one cluster. Its errors are those of {@link Transport.send}. */
export interface KubernetesClient {
  /** The typed client, for what is done a few times in a run. */
  readonly core: CoreV1Api;
  /** What is below it, for what is done in every namespace: see docs/adr/0007. */
  readonly send: (request: ApiRequest) => Promise<ApiSuccess>;
  /** Ends its connections; nothing may stay open when the function is frozen. */
  readonly close: () => Promise<void>;
}

/** Puts the typed client on a transport: its own library makes a TLS session a request and follows redirects. */
export function kubernetesClient(options: TransportOptions): KubernetesClient {
  const { url } = options.endpoint;
  const transport = new Transport(options);
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(url, {}),
    httpApi: wrapHttpLibrary({
      send: async (request) => toResponse(await transport.send(toRequest(request, url))),
    }),
  });
  return {
    core: new CoreV1Api(configuration),
    send: (request) => transport.send(request),
    close: () => transport.close(),
  };
}

function toRequest(request: RequestContext, url: string): ApiRequest {
  const body = request.getBody();
  return {
    method: request.getHttpMethod() as ApiRequest['method'],
    path: request.getUrl().slice(url.length),
    headers: request.getHeaders(),
    ...(typeof body === 'string' && { body }),
  };
}

function toResponse({ code, text }: ApiSuccess): ResponseContext {
  return new ResponseContext(
    code,
    { 'content-type': 'application/json' },
    {
      text: () => Promise.resolve(text),
      binary: () => Promise.resolve(Buffer.from(text)),
      stream: () => null,
    },
  );
}

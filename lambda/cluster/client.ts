import { CoreV1Api, createConfiguration, ServerConfiguration } from '@kubernetes/client-node';
import { Transport, type TransportOptions } from './transport.ts';

/** A typed client of one cluster's API server. */
export interface KubernetesClient {
  readonly core: CoreV1Api;
  /** Ends its connections; nothing may stay open when the function is frozen. */
  close(): Promise<void>;
}

/** Puts the Kubernetes client on connections that its requests share. */
export function kubernetesClient(options: TransportOptions): KubernetesClient {
  const transport = new Transport(options);
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(options.endpoint.url, {}),
    httpApi: transport.library,
  });
  return { core: new CoreV1Api(configuration), close: () => transport.close() };
}

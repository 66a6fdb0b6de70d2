import type { IssuedCertificate } from './certificates.ts';

/** The parts of a kubeconfig that a test changes. */
export interface KubeconfigParts {
  readonly cluster: Record<string, unknown>;
  readonly user: Record<string, unknown>;
}

/** Cluster and user of a kubeconfig with a token or a client certificate. */
export function kubeconfigParts(
  { endpoint, caPem }: { endpoint: string; caPem: string },
  identity: string | IssuedCertificate,
): KubeconfigParts {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const user =
    typeof identity === 'string'
      ? { token: identity }
      : {
          'client-certificate-data': base64(identity.certificatePem),
          'client-key-data': base64(identity.keyPem),
        };
  return { cluster: { server: endpoint, 'certificate-authority-data': base64(caPem) }, user };
}

/** As `kubectl config view --raw --minify --flatten -o json` prints it. */
export function kubeconfigJson({ cluster, user }: KubeconfigParts): Record<string, unknown> {
  return {
    kind: 'Config',
    apiVersion: 'v1',
    preferences: {},
    clusters: [{ name: 'edge', cluster }],
    users: [{ name: 'helper', user }],
    contexts: [{ name: 'helper@edge', context: { cluster: 'edge', user: 'helper', namespace: 'default' } }],
    'current-context': 'helper@edge',
  };
}

import { HelperError } from '../errors.ts';

const STORE_KUBECONFIG =
  'Store one that carries all in itself, with a token or a client certificate and nothing that runs or reads files, as kubectl config view --raw --minify --flatten -o json prints it.';

export class KubeconfigNotJsonError extends HelperError {
  constructor(secretId: string) {
    super(`the Secrets Manager secret ${secretId} holds no kubeconfig in JSON`, STORE_KUBECONFIG);
  }
}

export class KubeconfigFieldError extends HelperError {
  constructor(secretId: string, field: string, problem: string) {
    super(`the kubeconfig in the Secrets Manager secret ${secretId}: ${field} ${problem}`, STORE_KUBECONFIG);
  }
}

export class KubeconfigExpiredError extends HelperError {
  constructor(secretId: string, end: string) {
    super(
      `the client certificate of the kubeconfig in the Secrets Manager secret ${secretId} ended at ${end}`,
      'Have a new one signed and store it: docs/guides/kubeconfig-clusters.md.',
    );
  }
}

/** The API server refused the token or certificate of a kubeconfig, which no access entry mends. */
export class KubeconfigUnauthorizedError extends HelperError {
  constructor(cluster: string, secretId: string, group: string) {
    super(
      `the API server of ${cluster} does not know the identity of its kubeconfig (401)`,
      `The token or certificate in the Secrets Manager secret ${secretId} has ended, was revoked or is of another cluster: make a new one for the group ${group} and store it (docs/guides/kubeconfig-clusters.md).`,
    );
  }
}

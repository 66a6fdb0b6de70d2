import type { SecureContextOptions } from 'node:tls';
import type { Redacted } from '../redacted.ts';

/** What a transport needs of the tokens of its cluster. */
export interface TokenSource {
  /** Undefined where a client certificate says who we are. */
  current(): Promise<Redacted | undefined>;
  /** Absent where there is no other token to come. */
  forget?(token: Redacted): void;
}

/** Where an API server is, how it proves itself, and a client certificate where that is what it knows us by. */
export interface ApiEndpoint {
  /** `https://…` without a path. */
  readonly url: string;
  readonly caPem: string;
  /** The name in its certificate, where that is not the host's. */
  readonly serverName?: string | undefined;
  readonly clientCertificate?: { readonly certificatePem: string; readonly key: Redacted } | undefined;
}

type TlsOptions = Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> & { servername?: string };

/** What the connections to an API server take for its proof, and show of us. */
export function tlsOf({ caPem, serverName, clientCertificate }: ApiEndpoint): TlsOptions {
  return {
    ca: caPem,
    ...(serverName && { servername: serverName }),
    ...(clientCertificate && {
      cert: clientCertificate.certificatePem,
      key: clientCertificate.key.reveal(),
    }),
  };
}

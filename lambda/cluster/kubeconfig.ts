import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Redacted } from '../redacted.ts';
import type { SecretValue } from '../registry/secret-value.ts';
import { KubeconfigExpiredError, KubeconfigFieldError } from './kubeconfig-errors.ts';
import type { ApiEndpoint } from './way-in.ts';

/** The way into a cluster that is no EKS cluster: where it is, and a token or a client certificate. */
export interface Kubeconfig {
  readonly secretId: string;
  readonly endpoint: ApiEndpoint;
  readonly token: Redacted | undefined;
  /** When the client certificate ends. */
  readonly certificateEnd: Date | undefined;
}

// https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
const CLUSTER = ['server', 'certificate-authority-data', 'tls-server-name'];
const USER = ['token', 'client-certificate-data', 'client-key-data'];
const CONTEXT = ['cluster', 'user', 'namespace'];
/** What is refused may be told by its name if it is one of these: another key could be anything. */
const REFUSED = [
  ...['certificate-authority', 'insecure-skip-tls-verify', 'proxy-url', 'disable-compression', 'extensions'],
  ...['client-certificate', 'client-key', 'tokenFile', 'username', 'password', 'auth-provider', 'exec'],
  ...['as', 'as-uid', 'as-groups', 'as-user-extra'],
];

type Fields = Readonly<Record<string, unknown>>;
type Part = 'context' | 'cluster' | 'user';

/**
 * Takes cluster and user of the current context, or of the only one. What is not on the lists above (commands, files,
 * proxies, other ways to sign in, TLS that is not checked) is refused by name; no value is ever told.
 * @param now milliseconds since the epoch
 * @throws KubeconfigFieldError, KubeconfigExpiredError
 */
export function readKubeconfig(secretId: string, config: SecretValue, now: number): Kubeconfig {
  const fault = (field: string, problem: string) => new KubeconfigFieldError(secretId, field, problem);

  const part = (kind: Part, name: unknown, allowed: readonly string[]): Fields => {
    const list = config[`${kind}s`];
    const items = Array.isArray(list) ? list.filter(isFields) : [];
    const found = name ? items.filter((item) => item.name === name) : items;
    const fields = found[0]?.[kind];
    if (found.length !== 1 || !isFields(fields)) {
      throw fault(`${kind}s`, `does not have exactly one ${kind} for the current context`);
    }
    const others = Object.keys(fields).filter((key) => !allowed.includes(key));
    const known = others.find((key) => REFUSED.includes(key));
    if (known) throw fault(`${kind}.${known}`, 'is not allowed');
    if (others.length > 0) throw fault(kind, `may have ${allowed.join(', ')} and no other field`);
    return fields;
  };

  const certificates = (data: unknown, field: string): X509Certificate[] => {
    const blocks = pemBlocks(data, 'CERTIFICATE');
    try {
      if (blocks.length > 0) return blocks.map((block) => new X509Certificate(block));
    } catch {
      // said below
    }
    throw fault(field, 'is not a certificate in PEM, in base64');
  };

  const context = part('context', config['current-context'], CONTEXT);
  const cluster = part('cluster', context.cluster, CLUSTER);
  const user = part('user', context.user, USER);
  const { server, 'tls-server-name': serverName } = cluster;
  const url = typeof server === 'string' ? URL.parse(server) : null;
  if (url?.protocol !== 'https:' || url.href !== `${url.origin}/`) {
    throw fault('cluster.server', 'is not https://HOST:PORT without a user, path or query');
  }
  if (serverName !== undefined && !isHostName(serverName)) {
    throw fault('cluster.tls-server-name', 'is not the name of a host');
  }
  const authority = certificates(cluster['certificate-authority-data'], 'cluster.certificate-authority-data');

  const { token } = user;
  const hasCertificate = 'client-certificate-data' in user || 'client-key-data' in user;
  if (hasCertificate === 'token' in user) {
    throw fault('user', 'does not have either token, or client-certificate-data and client-key-data');
  }
  const endpoint = { url: url.origin, caPem: pemOf(authority), ...(serverName && { serverName }) };
  if (!hasCertificate) {
    if (!isToken(token)) throw fault('user.token', 'is not a bearer token');
    return { secretId, endpoint, token: new Redacted(token), certificateEnd: undefined };
  }
  const chain = certificates(user['client-certificate-data'], 'user.client-certificate-data');
  const [certificate] = chain;
  const [keyPem = ''] = pemBlocks(user['client-key-data'], '[A-Z ]*PRIVATE KEY');
  if (!certificate || !isKeyOf(certificate, keyPem)) {
    throw fault(
      'user.client-key-data',
      'is not the key of the certificate in PEM, in base64, without a passphrase',
    );
  }
  const certificateEnd = certificate.validToDate;
  if (certificateEnd.getTime() <= now)
    throw new KubeconfigExpiredError(secretId, certificateEnd.toISOString());
  const clientCertificate = { certificatePem: pemOf(chain), key: new Redacted(keyPem) };
  return { secretId, endpoint: { ...endpoint, clientCertificate }, token: undefined, certificateEnd };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isHostName(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(value);
}

/** One that fits in a header: https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9._~+/-]+=*$/.test(value);
}

/** What lies between the marks of PEM; files that openssl wrote have text around them. */
function pemBlocks(data: unknown, label: string): string[] {
  const text = typeof data === 'string' ? Buffer.from(data, 'base64').toString('latin1') : '';
  return text.match(new RegExp(`-----BEGIN (${label})-----[\\s\\S]+?-----END \\1-----`, 'g')) ?? [];
}

function pemOf(certificates: readonly X509Certificate[]): string {
  return certificates.map(String).join('');
}

function isKeyOf(certificate: X509Certificate, keyPem: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}

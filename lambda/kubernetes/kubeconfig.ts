import { createPrivateKey, X509Certificate } from 'node:crypto';
import * as z from 'zod';
import { readSecretValue, type SecretValue } from '../aws.ts';
import type { RunContext } from '../context.ts';
import { HelperError, hasCode, Redacted } from '../errors.ts';
import type { ClusterSettings } from '../settings/schema.ts';
import type { FoundCluster } from './cluster.ts';
import type { ApiEndpoint } from './transport.ts';

/** How to reach a cluster that is not one of EKS: its endpoint, and a token or a client certificate. */
export interface Kubeconfig {
  readonly secretId: string;
  readonly endpoint: ApiEndpoint;
  readonly token: Redacted | undefined;
  /** When the client certificate expires. */
  readonly certificateEnd: Date | undefined;
}

const SERVER = /^https:\/\/[^\s/?#@\\]+((?:\/(?!\.{1,2}(?:\/|$))[\w.~:-]+)*)\/?$/i;
/** What fits in a header (https://www.rfc-editor.org/rfc/rfc6750#section-2.1); tokens of Rancher have a colon. */
const TOKEN = /^[A-Za-z0-9._~+/:-]+=*$/;
const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
/** Only these may be named in an error where they are not allowed: another key could be anything. */
const KNOWN_FIELDS = [
  ...['certificate-authority', 'insecure-skip-tls-verify', 'proxy-url', 'disable-compression', 'extensions'],
  ...['client-certificate', 'client-key', 'tokenFile', 'username', 'password', 'auth-provider', 'exec'],
  ...['as', 'as-uid', 'as-groups', 'as-user-extra'],
];

const matching = (pattern: RegExp, problem: string) => z.string(problem).regex(pattern, problem);

const certificates = z.unknown().transform((data, check): readonly X509Certificate[] => {
  try {
    const blocks = pemBlocks(data, 'CERTIFICATE');
    if (blocks.length > 0) return blocks.map((block) => new X509Certificate(block));
  } catch {
    // reported below
  }
  check.addIssue('is not a certificate in PEM, in base64');
  return z.NEVER;
});

// https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
const contextSchema = z.strictObject({
  cluster: z.unknown().optional(),
  user: z.unknown().optional(),
  namespace: z.unknown().optional(),
});
const clusterSchema = z.strictObject({
  server: z
    .unknown()
    .transform(serverUrl)
    .pipe(
      z.string(
        'is not https://HOST:PORT or https://HOST:PORT/PATH without a user, query, fragment, and without "..", "//" or encoded characters in the path',
      ),
    ),
  'certificate-authority-data': certificates.optional(),
  'tls-server-name': matching(HOST_NAME, 'is not the name of a host').optional(),
});
const userSchema = z.strictObject({
  token: matching(TOKEN, 'is not a bearer token').optional(),
  'client-certificate-data': certificates.optional(),
  'client-key-data': z.unknown().optional(),
});

/**
 * Finds a cluster by its kubeconfig, without a request to its API server. No IAM token goes to such a cluster: whoever
 * controls the kubeconfig could replay it.
 * @param secretId of the kubeconfig
 * @throws HelperError of readSecretValue and readKubeconfig; KubeconfigNotJsonError
 */
export async function findByKubeconfig(
  { settings, aws, clock }: RunContext,
  { name, publicCertificate, webIdentity }: ClusterSettings,
  secretId: string,
): Promise<FoundCluster> {
  const config = await readSecretValue(aws, secretId).catch((fault) => {
    if (!hasCode(fault, 'SecretNotJsonError')) throw fault;
    const problem = `the Secrets Manager secret ${secretId} is not a kubeconfig in JSON`;
    throw new HelperError('KubeconfigNotJsonError', problem, STORE_KUBECONFIG);
  });
  const isPublic = publicCertificate === true;
  const hasUser = webIdentity === undefined;
  const source = readKubeconfig(secretId, config, { now: clock.now(), isPublic, hasUser });
  const { endpoint, token } = source;
  const unauthorized = () =>
    new HelperError(
      'KubeconfigUnauthorizedError',
      `the API server of ${name} rejected the identity of its kubeconfig (401 Unauthorized)`,
      `The token or certificate in the Secrets Manager secret ${secretId} expired, was revoked or is for another cluster: make a new one for the group ${settings.name} and store it (docs/guides/kubeconfig-clusters.md).`,
    );
  return { endpoint, tokens: { current: async () => token }, unauthorized, source };
}

/**
 * Reads cluster and user of the current context, or of the only one. A field that is not in the schemas above
 * (commands, files, proxies, other ways to authenticate, TLS without verification) is an error; no value is ever printed.
 * @param now milliseconds since the epoch
 * @param isPublic whether the server has a certificate of a public authority, so that its own may be missing
 * @param hasUser whether it has to have credentials, or none
 * @throws HelperError: KubeconfigFieldError, KubeconfigExpiredError
 */
export function readKubeconfig(
  secretId: string,
  config: SecretValue,
  { now, isPublic, hasUser }: { now: number; isPublic: boolean; hasUser: boolean },
): Kubeconfig {
  const kubeconfig = `the kubeconfig in the Secrets Manager secret ${secretId}`;
  const fail = (field: string, problem: string) =>
    new HelperError('KubeconfigFieldError', `${kubeconfig}: ${field} ${problem}`, STORE_KUBECONFIG);

  const read = <Shape extends z.ZodRawShape>(
    kind: 'context' | 'cluster' | 'user',
    name: unknown,
    schema: z.ZodObject<Shape>,
  ) => {
    const list: unknown = config[`${kind}s`];
    const items = Array.isArray(list) ? list.filter(isObject) : [];
    const [item, ...others] = name ? items.filter((one) => one.name === name) : items;
    const fields = item?.[kind];
    if (others.length > 0 || !isObject(fields)) {
      throw fail(`${kind}s`, `does not have exactly one ${kind} for the current context`);
    }
    const unknown = Object.keys(fields).filter((key) => !Object.hasOwn(schema.shape, key));
    const known = unknown.find((key) => KNOWN_FIELDS.includes(key));
    if (known) throw fail(`${kind}.${known}`, 'is not allowed');
    if (unknown.length > 0) {
      throw fail(kind, `may have ${Object.keys(schema.shape).join(', ')} and no other field`);
    }
    const checked = schema.safeParse(fields);
    if (checked.success) return { ...checked.data, keys: Object.keys(fields) };
    const [issue] = checked.error.issues;
    throw fail([kind, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'is not valid');
  };

  const context = read('context', config['current-context'], contextSchema);
  const cluster = read('cluster', context.cluster, clusterSchema);
  const { server: url, 'certificate-authority-data': authorities, 'tls-server-name': serverName } = cluster;
  if (!authorities && !isPublic) {
    throw fail(
      'cluster.certificate-authority-data',
      'is missing; if the server has a certificate of a public authority, set "publicCertificate": true for this cluster in the settings',
    );
  }
  const caPem = authorities && toPem(authorities);
  const endpoint = { url, caPem, ...(serverName && { serverName }) };
  if (!hasUser) {
    const users = Array.isArray(config.users) ? config.users.filter(isObject) : [];
    if (users.some(({ user }) => isObject(user) && Object.keys(user).length > 0)) {
      throw fail('users', 'must have no credentials, as the cluster has webIdentity');
    }
    return { secretId, endpoint, token: undefined, certificateEnd: undefined };
  }
  const user = read('user', context.user, userSchema);
  const { token, 'client-certificate-data': chain, 'client-key-data': keyData, keys } = user;
  const hasCertificate = keys.includes('client-certificate-data') || keys.includes('client-key-data');
  if (hasCertificate === keys.includes('token')) {
    throw fail('user', 'does not have either token, or client-certificate-data and client-key-data');
  }
  if (token !== undefined)
    return { secretId, endpoint, token: new Redacted(token), certificateEnd: undefined };
  const [keyPem = ''] = pemBlocks(keyData, '[A-Z ]*PRIVATE KEY');
  const certificate = chain?.[0];
  if (!certificate) throw fail('user.client-certificate-data', 'is not a certificate in PEM, in base64');
  if (!isKeyOf(certificate, keyPem)) {
    throw fail(
      'user.client-key-data',
      'is not the key of the certificate in PEM, in base64, without a passphrase',
    );
  }
  const certificateEnd = certificate.validToDate;
  if (certificateEnd.getTime() <= now) {
    throw new HelperError(
      'KubeconfigExpiredError',
      `the client certificate of ${kubeconfig} expired at ${certificateEnd.toISOString()}`,
      'Have a new one signed and store it: docs/guides/kubeconfig-clusters.md.',
    );
  }
  const clientCertificate = { certificatePem: toPem(chain), key: new Redacted(keyPem) };
  return { secretId, endpoint: { ...endpoint, clientCertificate }, token: undefined, certificateEnd };
}

/** How to store a kubeconfig that this function can use. */
export const STORE_KUBECONFIG =
  'Store one that is complete in itself, with a token or a client certificate, without commands and files, as printed by: kubectl config view --raw --minify --flatten -o json';

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As it was written, less a slash at its end: parsing would resolve `..` and drop line breaks. */
function serverUrl(server: unknown): string | undefined {
  const [url, path = ''] = (typeof server === 'string' && SERVER.exec(server)) || [];
  const origin = url && URL.parse(url)?.origin;
  return origin && `${origin}${path}`;
}

/** What lies between the marks of PEM; files that openssl wrote have text around them. */
function pemBlocks(data: unknown, label: string): string[] {
  const pem = typeof data === 'string' ? Buffer.from(data, 'base64').toString('latin1') : '';
  return pem.match(new RegExp(`-----BEGIN (${label})-----[\\s\\S]+?-----END \\1-----`, 'g')) ?? [];
}

function toPem(chain: readonly X509Certificate[]): string {
  return chain.map(String).join('');
}

function isKeyOf(certificate: X509Certificate, keyPem: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}

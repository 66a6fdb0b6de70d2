import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Authority } from '../../sandbox/certificates.ts';
import type { Binaries } from './build.ts';
import type { DaemonCommand } from './daemon.ts';
import { minorOf } from './versions.ts';

/** An IAM role and who its sessions are in the cluster, as in an access entry or in `aws-auth`. */
export interface RoleMapping {
  /** Of the role (`arn:aws:iam::…:role/NAME`), not of its session. */
  roleArn: string;
  username: string;
  groups: readonly string[];
}

/** What the commands of the three programs have in common; `directory` is theirs alone. */
export interface Site {
  directory: string;
  binaries: Binaries;
  ports: { etcd: number; etcdPeer: number; authenticator: number; apiServer: number };
}

const webhookFile = 'authenticator/webhook.json';

/** etcd with a data directory that is lost with the machine's power: it does not wait for the disk. */
export function etcdCommand({ directory, binaries, ports }: Site): DaemonCommand {
  const clients = `http://127.0.0.1:${ports.etcd}`;
  const peers = `http://127.0.0.1:${ports.etcdPeer}`;
  const args = [
    '--name=etcd',
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=etcd=${peers}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
  return { name: 'etcd', binary: binaries.etcd, args, env: {}, directory };
}

/** What {@link authenticatorCommand} needs besides the site. */
export interface AuthenticatorOptions {
  clusterName: string;
  mapRoles: readonly RoleMapping[];
  /** A proxy that answers for STS with a certificate of `authority`. */
  stsProxyUrl: string;
  authority: Authority;
}

/** aws-iam-authenticator's server; it writes the webhook's kubeconfig before it listens. */
export async function authenticatorCommand(
  site: Site,
  options: AuthenticatorOptions,
): Promise<DaemonCommand> {
  const { directory, binaries, ports } = site;
  const own = join(directory, 'authenticator');
  const config = join(own, 'config.json');
  const trusted = join(own, 'sts-ca.pem');
  await mkdir(own);
  await writeFile(trusted, options.authority.certificatePem);
  await writeFile(
    config,
    JSON.stringify({
      clusterID: options.clusterName,
      server: {
        address: '127.0.0.1',
        hostname: '127.0.0.1',
        port: ports.authenticator,
        stateDir: own,
        generateKubeconfig: join(directory, webhookFile),
        mapRoles: options.mapRoles.map(({ roleArn, username, groups }) => ({
          rolearn: roleArn,
          username,
          groups,
        })),
      },
    }),
  );
  // Without the metadata switch it looks for an EC2 instance's region before it starts.
  const env = {
    HTTPS_PROXY: options.stsProxyUrl,
    SSL_CERT_FILE: trusted,
    SSL_CERT_DIR: own,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const args = ['server', '--config', config];
  return { name: 'aws-iam-authenticator', binary: binaries.awsIamAuthenticator, args, env, directory };
}

/** A bearer token of the API server's own, and whose it is. */
export interface StaticToken {
  token: string;
  username: string;
  group: string;
}

/**
 * The API server with its certificates: started only when etcd and the authenticator listen.
 * @param options.auditLog the file for its audit records, if it is to write any
 * @param options.jwt as in an AuthenticationConfiguration
 * @param options.accountAdmission whether pods need their service account
 */
export async function apiServerCommand(
  site: Site,
  authority: Authority,
  {
    auditLog,
    staticTokens = [],
    jwt,
    accountAdmission = false,
  }: {
    auditLog?: string | undefined;
    staticTokens?: readonly StaticToken[] | undefined;
    jwt?: readonly object[] | undefined;
    accountAdmission?: boolean | undefined;
  },
): Promise<DaemonCommand> {
  const { directory, binaries, ports } = site;
  const own = join(directory, 'kube-apiserver');
  await mkdir(own);
  const server = await authority.issue({
    commonName: 'kube-apiserver',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    usage: 'server',
  });
  const accounts = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const write = async (name: string, content: string) => {
    await writeFile(join(own, name), content, { mode: 0o600 });
    return join(own, name);
  };
  const tokenLines = staticTokens.map(
    ({ token, username, group }) => `${token},${username},${username},${group}\n`,
  );
  const args = [
    ...(tokenLines.length > 0 ? [`--token-auth-file=${await write('tokens.csv', tokenLines.join(''))}`] : []),
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--secure-port=${ports.apiServer}`,
    `--tls-cert-file=${await write('server.pem', server.certificatePem)}`,
    `--tls-private-key-file=${await write('server.key', server.keyPem)}`,
    `--client-ca-file=${await write('ca.pem', authority.certificatePem)}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${await write('accounts.key', accounts.privateKey)}`,
    `--service-account-key-file=${await write('accounts.pub', accounts.publicKey)}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--authorization-mode=RBAC',
    ...(await authenticationFlags(minorOf(binaries.release), write, jwt)),
    `--authentication-token-webhook-config-file=${join(directory, webhookFile)}`,
    // There is no controller manager that would make the accounts it asks for.
    ...(accountAdmission ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ...(auditLog
      ? [
          `--audit-policy-file=${await write('audit.json', JSON.stringify(auditPolicy))}`,
          `--audit-log-path=${auditLog}`,
        ]
      : []),
  ];
  return { name: 'kube-apiserver', binary: binaries.kubeApiserver, args, env: {}, directory };
}

/** Of namespaces with the answers, as EKS logs what changes a known API, and of secrets without what is in them. */
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'Metadata', resources: [{ group: '', resources: ['secrets'] }] },
    {
      level: 'RequestResponse',
      resources: [{ group: '', resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'] }],
    },
    { level: 'None' },
  ],
};

/**
 * The flags by which tokens of other issuers are known, if there are some, and nobody is anonymous but a health check, as on EKS since 1.32: without a token the answer is 401, not
 * 403. On 1.30 a health check needs a token too.
 */
async function authenticationFlags(
  minor: number,
  write: (name: string, content: string) => Promise<string>,
  jwt: readonly object[] | undefined,
): Promise<string[]> {
  if (minor < 31) return ['--anonymous-auth=false'];
  const authentication = {
    apiVersion: `apiserver.config.k8s.io/${minor < 34 ? 'v1beta1' : 'v1'}`,
    kind: 'AuthenticationConfiguration',
    ...(jwt && { jwt }),
    anonymous: {
      enabled: true,
      conditions: ['/healthz', '/livez', '/readyz'].map((path) => ({ path })),
    },
  };
  return [
    `--authentication-config=${await write('authentication.json', JSON.stringify(authentication))}`,
    ...(minor < 32 ? ['--feature-gates=AnonymousAuthConfigurableEndpoints=true'] : []),
  ];
}

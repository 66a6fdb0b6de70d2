import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Authority, createAuthority } from '../../sandbox/certificates.ts';
import type { Principal } from '../../sandbox/signatures.ts';
import { type ApiClient, createApiClient } from './api-client.ts';
import { type Binaries, controlPlaneBinaries } from './build.ts';
import {
  apiServerCommand,
  authenticatorCommand,
  etcdCommand,
  type RoleMapping,
  type Site,
  type StaticToken,
} from './components.ts';
import { type Daemon, type DaemonCommand, startDaemon } from './daemon.ts';
import { freePorts, isListening } from './loopback.ts';
import { startStsProxy } from './sts-proxy.ts';
import { startWatchdog } from './watchdog.ts';

export interface ControlPlaneOptions {
  /** The name that tokens must be signed for. */
  clusterName: string;
  /** The region whose STS host tokens must be signed for. */
  region: string;
  mapRoles: readonly RoleMapping[];
  /** Who comes with a token that the API server itself knows. Default: none. */
  staticTokens?: readonly StaticToken[];
  /** The issuers of tokens that the API server trusts, as in an AuthenticationConfiguration. Default: none. */
  jwt?: readonly object[];
  /** Whose signatures STS accepts; read anew for every token, so that a test can add some. */
  principals: Iterable<Principal>;
  /** Whether the API server writes down what is done to namespaces. */
  auditLog?: boolean;
  /** Whether the admission plugin `ServiceAccount` is on, which refuses pods without their account. Default: off. */
  accountAdmission?: boolean;
}

export interface ControlPlane {
  /** `https://127.0.0.1:PORT` */
  endpoint: string;
  /** The authority that issued the API server's certificate. */
  caPem: string;
  /** The same, which also issues what clients show of themselves. */
  authority: Authority;
  /** The API as a member of `system:masters`. */
  admin: ApiClient;
  binaries: Binaries;
  /** The file of audit records, one a line, if they are asked for. */
  auditLog?: string;
  daemons: { etcd: Daemon; authenticator: Daemon; apiServer: Daemon };
  /** Kills all and removes what was written. */
  stop(): Promise<void>;
}

const startTimeoutMs = 60_000;
const namespacesOfTheSystem = 4;

/**
 * Starts a real control plane on loopback (etcd, kube-apiserver and aws-iam-authenticator, each with a
 * temporary directory for its state) and waits for `/readyz`. There is no controller manager: nothing makes
 * default service accounts, and a namespace that is deleted stays `Terminating`.
 * Note that aws-iam-authenticator also opens port 21363, on all interfaces, for its health check if that is free.
 * @throws {Error} with the end of the log of the program that did not start; nothing is left running then.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const binaries = await controlPlaneBinaries();
  const directory = await mkdtemp(join(tmpdir(), 'control-plane-'));
  const watchdog = startWatchdog(directory);
  const ends: (() => Promise<void>)[] = [];
  const stop = async () => {
    await Promise.all(ends.splice(0).map((end) => end()));
    await rm(directory, { recursive: true, force: true });
    watchdog.dismiss();
  };
  const start = async (command: DaemonCommand) => {
    const daemon = await startDaemon(command);
    watchdog.guard(daemon.pid);
    ends.push(daemon.kill);
    return daemon;
  };

  try {
    const site = { directory, binaries, ports: await namePorts() };
    const authority = await createAuthority('control-plane-test-ca');
    const proxy = await startStsProxy({ ...options, authority });
    ends.push(proxy.stop);
    const etcd = await start(etcdCommand(site));
    const authenticator = await start(
      await authenticatorCommand(site, { ...options, authority, stsProxyUrl: proxy.url }),
    );
    await etcd.untilReady(() => isListening(site.ports.etcd), startTimeoutMs);
    await authenticator.untilReady(() => isListening(site.ports.authenticator), startTimeoutMs);
    const auditLog = options.auditLog ? join(directory, 'audit.log') : undefined;
    const { staticTokens, jwt, accountAdmission } = options;
    const flags = { auditLog, staticTokens, jwt, accountAdmission };
    const apiServer = await start(await apiServerCommand(site, authority, flags));
    const endpoint = `https://127.0.0.1:${site.ports.apiServer}`;
    const admin = await createAdmin(endpoint, authority);
    ends.push(admin.close);
    await apiServer.untilReady(() => isReady(admin), startTimeoutMs);
    const daemons = { etcd, authenticator, apiServer };
    const caPem = authority.certificatePem;
    const audited = auditLog && { auditLog };
    return { endpoint, caPem, authority, admin, binaries, ...audited, daemons, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function namePorts(): Promise<Site['ports']> {
  const [etcd, etcdPeer, authenticator, apiServer] = await freePorts(4);
  if (!etcd || !etcdPeer || !authenticator || !apiServer) throw new Error('no four free ports on 127.0.0.1');
  return { etcd, etcdPeer, authenticator, apiServer };
}

async function createAdmin(endpoint: string, authority: Authority): Promise<ApiClient> {
  const certificate = await authority.issue({
    commonName: 'e2e-admin',
    organization: 'system:masters',
    usage: 'client',
  });
  return createApiClient({ endpoint, caPem: authority.certificatePem, certificate });
}

/** Ready, and with the namespaces that the server makes for itself: tests count on them. */
async function isReady(admin: ApiClient): Promise<boolean> {
  try {
    if ((await admin.request('GET', '/readyz')).status !== 200) return false;
    const { body } = await admin.request<{ items: unknown[] }>('GET', '/api/v1/namespaces');
    return body.items.length >= namespacesOfTheSystem;
  } catch (error) {
    if (isNotListeningYet(error)) return false;
    throw error;
  }
}

function isNotListeningYet(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  // on a busy machine a server that starts may leave a connection waiting for seconds
  const codes = ['ECONNREFUSED', 'ECONNRESET', 'UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT'];
  return code !== undefined && codes.includes(code);
}

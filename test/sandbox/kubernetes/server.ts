import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createAuthority } from '../certificates.ts';
import type { Principal } from '../signatures.ts';
import type { AdmissionCheck, AdmissionRequest, Quota } from './admission.ts';
import { type AccessEntry, createAuthenticator } from './authentication.ts';
import type { User } from './authorization.ts';
import { Exchange } from './exchange.ts';
import { type FaultRule, Faults } from './faults.ts';
import { createNamespaceLister } from './namespaces.ts';
import type { Secret } from './objects.ts';
import { handle, type KubernetesRequest, type Sleep } from './routes.ts';
import { createSecretLister } from './secrets.ts';
import { putSecret, type SecretSeed, stripManagers } from './seeds.ts';
import { ServiceAccounts } from './service-accounts.ts';
import { Store, toSecret } from './store.ts';
import type { Webhook } from './webhooks.ts';

export interface KubernetesOptions {
  /** The cluster's name in EKS. Default `prod`. */
  clusterName?: string;
  /** Default `eu-west-1`. */
  region?: string;
  /** Whom AWS knows: {@link AwsEmulator.principals}. Nobody can sign in without. */
  principals?: Iterable<Principal>;
  accessEntries?: AccessEntry[];
  /** Static tokens, as of a cluster that is not EKS. Default: none. */
  tokens?: ReadonlyMap<string, User>;
  /** Structured authentication: who comes with a token of another issuer. Default: nobody. */
  authenticateToken?: (token: string) => User | undefined;
  /** ClusterRoles and ClusterRoleBindings; objects of other kinds are looked over. */
  manifest?: object[];
  /** Namespaces to begin with. Default: the four of a new cluster. */
  namespaces?: string[];
  /** Offer HTTP/2 besides HTTP/1.1, as the real server does. Default true. */
  http2?: boolean;
  /** The clock. Default: this machine's. */
  now?: () => Date;
  /** How it waits for webhooks. Default: by this machine's clock. */
  sleep?: Sleep;
}

/** A kube-apiserver on loopback, as far as the product calls one. */
export interface KubernetesEmulator {
  /** `https://127.0.0.1:PORT` */
  readonly endpoint: string;
  readonly caPem: string;
  readonly clusterName: string;
  /** Read at every request, as are the next two: push to them, or splice. */
  readonly accessEntries: AccessEntry[];
  readonly manifest: object[];
  readonly admission: AdmissionCheck[];
  /** Told of each change of a secret that nothing refused, dry runs included. */
  readonly observers: ((request: AdmissionRequest) => void)[];
  /** Whether an apply that lacks the right to create is refused as by Kubernetes before 1.32: without saying why. */
  hidesDeniedCreate: boolean;
  /** The path below which alone it answers, as behind a proxy. Default: none. */
  basePath: string;
  /** The most secrets that a namespace may hold. */
  readonly quotas: Map<string, Quota>;
  /** What is called before a secret of a namespace changes. */
  readonly webhooks: Map<string, Webhook>;
  /** Every request so far. */
  readonly requests: KubernetesRequest[];
  /** TLS handshakes so far. */
  readonly tlsSessions: number;
  /** TCP connections open now. */
  readonly openSockets: number;
  /** Adds a namespace, or changes one. */
  addNamespace(name: string, options?: { labels?: Record<string, string>; terminating?: boolean }): void;
  removeNamespace(name: string): void;
  /** Makes or changes a secret as somebody else would; returns it as stored. */
  putSecret(namespace: string, name: string, seed: SecretSeed): Secret;
  removeSecret(namespace: string, name: string): void;
  /** Takes its managed fields off a secret, as a patch with `managedFields: [{}]` does. */
  stripManagers(namespace: string, name: string): void;
  secret(namespace: string, name: string): Secret | undefined;
  secrets(): Secret[];
  readonly serviceAccounts: ServiceAccounts;
  /** Makes the continue tokens that are out too old: their pages answer 410. */
  expireLists(): void;
  /** Lets a rule spoil requests; the returned function takes it away. */
  fault(rule: FaultRule): () => void;
  /** Ends every connection, also stalled ones. */
  close(): Promise<void>;
}

/** Of 127.0.0.1, for all emulators of this process: keys take longer to make than most tests. */
async function makeCertificate(): Promise<{ caPem: string; cert: string; key: string }> {
  const authority = await createAuthority('kubernetes');
  const names = { dnsNames: ['localhost', 'kubernetes'], ipAddresses: ['127.0.0.1'] };
  const issued = await authority.issue({ commonName: 'kube-apiserver', ...names, usage: 'server' });
  return { caPem: authority.certificatePem, cert: issued.certificatePem, key: issued.keyPem };
}
let certificate: ReturnType<typeof makeCertificate> | undefined;

/** Starts the emulator on 127.0.0.1 and a free port, with the certificate that all of this process share. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<KubernetesEmulator> {
  const { clusterName = 'prod', region = 'eu-west-1', principals = [], now = () => new Date() } = options;
  const { sleep = (ms, signal) => wait(ms, undefined, { signal }) } = options;
  const accessEntries = options.accessEntries ?? [];
  const manifest = options.manifest ?? [];
  const tokens = options.tokens ?? new Map<string, User>();
  const admission: AdmissionCheck[] = [];
  const observers: ((request: AdmissionRequest) => void)[] = [];
  const quotas = new Map<string, Quota>();
  const webhooks = new Map<string, Webhook>();
  const requests: KubernetesRequest[] = [];
  const faults = new Faults();
  const store = new Store(now);
  const namespaces = createNamespaceLister(store);
  const secrets = createSecretLister(store);
  const serviceAccounts = new ServiceAccounts(store);
  for (const name of options.namespaces ?? ['default', 'kube-node-lease', 'kube-public', 'kube-system']) {
    store.putNamespace(name, {}, false, 'kube-apiserver');
  }

  certificate ??= makeCertificate();
  const { caPem, ...tls } = await certificate;
  const server =
    options.http2 === false ? createServer(tls) : createSecureServer({ ...tls, allowHTTP1: true });
  const { authenticateToken = () => undefined } = options;
  const authenticate = createAuthenticator({
    ...{ clusterName, region, principals, accessEntries, tokens, authenticateToken, now },
  });
  const lists = { namespaces, secrets, serviceAccounts };
  const rules = {
    store,
    manifest,
    admission,
    webhooks,
    quotas,
    observers,
    hidesDeniedCreate: false,
    basePath: '',
  };
  const state = Object.assign(rules, { authenticate, faults, requests, ...lists, sleep });
  server.on('request', (request, response) => {
    if (!request.url?.startsWith(`${rules.basePath}/`)) {
      response.writeHead(404).end();
      return;
    }
    request.url = request.url.slice(rules.basePath.length);
    void handle(new Exchange(request, response, now), state);
  });

  const sockets = new Set<Socket>();
  let tlsSessions = 0;
  server.on('secureConnection', () => {
    tlsSessions += 1;
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caPem,
    clusterName,
    accessEntries,
    manifest,
    admission,
    observers,
    get hidesDeniedCreate() {
      return rules.hidesDeniedCreate;
    },
    set hidesDeniedCreate(hides) {
      rules.hidesDeniedCreate = hides;
    },
    get basePath() {
      return rules.basePath;
    },
    set basePath(path) {
      rules.basePath = path;
    },
    quotas,
    webhooks,
    requests,
    get tlsSessions() {
      return tlsSessions;
    },
    get openSockets() {
      return sockets.size;
    },
    addNamespace: (name, { labels = {}, terminating = false } = {}) =>
      store.putNamespace(name, labels, terminating, 'kubectl-create'),
    removeNamespace: (name) => store.removeNamespace(name),
    putSecret: (namespace, name, seed) => putSecret(store, namespace, name, seed),
    removeSecret: (namespace, name) => store.deleteSecret(namespace, name),
    stripManagers: (namespace, name) => stripManagers(store, namespace, name),
    secret: (namespace, name) => {
      const stored = store.secret(namespace, name);
      return stored && toSecret(stored);
    },
    secrets: () => [...store.secrets()].map(toSecret),
    serviceAccounts,
    expireLists: () => {
      namespaces.expire();
      secrets.expire();
      serviceAccounts.lister.expire();
    },
    fault: (rule) => faults.add(rule),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { createAuthority } from '../sandbox/certificates.ts';
import type { ApiClient } from './control-plane/api-client.ts';
import { freePorts } from './control-plane/loopback.ts';
import { done, EMPTY_CONFIG, makeNamespaces, PULL_SECRET_TYPE } from './objects.ts';
import { until } from './until.ts';

/** What a webhook lets the API server answer: a Status, of which it may choose every field. */
export interface Denial {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: object;
}

/** A secret that is to be written, and whether the API server still waits for the answer. */
export interface Review {
  readonly secret: {
    readonly metadata: { readonly namespace: string };
    readonly data?: Record<string, string>;
  };
  readonly gone: AbortSignal;
}

export type Reviewer = (review: Review) => Promise<Denial | undefined> | Denial | undefined;

/** An admission webhook for the secrets of some namespaces. */
export interface Webhook {
  /** A domain name of three labels at least. */
  readonly name: string;
  readonly kind?: 'Validating' | 'Mutating';
  /** Default: Fail. */
  readonly failurePolicy?: 'Fail' | 'Ignore';
  /** How long the API server waits for it. Default: 30, the longest that there is. */
  readonly timeoutSeconds?: number;
  /** Nothing listens where it should be. */
  readonly isDown?: boolean;
  /** A denial, or undefined to allow. Default: allows. */
  readonly review?: Reviewer;
}

/** Webhooks on loopback with a certificate authority of their own. */
export interface Webhooks {
  /** Makes namespaces whose secrets a webhook reviews, and waits until it is called for them. */
  guard(admin: ApiClient, namespaces: readonly string[], webhook: Webhook): Promise<void>;
  stop(): Promise<void>;
}

const LABEL = 'webhook';
/** The webhooks allow a secret of this name at once: by it a test knows that the API server calls them. */
const PROBE = 'webhook-probe';
const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1';

/** Allows after so many milliseconds, if the API server still waits then. */
export function hanging(ms: number): Reviewer {
  return async ({ gone }) => await delay(ms, undefined, { signal: gone });
}

export async function startWebhooks(): Promise<Webhooks> {
  const authority = await createAuthority('webhooks-test-ca');
  const { certificatePem, keyPem } = await authority.issue({
    commonName: 'webhooks',
    ipAddresses: ['127.0.0.1'],
    usage: 'server',
  });
  const webhooks = new Map<string, Webhook>();
  const probed = new Set<string>();
  const answer = async (name: string, { request }: AdmissionReview, gone: AbortSignal) => {
    const isProbe = request.name === PROBE;
    if (isProbe) probed.add(name);
    const status = isProbe ? undefined : await webhooks.get(name)?.review?.({ secret: request.object, gone });
    return { uid: request.uid, allowed: status === undefined, ...(status && { status }) };
  };
  const server = createServer({ cert: certificatePem, key: keyPem }, (incoming, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    json(incoming)
      .then((review) => answer(nameOf(incoming), review as AdmissionReview, gone.signal))
      .then((result) => {
        const body = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: result };
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      })
      .catch(() => response.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const [closedPort] = await freePorts(1);
  const caBundle = Buffer.from(authority.certificatePem).toString('base64');
  return {
    async guard(admin, namespaces, webhook) {
      const { name, isDown = false } = webhook;
      webhooks.set(name, webhook);
      await makeNamespaces(admin, namespaces, { [LABEL]: name });
      const port = isDown ? closedPort : portOf(server);
      await register(admin, webhook, { url: `https://127.0.0.1:${port}/${name}`, caBundle });
      await until(`the webhook ${name} is called`, async () => {
        const { status } = await probe(admin, namespaces[0] ?? '');
        return isDown ? status === 500 : probed.has(name);
      });
    },
    async stop() {
      const closed = once(server.close(), 'close');
      server.closeAllConnections();
      await closed;
    },
  };
}

/** https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response */
interface AdmissionReview {
  readonly request: { readonly uid: string; readonly name: string; readonly object: Review['secret'] };
}

/** The API server adds its time limit as a query. */
function nameOf({ url = '' }: IncomingMessage): string {
  return new URL(url, 'https://127.0.0.1').pathname.slice(1);
}

async function register(admin: ApiClient, webhook: Webhook, clientConfig: object): Promise<void> {
  const { name, kind = 'Validating', failurePolicy = 'Fail', timeoutSeconds = 30 } = webhook;
  const operations = ['CREATE', 'UPDATE'];
  await done(admin, 'POST', `${CONFIGURATIONS}/${kind.toLowerCase()}webhookconfigurations`, {
    metadata: { name },
    webhooks: [
      {
        name,
        clientConfig,
        failurePolicy,
        timeoutSeconds,
        rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['secrets'], operations }],
        namespaceSelector: { matchLabels: { [LABEL]: name } },
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });
}

function probe(admin: ApiClient, namespace: string) {
  return admin.request('POST', `/api/v1/namespaces/${namespace}/secrets`, {
    query: { dryRun: 'All' },
    body: { type: PULL_SECRET_TYPE, data: EMPTY_CONFIG, metadata: { name: PROBE } },
  });
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

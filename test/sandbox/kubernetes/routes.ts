import type { Manifest } from '../../../lambda/kubernetes/rbac.ts';
import { reviewAccess, reviewUser } from './access-reviews.ts';
import type { Authenticate } from './authentication.ts';
import { type Attributes, attributesOf, authorize, type User } from './authorization.ts';
import type { Answer, Exchange } from './exchange.ts';
import type { Faults } from './faults.ts';
import type { Lister } from './lists.ts';
import { applySecret, deleteSecret, getSecret, type SecretRules } from './secrets.ts';
import type { ServiceAccounts } from './service-accounts.ts';
import { notImplemented, StatusError, unauthorized } from './status.ts';
import { WebhookPending } from './webhooks.ts';

/** One request as the emulator saw it; never its body or token. */
export interface KubernetesRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  userAgent: string;
  httpVersion: string;
  /** Undefined when nobody was recognised. */
  user: string | undefined;
  /** The code of the answer; undefined when there was none (yet). */
  status: number | undefined;
}

/** What the server knows and is made of. */
export interface KubernetesState extends SecretRules {
  authenticate: Authenticate;
  faults: Faults;
  namespaces: Lister;
  secrets: Lister;
  serviceAccounts: ServiceAccounts;
  requests: KubernetesRequest[];
  /** Waits for a webhook; rejects when the caller leaves. */
  sleep: Sleep;
}

/**
 * Waits that long, by a clock of the test's.
 * @param signal aborts when the caller has left
 */
export type Sleep = (
  ms: number,
  signal: AbortSignal,
  request: Pick<KubernetesRequest, 'method' | 'path'>,
) => Promise<unknown>;

const secretVerbs = { get: getSecret, patch: applySecret, delete: deleteSecret };

/** Answers one request: who comes, what goes wrong with it, whether it may, then the doing. Never rejects. */
export async function handle(exchange: Exchange, state: KubernetesState): Promise<void> {
  const { method, path, query, headers, httpVersion } = exchange;
  const userAgent = headers['user-agent'] ?? '';
  const record: KubernetesRequest = {
    method,
    path,
    query,
    userAgent,
    httpVersion,
    user: undefined,
    status: undefined,
  };
  state.requests.push(record);
  try {
    const body = await exchange.readBody();
    const user = await state.authenticate(headers.authorization);
    record.user = user?.username;
    const fault = state.faults.of({ method, path, query });
    if (fault?.kind === 'status' || fault?.kind === 'html') {
      record.status = fault.status;
      exchange.sendFault(fault);
      return;
    }
    if (fault?.kind === 'reset' && fault.when === 'before') {
      exchange.cut();
      return;
    }
    if (fault?.kind === 'stall') {
      await fault.until;
      if (exchange.isGone) return;
    }
    const answer = await answerOrRefuse(exchange, user, body, state);
    record.status = answer.code;
    exchange.sendJson(answer, fault);
  } catch {
    // The caller hung up, or a test's own rule threw: either way there is nobody to answer properly.
    exchange.cut();
  }
}

async function answerOrRefuse(
  exchange: Exchange,
  user: User | undefined,
  body: string,
  state: KubernetesState,
  hasWaited = false,
): Promise<Answer> {
  try {
    if (user === undefined) throw unauthorized();
    const attributes = attributesOf(exchange.method, exchange.path, exchange.query);
    authorize(user, attributes, state.manifest);
    return answer(exchange, user, attributes, body, state, hasWaited);
  } catch (error) {
    if (error instanceof WebhookPending) {
      await state.sleep(error.ms, exchange.gone, exchange);
      // the object may have changed meanwhile, so all begins again
      return answerOrRefuse(exchange, user, body, state, true);
    }
    if (error instanceof StatusError) return { code: error.status.code, body: error.status };
    throw error;
  }
}

function answer(
  { query, headers, method, path }: Exchange,
  user: User,
  attributes: Attributes,
  body: string,
  state: KubernetesState,
  hasWaited: boolean,
): Answer {
  const { apiGroup, resource, verb, namespace } = attributes;
  if (apiGroup === '' && resource === 'namespaces' && verb === 'list') {
    return { code: 200, body: state.namespaces.list(query, headers.accept) };
  }
  if (apiGroup === '' && resource === 'secrets' && verb === 'list') {
    return { code: 200, body: state.secrets.list(query, headers.accept, namespace) };
  }
  if (apiGroup === '' && resource === 'secrets' && namespace !== '' && verb in secretVerbs) {
    const request = { user, attributes, query, headers, body, hasWaited };
    return secretVerbs[verb as keyof typeof secretVerbs](request, state);
  }
  if (apiGroup === '' && resource === 'serviceaccounts' && verb === 'list') {
    return { code: 200, body: state.serviceAccounts.lister.list(query, headers.accept, namespace) };
  }
  if (apiGroup === '' && resource === 'serviceaccounts' && verb === 'patch') {
    return state.serviceAccounts.patch({ user, attributes, query, headers, body });
  }
  if (apiGroup === 'admissionregistration.k8s.io' && verb === 'get') {
    return { code: 200, body: getPodPolicy(attributes, state.manifest) };
  }
  if (apiGroup === 'authorization.k8s.io' && resource === 'selfsubjectaccessreviews' && verb === 'create') {
    const time = state.store.timestamp();
    return reviewAccess(body, { user, userAgent: headers['user-agent'], time }, state.manifest);
  }
  if (apiGroup === 'authentication.k8s.io' && resource === 'selfsubjectreviews' && verb === 'create') {
    return reviewUser(user, state.store.timestamp());
  }
  throw notImplemented(method, path);
}

/**
 * The objects that add pull secrets to pods: those of the manifest, without the defaults of the server.
 * @throws StatusError 404
 */
function getPodPolicy({ apiGroup: group, resource, name }: Attributes, manifest: readonly object[]): object {
  const kind = resource === 'mutatingadmissionpolicies' ? 'policy' : 'policybinding';
  const found = (manifest as Manifest[]).find(
    (one) => one.kind.toLowerCase() === `mutatingadmission${kind}` && one.metadata.name === name,
  );
  if (found) return found;
  const details = { name, group, kind: resource };
  throw new StatusError(404, 'NotFound', `${resource}.${group} "${name}" not found`, { details });
}

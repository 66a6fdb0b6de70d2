import { type ApiClient, createApiClient } from '../control-plane/api-client.ts';
import type { Caller } from './callers.ts';
import type { Answer, Call, Case } from './case.ts';
import type { Seeding } from './seeding.ts';

/** One of the two API servers. */
export interface Server {
  readonly seeding: Seeding;
  /** Plays a case in that namespace; returns the answers to all of its requests. */
  play(one: Pick<Case, 'before' | 'send'>, namespace: string): Promise<Answer[]>;
  close(): Promise<void>;
}

/** Where a server is. */
export interface Address {
  readonly endpoint: string;
  readonly caPem: string;
}

/** Headers that belong to the API; the others belong to one connection or one server. */
const API_HEADERS = ['content-type', 'cache-control', 'warning', 'www-authenticate', 'retry-after'];

/** A server as all callers, each with a connection pool of its own. */
export function toServer(
  { endpoint, caPem }: Address,
  seeding: Seeding,
  tokens: Record<Caller, string | undefined>,
): Server {
  const clients = new Map<Caller, ApiClient>();
  const clientOf = (who: Caller): ApiClient => {
    const token = tokens[who];
    const client = clients.get(who) ?? createApiClient({ endpoint, caPem, ...(token && { token }) });
    clients.set(who, client);
    return client;
  };
  return {
    seeding,
    async play({ before = [], send }, namespace) {
      const answers: Answer[] = [];
      for (const step of [...before, send]) {
        if ('seed' in step) await seeding.putSecret(namespace, step.seed);
        else if ('strip' in step) await seeding.stripManagers(namespace);
        else if ('account' in step) await seeding.addAccount(namespace, step.account);
        else {
          const call = typeof step === 'function' ? step(metadataOf(answers.at(-1))) : step;
          answers.push(await ask(call, namespace, clientOf));
        }
      }
      return answers;
    },
    async close() {
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
}

async function ask(
  { method, path, body, headers, who = 'function' }: Call,
  namespace: string,
  clientOf: (who: Caller) => ApiClient,
): Promise<Answer> {
  const answer = await clientOf(who).request(method, path.replace('{namespace}', namespace), {
    body,
    ...(headers && { headers }),
  });
  const apiHeaders = Object.entries(answer.headers).filter(([name]) => API_HEADERS.includes(name));
  return { code: answer.status, headers: Object.fromEntries(apiHeaders), body: answer.body };
}

function metadataOf(answer: Answer | undefined): Record<string, string> {
  const body = answer?.body as { metadata?: Record<string, string> } | undefined;
  return body?.metadata ?? {};
}

import type { IncomingHttpHeaders } from 'node:http';
import type { RecordedRequest } from '../e2e/recording-proxy.ts';
import { mintPassword } from '../sandbox/aws/canary.ts';
import type { RawOrder } from './raw-loop.ts';

/** The requests of the handler that the raw loop sends again. */
export type Replayed = Pick<RawOrder, 'list' | 'patch'>;

const TOKEN_LIFE_MS = 12 * 3_600_000;
const OF_CONNECTION = ['host', 'connection', 'content-length'];

/**
 * Takes the first list and the first PATCH of the handler as they were, headers and bearer token included.
 * @throws {Error} if one of them is not there
 */
export function replayOf(requests: readonly RecordedRequest[]): Replayed {
  const list = requests.find(({ method }) => method === 'GET');
  const patch = requests.find(({ method }) => method === 'PATCH');
  const [before, after] = patch ? pathOf(patch).split(/(?<=\/namespaces\/)[^/]+/) : [];
  if (!list || !patch || !before || !after) throw new Error('the handler sent no list or no PATCH');
  return {
    list: { path: pathOf(list), headers: headersOf(list.headers) },
    patch: { path: [before, after], headers: headersOf(patch.headers), body: patch.body },
  };
}

/** The same with a token that was just fetched, so that each PATCH writes. */
export function withFreshToken({ list, patch }: Replayed): Replayed {
  const now = new Date();
  const secret = JSON.parse(patch.body);
  const config = JSON.parse(Buffer.from(secret.data['.dockerconfigjson'], 'base64').toString());
  for (const login of Object.values(config.auths) as { auth: string }[]) {
    login.auth = Buffer.from(`AWS:${mintPassword('eu-west-1', 'raw-loop', now)}`).toString('base64');
  }
  secret.data['.dockerconfigjson'] = Buffer.from(JSON.stringify(config)).toString('base64');
  secret.metadata.annotations['ecr-registry-helper/fetched-at'] = toSeconds(now);
  secret.metadata.annotations['ecr-registry-helper/expires-at'] = toSeconds(
    new Date(now.getTime() + TOKEN_LIFE_MS),
  );
  return { list, patch: { ...patch, body: JSON.stringify(secret) } };
}

function pathOf({ url }: RecordedRequest): string {
  return url.pathname + url.search;
}

function headersOf(headers: IncomingHttpHeaders): Record<string, string> {
  const own = Object.entries(headers).filter(([name]) => !OF_CONNECTION.includes(name));
  return Object.fromEntries(own.map(([name, value]) => [name, String(value)]));
}

function toSeconds(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

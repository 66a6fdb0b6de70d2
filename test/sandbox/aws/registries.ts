import type { IncomingMessage, ServerResponse } from 'node:http';

/** Where requests to registry hosts come in, as `/registry/HOST/v2/…`: see `toRegistries`. */
export const ENTRANCE = '/registry/';

/** A request to a registry of ECR; never its authorization. */
export interface RegistryRequest {
  host: string;
  method: string;
  path: string;
  status: number;
}

interface RegistryAnswer {
  status: number;
  headers?: Record<string, string>;
  /** The error of the distribution protocol. */
  error?: string;
}

/** The registries of all accounts in the emulated ECR. */
export class Registries {
  /** By `HOST/NAME`: whether whoever holds a token may pull, or whose session may. */
  readonly repositories = new Map<string, boolean | { of: string }>();
  /** Repositories whose tags nobody may list, also who may pull. */
  readonly unlisted = new Set<string>();
  /** What a host answers to everything instead. */
  readonly answers = new Map<string, RegistryAnswer>();
  /** Every request so far. */
  readonly requests: RegistryRequest[] = [];
  readonly #tokens = new Map<string, { region: string; expiresAt: Date; taker: string }>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Takes a password that ECR has given out. */
  issue(password: string, region: string, expiresAt: Date, taker: string): void {
    this.#tokens.set(password, { region, expiresAt, taker });
  }

  /** Until when this `user:password` in base64 opens a registry host; undefined for one that never did. */
  expiryOf(host: string, auth: string): Date | undefined {
    return this.#tokenFor(host, auth)?.expiresAt;
  }

  #tokenFor(host: string, auth: string) {
    const token = this.#tokens.get(Buffer.from(auth, 'base64').toString().replace(/^AWS:/, ''));
    return token && host.includes(`.${token.region}.`) ? token : undefined;
  }

  /** Answers as https://github.com/opencontainers/distribution-spec/blob/main/spec.md says, and ECR does. */
  handle({ url = '', method = '', headers }: IncomingMessage, response: ServerResponse): void {
    const [, host = '', path = ''] = /^\/registry\/([^/]+)(\/.*)$/.exec(url) ?? [];
    const { status, error, ...more } =
      this.answers.get(host) ?? this.#answer(host, path, headers.authorization ?? '');
    this.requests.push({ host, method, path, status });
    response.writeHead(status, {
      'content-type': error ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
      'docker-distribution-api-version': 'registry/2.0',
      ...(status === 401 && {
        'www-authenticate': `Basic realm="https://${host}/",service="ecr.amazonaws.com"`,
      }),
      ...more.headers,
    });
    const errors = [{ code: error, message: `${error} in ${host}` }];
    response.end(error ? JSON.stringify({ errors }) : status === 401 ? 'Not Authorized' : '');
  }

  #answer(host: string, path: string, authorization: string): RegistryAnswer {
    const token = this.#tokenFor(host, authorization.replace(/^Basic /, ''));
    if (!token || token.expiresAt <= this.#now()) return { status: 401 };
    if (path === '/v2/') return { status: 200 };
    const [, name, what] = /^\/v2\/(.+)\/(manifests\/[^/]+|tags\/list(?:\?.*)?)$/.exec(path) ?? [];
    const allowed = this.repositories.get(`${host}/${name}`);
    if (allowed === undefined) return { status: 404, error: 'NAME_UNKNOWN' };
    const isPullable = typeof allowed === 'boolean' ? allowed : token.taker.includes(allowed.of);
    if (!isPullable) return { status: 403, error: 'DENIED' };
    if (what?.startsWith('manifests/')) return { status: 404, error: 'MANIFEST_UNKNOWN' };
    return this.unlisted.has(`${host}/${name}`) ? { status: 403, error: 'DENIED' } : { status: 200 };
  }
}

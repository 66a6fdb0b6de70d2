import * as z from 'zod';
import type { SecretValue } from '../aws.ts';
import { HelperError, Redacted } from '../errors.ts';

const REFUSED = ['credHelpers', 'credsStore'];
const LONGEST_SHOWN = 100;
/** A host, with a port or not, also as a URL and with a path; `*` stands for a part of a label, as it does to kubelet. */
const HOST =
  /^(?:https?:\/\/)?(?:[A-Za-z0-9*-]+(?:\.[A-Za-z0-9*-]+)*(?::\d{1,5})?|\[[\dA-Fa-f:.]+\]:\d{1,5})(?:\/[\w.-]+)*\/?$/;
/** With all of its padding or none. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

const text = z.string().nullish();
const entrySchema = z.object({
  auth: text,
  username: text,
  password: text,
  identitytoken: text,
  registrytoken: text,
});
type Entry = z.output<typeof entrySchema>;

/**
 * Takes the `auths` out of a docker config JSON, each as `user:password` in base64, where kubelet can use it:
 * https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/credentialprovider/keyring.go (hosts) and config.go there.
 * Helpers would not work in a pull secret and are refused by name.
 * @throws SecretKeyError naming the key or the host
 */
export function readStoredConfig(secretId: string, config: SecretValue): Map<string, Redacted> {
  const refused = REFUSED.find((key) => key in config);
  if (refused) throw secretKeyError(secretId, refused, 'cannot be used in a pull secret');
  const auths = z.record(z.string(), z.unknown()).safeParse(config.auths);
  if (!auths.success || Object.keys(auths.data).length === 0) {
    throw secretKeyError(secretId, 'auths', 'is not an object with a registry host for each key');
  }
  // hosts are shown in reports
  if (Object.keys(auths.data).some((host) => host.includes('@'))) {
    throw secretKeyError(secretId, 'a host in auths', 'has a login in it, whose place is auth');
  }
  return new Map(
    Object.entries(auths.data).map(([host, value]) => {
      const shown = JSON.stringify(host.replace(/\p{C}/gu, '').slice(0, LONGEST_SHOWN));
      const refuse = (problem: string, how: string) =>
        secretKeyError(secretId, `auths[${shown}]`, problem, how);
      if (!HOST.test(host)) {
        throw refuse('is not a registry host', 'write HOST, HOST:PORT or HOST/PATH, without white space');
      }
      const login = readLogin(entrySchema.safeParse(value).data ?? {});
      if (typeof login === 'string') {
        throw refuse(login, 'store a user and a password (or an access token as the password)');
      }
      return [host, new Redacted(login.toString('base64'))];
    }),
  );
}

/**
 * The error of one key in a secret of Secrets Manager.
 * @param how what to put there, where the problem does not say it
 */
export function secretKeyError(secretId: string, key: string, problem: string, how?: string): HelperError {
  return new HelperError(
    'SecretKeyError',
    `the Secrets Manager secret ${secretId}: ${key} ${problem}`,
    `Correct ${key} in the secret${how ? `: ${how}` : ''}.`,
  );
}

/** The `user:password` of an entry, or why no reader can use it. */
function readLogin(entry: Partial<Entry>): Buffer | string {
  const login = decodeLogin(entry);
  return (typeof login === 'string' ? login : problemOf(login, entry)) ?? login;
}

/** To every reader `auth` comes first. */
function decodeLogin(entry: Partial<Entry>): Buffer | string {
  const { auth, username, password, identitytoken, registrytoken } = entry;
  if (!auth) {
    if (username?.includes(':')) return 'has a colon in its username';
    const hasSome = username || password || identitytoken || registrytoken;
    return hasSome
      ? Buffer.from(`${username ?? ''}:${password ?? ''}`)
      : 'has no auth, nor username and password';
  }
  // readers in Go pass over line breaks
  const base64 = auth.replace(/[\r\n]/g, '');
  return BASE64.test(base64) ? Buffer.from(base64, 'base64') : 'has an auth that is not base64';
}

/** Why no registry can take a login: https://datatracker.ietf.org/doc/html/rfc7617#section-2 */
function problemOf(login: Buffer, { identitytoken, registrytoken }: Partial<Entry>): string | undefined {
  const colon = login.indexOf(':');
  if (colon < 0) return 'has an auth that is not user:password';
  if (colon === login.length - 1) {
    return identitytoken || registrytoken
      ? 'has an identity or registry token and no password, and kubelet cannot use such a token'
      : 'has an empty password';
  }
  if (colon === 0) return 'has an empty user';
  const hasControl = login.some((byte) => byte < 0x20 || byte === 0x7f);
  return hasControl ? 'has a line break or another control character in user or password' : undefined;
}

/** Registry hosts and, for each, `user:password` in base64. */
export type Auths = ReadonlyMap<string, Redacted>;

/** What stands in a planned secret instead of a password. */
const PLACEHOLDER = new Redacted(Buffer.from('AWS:placeholder').toString('base64'));

/**
 * Merges the auths of an entry's registries. Globs in hosts are let be: kubelet tries them after a host without.
 * https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/credentialprovider/keyring.go
 * @param parts of one registry each; those of ECR have a token
 * @throws HostTakenError when two serve the same host, also when one is written as https://host/v2/
 * @throws HostPathTakenError when one has a path below the host of another's token: the longest match wins
 */
export function mergeAuths(parts: readonly { readonly auths: Auths; readonly token?: unknown }[]): Auths {
  const merged = new Map<string, Redacted>();
  const taken = new Set<string>();
  const ofTokens = new Set(parts.flatMap(({ auths, token }) => (token ? [...auths.keys()] : [])));
  for (const { auths } of parts) {
    for (const bare of new Set([...auths.keys()].map(bareHost))) {
      if (taken.has(bare))
        throw new HelperError(
          'HostTakenError',
          `two registries of this entry serve ${bare}`,
          'Remove one of them, or move it to an entry with another name.',
        );
      taken.add(bare);
    }
    for (const [host, auth] of auths) {
      const [registry = '', ...path] = bareHost(host).split('/');
      if (path.length > 0 && ofTokens.has(registry))
        throw new HelperError(
          'HostPathTakenError',
          `a stored docker config of this entry has ${host}, which kubelet tries before the token for ${registry}`,
          `Remove ${host} from that docker config in Secrets Manager.`,
        );
      merged.set(host, auth);
    }
  }
  return merged;
}

/** A host as kubelet compares it: without scheme, and `/v1/` or `/v2/` is no path. */
function bareHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/^([^/]+)\/v[12](?=\/|$)/, '$1')
    .replace(/\/+$/, '');
}

/** The same hosts with a placeholder for each password, for a run that only plans. */
export function withPlaceholders(auths: Auths): Auths {
  return new Map([...auths.keys()].map((host) => [host, PLACEHOLDER]));
}

/**
 * The docker config JSON of a pull secret in base64, as the `data` of a Secret takes it. Only `auth` is
 * written, which every reader knows; user and password beside it would double the secret.
 */
export function dockerConfigData(auths: Auths): Redacted {
  const entries = [...auths].map(([host, auth]) => [host, { auth: auth.reveal() }]);
  const json = JSON.stringify({ auths: Object.fromEntries(entries) });
  return new Redacted(Buffer.from(json).toString('base64'));
}

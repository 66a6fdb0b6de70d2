import { Redacted } from '../redacted.ts';
import { HostTakenError } from './errors.ts';

/** Registry hosts and, for each, `user:password` in base64. */
export type Auths = ReadonlyMap<string, Redacted>;

/** What stands in a planned secret instead of a password. */
const PLACEHOLDER = new Redacted(Buffer.from('AWS:placeholder').toString('base64'));

/**
 * Merges the auths of an entry's registries.
 * @throws HostTakenError when two serve the same host, also when one is written as https://host/
 */
export function mergeAuths(parts: readonly Auths[]): Auths {
  const merged = new Map<string, Redacted>();
  const taken = new Set<string>();
  for (const part of parts) {
    for (const bare of new Set([...part.keys()].map(bareHost))) {
      if (taken.has(bare)) throw new HostTakenError(bare);
      taken.add(bare);
    }
    for (const [host, auth] of part) merged.set(host, auth);
  }
  return merged;
}

function bareHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^https?:\/\//, '')
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

import * as z from 'zod';
import { Redacted } from '../redacted.ts';
import { SecretKeyError } from './errors.ts';
import type { SecretValue } from './secret-value.ts';

const REFUSED = ['credHelpers', 'credsStore', 'HttpHeaders'];
const text = z.string().min(1);
/** A reader in Go refuses the whole docker config for one character more. */
const base64 = z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/);
const entrySchema = z.union([
  // with the padding that a reader in Go asks for
  z.object({ auth: base64 }).transform(({ auth }) => Buffer.from(auth, 'base64').toString('base64')),
  z
    .object({ username: text, password: text })
    .transform(({ username, password }) => Buffer.from(`${username}:${password}`).toString('base64')),
]);

/**
 * Takes the `auths` out of a docker config JSON, each as `user:password` in base64. Helpers and headers would
 * not work in a pull secret and are refused by name.
 * @throws SecretKeyError naming the key or the host
 */
export function readStoredConfig(secretId: string, config: SecretValue): Map<string, Redacted> {
  const refused = REFUSED.find((key) => key in config);
  if (refused) throw new SecretKeyError(secretId, refused, 'cannot be used in a pull secret');
  const auths = z.record(z.string(), z.unknown()).safeParse(config.auths);
  if (!auths.success || Object.keys(auths.data).length === 0) {
    throw new SecretKeyError(secretId, 'auths', 'is not an object with a registry host for each key');
  }
  // hosts are shown in reports
  if (Object.keys(auths.data).some((host) => host.includes('@'))) {
    throw new SecretKeyError(secretId, 'a host in auths', 'has a login in it, whose place is auth');
  }
  return new Map(
    Object.entries(auths.data).map(([host, entry]) => {
      const auth = entrySchema.safeParse(entry);
      if (!auth.success || !Buffer.from(auth.data, 'base64').includes(':')) {
        throw new SecretKeyError(
          secretId,
          `auths[${JSON.stringify(host)}]`,
          'has no auth, nor username and password',
        );
      }
      return [host, new Redacted(auth.data)];
    }),
  );
}

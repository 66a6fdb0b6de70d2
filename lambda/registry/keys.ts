import type { StaticKeys } from '../aws.ts';
import { SecretKeyError } from './errors.ts';
import type { SecretValue } from './secret-value.ts';

/** What the predecessor's secret `aws-conf` holds, as far as it is used (`output` is not). */
export interface KeysSecret {
  readonly keys: StaticKeys;
  readonly region: string | undefined;
  readonly accountId: string | undefined;
}

/**
 * Takes static keys out of a secret with the keys aws_access_key_id, aws_secret_access_key and, where the
 * settings do not say them, region and account_id. White space around values, as `echo` leaves it, is cut.
 * @throws SecretKeyError naming the key
 */
export function readKeys(secretId: string, value: SecretValue): KeysSecret {
  const optional = (key: string, pattern: RegExp, what: string) => {
    const found = value[key];
    if (found === undefined) return undefined;
    const trimmed = typeof found === 'string' ? found.trim() : '';
    if (!pattern.test(trimmed)) throw new SecretKeyError(secretId, key, `is not ${what}`);
    return trimmed;
  };
  const required = (key: string, pattern: RegExp, what: string) => {
    const found = optional(key, pattern, what);
    if (found === undefined) throw new SecretKeyError(secretId, key, 'is missing');
    return found;
  };
  return {
    keys: {
      accessKeyId: required('aws_access_key_id', /^\w{16,128}$/, 'an access key id'),
      secretAccessKey: required('aws_secret_access_key', /^[\w/+=]{16,128}$/, 'a secret access key'),
    },
    region: optional('region', /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/, 'an AWS region'),
    accountId: optional('account_id', /^\d{12}$/, 'an account id of 12 digits'),
  };
}

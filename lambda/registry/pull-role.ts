import type { SecretEntry } from '../settings/fields.ts';
import { type Audience, pullRoleKey } from '../settings/pull-role-key.ts';
import { PullRoleUnknownError } from './errors.ts';

/**
 * The ARN of the role that fetches the tokens of an entry with `repositories`; undefined for another entry.
 * @param prefix what the ARNs of all pull roles of this deployment begin with
 * @throws PullRoleUnknownError where there is none
 */
export function pullRoleArn(
  entry: Audience & Pick<SecretEntry, 'repositories'>,
  prefix: string | undefined,
): string | undefined {
  if (!entry.repositories) return undefined;
  if (!prefix) throw new PullRoleUnknownError(entry.name);
  return prefix + pullRoleKey(entry);
}

/**
 * What is wrong with whose token a secret holds; undefined where it is as its entry says.
 * @param pullRole the name of the role that fetched it, as its annotation says; undefined for the function's own
 */
export function otherOpening(
  pullRole: string | undefined,
  entry: Audience & Pick<SecretEntry, 'repositories'>,
): string | undefined {
  if (entry.repositories && pullRole === undefined) return 'its token opens more than its entry says';
  const isMeant = entry.repositories ? pullRole?.endsWith(`-${pullRoleKey(entry)}`) : pullRole === undefined;
  return isMeant ? undefined : 'its token is of the role of another entry';
}

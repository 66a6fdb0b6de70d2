import { createHash } from 'node:crypto';
import type { SecretEntry } from '../settings/fields.ts';
import { PullRoleUnknownError } from './errors.ts';

/** Whom an entry is for. */
type Audience = Pick<SecretEntry, 'name' | 'namespaces' | 'clusters'>;

/**
 * The end of the name of the pull role of an entry: 8 hexadecimal digits, by whom the entry is for. So a token that
 * was handed out never opens what is meant for others, and other repositories hold at once for all that were.
 */
export function pullRoleKey({ name, namespaces, clusters }: Audience): string {
  const { include, exclude, selector = '' } = namespaces;
  const audience = [name, include.toSorted(), exclude.toSorted(), selector, clusters.toSorted()];
  return createHash('sha256').update(JSON.stringify(audience)).digest('hex').slice(0, 8);
}

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

import { createHash } from 'node:crypto';
import type { SecretEntry } from './fields.ts';

/** Whom an entry is for. */
export type Audience = Pick<SecretEntry, 'name' | 'namespaces' | 'clusters'>;

/**
 * The end of the name of the pull role of an entry: 8 hexadecimal digits, by whom the entry is for. So a token that
 * was handed out never opens what is meant for others, and other repositories hold at once for all that were.
 */
export function pullRoleKey({ name, namespaces, clusters }: Audience): string {
  const { include, exclude, selector = '' } = namespaces;
  const audience = [name, include.toSorted(), exclude.toSorted(), selector, clusters.toSorted()];
  return createHash('sha256').update(JSON.stringify(audience)).digest('hex').slice(0, 8);
}

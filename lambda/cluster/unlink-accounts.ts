import pMap, { pMapSkip } from 'p-map';
import type { Removal } from '../cleanup-report.ts';
import { type Account, removing, type ServiceAccounts } from './service-accounts.ts';
import { failureVerdict } from './verdict.ts';

/**
 * Takes a secret out of service accounts, as it should be before the secret is deleted. Accounts are found by name,
 * so one that has left the settings, and with them the right to patch it, stays as it is.
 * @param names of the accounts; the namespaces are those in which the secret goes
 * @param concurrency changes at once
 * @returns one for each account that was changed, would be in a dry run, or could not be
 * @throws ApiAnswer, UnreachableError, DeadlineError where accounts cannot be listed
 */
export async function unlinkAccounts(
  accounts: ServiceAccounts,
  options: { secret: string; names: readonly string[]; namespaces: ReadonlySet<string>; concurrency: number },
): Promise<Removal[]> {
  const { secret, names, namespaces, concurrency } = options;
  const unlink = async ({ namespace, ...account }: Account): Promise<Removal | typeof pMapSkip> => {
    if (!namespaces.has(namespace)) return pMapSkip;
    const object = `service account ${account.name}`;
    try {
      const isChanged = await accounts.edit({ namespace, ...account }, removing(secret));
      return isChanged ? { namespace, object, outcome: 'removed' } : pMapSkip;
    } catch (fault) {
      const { reason = '', remedy = '' } = failureVerdict(fault, 'it');
      return { namespace, object, outcome: 'failed', reason, remedy };
    }
  };
  const removals: Removal[] = [];
  for (const name of names) {
    removals.push(...(await pMap(accounts.named(name), unlink, { concurrency })));
  }
  return removals;
}

import pMap, { pMapSkip } from 'p-map';
import type { Removal } from '../cleanup-report.ts';
import { type Account, removing, type ServiceAccounts } from './service-accounts.ts';
import { failureVerdict } from './verdict.ts';

/**
 * Takes a secret out of service accounts, as it should be before the secret is deleted. Accounts are found by name,
 * so one that has left the settings, and with them the right to patch it, stays as it is.
 * @param names of the accounts; the namespaces are those in which the secret goes
 * @param concurrency changes at once
 * @returns one for each account that was changed, would be in a dry run, or could not be; and one that failed in the
 * namespace `*` where accounts could not be listed to their end
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
      return failed(namespace, object, fault, 'it');
    }
  };
  const removals: Removal[] = [];
  for (const name of names) {
    let fault: unknown;
    // a list that throws would leave the changes that are under way behind
    const flow = async function* () {
      try {
        yield* accounts.named(name);
      } catch (caught) {
        fault = caught;
      }
    };
    removals.push(...(await pMap(flow(), unlink, { concurrency })));
    if (fault !== undefined) removals.push(failed('*', `service accounts ${name}`, fault, 'them'));
  }
  return removals;
}

function failed(namespace: string, object: string, fault: unknown, them: string): Removal {
  const { reason = '', remedy = '' } = failureVerdict(fault, them);
  return { namespace, object, outcome: 'failed', reason, remedy };
}

import pMap, { pMapSkip } from 'p-map';
import type { Outcome, Tally } from '../report.ts';
import type { SecretEntry } from '../settings.ts';
import { type Account, adding, type ServiceAccounts } from './service-accounts.ts';
import { failureVerdict } from './verdict.ts';

type Entry = Pick<SecretEntry, 'name' | 'serviceAccounts'>;

/** An entry that names service accounts, and its namespaces: whether the secret in each is ours. */
interface Link {
  readonly entry: Entry;
  readonly namespaces: Map<string, boolean>;
}

/** What a run is about. */
interface Scope {
  /** Those that it is narrowed to. */
  readonly namespaces: readonly string[] | undefined;
  /** Changes at once. */
  readonly concurrency: number;
}

const OURS: readonly Outcome[] = ['created', 'refreshed', 'unchanged'];

/** Puts the secrets of one run of one cluster into the service accounts that its entries name. */
export class AccountLinks {
  readonly #links: readonly Link[];
  readonly #tally: Tally;

  constructor(entries: readonly Entry[], tally: Tally) {
    this.#links = entries
      .filter((entry) => entry.serviceAccounts.length > 0)
      .map((entry) => ({ entry, namespaces: new Map() }));
    this.#tally = tally;
  }

  /** Whether any entry names accounts. */
  get areAsked(): boolean {
    return this.#links.length > 0;
  }

  /** Takes what became of an entry's secret in a namespace; a link to one that is not ours is of no use. */
  saw(entry: Entry, namespace: string, outcome: Outcome): void {
    this.#links.find((link) => link.entry === entry)?.namespaces.set(namespace, OURS.includes(outcome));
  }

  /**
   * Adds the secrets to the accounts that lack them. Does not throw: what cannot be done is told to the tally.
   * @returns the number of accounts that were changed
   */
  async make(accounts: ServiceAccounts, scope: Scope): Promise<number> {
    let changed = 0;
    for (const name of new Set(this.#links.flatMap(({ entry }) => entry.serviceAccounts))) {
      const links = this.#links.filter(
        (link) => link.entry.serviceAccounts.includes(name) && isWritten(link),
      );
      if (links.length > 0) changed += await this.#makeOf(name, links, accounts, scope);
    }
    return changed;
  }

  async #makeOf(
    name: string,
    links: readonly Link[],
    accounts: ServiceAccounts,
    { namespaces, concurrency }: Scope,
  ): Promise<number> {
    const narrowed = namespaces?.filter((one) => links.some((link) => link.namespaces.get(one)));
    const found = new Set<Link>();
    let changed = 0;
    let fault: unknown;
    const flow = async function* () {
      try {
        yield* accounts.named(name, narrowed);
      } catch (caught) {
        fault = caught;
      }
    };
    const add = async (account: Account) => {
      const here = links.filter((link) => link.namespaces.has(account.namespace));
      for (const link of here) found.add(link);
      if (await this.#add(accounts, account, here)) changed += 1;
      return pMapSkip;
    };
    await pMap(flow(), add, { concurrency });
    for (const link of links) {
      if (fault) this.#tell('*', link.entry.name, fault, [`service accounts ${name}`, 'them']);
      // a narrowed run may be for a namespace that was made just now, and whose accounts are not there yet
      else if (!namespaces && !found.has(link)) this.#miss(link.entry.name, name);
    }
    return changed;
  }

  async #add(accounts: ServiceAccounts, account: Account, links: readonly Link[]): Promise<boolean> {
    const ours = links.filter(({ namespaces }) => namespaces.get(account.namespace));
    const secrets = ours.map(({ entry }) => entry.name);
    try {
      return await accounts.edit(account, adding(secrets));
    } catch (fault) {
      const object = `service account ${account.namespace}/${account.name}`;
      this.#tell(account.namespace, secrets.join(', '), fault, [object, 'it']);
      return false;
    }
  }

  #tell(namespace: string, secret: string, fault: unknown, [object, them]: [string, string]): void {
    const { outcome, reason, remedy = '' } = failureVerdict(fault, them);
    if (outcome !== 'blocked' && outcome !== 'failed') return;
    this.#tally.miss({ namespace, secret, outcome, reason: `${object}: ${reason}`, remedy });
  }

  #miss(secret: string, account: string): void {
    this.#tally.miss({
      namespace: '*',
      secret,
      outcome: 'failed',
      reason: `there is no service account ${account} in any namespace of this entry`,
      remedy: 'Correct serviceAccounts of this entry, or create the service account.',
    });
  }
}

function isWritten({ namespaces }: Link): boolean {
  return [...namespaces.values()].includes(true);
}

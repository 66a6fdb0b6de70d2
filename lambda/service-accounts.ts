import type { V1ServiceAccount } from '@kubernetes/client-node';
import { ApiError, judgeFailure, objectBusyError } from './kubernetes/api-error.ts';
import { listAll, type Requests } from './kubernetes/client.ts';
import type { ClusterRun, FollowUp } from './refresh/refresh.ts';
import { type ClusterReport, OURS, type Outcome } from './refresh/report.ts';
import type { Task } from './refresh/rounds.ts';
import type { SecretEntry } from './settings/schema.ts';
import { coversNamespace } from './settings/selection.ts';

const LIST = '/imagePullSecrets';
/** How often a change is tried while others change the same account. */
const MOST_TRIES = 5;
/** Pull secrets of an account that a list keeps: of 100,000 accounts any number would take all memory. */
const MOST_LISTED = 100;

/** Which service account. */
export interface AccountName {
  readonly namespace: string;
  readonly name: string;
}

/** A service account as far as it is read. */
export interface Account extends AccountName {
  readonly resourceVersion: string;
  /** The names in its `imagePullSecrets`, in their order. */
  readonly pullSecrets: readonly string[];
}

/** One operation of a JSON Patch: https://www.rfc-editor.org/rfc/rfc6902#section-4 */
type Operation =
  | { readonly op: 'add'; readonly path: string; readonly value: object }
  | { readonly op: 'remove'; readonly path: string };

/** The operations that bring a list of pull secrets to where it should be; none for one that is there already. */
export type Edit = (pullSecrets: readonly string[]) => Operation[];

/** Appends those of the names that a list lacks. */
export function adding(names: readonly string[]): Edit {
  return (pullSecrets) => {
    const missing = names.filter((name) => !pullSecrets.includes(name)).map((name) => ({ name }));
    // nothing can be appended to a list that does not exist
    if (pullSecrets.length > 0) return missing.map((value) => ({ op: 'add', path: `${LIST}/-`, value }));
    return missing.length > 0 ? [{ op: 'add', path: LIST, value: missing }] : [];
  };
}

/** Removes a name from a list, wherever it is. */
export function removing(name: string): Edit {
  return (pullSecrets) =>
    pullSecrets
      .flatMap((one, at): Operation[] => (one === name ? [{ op: 'remove', path: `${LIST}/${at}` }] : []))
      // from the end, so that the earlier positions stay valid
      .reverse();
}

/**
 * Lists the service accounts of one name, in these namespaces or in all. RBAC allows a list of one exact name by `list`
 * on that name.
 * @throws ApiError; HelperError: UnreachableError, LateAnswerError, AnswerTooLongError, DeadlineError
 */
export async function listAccounts(
  { core }: Pick<Requests, 'core'>,
  name: string,
  namespaces?: readonly string[],
): Promise<readonly (Account | AccountName)[]> {
  const query = { fieldSelector: `metadata.name=${name}` };
  return listAll(
    namespaces?.map(
      (namespace) => (page) => core.listNamespacedServiceAccount({ ...query, ...page, namespace }),
    ) ?? [(page) => core.listServiceAccountForAllNamespaces({ ...query, ...page })],
    toListed,
  );
}

export interface EditOptions {
  /** The name of this deployment, which is its field manager. */
  readonly deployment: string;
  /** Asks the server what a change would do. */
  readonly dryRun: boolean;
  /**
   * 1 for the first; a later one reads the account, and counts as a change what an earlier one may have changed whose
   * answer was lost.
   */
  readonly attempt: number;
}

/**
 * Edits the pull secrets of an account and loses nothing of others: the list is one value to a server-side apply, so
 * this is a JSON Patch that holds only for the version that was read.
 * @param account as it was listed, or only its name
 * @returns whether it was changed; one that is gone was not
 * @throws ApiError; HelperError: ObjectBusyError, UnreachableError, LateAnswerError, DeadlineError
 */
export async function editAccount(
  { core }: Pick<Requests, 'core'>,
  account: Account | AccountName,
  edit: Edit,
  { deployment, dryRun, attempt }: EditOptions,
): Promise<boolean> {
  const { namespace, name } = account;
  const read = async (): Promise<Account | undefined> => {
    const query = { namespace, fieldSelector: `metadata.name=${name}` };
    const list = (page: object) => core.listNamespacedServiceAccount({ ...query, ...page });
    return (await listAll([list], toAccount))[0];
  };
  let current = attempt === 1 && 'pullSecrets' in account ? account : await read();
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    if (!current) return false;
    const operations = edit(current.pullSecrets);
    if (operations.length === 0) return attempt > 1;
    const { resourceVersion } = current;
    try {
      await core.patchNamespacedServiceAccount({
        namespace,
        name,
        body: [{ op: 'test', path: '/metadata/resourceVersion', value: resourceVersion }, ...operations],
        fieldManager: deployment,
        ...(dryRun && { dryRun: 'All' }),
      });
      return true;
    } catch (fault) {
      if (!(fault instanceof ApiError) || fault.deniedBy) throw fault;
      if (fault.code === 404) return false;
      // a test that does not hold is answered with 422, like an invalid object
      if (fault.code !== 422) throw fault;
      current = await read();
      if (current?.resourceVersion === resourceVersion) throw fault;
    }
  }
  throw objectBusyError();
}

/** Of one with so many pull secrets only the name is kept; an edit reads it. */
function toListed(account: V1ServiceAccount): Account | AccountName {
  const { namespace, name, ...read } = toAccount(account);
  return read.pullSecrets.length > MOST_LISTED ? { namespace, name } : { namespace, name, ...read };
}

function toAccount({ metadata, imagePullSecrets = [] }: V1ServiceAccount): Account {
  const { namespace = '', name = '', resourceVersion = '' } = metadata ?? {};
  return { namespace, name, resourceVersion, pullSecrets: imagePullSecrets.map((one) => one.name ?? '') };
}

/** An entry that names service accounts, and its namespaces: whether the secret in each is ours. */
interface Link {
  readonly entry: SecretEntry;
  readonly namespaces: Map<string, boolean>;
}

/** Adds the secrets of one run of one cluster to the service accounts that its entries name. */
export class AccountLinks implements FollowUp {
  readonly #run: ClusterRun;
  readonly #links: readonly Link[];
  #changed = 0;

  constructor(run: ClusterRun) {
    this.#run = run;
    this.#links = run.entries
      .filter(({ settings }) => settings.serviceAccounts.length > 0)
      .map(({ settings }) => ({ entry: settings, namespaces: new Map() }));
  }

  /** A link to a secret that is not ours is of no use. */
  recordOutcome(entry: SecretEntry, namespace: string, outcome: Outcome): void {
    this.#links.find((link) => link.entry === entry)?.namespaces.set(namespace, OURS.includes(outcome));
  }

  /** A task for each name of accounts that may lack a secret that was written: it lists them, and returns a task for each. */
  tasks(): Task[] {
    const { namespaces } = this.#run.ctx.request;
    const names = new Set(this.#links.filter(isWritten).flatMap(({ entry }) => entry.serviceAccounts));
    return [...names].map((name): Task => {
      const links = this.#linksOf(name).filter(isWritten);
      const narrowed = namespaces?.filter((one) => links.some((link) => link.namespaces.get(one)));
      return {
        attempt: async (requests) => {
          const found = await listAccounts(requests, name, narrowed);
          // a narrowed run may be for a namespace that was just created and whose accounts do not exist yet
          if (!namespaces) this.#countMissing(name, links, found);
          return found.flatMap((account) => this.#task(account) ?? []);
        },
        fail: (fault) => {
          for (const { entry } of links) {
            this.#countFailure('*', entry.name, fault, [`service accounts ${name}`, 'them']);
          }
        },
      };
    });
  }

  tasksIn(namespace: string): Task[] {
    const names = this.#links
      .filter((link) => link.namespaces.get(namespace))
      .flatMap(({ entry }) => entry.serviceAccounts);
    return [...new Set(names)].flatMap((name) => this.#task({ namespace, name }) ?? []);
  }

  /** The number of accounts that were changed; nothing where no entry names accounts. */
  report(): Pick<ClusterReport, 'linked'> {
    return this.#links.length > 0 ? { linked: this.#changed } : {};
  }

  /** Counts an account that is in no namespace of an entry. */
  #countMissing(account: string, links: readonly Link[], found: readonly AccountName[]): void {
    for (const { entry } of links) {
      if (found.some(({ namespace }) => coversNamespace(entry, namespace))) continue;
      this.#run.tally.count({
        namespace: '*',
        secret: entry.name,
        outcome: 'failed',
        reason: `there is no service account ${account} in any namespace of this entry`,
        remedy: 'Correct serviceAccounts of this entry, or create the service account.',
      });
    }
  }

  /** The task for one account; undefined where no secret of its namespace is ours. */
  #task(account: AccountName): Task | undefined {
    const { namespace, name } = account;
    const { action } = this.#run.ctx.request;
    const options = { deployment: this.#run.ctx.settings.name, dryRun: action === 'plan' };
    const links = this.#linksOf(name).filter((link) => link.namespaces.has(namespace));
    const secrets = () =>
      links.filter(({ namespaces }) => namespaces.get(namespace)).map(({ entry }) => entry.name);
    if (secrets().length === 0) return undefined;
    return {
      attempt: async (requests, attempt) => {
        if (await editAccount(requests, account, adding(secrets()), { ...options, attempt }))
          this.#changed += 1;
        return undefined;
      },
      fail: (fault) =>
        this.#countFailure(namespace, secrets().join(', '), fault, [
          `service account ${namespace}/${name}`,
          'it',
        ]),
    };
  }

  #linksOf(account: string): Link[] {
    return this.#links.filter(({ entry }) => entry.serviceAccounts.includes(account));
  }

  #countFailure(namespace: string, secret: string, fault: unknown, [object, it]: [string, string]): void {
    const { outcome, reason, remedy = '' } = judgeFailure(fault, it);
    if (outcome !== 'blocked' && outcome !== 'failed') return;
    this.#run.tally.count({ namespace, secret, outcome, reason: `${object}: ${reason}`, remedy });
  }
}

function isWritten({ namespaces }: Link): boolean {
  return [...namespaces.values()].includes(true);
}

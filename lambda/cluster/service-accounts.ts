import type { CoreV1Api, V1ServiceAccount } from '@kubernetes/client-node';
import { ApiAnswer } from './answer.ts';
import { AccountBusyError } from './errors.ts';
import { paged } from './pages.ts';

const LIST = '/imagePullSecrets';
/** How often a change is tried while others change the same account. */
const MOST_TRIES = 5;

/** A service account as far as it is read. */
export interface Account {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** The names in its `imagePullSecrets`, in their order. */
  readonly pullSecrets: readonly string[];
}

/** One operation of a JSON Patch: https://www.rfc-editor.org/rfc/rfc6902#section-4 */
type Operation =
  | { readonly op: 'add'; readonly path: string; readonly value: object }
  | { readonly op: 'remove'; readonly path: string };

/** What brings a list of pull secrets to where it should be; nothing for one that is there already. */
export type Edit = (pullSecrets: readonly string[]) => Operation[];

/** Puts those of the names at the end of a list that it lacks. */
export function adding(names: readonly string[]): Edit {
  return (pullSecrets) => {
    const missing = names.filter((name) => !pullSecrets.includes(name)).map((name) => ({ name }));
    // nothing can be appended to a list that is not there
    if (pullSecrets.length > 0) return missing.map((value) => ({ op: 'add', path: `${LIST}/-`, value }));
    return missing.length > 0 ? [{ op: 'add', path: LIST, value: missing }] : [];
  };
}

/** Takes a name out of a list, wherever it stands. */
export function removing(name: string): Edit {
  return (pullSecrets) =>
    pullSecrets
      .flatMap((one, at): Operation[] => (one === name ? [{ op: 'remove', path: `${LIST}/${at}` }] : []))
      // from the end, so that the places before stay what they are
      .reverse();
}

/** The service accounts of one cluster, found by their names. */
export class ServiceAccounts {
  readonly #core: CoreV1Api;
  readonly #query: { readonly fieldManager: string; readonly dryRun?: 'All' };

  /**
   * @param deployment the name of this deployment, which is its field manager
   * @param dryRun asks the server what a change would do
   */
  constructor(core: CoreV1Api, { deployment, dryRun }: { deployment: string; dryRun: boolean }) {
    this.#core = core;
    this.#query = { fieldManager: deployment, ...(dryRun && { dryRun: 'All' }) };
  }

  /**
   * The accounts of one name, in these namespaces or in all. RBAC allows a list of one exact name to who may list
   * that name. One may come twice.
   * @throws ApiAnswer, UnreachableError, DeadlineError
   */
  async *named(name: string, namespaces?: readonly string[]): AsyncGenerator<Account> {
    const core = this.#core;
    const query = { fieldSelector: `metadata.name=${name}` };
    const lists = namespaces?.map((namespace) =>
      paged((page) => core.listNamespacedServiceAccount({ ...query, ...page, namespace })),
    ) ?? [paged((page) => core.listServiceAccountForAllNamespaces({ ...query, ...page }))];
    for (const list of lists) for await (const account of list) yield toAccount(account);
  }

  /**
   * Edits the pull secrets of an account and loses nothing of what others put there: the list is one value to a
   * server-side apply, so this is a JSON Patch that holds only for the version that was read.
   * @returns whether it was changed; one that is gone was not
   * @throws ApiAnswer, AccountBusyError, UnreachableError, DeadlineError
   */
  async edit(account: Account, edit: Edit): Promise<boolean> {
    let current: Account | undefined = account;
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const operations: Operation[] = current ? edit(current.pullSecrets) : [];
      if (!current || operations.length === 0) return false;
      try {
        await this.#patch(current, operations);
        return true;
      } catch (fault) {
        if (!(fault instanceof ApiAnswer)) throw fault;
        if (fault.code === 404) return false;
        // a test that failed is answered as 422, like what admission denies
        if (fault.code !== 422 || fault.deniedBy) throw fault;
        const seen = await this.#again(current);
        if (seen?.resourceVersion === current.resourceVersion) throw fault;
        current = seen;
      }
    }
    throw new AccountBusyError();
  }

  async #patch({ namespace, name, resourceVersion }: Account, operations: Operation[]): Promise<void> {
    const test = { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion };
    const body = [test, ...operations];
    await this.#core.patchNamespacedServiceAccount({ namespace, name, body, ...this.#query });
  }

  async #again({ namespace, name }: Account): Promise<Account | undefined> {
    for await (const account of this.named(name, [namespace])) return account;
    return undefined;
  }
}

function toAccount({ metadata, imagePullSecrets = [] }: V1ServiceAccount): Account {
  const { namespace = '', name = '', resourceVersion = '' } = metadata ?? {};
  return { namespace, name, resourceVersion, pullSecrets: imagePullSecrets.map((one) => one.name ?? '') };
}

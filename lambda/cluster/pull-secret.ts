import { type CoreV1Api, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import type { Clock } from '../clock.ts';
import type { PullCredentials } from '../registry/credentials.ts';
import type { Verdict } from '../report.ts';
import type { SecretEntry } from '../settings.ts';
import { ApiAnswer } from './answer.ts';
import type { KubernetesClient } from './client.ts';
import { EXPIRES_AT } from './rights.ts';
import { secretBody } from './secret-body.ts';
import { conflictVerdict, failureVerdict, mustBeRecreated } from './verdict.ts';

/** Metadata alone comes back: nothing here reads a secret's data. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const ACCEPT = setHeaderOptions('Accept', METADATA_ONLY);
const APPLY = { accept: METADATA_ONLY, 'content-type': PatchStrategy.ServerSideApply };

/** Our policy compares what stands in the annotation, whoever wrote it. */
const FOREIGN_EXPIRY: Verdict = {
  outcome: 'blocked',
  reason: `somebody else set a later ${EXPIRES_AT} on it`,
  remedy: 'Let its owner delete the secret, or that annotation.',
};

/** Its deletion waits for its finalizers, or it came again. */
const STILL_THERE: Verdict = {
  outcome: 'blocked',
  reason: 'it was deleted, and one that cannot be written is still there',
  remedy: 'Look at its finalizers, and who makes it anew.',
};

/** What is read of an answer to an apply. */
interface Applied {
  readonly metadata?: {
    readonly managedFields?: readonly { manager?: string; operation?: string; time?: string }[];
  };
}

type Entry = Pick<SecretEntry, 'name' | 'adoptFrom' | 'recreate'>;

/** Writes one entry's secret into namespaces of one cluster. */
export class PullSecret {
  readonly name: string;
  readonly #core: CoreV1Api;
  readonly #send: KubernetesClient['send'];
  readonly #entry: Entry;
  /** The same bytes for every namespace. */
  readonly #body: Buffer;
  readonly #path: string;
  readonly #query: { readonly fieldManager: string; readonly dryRun?: 'All' };
  readonly #clock: Clock;

  constructor(options: {
    client: Pick<KubernetesClient, 'core' | 'send'>;
    /** The name of this deployment, which is its field manager. */
    deployment: string;
    entry: Entry;
    credentials: PullCredentials;
    /** Asks the server what a write would do, with a placeholder for each password. */
    plan: boolean;
    clock: Clock;
  }) {
    this.name = options.entry.name;
    this.#core = options.client.core;
    this.#send = options.client.send;
    this.#entry = options.entry;
    this.#clock = options.clock;
    this.#query = { fieldManager: options.deployment, ...(options.plan && { dryRun: 'All' }) };
    this.#path = `secrets/${this.name}?${new URLSearchParams(this.#query)}`;
    const body = secretBody(options.deployment, this.name, options.credentials, options.plan);
    this.#body = Buffer.from(JSON.stringify(body));
  }

  /** Writes it into a namespace by one server-side apply, so that it is never absent and keeps its uid. Does not throw. */
  async write(namespace: string): Promise<Verdict> {
    try {
      return await this.#write(namespace);
    } catch (fault) {
      return failureVerdict(fault, `secret ${namespace}/${this.name}`);
    }
  }

  async #write(namespace: string, mayDelete = this.#entry.recreate): Promise<Verdict> {
    try {
      return await this.#apply(namespace, false);
    } catch (fault) {
      if (!(fault instanceof ApiAnswer)) throw fault;
      const conflict = conflictVerdict(fault, this.#entry.adoptFrom);
      if (conflict === 'adopt') return await this.#adopt(namespace, mayDelete);
      if (conflict) return conflict;
      return await this.#recreate(namespace, { refusal: fault, force: false, mayDelete });
    }
  }

  async #adopt(namespace: string, mayDelete: boolean): Promise<Verdict> {
    try {
      return await this.#apply(namespace, true);
    } catch (fault) {
      if (!(fault instanceof ApiAnswer)) throw fault;
      if (fault.newerIsThere) return await this.#leave(namespace);
      return await this.#recreate(namespace, { refusal: fault, force: true, mayDelete });
    }
  }

  /** A later token that is there is ours where nobody else holds it any more: another run adopted it first. */
  async #leave(namespace: string): Promise<Verdict> {
    try {
      return await this.#apply(namespace, false);
    } catch (fault) {
      if (fault instanceof ApiAnswer && fault.managers.length > 0) return FOREIGN_EXPIRY;
      throw fault;
    }
  }

  /** Type and immutable data can only change by another object; the uid makes sure that just the refused one goes. */
  async #recreate(
    namespace: string,
    { refusal, force, mayDelete }: { refusal: ApiAnswer; force: boolean; mayDelete: boolean },
  ): Promise<Verdict> {
    if (!mayDelete || !mustBeRecreated(refusal)) throw refusal;
    const { dryRun } = this.#query;
    let miss: ApiAnswer | undefined;
    try {
      const { metadata } = await this.#core.readNamespacedSecret({ name: this.name, namespace }, ACCEPT);
      // another run may have replaced what was refused; after this it is surely the object of that uid
      const verdict = await this.#applyAgain(namespace, force);
      if (verdict) return verdict;
      // the server takes no option from the query of a delete that has a body: a dry run would delete
      const body = { preconditions: { uid: metadata?.uid ?? '' }, ...(dryRun && { dryRun: [dryRun] }) };
      await this.#core.deleteNamespacedSecret({ name: this.name, namespace, body }, ACCEPT);
    } catch (fault) {
      if (!(fault instanceof ApiAnswer && isNoLongerThere(fault))) throw fault;
      miss = fault;
    }
    if (dryRun) return { outcome: 'refreshed' };
    try {
      const verdict = await this.#write(namespace, false);
      return verdict.outcome === 'created' ? { outcome: 'refreshed' } : verdict;
    } catch (fault) {
      if (!(fault instanceof ApiAnswer && mustBeRecreated(fault))) throw fault;
      if (miss) throw miss;
      return STILL_THERE;
    }
  }

  /** The verdict of an apply, or undefined where it is still refused for what only another object could take. */
  async #applyAgain(namespace: string, force: boolean): Promise<Verdict | undefined> {
    try {
      return await this.#apply(namespace, force);
    } catch (fault) {
      if (fault instanceof ApiAnswer && mustBeRecreated(fault)) return undefined;
      throw fault;
    }
  }

  async #apply(namespace: string, force: boolean): Promise<Verdict> {
    const startedAt = this.#clock.now();
    const { code, date, json } = await this.#send({
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}/${this.#path}&force=${force}`,
      headers: APPLY,
      body: this.#body,
    });
    if (code === 201) return { outcome: 'created' };
    const took = this.#clock.now() - startedAt;
    return { outcome: this.#wasWritten(json as Applied, date, took) ? 'refreshed' : 'unchanged' };
  }

  /**
   * Whether an apply changed the object. The server moves the time of our managed fields only then; it is
   * compared by the server's own clock, both in whole seconds.
   */
  #wasWritten({ metadata }: Applied, date: string | undefined, tookMs: number): boolean {
    const { fieldManager } = this.#query;
    const ours = metadata?.managedFields?.find(
      ({ manager, operation }) => manager === fieldManager && operation === 'Apply',
    );
    const written = Date.parse(ours?.time ?? '');
    return !(written < Math.floor((Date.parse(date ?? '') - tookMs) / 1_000) * 1_000);
  }
}

/**
 * Whether what was to be deleted is not there any more: it is gone, by somebody else or by a try of ours whose answer
 * was lost, or another run has put an object of another uid there.
 */
function isNoLongerThere({ code, kind }: ApiAnswer): boolean {
  return code === 409 || (code === 404 && kind === 'secrets');
}

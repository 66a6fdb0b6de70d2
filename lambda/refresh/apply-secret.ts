import { PatchStrategy } from '@kubernetes/client-node';
import type { Clock, RunContext } from '../context.ts';
import { HelperError } from '../errors.ts';
import {
  ApiError,
  blocked,
  managedBy,
  mustBeRecreated,
  outdatedPolicyError,
} from '../kubernetes/api-error.ts';
import { OBJECT_METADATA_ONLY, patchOf, type Requests } from '../kubernetes/client.ts';
import { EXPIRES_AT, FETCHED_AT, labelsOf, PULL_ROLE, SECRET_TYPE } from '../kubernetes/pull-secret.ts';
import { isTransient, LATER_TIMEOUT_MS } from '../kubernetes/transport.ts';
import type { PullCredentials } from '../registries/credentials.ts';
import { dockerConfigData, withPlaceholders } from '../registries/docker-config.ts';
import type { SecretEntry } from '../settings/schema.ts';
import { isPlausibleExpiry, listHeldSecrets, permissionFor, permissionOver } from './ownership.ts';
import type { Verdict } from './report.ts';

/** Our policy compares the annotation, whoever wrote it. */
const FOREIGN_EXPIRY = blocked(
  `another field manager set a later ${EXPIRES_AT} on it`,
  'Ask its owner to delete the secret, or that annotation.',
);

/** Its deletion waits for its finalizers, or somebody created it again. */
const NOT_DELETED = blocked(
  'it was deleted to be re-created, but still exists or was created again by something else',
  'Check its finalizers, and what else creates it.',
);

/** What attempts in one namespace have done, though their answers may have been lost. */
interface History {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Whether it was deleted to be re-created. */
  isDeleted: boolean;
}

/** One attempt in one namespace. */
interface Attempt {
  readonly namespace: string;
  readonly requests: Requests;
  readonly history: History;
}

/**
 * The pull secret of one entry, as it is applied to namespaces of one cluster. Answers contain metadata alone: nothing
 * here reads a secret's data.
 */
export class PullSecret {
  readonly #clock: Clock;
  readonly #entry: SecretEntry;
  readonly #query: { readonly fieldManager: string; readonly dryRun?: 'All' };
  /** The same bytes for every namespace. */
  readonly #body: Buffer;
  readonly #histories = new Map<string, History>();

  /** All actions but a refresh only ask the server what a write would do, with a placeholder for each password. */
  constructor(ctx: RunContext, entry: SecretEntry, credentials: PullCredentials) {
    const { name: deployment } = ctx.settings;
    const plan = ctx.request.action !== 'refresh';
    this.#clock = ctx.clock;
    this.#entry = entry;
    this.#query = { fieldManager: deployment, ...(plan && { dryRun: 'All' }) };
    const body = secretBody(deployment, entry, credentials, { plan, readAt: new Date(ctx.clock.now()) });
    this.#body = Buffer.from(JSON.stringify(body));
  }

  /**
   * Writes it into a namespace by one server-side apply, so that it is never absent and keeps its uid.
   * @throws the error of a write that failed: ApiError, or HelperError such as UnreachableError, LateAnswerError, DeadlineError
   */
  async write(namespace: string, requests: Requests): Promise<Verdict> {
    const startedAt = this.#clock.now();
    const history = this.#histories.get(namespace) ?? { startedAt, isDeleted: false };
    this.#histories.set(namespace, history);
    const attempt = { namespace, requests, history };
    try {
      return await this.#apply(attempt, false);
    } catch (fault) {
      return await this.#resolve(attempt, fault, this.#entry.recreate);
    }
  }

  /** Goes on after an apply that failed. */
  async #resolve(attempt: Attempt, fault: unknown, mayDelete: boolean): Promise<Verdict> {
    if (!(fault instanceof ApiError)) throw fault;
    if (fault.managers.length > 0) return await this.#resolveConflict(attempt, fault, mayDelete);
    if (fault.newerIsThere) return await this.#judgeNewer(attempt, fault);
    return await this.#recreate(attempt, { rejection: fault, force: false, mayDelete });
  }

  /** A conflict names managers only; whether the secret is marked as ours is in its metadata. */
  async #resolveConflict(attempt: Attempt, { managers }: ApiError, mayDelete: boolean): Promise<Verdict> {
    const permission = permissionOver(managers, this.#entry.adoptFrom);
    if (permission === 'adopt') return await this.#adopt(attempt, mayDelete);
    const held = await this.#held(attempt);
    // its owner deleted it since the conflict
    if (!held) return await this.#apply(attempt, false);
    // another run adopted it since, or its adoption left fields whose value was the same
    const isWhollyOurs = held.owner === 'ours' && permissionFor(held, this.#entry) === 'write';
    const isAdopted = held.owner === 'marked' || isWhollyOurs;
    return isAdopted ? await this.#adopt(attempt, mayDelete) : managedBy(permission.managers);
  }

  async #adopt(attempt: Attempt, mayDelete: boolean): Promise<Verdict> {
    try {
      return { ...(await this.#apply(attempt, true)), adopted: true };
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
      if (fault.newerIsThere) return await this.#keepNewer(attempt);
      return await this.#recreate(attempt, { rejection: fault, force: true, mayDelete });
    }
  }

  /** A later token is ours where no other manager holds it any more: another run adopted it first. */
  async #keepNewer(attempt: Attempt): Promise<Verdict> {
    try {
      return await this.#apply(attempt, false);
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
      if (fault.managers.length > 0) return FOREIGN_EXPIRY;
      if (fault.newerIsThere) return await this.#judgeNewer(attempt, fault);
      throw fault;
    }
  }

  /** A current policy lets a date pass that no token can have; an older one keeps it for ever. */
  async #judgeNewer(attempt: Attempt, denied: ApiError): Promise<Verdict> {
    const held = await this.#held(attempt);
    if (!held) return await this.#apply(attempt, false);
    if (isPlausibleExpiry(held.expiresAt, this.#clock.now())) return { outcome: 'unchanged' };
    throw outdatedPolicyError(denied.deniedBy?.name ?? '', denied.applyRbac);
  }

  async #held({ namespace, requests }: Attempt) {
    const entries = [this.#entry];
    const query = { deployment: this.#query.fieldManager, namespaces: [namespace], entries };
    const held = await listHeldSecrets(requests.core, [this.#entry.name], query);
    return held.get(`${namespace}/${this.#entry.name}`);
  }

  /** Type and immutable data can only change by another object; the uid makes sure that just the rejected one goes. */
  async #recreate(
    attempt: Attempt,
    { rejection, force, mayDelete }: { rejection: ApiError; force: boolean; mayDelete: boolean },
  ): Promise<Verdict> {
    if (!mayDelete || !mustBeRecreated(rejection)) throw rejection;
    const { namespace, requests, history } = attempt;
    // between the two it is absent: a slow webhook must not end the second, so a later attempt does it, which waits longer
    if (requests.timeoutMs < LATER_TIMEOUT_MS) {
      const problem = 'there was no time left to re-create it';
      throw new HelperError('PostponedError', problem, 'The next run re-creates it.', { isTransient: true });
    }
    const { dryRun } = this.#query;
    const object = { name: this.#entry.name, namespace };
    let miss: unknown;
    try {
      const { metadata } = await requests.core.readNamespacedSecret(object, OBJECT_METADATA_ONLY);
      // another run may have replaced what was rejected; after this it is surely the object of that uid
      const verdict = await this.#apply(attempt, force).catch((fault) => {
        if (fault instanceof ApiError && mustBeRecreated(fault)) return undefined;
        throw fault;
      });
      if (verdict) return verdict;
      // the server ignores the query of a delete that has a body: a dry run would delete
      const body = { preconditions: { uid: metadata?.uid ?? '' }, ...(dryRun && { dryRun: [dryRun] }) };
      history.isDeleted = !dryRun;
      await requests.core.deleteNamespacedSecret({ ...object, body }, OBJECT_METADATA_ONLY);
    } catch (fault) {
      // where the answer is lost it may be deleted, and where another run put its own there (409) it may be written:
      // neither waits for the next round
      if (!isGone(fault) && !(isTransient(fault) && history.isDeleted)) throw fault;
      miss = fault;
    }
    if (dryRun) return { outcome: 'refreshed' };
    try {
      return await this.#apply(attempt, false).catch((fault) => this.#resolve(attempt, fault, false));
    } catch (fault) {
      if (!(fault instanceof ApiError && mustBeRecreated(fault))) throw fault;
      if (miss !== undefined) throw miss;
      return NOT_DELETED;
    }
  }

  async #apply({ namespace, requests, history }: Attempt, force: boolean): Promise<Verdict> {
    const object = { namespace, resource: 'secrets', name: this.#entry.name } as const;
    const query = { ...this.#query, force: String(force) };
    const { code, date, json } = await requests.send(
      patchOf(object, PatchStrategy.ServerSideApply, query, this.#body),
    );
    if (code === 201) return { outcome: history.isDeleted ? 'refreshed' : 'created' };
    const tookMs = this.#clock.now() - history.startedAt;
    return { outcome: this.#wasWritten(json, date, tookMs) ? 'refreshed' : 'unchanged' };
  }

  /**
   * Whether an apply changed the object. The server moves the time of our managed fields only then; it is
   * compared by the server's own clock, both in whole seconds.
   */
  #wasWritten({ metadata }: Applied, date: string | undefined, tookMs: number): boolean {
    const fields = Array.isArray(metadata?.managedFields) ? metadata.managedFields : [];
    const ours = fields.find(
      (entry) => entry?.manager === this.#query.fieldManager && entry.operation === 'Apply',
    );
    const written = Date.parse(ours?.time ?? '');
    return !(written < Math.floor((Date.parse(date ?? '') - tookMs) / 1_000) * 1_000);
  }
}

/** What is read of an answer to an apply. */
interface Applied {
  readonly metadata?: {
    readonly managedFields?: readonly { manager?: string; operation?: string; time?: string }[];
  };
}

/** Whether the object of a deletion is gone: somebody else deleted it, or an attempt of ours whose answer was lost. */
function isGone(fault: unknown): boolean {
  return fault instanceof ApiError && !fault.deniedBy && fault.code === 404 && fault.kind === 'secrets';
}

/**
 * The pull secret as it is applied: all fields that we own.
 * @param plan with a placeholder for each password
 * @param readAt when its registries were read, for those without an ECR token
 */
export function secretBody(
  deployment: string,
  entry: Pick<SecretEntry, 'name' | 'labels' | 'annotations'>,
  { auths, token, pullRole }: PullCredentials,
  { plan, readAt }: { plan: boolean; readAt: Date },
): object {
  const labels = { ...entry.labels, ...labelsOf(deployment) };
  const annotations = {
    ...entry.annotations,
    [FETCHED_AT]: toSeconds(token?.fetchedAt ?? readAt),
    ...(token && { [EXPIRES_AT]: toSeconds(token.expiresAt) }),
    ...(pullRole && { [PULL_ROLE]: pullRole }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: entry.name, labels, annotations },
    type: SECRET_TYPE,
    data: { '.dockerconfigjson': dockerConfigData(plan ? withPlaceholders(auths) : auths).reveal() },
  };
}

function toSeconds(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

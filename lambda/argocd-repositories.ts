import { type CoreV1Api, PatchStrategy } from '@kubernetes/client-node';
import type { RunContext } from './context.ts';
import {
  ApiError,
  blocked,
  judgeFailure,
  managedBy,
  mustBeRecreated,
  outdatedPolicyError,
} from './kubernetes/api-error.ts';
import { listAll, METADATA_ONLY, patchOf, type Requests } from './kubernetes/client.ts';
import { argocdPolicyName, NOT_AS_DECLARED } from './kubernetes/pull-secret.ts';
import { rightsVersion } from './kubernetes/rbac.ts';
import { isCurrent } from './policy-check.ts';
import { owns } from './refresh/ownership.ts';
import { type ClusterRun, type FollowUp, isOfThisRun } from './refresh/refresh.ts';
import type { Verdict } from './refresh/report.ts';
import type { Task } from './refresh/rounds.ts';
import type { ArgocdRepository } from './settings/schema.ts';

export const NOT_DECLARED = {
  reason: 'it does not exist: Git has not declared it yet',
  remedy: 'Declare it without username and password; the next run fills them in.',
};
const CORRECT = 'Correct it in Git, or correct the settings.';

/** Fills in username and password of the Argo CD repository secrets of one cluster, and touches nothing else of them. */
export class ArgocdRepositories implements FollowUp {
  readonly #run: ClusterRun;

  constructor(run: ClusterRun) {
    this.#run = run;
  }

  tasks(): Task[] {
    const { scope, tally } = this.#run;
    return scope.repositories.map((repository): Task => {
      const record = (verdict: Verdict) => tally.add(repository.namespace, repository.name, verdict);
      return {
        attempt: async (requests) => {
          record(await writeCredentials(this.#run, repository, requests));
          return undefined;
        },
        fail: (fault) => record(judgeFailure(fault, `secret ${repository.namespace}/${repository.name}`)),
      };
    });
  }
}

/**
 * Writes the two keys by a server-side apply that owns nothing but them; a retry leaves what the repeated run wrote.
 * @throws the error of a registry or a request: ApiError, HelperError
 */
async function writeCredentials(
  { ctx, scope }: ClusterRun,
  repository: ArgocdRepository,
  requests: Requests,
): Promise<Verdict> {
  const { request, settings } = ctx;
  const { namespace, name } = repository;
  const held = await readHeld(requests.core, repository, settings.name);
  if (!held) return { outcome: 'blocked', ...NOT_DECLARED };
  const { uid, writtenAt } = held;
  if (isOfThisRun(ctx, writtenAt)) return { outcome: 'unchanged' };
  const isPlan = request.action === 'plan';
  const query = { fieldManager: settings.name, force: 'false', ...(isPlan && { dryRun: 'All' }) };
  const data = isPlan ? toData('AWS', 'placeholder') : await readLogin(ctx, repository);
  const declareAgain = `Delete the secret, so that it is applied again where it is declared: kubectl -n ${namespace} delete secret ${name}`;
  // with a uid an apply creates nothing, whoever sends it: if it was deleted meanwhile, the answer is a 409
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, uid }, data });
  try {
    const object = { namespace, resource: 'secrets', name } as const;
    await requests.send(patchOf(object, PatchStrategy.ServerSideApply, query, body));
    return { outcome: 'refreshed' };
  } catch (fault) {
    if (!(fault instanceof ApiError)) throw fault;
    if (fault.managers.length > 0) {
      const keys = '{"data":{"username":null,"password":null}}';
      const remedy = `Remove both keys where the secret is declared, then from the secret: kubectl -n ${namespace} patch secret ${name} --type merge -p '${keys}'`;
      return { ...managedBy(fault.managers), remedy };
    }
    if (fault.notAsDeclared) {
      if (isCurrent(fault.rightsVersion, rightsVersion(settings, scope.cluster))) {
        return blocked(
          fault.notAsDeclared,
          fault.notAsDeclared === NOT_AS_DECLARED.fields ? declareAgain : CORRECT,
        );
      }
      throw outdatedPolicyError(argocdPolicyName(settings.name), fault.applyRbac);
    }
    if (mustBeRecreated(fault)) return blocked('it is marked immutable', declareAgain);
    throw fault;
  }
}

/** The two keys as data of a secret, in base64. @throws HelperError of the registry */
async function readLogin(ctx: RunContext, repository: ArgocdRepository) {
  const { auths } = await ctx.readCredentials(repository);
  const [auth] = auths.values();
  const [, username = '', password = ''] =
    /^([^:]*):(.*)$/.exec(Buffer.from(auth?.reveal() ?? '', 'base64').toString()) ?? [];
  return toData(username, password);
}

function toData(username: string, password: string) {
  const encode = (text: string) => Buffer.from(text).toString('base64');
  return { username: encode(username), password: encode(password) };
}

/**
 * Reads the metadata of a repository secret.
 * @param deployment its field manager
 * @returns `writtenAt`: when an apply of ours last changed its password (ms since the epoch), by its managed fields;
 *   undefined where there is no secret
 * @throws ApiError; HelperError: UnreachableError, LateAnswerError, DeadlineError
 */
export async function readHeld(
  core: CoreV1Api,
  { namespace, name }: ArgocdRepository,
  deployment: string,
): Promise<{ readonly uid: string; readonly writtenAt?: number } | undefined> {
  const query = { namespace, fieldSelector: `metadata.name=${name}` };
  const [held] = await listAll(
    [(page) => core.listNamespacedSecret({ ...query, ...page }, METADATA_ONLY)],
    ({ metadata }) => {
      const ours = metadata?.managedFields?.find(
        (entry) =>
          entry.manager === deployment && entry.operation === 'Apply' && owns(entry, ['data', 'password']),
      );
      return { uid: metadata?.uid ?? '', ...(ours?.time && { writtenAt: ours.time.getTime() }) };
    },
  );
  return held;
}

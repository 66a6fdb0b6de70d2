import { PatchStrategy, type V1PolicyRule } from '@kubernetes/client-node';
import pMap from 'p-map';
import { applyRbacCommand, type Clock } from '../context.ts';
import {
  ApiError,
  applyFix,
  forbiddenError,
  judgeFailure,
  OF_ANOTHER_TYPE,
  outdatedPolicyError,
} from '../kubernetes/api-error.ts';
import { type OpenCluster, patchOf } from '../kubernetes/client.ts';
import { accountPolicyName } from '../kubernetes/pull-secret.ts';
import { clusterRights, type Manifest, rightsVersion } from '../kubernetes/rbac.ts';
import type { ApiRequest } from '../kubernetes/transport.ts';
import { FORBIDDEN_FINALIZERS, forbiddenApply, isCurrent } from '../policy-check.ts';
import { PullSecret } from '../refresh/apply-secret.ts';
import { findTargets, listNamespaces } from '../refresh/targets.ts';
import type { PullCredentials } from '../registries/credentials.ts';
import { knownHosts } from '../settings/hosts.ts';
import { hasToken, type SecretEntry } from '../settings/schema.ts';
import type { ClusterState } from './cluster-checks.ts';
import { type Finding, failed, failedBy, passed, skipped, unknown } from './report.ts';

/** One verb on one type of object, and where a rule names some on one name. */
export interface Permission {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly name?: string;
  /** Of a Role. */
  readonly namespace?: string;
}

/** The function must not have it: it would read every secret of the cluster. */
const TOO_MUCH: Permission = { verb: 'get', group: '', resource: 'secrets' };

/** Every permission that the ClusterRoles and Roles among manifests grant, one by one and each once. */
export function permissionsIn(manifests: readonly Manifest[]): Permission[] {
  const rules = manifests
    .filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
    .flatMap(({ rules: of, metadata: { namespace } }) =>
      (of as readonly V1PolicyRule[]).map((rule) => ({ ...rule, ...(namespace && { namespace }) })),
    );
  const permissions = rules.flatMap(({ apiGroups = [], resources = [], resourceNames, verbs, ...where }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        (resourceNames ?? [undefined]).flatMap((name) =>
          verbs.map((verb): Permission => ({ verb, group, resource, ...(name && { name }), ...where })),
        ),
      ),
    ),
  );
  return [...new Map(permissions.map((one) => [printPermission(one), one])).values()];
}

/**
 * Creates a review, which the API server answers at once and stores nowhere. Every authenticated user may:
 * https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
 * @returns its status
 */
export async function review(
  { send }: Pick<OpenCluster, 'send'>,
  group: string,
  kind: string,
  spec?: object,
): Promise<Readonly<Record<string, unknown>>> {
  const apiVersion = `${group}.k8s.io/v1`;
  const { json } = await send({
    method: 'POST',
    path: `/apis/${apiVersion}/${kind.toLowerCase()}s`,
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ apiVersion, kind, spec }),
  });
  return (json as { status?: Record<string, unknown> }).status ?? {};
}

/** Checks each permission that the function needs in a cluster, and one that it must not have. */
export async function checkPermissions(state: ClusterState): Promise<Finding[]> {
  const { ctx, client, cluster, id, where } = state;
  const { concurrency } = ctx.settings;
  const command = applyRbacCommand(ctx.environment, id);
  return pMap(
    [...permissionsIn(clusterRights(ctx.settings, cluster)), TOO_MUCH],
    async (permission) => {
      const isNeeded = permission !== TOO_MUCH;
      const object = `${isNeeded ? printPermission(permission) : 'get any other secret'} in ${where}`;
      try {
        const spec = { resourceAttributes: permission };
        const { allowed } = await review(opened(client), 'authorization', 'SelfSubjectAccessReview', spec);
        if ((allowed === true) === isNeeded)
          return passed('right', object, isNeeded ? undefined : 'denied, as it has to be');
        if (!isNeeded) return tooWide(object, command);
        const { verb, ...target } = permission;
        return failedBy('right', object, forbiddenError(verb, printTarget(target), command));
      } catch (fault) {
        const { reason = '', remedy = '' } = judgeFailure(fault, object);
        return unknown('right', object, reason, remedy);
      }
    },
    { concurrency },
  );
}

function tooWide(object: string, applyRbac: string): Finding {
  const reason = 'the role may read every secret of the cluster, and so may anybody who assumes it';
  const remedy = `${applyFix(applyRbac)}. If another role grants it, remove its binding; find it: kubectl get clusterrolebindings,rolebindings -A -o wide`;
  return failed('right', object, reason, remedy);
}

function printPermission({ verb, ...target }: Permission): string {
  return `${verb} ${printTarget(target)}`;
}

function printTarget({ group, resource, name, namespace }: Omit<Permission, 'verb'>): string {
  return `${namespace ? `${namespace}/` : ''}${resource}${group ? `.${group}` : ''}${name ? `/${name}` : ''}`;
}

/** The client of a cluster whose endpoint was checked. */
function opened<Client>(client: Client | undefined): Client {
  if (!client) throw new TypeError('the cluster is not open');
  return client;
}

/** Namespaces of an entry that are kept for later checks, where the run is not narrowed to some. */
const MOST_SAMPLES = 5;

/** What an entry matches in a cluster, less what an earlier entry takes. */
export interface Matched {
  readonly entry: SecretEntry;
  /** Of those that it may write to: all that the run is narrowed to, else the first few. */
  readonly writable: readonly string[];
}

/** Lists the namespaces that the entries of a cluster match. */
export async function checkNamespaces(state: ClusterState): Promise<Finding[]> {
  const { entries, where, ctx } = state;
  const { namespaces } = ctx.request;
  const { core } = opened(state.client);
  const matches = entries.map((settings) => ({ settings, count: 0, skipped: 0, writable: [] as string[] }));
  const found = await findTargets(matches, (query) => listNamespaces(core, query), namespaces);
  if ('fault' in found) throw found.fault;
  for (const { entry, namespace } of found.targets) {
    entry.count += 1;
    if (namespace.skip) entry.skipped += 1;
    else if (namespaces || entry.writable.length < MOST_SAMPLES) entry.writable.push(namespace.name);
  }
  state.matched = matches.map(({ settings: entry, writable }) => ({ entry, writable }));
  return [
    ...found.problems.map(({ secret, reason, remedy }) =>
      failed('namespaces', `secret ${secret} in ${where}`, reason, remedy),
    ),
    ...matches.flatMap(({ settings, count, skipped: left }) => {
      const skips = left > 0 ? `, of which ${left} are going away or ignored` : '';
      const reason = `${count} namespaces${skips}`;
      return count > 0 ? [passed('namespaces', `secret ${settings.name} in ${where}`, reason)] : [];
    }),
  ];
}

/** Objects that are tried: something else may reject a change of one before the policy is evaluated. */
const MOST_TRIES = 5;

/** A change that an admission policy has to deny. */
interface Trial {
  /** The object as a person would name it. */
  readonly object: string;
  readonly request: ApiRequest;
  /** Of the rights that the denial has to name; undefined for a policy that names none. */
  readonly version?: string;
}

/**
 * Checks that the admission policies are in force, by what they do, as the function has no permission to read them: they
 * have to deny a finalizer, in a dry run.
 */
export async function checkPolicies(state: ClusterState): Promise<Finding[]> {
  const { ctx, cluster, matched = [], where } = state;
  if (state.isOutsideGroup) return [skipped('admission policy', where, 'authentication')];
  const deployment = ctx.settings.name;
  const version = rightsVersion(ctx.settings, cluster);
  const secrets = matched.flatMap(({ entry: { name }, writable }) =>
    writable.map((namespace): Trial => {
      const request = forbiddenApply(deployment, namespace, name);
      return { object: `secret ${namespace}/${name}`, request, version };
    }),
  );
  const linked = matched.filter(({ entry }) => entry.serviceAccounts.length > 0);
  const accounts = linked.flatMap(({ entry: { serviceAccounts }, writable }) =>
    writable.flatMap((namespace) => serviceAccounts.map((name) => onAccount(deployment, namespace, name))),
  );
  return [
    await checkPolicy(state, deployment, secrets),
    ...(linked.length > 0 ? [await checkPolicy(state, accountPolicyName(deployment), accounts)] : []),
    ...(await checkPodPolicy(state)),
  ];
}

async function checkPolicy(
  { client, ctx, id, where }: ClusterState,
  policy: string,
  trials: readonly Trial[],
): Promise<Finding> {
  const step = 'admission policy';
  const object = `policy ${policy} in ${where}`;
  let last = 'there is nothing to try it on';
  for (const trial of trials.slice(0, MOST_TRIES)) {
    try {
      await opened(client).send(trial.request);
      const reason = `${trial.object} with a finalizer is accepted: the policy is not in force`;
      return failed(step, object, reason, applyFix(applyRbacCommand(ctx.environment, id)));
    } catch (fault) {
      const { deniedBy, deniedVerb, rightsVersion: version } = fault instanceof ApiError ? fault : {};
      if (deniedBy?.what === 'policy' && deniedBy.name === policy) {
        return trial.version && !isCurrent(version, trial.version)
          ? failedBy(step, object, outdatedPolicyError(policy, applyRbacCommand(ctx.environment, id)))
          : passed(step, object, `it denies ${trial.object} with a finalizer`);
      }
      // RBAC decides first, and in every namespace alike
      if (deniedVerb) return skipped(step, object, 'right');
      last = judgeFailure(fault, trial.object).reason ?? `the namespace of ${trial.object} is going away`;
    }
  }
  const remedy = `See it: kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings ${policy}`;
  return unknown(step, object, `could not find out: ${last}`, remedy);
}

function onAccount(deployment: string, namespace: string, name: string): Trial {
  const query = { fieldManager: deployment, dryRun: 'All' };
  const patch = JSON.stringify([{ op: 'add', path: '/metadata/finalizers', value: FORBIDDEN_FINALIZERS }]);
  const account = { namespace, resource: 'serviceaccounts', name } as const;
  return {
    object: `service account ${namespace}/${name}`,
    request: patchOf(account, PatchStrategy.JsonPatch, query, patch),
  };
}

/** Checks that the objects which add pull secrets to pods are those of the settings; the function may read just these. */
async function checkPodPolicy(state: ClusterState): Promise<Finding[]> {
  const wanted = clusterRights(state.ctx.settings, state.cluster).filter(({ kind }) =>
    kind.startsWith('Mutating'),
  );
  return Promise.all(wanted.map((manifest) => checkManifest(state, manifest)));
}

async function checkManifest(state: ClusterState, manifest: Manifest): Promise<Finding> {
  const { client, ctx, id, where } = state;
  const { apiVersion, kind, metadata, spec } = manifest;
  const step = 'admission policy';
  const object = `${kind} ${metadata.name} in ${where}`;
  const fix = applyFix(applyRbacCommand(ctx.environment, id));
  const resource = `${kind.toLowerCase().replace(/y$/, 'ie')}s`;
  const path = `/apis/${apiVersion}/${resource}/${metadata.name}`;
  try {
    const { json } = await opened(client).send({ method: 'GET', path, headers: {} });
    if (!holds((json as { spec?: unknown }).spec, spec))
      return failed(step, object, 'it is not that of the settings', fix);
    const trial = kind.endsWith('Policy') && podTrial(state);
    return { ...passed(step, object, 'it is that of the settings'), ...trial };
  } catch (fault) {
    if (fault instanceof ApiError && fault.deniedVerb) return skipped(step, object, 'right');
    if (!(fault instanceof ApiError && fault.code === 404)) return failedBy(step, object, fault);
    if (fault.kind !== '') return failed(step, object, 'it does not exist', fix);
    const upgrade =
      'Upgrade the cluster, or remove injectPods from its entries. See its version: kubectl version';
    return failed(step, object, 'its API server has no such kind; Kubernetes has it since 1.36', upgrade);
  }
}

/** Whether a value that the API server returned, with its defaults, holds all of ours. */
function holds(actual: unknown, ours: unknown): boolean {
  if (typeof ours !== 'object' || ours === null) return actual === ours;
  const fields = Object(actual) as Record<string, unknown>;
  return (
    (!Array.isArray(ours) || fields.length === ours.length) &&
    Object.entries(ours).every(([name, value]) => holds(fields[name], value))
  );
}

/** How to see what the policy adds, in a namespace where it adds something. */
function podTrial({ matched = [], ctx: { settings } }: ClusterState): Pick<Finding, 'remedy'> {
  const [found] = matched.filter(({ entry, writable }) => entry.injectPods && writable.length > 0);
  const [host] = found?.entry.registries.flatMap((registry) => knownHosts(registry, settings) ?? []) ?? [];
  if (!found || !host) return {};
  const command = `kubectl -n ${found.writable[0]} run ${settings.name}-test --image=${host}/test --dry-run=server`;
  return { remedy: `See what it adds to a pod: ${command} -o jsonpath='{.spec.imagePullSecrets[*].name}'` };
}

const TOKEN_MS = 12 * 3_600_000;

/**
 * Asks the API server what an apply would do, with a placeholder for each password: of each entry in its first
 * namespace, or in every namespace that the run is narrowed to.
 */
export async function checkApplies(state: ClusterState): Promise<Finding[]> {
  const { ctx, credentials, matched = [] } = state;
  const { settings, clock, request } = ctx;
  const applies = matched.flatMap(({ entry, writable }) => {
    const secret = new PullSecret(ctx, entry, credentials.get(entry) ?? placeholder(entry, clock));
    const namespaces = request.namespaces ? writable : writable.slice(0, 1);
    return namespaces.map((namespace) => ({ secret, name: entry.name, namespace }));
  });
  return pMap(applies, (apply) => checkApply(state, apply), { concurrency: settings.concurrency });
}

/** For a dry run of registries that could not be read: the policy requires the time of a token. */
function placeholder(entry: SecretEntry, clock: Clock): PullCredentials {
  const auths = new Map();
  if (!hasToken(entry)) return { auths };
  const now = clock.now();
  return { auths, token: { fetchedAt: new Date(now), expiresAt: new Date(now + TOKEN_MS) } };
}

async function checkApply(
  { client, where }: ClusterState,
  { secret, name, namespace }: { secret: PullSecret; name: string; namespace: string },
): Promise<Finding> {
  const object = `secret ${namespace}/${name} in ${where}`;
  const verdict = await secret.write(namespace, opened(client)).catch((fault) => judgeFailure(fault, object));
  const { outcome, reason = outcome, remedy = '' } = verdict;
  const kubectl = (verb: string) => `kubectl -n ${namespace} ${verb} secret ${name}`;
  const fix =
    remedy === OF_ANOTHER_TYPE.remedy
      ? `Set recreate for this entry, or delete the secret: ${kubectl('delete')}`
      : `${remedy} See it: ${kubectl('describe')}`;
  switch (outcome) {
    case 'blocked':
    case 'failed':
      return failed('apply', object, reason, fix);
    case 'skipped':
      return unknown('apply', object, 'its namespace is going away', 'Run doctor again.');
    default:
      return passed('apply', object, `a dry run answers: ${outcome}`);
  }
}

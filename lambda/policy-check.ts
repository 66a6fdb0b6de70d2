import { PatchStrategy } from '@kubernetes/client-node';
import { applyRbacCommand } from './context.ts';
import { HelperError } from './errors.ts';
import { ApiError, applyFix, outdatedPolicyError } from './kubernetes/api-error.ts';
import { type OpenCluster, patchOf } from './kubernetes/client.ts';
import { labelsOf, SECRET_TYPE } from './kubernetes/pull-secret.ts';
import { rightsVersion, UNKNOWN_VERSION } from './kubernetes/rbac.ts';
import type { ApiRequest } from './kubernetes/transport.ts';
import type { ClusterRun, FollowUp } from './refresh/refresh.ts';
import { type ClusterReport, OURS, type Outcome, type PolicyReport } from './refresh/report.ts';
import type { Task } from './refresh/rounds.ts';
import { dockerConfigData } from './registries/docker-config.ts';
import type { SecretEntry } from './settings/schema.ts';

/** What no object of ours may carry; only ever part of a dry run. */
export const FORBIDDEN_FINALIZERS = ['ecr-registry-helper/doctor'];
/** No write may wait for the trial for long. */
const TIMEOUT_MS = 5_000;

/** The trial of the admission policy in a whole refresh: once, on a secret that is ours. */
export class PolicyCheck implements FollowUp {
  readonly #run: ClusterRun;
  #secret: { readonly namespace: string; readonly name: string } | undefined;
  #isTried = false;
  #policy: PolicyReport | undefined;

  constructor(run: ClusterRun) {
    this.#run = run;
  }

  recordOutcome({ name }: SecretEntry, namespace: string, outcome: Outcome): void {
    if (OURS.includes(outcome)) this.#secret ??= { namespace, name };
  }

  /** The trial, once there is a secret to try it on. */
  tasks(cluster: OpenCluster): Task[] {
    const { ctx, scope } = this.#run;
    const { action, namespaces } = ctx.request;
    const secret = this.#secret;
    if (action === 'plan' || namespaces || !secret || this.#isTried) return [];
    this.#isTried = true;
    const trial = {
      ...secret,
      applyRbac: applyRbacCommand(ctx.environment, scope.id),
      deployment: ctx.settings.name,
      version: rightsVersion(ctx.settings, scope.cluster),
    };
    return [
      {
        attempt: async () => {
          this.#policy = await checkPolicy(cluster.attempts(TIMEOUT_MS), trial);
          return undefined;
        },
        fail: () => undefined,
      },
    ];
  }

  tasksIn(_namespace: string, cluster: OpenCluster): Task[] {
    return this.tasks(cluster);
  }

  report(): Pick<ClusterReport, 'policy'> {
    return this.#policy ? { policy: this.#policy } : {};
  }
}

/**
 * Tries the admission policy by one dry run that it has to deny, as the function has no permission to read it. Does not
 * throw.
 * @param trial a pull secret that exists, the {@link rightsVersion} of the settings, the command that applies them
 * @returns undefined where something else decided: then nothing is known of it
 */
export async function checkPolicy(
  { send }: Pick<OpenCluster, 'send'>,
  trial: Readonly<Record<'namespace' | 'name' | 'deployment' | 'version' | 'applyRbac', string>>,
): Promise<PolicyReport | undefined> {
  const { deployment: policy, applyRbac } = trial;
  const report = (state: PolicyReport['state'], { problem: reason, fix: remedy }: HelperError) => ({
    state,
    reason,
    remedy,
  });
  try {
    await send(forbiddenApply(policy, trial.namespace, trial.name));
    const problem = `the admission policy ${policy} is not in force: a dry run of a secret that it must deny was accepted`;
    return report('missing', new HelperError('PolicyMissingError', problem, applyFix(applyRbac)));
  } catch (fault) {
    if (!(fault instanceof ApiError && fault.deniedBy?.isOurs)) return undefined;
    if (isCurrent(fault.rightsVersion, trial.version)) return { state: 'in force' };
    return report('outdated', outdatedPolicyError(policy, applyRbac));
  }
}

/** Whether the version that a denial names is that of the settings. */
export function isCurrent(named: string | undefined, version: string): boolean {
  return named === version || named === UNKNOWN_VERSION;
}

/** A dry run that puts a finalizer on a pull secret. */
export function forbiddenApply(deployment: string, namespace: string, name: string): ApiRequest {
  const query = { fieldManager: deployment, dryRun: 'All', force: 'true' };
  const metadata = { name, labels: labelsOf(deployment), finalizers: FORBIDDEN_FINALIZERS };
  const data = { '.dockerconfigjson': dockerConfigData(new Map()).reveal() };
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, type: SECRET_TYPE, data });
  return patchOf({ namespace, resource: 'secrets', name }, PatchStrategy.ServerSideApply, query, body);
}

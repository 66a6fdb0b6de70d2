import { ApiAnswer } from '../cluster/answer.ts';
import { withoutPath } from '../cluster/aws-auth.ts';
import type { KubernetesClient } from '../cluster/client.ts';
import { UnauthorizedError } from '../cluster/errors.ts';
import { KubeconfigUnauthorizedError } from '../cluster/kubeconfig-errors.ts';
import { connect, type FoundCluster, type Opening } from '../cluster/open.ts';
import type { Finding } from './doctor-report.ts';
import { failed, failedBy, notLookedAt, passed, stepsAfter } from './findings.ts';

/** A refresh waits for minutes until an API server is back; who waits for a diagnosis does not. */
const PATIENCE_MS = 5_000;

/** Whether a cluster's API server is reached and knows us. */
export interface ExaminedArrival {
  readonly findings: readonly Finding[];
  readonly isIn: boolean;
  /** Whether we are outside of the group that rights and admission policies are for. */
  readonly isOutsideGroup: boolean;
}

/**
 * Asks the API server of a cluster whom it takes us for, which everybody may ask whom it knows. Does not throw.
 * @param look how to look at its address and authority, for one that is not reached
 */
export async function examineArrival(
  found: FoundCluster,
  opening: Opening,
  where: string,
  look: string,
): Promise<ExaminedArrival> {
  const { clock, deadline } = opening;
  const at = Math.min(deadline.at, clock.now() + PATIENCE_MS);
  const client = connect(found, { ...opening, deadline: { at, signal: deadline.signal } });
  const reached = passed('endpoint', where, `${found.endpoint.url} has a certificate of its authority`);
  const outside = { isIn: false, isOutsideGroup: true };
  let groups: readonly string[] | undefined;
  try {
    groups = await groupsOf(client);
  } catch (fault) {
    if (fault instanceof UnauthorizedError || fault instanceof KubeconfigUnauthorizedError) {
      const rest = notLookedAt(stepsAfter('authentication'), where, 'authentication');
      return { findings: [reached, failedBy('authentication', where, fault), ...rest], ...outside };
    }
    // who is forbidden to ask is known
    if (!(fault instanceof ApiAnswer && fault.code === 403)) {
      const rest = notLookedAt(stepsAfter('endpoint'), where, 'endpoint');
      return { findings: [failedBy('endpoint', where, fault, look), ...rest], ...outside };
    }
  } finally {
    await client.close();
  }
  const isOutsideGroup = groups !== undefined && !groups.includes(opening.settings.name);
  const known = isOutsideGroup ? withoutGroup(found, opening, where) : passed('authentication', where);
  return { findings: [reached, known], isIn: true, isOutsideGroup };
}

/**
 * The groups that the API server takes us to be in:
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#self-subject-review
 * @throws as {@link KubernetesClient.send}
 */
async function groupsOf(client: Pick<KubernetesClient, 'send'>): Promise<readonly string[]> {
  const { json } = await client.send({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }),
  });
  return (json as { status?: { userInfo?: { groups?: string[] } } }).status?.userInfo?.groups ?? [];
}

function withoutGroup(
  { source }: FoundCluster,
  { cluster, settings, aws, principal }: Opening,
  where: string,
): Finding {
  const reason = `we are known, but not in the group ${settings.name}, which the rights and admission policies are for`;
  const fail = (remedy: string) => failed('authentication', where, reason, remedy);
  if (!('arn' in source)) {
    return fail(
      `Store a kubeconfig in ${cluster.kubeconfigSecretId} whose identity is in it, as by a client certificate with O=${settings.name}.`,
    );
  }
  const { name, region = aws.region, roleArn = principal ?? 'FUNCTION_ROLE_ARN' } = cluster;
  if (source.authenticationMode === 'CONFIG_MAP') {
    return fail(
      `Put the function's role into it: eksctl create iamidentitymapping --region ${region} --cluster ${name} --arn ${withoutPath(roleArn)} --group ${settings.name} --username ${settings.name}`,
    );
  }
  const at = `--region ${region} --cluster-name ${name} --principal-arn ${roleArn}`;
  return fail(
    `Put the function's role into it: aws eks update-access-entry ${at} --kubernetes-groups ${settings.name}`,
  );
}

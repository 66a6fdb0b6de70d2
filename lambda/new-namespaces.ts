import { NotCoveredError } from './errors.ts';
import type { Invocation } from './event.ts';
import { coversNamespace, entriesOf } from './settings/coverage.ts';
import { listedClusters } from './settings/fleet-settings.ts';
import { type ClusterSettings, clusterId, type Settings } from './settings.ts';

/**
 * Narrows a run that audit records asked for to their cluster and to the namespaces that the settings cover; with
 * none of these it is about no cluster. Any other run stays as it is.
 * @param functionArn of the function, whose account and region a subscription is bound to
 * @throws NotCoveredError when the log is not of a cluster of the settings in this account and region
 */
export function narrowToLogged(settings: Settings, invocation: Invocation, functionArn: string): Invocation {
  const { logged, namespaces = [] } = invocation;
  if (!logged) return invocation;
  const [, , , region, account] = functionArn.split(':');
  const isHere = (cluster: ClusterSettings) =>
    !cluster.roleArn &&
    !cluster.kubeconfigSecretId &&
    isOwn(cluster.region, region) &&
    isOwn(cluster.accountId, account);
  const here = settings.newNamespaces ? listedClusters(settings).filter(isHere) : [];
  const clusters = here
    .filter(({ name }) => logged.logGroup === logGroupOf(name) && logged.owner === account)
    .map(clusterId);
  if (clusters.length === 0) {
    const known = here.map(({ name }) => logGroupOf(name)).join(', ');
    const name = `${logged.owner}:${logged.logGroup}`;
    throw new NotCoveredError('log group', name, known ? `known are ${known}` : 'newNamespaces is not set');
  }
  const entries = clusters.flatMap((id) => entriesOf(settings, id));
  const covered = namespaces.filter((name) => entries.some((entry) => coversNamespace(entry, name)));
  return {
    ...invocation,
    clusters: covered.length > 0 ? clusters : [],
    namespaces: covered,
    logged: { ...logged, uncovered: namespaces.length - covered.length },
  };
}

/** The log group of a cluster's control plane: https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html */
function logGroupOf(cluster: string): string {
  return `/aws/eks/${cluster}/cluster`;
}

function isOwn(given: string | undefined, own: string | undefined): boolean {
  return given === undefined || given === own;
}

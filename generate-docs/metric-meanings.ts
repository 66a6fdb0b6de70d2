import type { ClusterMetric, DeploymentMetric, FleetMetric } from '../lambda/refresh/report.ts';

/** What the metrics of a cluster mean. */
export const CLUSTER_METRICS: Readonly<Record<ClusterMetric, string>> = {
  ClusterFresh: '1 after a whole refresh of the cluster that was not narrowed and in which nothing failed',
  SecretsCreated: 'secrets that were not there before',
  SecretsRefreshed: 'secrets that got a new token',
  SecretsUnchanged:
    'secrets that held the same or a later token already, or that an earlier attempt of the run wrote',
  SecretsSkipped: 'secrets of namespaces that are going away or ask to be ignored',
  SecretsBlocked: "secrets that could not be written because of something of the namespace's owner",
  SecretsFailed: 'secrets that could not be written by an error that the operator of the function has to fix',
  RefreshDuration: 'time that the cluster took',
};

/** Those of the run of a fleet. */
export const FLEET_METRICS: Readonly<Record<FleetMetric, string>> = {
  DiscoveredClusters: 'clusters that a discover listed or found',
  DiscoveryProblems:
    'accounts, regions and clusters that a discover could not look at, or where it found none',
  FailedClusters: 'clusters of the fleet that a run has left without a whole refresh',
};

/** Those of a deployment. */
export const DEPLOYMENT_METRICS: Readonly<Record<DeploymentMetric, string>> = {
  PolicyProblems:
    'clusters of the run whose admission policy is not in force, or is not that of the settings; not sent where none could be tried',
};

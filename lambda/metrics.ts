/** The CloudWatch namespace of all metrics. */
export const METRICS_NAMESPACE = 'EcrRegistryHelper';

/** The dimensions of every metric of a cluster, exactly; `service` is the deployment's name. */
export const CLUSTER_DIMENSIONS = ['service', 'cluster'] as const;

/** Every metric that a run sends for each of its clusters; alarms and docs read them from here. */
export const CLUSTER_METRICS = {
  ClusterFresh: {
    unit: 'Count',
    meaning: '1 after a whole refresh of the cluster that was not narrowed and in which nothing failed',
  },
  SecretsCreated: { unit: 'Count', meaning: 'secrets that were not there before' },
  SecretsRefreshed: { unit: 'Count', meaning: 'secrets that got a new token' },
  SecretsUnchanged: { unit: 'Count', meaning: 'secrets that held the same or a later token already' },
  SecretsSkipped: {
    unit: 'Count',
    meaning: 'secrets of namespaces that are going away or ask to be ignored',
  },
  SecretsBlocked: {
    unit: 'Count',
    meaning: "secrets that something of the namespace's owner keeps from being written",
  },
  SecretsFailed: {
    unit: 'Count',
    meaning: 'secrets that could not be written for a reason that is ours to mend',
  },
  RefreshDuration: { unit: 'Milliseconds', meaning: 'time that the cluster took' },
} as const;

export type ClusterMetric = keyof typeof CLUSTER_METRICS;

/** The dimensions of every metric of a fleet, exactly: each metric is billed, and a fleet may have 1,000 clusters. */
export const FLEET_DIMENSIONS = ['service'] as const;

/** Every metric that the run of a fleet sends beside {@link CLUSTER_METRICS}, which then have no cluster either. */
export const FLEET_METRICS = {
  DiscoveredClusters: { unit: 'Count', meaning: 'clusters that a discover listed or found' },
  DiscoveryProblems: {
    unit: 'Count',
    meaning: 'accounts, regions and clusters that a discover could not look at, or where it found none',
  },
  FailedClusters: {
    unit: 'Count',
    meaning: 'clusters of the fleet that a run has left without a whole refresh',
  },
} as const;

export type FleetMetric = keyof typeof FLEET_METRICS;

import { Metrics } from '@aws-lambda-powertools/metrics';
import type { Invocation } from './event.ts';
import type { DiscoveryReport } from './fleet/discovery-report.ts';
import type { FleetSummary } from './fleet/fleet-summary.ts';
import {
  CLUSTER_METRICS,
  type ClusterMetric,
  FLEET_METRICS,
  type FleetMetric,
  METRICS_NAMESPACE,
} from './metrics.ts';
import type { ClusterReport, Report } from './report.ts';

/**
 * Sends the metrics of a run, one line a cluster in the embedded metric format; a plan sends none.
 * @param inFleet leaves the cluster out: with it a fleet of 1,000 clusters would be 8,000 metrics, each of them billed
 */
export function measure(service: string, invocation: Invocation, report: Report, inFleet = false): void {
  if (report.action === 'plan') return;
  const narrowed = invocation.namespaces !== undefined;
  for (const cluster of report.clusters) {
    const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: service });
    if (!inFleet) metrics.addDimension('cluster', cluster.id);
    for (const [name, value] of Object.entries(values(cluster, !narrowed))) {
      metrics.addMetric(name, CLUSTER_METRICS[name as ClusterMetric].unit, value);
    }
    metrics.publishStoredMetrics();
  }
}

/** Sends the metrics of a step of a fleet's run. */
export function measureFleet(service: string, step: DiscoveryReport | FleetSummary): void {
  const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: service });
  const counts: Partial<Record<FleetMetric, number>> =
    step.action === 'discover'
      ? {
          DiscoveredClusters: step.items.length,
          DiscoveryProblems: step.problems.length + (step.moreProblems ?? 0),
        }
      : { FailedClusters: step.failed.length };
  for (const [name, value] of Object.entries(counts)) {
    metrics.addMetric(name, FLEET_METRICS[name as FleetMetric].unit, value);
  }
  metrics.publishStoredMetrics();
}

function values(cluster: ClusterReport, whole: boolean): Partial<Record<ClusterMetric, number>> {
  return {
    ...(whole && cluster.ok && { ClusterFresh: 1 }),
    SecretsCreated: cluster.created,
    SecretsRefreshed: cluster.refreshed,
    SecretsUnchanged: cluster.unchanged,
    SecretsSkipped: cluster.skipped,
    // of a cluster that was not reached nothing is known, and the alarm stays as it is
    ...((cluster.ok || cluster.blocked > 0) && { SecretsBlocked: cluster.blocked }),
    SecretsFailed: cluster.failed,
    RefreshDuration: cluster.durationMs,
  };
}

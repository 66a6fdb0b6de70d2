import { Metrics } from '@aws-lambda-powertools/metrics';
import type { Invocation } from './event.ts';
import { CLUSTER_METRICS, type ClusterMetric, METRICS_NAMESPACE } from './metrics.ts';
import type { ClusterReport, Report } from './report.ts';

/** Sends the metrics of a run, one line a cluster in the embedded metric format; a plan sends none. */
export function measure(service: string, invocation: Invocation, report: Report): void {
  if (report.action === 'plan') return;
  const narrowed = invocation.namespaces !== undefined;
  for (const cluster of report.clusters) {
    const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: service });
    metrics.addDimension('cluster', cluster.id);
    for (const [name, value] of Object.entries(values(cluster, !narrowed))) {
      metrics.addMetric(name, CLUSTER_METRICS[name as ClusterMetric].unit, value);
    }
    metrics.publishStoredMetrics();
  }
}

function values(cluster: ClusterReport, whole: boolean): Partial<Record<ClusterMetric, number>> {
  return {
    ...(whole && cluster.ok && { ClusterFresh: 1 }),
    SecretsCreated: cluster.created,
    SecretsRefreshed: cluster.refreshed,
    SecretsUnchanged: cluster.unchanged,
    SecretsSkipped: cluster.skipped,
    SecretsBlocked: cluster.blocked,
    SecretsFailed: cluster.failed,
    RefreshDuration: cluster.durationMs,
  };
}

import pMap from 'p-map';
import type { Clock } from './clock.ts';
import { clusterStatus } from './cluster/cluster-status.ts';
import type { OpenCluster } from './cluster/refresh-cluster.ts';
import { chosenClusters, type Invocation } from './event.ts';
import { entriesOf } from './settings/coverage.ts';
import { staleAfterHours } from './settings/schedule.ts';
import { type ClusterSettings, clusterId, type Settings } from './settings.ts';
import type { StatusReport } from './status-report.ts';

const CLUSTERS_AT_ONCE = 10;
const HOUR_MS = 3_600_000;
/** At up to 800 bytes each they stay under the 6 MB that an invocation may answer. */
const MOST_SECRETS = 5_000;

/** The outside of a status. */
export interface StatusPorts {
  readonly clock: Clock;
  /** @throws HelperError */
  readonly openCluster: (cluster: ClusterSettings) => Promise<OpenCluster>;
}

/**
 * Tells how the secrets stand that an invocation asks for, by their metadata: nothing secret is read, no token is
 * fetched and nothing is written. What a cluster does not tell stands in the report and stops no other.
 * @throws NotCoveredError before anything is read
 */
export async function status(
  { clock, openCluster }: StatusPorts,
  settings: Settings,
  invocation: Invocation,
): Promise<StatusReport> {
  const startedAt = clock.now();
  const chosen = chosenClusters(settings, invocation);
  const staleAfterMs = staleAfterHours(settings.schedule) * HOUR_MS;
  const clusters = await pMap(
    chosen,
    (cluster) =>
      clusterStatus({
        id: clusterId(cluster),
        open: () => openCluster(cluster),
        entries: entriesOf(settings, clusterId(cluster)),
        deployment: settings.name,
        namespaces: invocation.namespaces,
        staleAfterMs,
        most: Math.floor(MOST_SECRETS / chosen.length),
        clock,
      }),
    { concurrency: CLUSTERS_AT_ONCE },
  );
  return {
    ok: clusters.every((cluster) => cluster.ok),
    action: 'status',
    startedAt: new Date(startedAt).toISOString(),
    durationMs: clock.now() - startedAt,
    clusters,
  };
}

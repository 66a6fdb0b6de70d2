import type { CleanupReport, Removal } from './cleanup-report.ts';
import type { Clock } from './clock.ts';
import { cleanCluster } from './cluster/cluster-cleanup.ts';
import type { OpenCluster } from './cluster/refresh-cluster.ts';
import { CleanupOffError, EventError } from './errors.ts';
import type { Invocation } from './event.ts';
import { entriesOf } from './settings/coverage.ts';
import { coveredCluster } from './settings/covered-cluster.ts';
import { listedClusters } from './settings/fleet-settings.ts';
import { type ClusterSettings, clusterId, type Settings } from './settings.ts';

/** At up to 800 bytes each they stay under the 6 MB that an invocation may answer. */
const MOST_REMOVALS = 5_000;

/** The outside of a cleanup. */
export interface CleanupPorts {
  readonly clock: Clock;
  /** @throws HelperError */
  readonly openCluster: (cluster: ClusterSettings) => Promise<OpenCluster>;
}

/**
 * Removes this deployment's secrets, known by its label, from the namespaces of one cluster that the settings no
 * longer cover, or from all. The next refresh makes again what is covered: suspend it first (`enabled: false`).
 * What has a name that left the settings stays, as with the name the right to see it has gone: clean up before
 * taking the name out.
 * @throws CleanupOffError, EventError, NotCoveredError before anything is read
 */
export async function cleanup(
  { clock, openCluster }: CleanupPorts,
  settings: Settings,
  invocation: Invocation,
): Promise<CleanupReport> {
  const startedAt = clock.now();
  const { namespaces, all = false, dryRun = false } = invocation;
  const cluster = confirmedCluster(settings, invocation);
  const id = clusterId(cluster);
  const { removals, kept, ignored, error } = await cleanCluster({
    open: () => openCluster(cluster),
    entries: entriesOf(settings, id),
    deployment: settings.name,
    namespaces,
    all,
    dryRun,
    concurrency: settings.concurrency,
  });
  const failed = removals.filter(({ outcome }) => outcome === 'failed').length;
  const listed = removals.toSorted(failedFirst).slice(0, MOST_REMOVALS);
  return {
    ok: !error && failed === 0,
    action: 'cleanup',
    dryRun,
    startedAt: new Date(startedAt).toISOString(),
    durationMs: clock.now() - startedAt,
    cluster: id,
    removed: removals.length - failed,
    kept,
    ignored,
    failed,
    removals: listed,
    ...(removals.length > listed.length && { moreRemovals: removals.length - listed.length }),
    ...(error && { error }),
  };
}

/**
 * The one cluster that the settings allow to clean and the event names by `confirm`.
 * @throws CleanupOffError, EventError, NotCoveredError
 */
export function confirmedCluster(
  settings: Settings,
  { confirm, clusters = [] }: Invocation,
): ClusterSettings {
  if (!settings.cleanup) throw new CleanupOffError();
  const listed = listedClusters(settings);
  const cluster = confirm?.startsWith('arn:')
    ? coveredCluster(settings, confirm)
    : listed.find((one) => clusterId(one) === confirm);
  if (!cluster) {
    const known = listed.map(clusterId).join(', ');
    const given = confirm === undefined ? 'is missing' : `${JSON.stringify(confirm)} is no cluster`;
    throw new EventError(`confirm ${given}; give the id of the one to clean up, of ${known}`, {
      remedy: FIRST_DRY,
    });
  }
  const other = clusters.find((one) => one !== confirm);
  if (other === undefined) return cluster;
  throw new EventError(
    `clusters names ${JSON.stringify(other)} beside the confirmed ${JSON.stringify(confirm)}`,
    { remedy: FIRST_DRY },
  );
}

const FIRST_DRY =
  'Send { "action": "cleanup", "confirm": "ID", "dryRun": true } to see what it would remove.';

function failedFirst(one: Removal, other: Removal): number {
  if (one.outcome !== other.outcome) return one.outcome === 'failed' ? -1 : 1;
  return one.namespace < other.namespace ? -1 : Number(one.namespace > other.namespace);
}

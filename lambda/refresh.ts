import pMap from 'p-map';
import type { Clock } from './clock.ts';
import { type OpenCluster, type ReadEntry, refreshCluster } from './cluster/refresh-cluster.ts';
import { HelperError, InternalError } from './errors.ts';
import { chosenClusters, chosenEntries, type Invocation } from './event.ts';
import type { PullCredentials } from './registry/credentials.ts';
import type { Report, SecretReport } from './report.ts';
import { entriesOf } from './settings/coverage.ts';
import { type ClusterSettings, clusterId, type SecretEntry, type Settings } from './settings.ts';

export const CLUSTERS_AT_ONCE = 10;

/** The outside of a refresh. */
export interface RefreshPorts {
  readonly clock: Clock;
  /** @throws HelperError */
  readonly readCredentials: (entry: SecretEntry) => Promise<PullCredentials>;
  /** @throws HelperError */
  readonly openCluster: (cluster: ClusterSettings) => Promise<OpenCluster>;
}

/**
 * Brings the secrets that an invocation asks for up to date. Reads each entry's registries first; what they
 * cannot give, and what a cluster does not take, stops nothing else and stands in the report.
 * @throws NotCoveredError before anything is read or written
 */
export async function refresh(
  ports: RefreshPorts,
  settings: Settings,
  invocation: Invocation,
): Promise<Report> {
  const { clock } = ports;
  const { namespaces } = invocation;
  const action = invocation.action === 'plan' ? 'plan' : 'refresh';
  const startedAt = clock.now();
  const clusters = chosenClusters(settings, invocation);
  const meant = chosenEntries(settings, clusters, invocation);
  const entries = await Promise.all(meant.map((entry) => readEntry(ports, entry)));
  const reports = await pMap(
    clusters,
    (cluster) =>
      refreshCluster({
        id: clusterId(cluster),
        open: () => ports.openCluster(cluster),
        entries: entries.filter((entry) => entriesOf(settings, clusterId(cluster)).includes(entry.settings)),
        deployment: settings.name,
        plan: action === 'plan',
        namespaces,
        mayBeGone: invocation.logged !== undefined,
        concurrency: settings.concurrency,
        clock,
      }),
    { concurrency: CLUSTERS_AT_ONCE },
  );
  const secrets = entries.map(secretReport);
  return {
    ok: reports.every((cluster) => cluster.ok) && secrets.every((secret) => !secret.error),
    action,
    startedAt: new Date(startedAt).toISOString(),
    durationMs: clock.now() - startedAt,
    secrets,
    clusters: reports,
  };
}

async function readEntry(ports: RefreshPorts, settings: SecretEntry): Promise<ReadEntry> {
  try {
    return { settings, credentials: await ports.readCredentials(settings) };
  } catch (fault) {
    return { settings, credentials: fault instanceof HelperError ? fault : new InternalError(fault) };
  }
}

function secretReport({ settings: { name }, credentials }: ReadEntry): SecretReport {
  if (credentials instanceof HelperError) {
    return { name, registries: [], error: { reason: credentials.problem, remedy: credentials.remedy } };
  }
  const { auths, token } = credentials;
  return { name, registries: [...auths.keys()], ...(token && { expiresAt: token.expiresAt.toISOString() }) };
}

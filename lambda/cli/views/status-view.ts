import { type ClusterStatus, CONDITIONS, type Condition, type StatusReport } from '../../status-report.ts';
import { duration, since, until } from './durations.ts';
import { paint, paragraphs, remedies, type Style, table } from './table.ts';
import { verdict } from './verdict.ts';

const STYLES: Readonly<Record<Condition, Style>> = {
  missing: 'red',
  expired: 'red',
  stale: 'yellow',
  blocked: 'yellow',
  foreign: 'yellow',
  fresh: 'green',
  skipped: 'dim',
};

/** More would scroll the worst, which are first, out of sight. */
const MOST_ROWS = 100;

/** How old the secrets are, for people: the worst of each cluster first. */
export function statusView({ ok, startedAt, durationMs, clusters }: StatusReport): string {
  return paragraphs(
    `${verdict(ok)}: status, in ${duration(durationMs)}`,
    ...clusters.map((cluster) => clusterView(cluster, startedAt)),
  );
}

function clusterView(cluster: ClusterStatus, at: string): string {
  const { id, counts, secrets, moreSecrets = 0, error } = cluster;
  const more = moreSecrets + Math.max(0, secrets.length - MOST_ROWS);
  const counted = CONDITIONS.filter((condition) => counts[condition] > 0).map((condition) =>
    paint(STYLES[condition], `${counts[condition]} ${condition}`),
  );
  const rows = secrets
    .slice(0, MOST_ROWS)
    .map(({ namespace, secret, condition, fetchedAt, expiresAt, reason }) => [
      namespace,
      secret,
      paint(STYLES[condition], condition),
      since(fetchedAt, at),
      until(expiresAt, at),
      reason ?? '',
    ]);
  return [
    `cluster ${id}: ${[...counted, ...(error ? [`${paint('red', 'failed')}: ${error.reason}`] : [])].join(', ')}`,
    table(['NAMESPACE', 'SECRET', 'STATE', 'AGE', 'ENDS', 'WHY'], rows),
    more > 0
      ? `and ${more} more: --namespaces narrows it, --json shows ${moreSecrets > 0 ? secrets.length : 'all'}`
      : '',
    remedies([
      ...secrets.map(({ namespace, remedy }) => ({ about: namespace, remedy })),
      ...(error ? [{ about: `cluster ${id}`, remedy: error.remedy }] : []),
    ]),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

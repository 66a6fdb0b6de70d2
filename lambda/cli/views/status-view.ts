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

/** How old the secrets are, for people: the worst of each cluster first. */
export function statusView({ ok, startedAt, durationMs, clusters }: StatusReport): string {
  return paragraphs(
    `${verdict(ok)}: status, in ${duration(durationMs)}`,
    ...clusters.map((cluster) => clusterView(cluster, startedAt)),
  );
}

function clusterView(cluster: ClusterStatus, at: string): string {
  const { id, counts, secrets, moreSecrets, error } = cluster;
  const counted = CONDITIONS.filter((condition) => counts[condition] > 0).map((condition) =>
    paint(STYLES[condition], `${counts[condition]} ${condition}`),
  );
  const rows = secrets.map(({ namespace, secret, condition, fetchedAt, expiresAt, reason }) => [
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
    moreSecrets ? `and ${moreSecrets} more` : '',
    remedies([
      ...secrets.map(({ namespace, remedy }) => ({ about: namespace, remedy })),
      ...(error ? [{ about: `cluster ${id}`, remedy: error.remedy }] : []),
    ]),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

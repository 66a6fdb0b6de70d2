import type { Problem, Report } from '../../report.ts';
import { duration, until } from './durations.ts';
import { paint, paragraphs, remedies, table } from './table.ts';
import { count, verdict } from './verdict.ts';

/** The report of a refresh or plan, for people. */
export function refreshView(report: Report): string {
  const { ok, action, startedAt, durationMs, secrets, clusters } = report;
  const problems = problemsOf(report);
  const linked = clusters.filter((cluster) => cluster.linked);
  return paragraphs(
    `${verdict(ok)}: ${action === 'plan' ? 'plan (nothing was written)' : 'refresh'}, in ${duration(durationMs)}`,
    table(
      ['SECRET', 'TOKEN ENDS', 'REGISTRIES'],
      secrets.map(({ name, expiresAt, registries }) => [
        name,
        until(expiresAt, startedAt),
        registries.join(', ') || '-',
      ]),
    ),
    table(
      ['CLUSTER', 'CREATED', 'REFRESHED', 'UNCHANGED', 'SKIPPED', 'BLOCKED', 'FAILED', 'TOOK'],
      clusters.map((cluster) => [
        cluster.id,
        ...[cluster.created, cluster.refreshed, cluster.unchanged, cluster.skipped].map(String),
        count(cluster.blocked, 'yellow'),
        count(cluster.failed, 'red'),
        duration(cluster.durationMs),
      ]),
    ),
    linked.map((cluster) => `${cluster.linked} service accounts got a secret in ${cluster.id}`).join('\n'),
    table(
      ['CLUSTER', 'NAMESPACE', 'SECRET', 'OUTCOME', 'WHY'],
      problems.map(({ cluster, namespace, secret, outcome, reason }) => [
        cluster,
        namespace,
        secret,
        paint(outcome === 'failed' ? 'red' : 'yellow', outcome),
        reason,
      ]),
    ),
    clusters
      .flatMap(({ id, moreProblems }) => (moreProblems ? [`and ${moreProblems} more in ${id}`] : []))
      .join('\n'),
    remedies(problems),
  );
}

interface Row extends Problem {
  readonly cluster: string;
  /** What its remedy is for. */
  readonly about: string;
}

/** Those of whole entries and clusters first; what an entry's registries lack is said once. */
function problemsOf({ secrets, clusters }: Report): Row[] {
  const whole = { cluster: '-', namespace: '-', secret: '-', outcome: 'failed' } as const;
  const unread = new Set(secrets.filter(({ error }) => error).map(({ name }) => name));
  return [
    ...secrets.flatMap(({ name, error }) =>
      error ? [{ ...whole, secret: name, about: `secret ${name}`, ...error }] : [],
    ),
    ...clusters.flatMap(({ id, error }) =>
      error ? [{ ...whole, cluster: id, about: `cluster ${id}`, ...error }] : [],
    ),
    ...clusters.flatMap(({ id, problems }) =>
      problems
        .filter(({ namespace, secret }) => namespace !== '*' || !unread.has(secret))
        .map((problem) => {
          const { namespace, secret } = problem;
          return { cluster: id, about: namespace === '*' ? `secret ${secret}` : namespace, ...problem };
        }),
    ),
  ];
}

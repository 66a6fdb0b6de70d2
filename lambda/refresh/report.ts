import type { RunContext } from '../context.ts';
import type { HelperError } from '../errors.ts';
import type { DiscoveryReport, FleetSummary } from '../fleet.ts';
import type { RunRequest } from '../request.ts';

/** How many secrets of a cluster had each outcome; in a plan, would have. */
export interface Counts {
  /** Secrets that did not exist before. */
  readonly created: number;
  /** Secrets that got a new token. */
  readonly refreshed: number;
  /** Secrets that held the same or a later token already, or that an earlier attempt of the run wrote. */
  readonly unchanged: number;
  /** Secrets of namespaces that are being deleted, or that a label excludes. */
  readonly skipped: number;
  /** Secrets that something of the namespace's owner blocks, such as a quota. */
  readonly blocked: number;
  /** Secrets that failed by an error that the operator of the function has to fix. */
  readonly failed: number;
}

/** The outcome for one secret in one namespace. */
export type Outcome = keyof Counts;

/** The outcomes after which a secret is ours. */
export const OURS: readonly Outcome[] = ['created', 'refreshed', 'unchanged'];

/** An outcome, and for a person why, and how to fix it. */
export interface Verdict {
  readonly outcome: Outcome;
  /** Of a failure, the code of the error. */
  readonly code?: string;
  readonly reason?: string;
  readonly remedy?: string;
  /** Whether fields of other managers became ours. */
  readonly adopted?: true;
}

/** The error that ended the work on a cluster or an entry. */
export interface ReportedError {
  /** Such as `ClusterNotFoundError`. */
  readonly code: string;
  /** What failed, on which object. */
  readonly reason: string;
  /** How to fix it. */
  readonly remedy: string;
}

/** An error as reports show it. */
export function reportError({ code, problem: reason, fix: remedy }: HelperError): ReportedError {
  return { code, reason, remedy };
}

export interface Problem {
  /** `*` for one of a whole entry. */
  readonly namespace: string;
  /** The name of the pull secret. */
  readonly secret: string;
  /** `blocked`: the owner of the namespace fixes it. `failed`: the operator of the function. */
  readonly outcome: 'blocked' | 'failed';
  /** What failed, on which object. */
  readonly reason: string;
  /** How to fix it. */
  readonly remedy: string;
}

/** What a dry run showed that the admission policy has to deny. */
export interface PolicyReport {
  /** `outdated`: it is in force, and not that of the settings. */
  readonly state: 'in force' | 'outdated' | 'missing';
  /** What is wrong with one that is outdated or missing. */
  readonly reason?: string;
  /** How to fix it. */
  readonly remedy?: string;
}

export interface ClusterReport extends Counts {
  /** The id of the settings, or the ARN of a discovered cluster. */
  readonly id: string;
  /** Absent for a cluster that is not EKS, or that EKS did not describe. */
  readonly arn?: string;
  /** Whether every namespace was attempted, and nothing failed; `blocked` does not count. */
  readonly ok: boolean;
  /** How long the cluster took, in milliseconds. */
  readonly durationMs: number;
  /** How many service accounts got a secret; only where the settings name some. */
  readonly linked?: number;
  /** How many secrets of others became ours; absent for none. */
  readonly adopted?: number;
  /** The admission policy. Absent where it was not tried, or the answer shows nothing. */
  readonly policy?: PolicyReport;
  /** At most 100, those that failed before those that are blocked. */
  readonly problems: readonly Problem[];
  /** How many problems there were beyond those listed. */
  readonly moreProblems?: number;
  /** Why the cluster was not done, or not to its end. */
  readonly error?: ReportedError;
}

export interface SecretReport {
  /** The name of the pull secret. */
  readonly name: string;
  /** The hosts that it has credentials for. */
  readonly registries: readonly string[];
  /** When its token expires (ISO 8601). */
  readonly expiresAt?: string;
  /** Why nothing of this entry was written. */
  readonly error?: ReportedError;
}

/** When a run started, and how long it took. */
export interface RunTimes {
  /** When the run started (ISO 8601). */
  readonly startedAt: string;
  /** How long the run took, in milliseconds. */
  readonly durationMs: number;
}

/** The times of a report that is made now. */
export function timesOf({ startedAt, clock }: Pick<RunContext, 'startedAt' | 'clock'>): RunTimes {
  return { startedAt: new Date(startedAt).toISOString(), durationMs: clock.now() - startedAt };
}

/** What a refresh or plan returns and logs. */
export interface Report extends RunTimes {
  /** Whether every entry and cluster was done, and nothing failed. */
  readonly ok: boolean;
  readonly action: 'refresh' | 'plan';
  /** The credentials of each entry. */
  readonly secrets: readonly SecretReport[];
  /** The clusters of the run. */
  readonly clusters: readonly ClusterReport[];
}

const MOST_PROBLEMS = 100;

/** Counts the outcomes of one cluster and keeps its first problems, those that failed before those that are blocked. */
export class Tally {
  readonly counts = zeros<Outcome>([...OURS, 'skipped', 'blocked', 'failed']);
  readonly #problems: Record<Problem['outcome'], Problem[]> = { failed: [], blocked: [] };
  #reported = 0;
  #adopted = 0;

  /** Takes the outcome of one namespace. */
  add(namespace: string, secret: string, { outcome, reason, remedy = '', adopted }: Verdict): void {
    this.counts[outcome] += 1;
    if (adopted) this.#adopted += 1;
    if (reason && (outcome === 'blocked' || outcome === 'failed')) {
      this.list({ namespace, secret, outcome, reason, remedy });
    }
  }

  /** Takes a problem that counts by itself: of a namespace that should be there and is not, of a service account. */
  count(problem: Problem): void {
    this.counts[problem.outcome] += 1;
    this.list(problem);
  }

  /** Takes a problem whose namespaces are counted one by one. */
  list(problem: Problem): void {
    this.#reported += 1;
    const same = this.#problems[problem.outcome];
    if (same.length < MOST_PROBLEMS) same.push(problem);
  }

  /** The outcomes, with the number of the problems that were left out. */
  result(): Counts & Pick<ClusterReport, 'problems' | 'moreProblems' | 'adopted'> {
    const adopted = this.#adopted > 0 && { adopted: this.#adopted };
    const listed = [...this.#problems.failed, ...this.#problems.blocked].slice(0, MOST_PROBLEMS);
    const more = this.#reported - listed.length;
    return {
      ...this.counts,
      ...adopted,
      // the order of attempts is another in each run
      problems: listed.toSorted((one, other) => compare(one.namespace, other.namespace)),
      ...(more > 0 && { moreProblems: more }),
    };
  }
}

/** A count for each key. */
export function zeros<Key extends string>(keys: readonly Key[]): Record<Key, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>;
}

/** The order of two names. */
export function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

/** What failed, in one line, for the error of a run that nobody waits for. */
export function summarizeFailures(report: Report): string {
  const entries = report.secrets.flatMap(({ name, error }) =>
    error ? `secret ${name}: ${error.reason}` : [],
  );
  const clusters = report.clusters
    .filter((cluster) => !cluster.ok)
    .map(({ id, failed, error, problems }) => {
      const first = error?.reason ?? problems.find((problem) => problem.outcome === 'failed')?.reason;
      return `cluster ${id}: ${failed} failed${first ? `, ${first}` : ''}`;
    });
  return [...entries, ...clusters].join('; ');
}

/** The clusters whose admission policy is missing or outdated, in one line; empty for none. */
export function policyProblems({ clusters }: Report): string {
  return clusters
    .flatMap(({ id, policy }) => (policy?.reason ? [`cluster ${id}: ${policy.reason}`] : []))
    .join('; ');
}

/** The CloudWatch namespace of all metrics. */
export const METRICS_NAMESPACE = 'EcrRegistryHelper';

/** The dimensions of every metric of a cluster, exactly; `service` is the deployment's name. All others have that alone. */
export const CLUSTER_DIMENSIONS = ['service', 'cluster'] as const;

/** Every metric that a run sends for each of its clusters; in a fleet they have no cluster. docs/reference/metrics.md explains them. */
export type ClusterMetric =
  | 'ClusterFresh'
  | 'SecretsCreated'
  | 'SecretsRefreshed'
  | 'SecretsUnchanged'
  | 'SecretsSkipped'
  | 'SecretsBlocked'
  | 'SecretsFailed'
  | 'RefreshDuration';
/** Every metric that the run of a fleet sends beside these. */
export type FleetMetric = 'DiscoveredClusters' | 'DiscoveryProblems' | 'FailedClusters';
/** Every metric that a run sends once, for all of its clusters. */
export type DeploymentMetric = 'PolicyProblems';
export type MetricName = ClusterMetric | FleetMetric | DeploymentMetric;

/** One line of metrics: those of a cluster have it as a dimension. */
export interface MetricLine {
  readonly cluster?: string | undefined;
  readonly values: Readonly<Partial<Record<MetricName, number>>>;
}

export function unitOf(metric: string): 'Milliseconds' | 'Count' {
  return metric.endsWith('Duration') ? 'Milliseconds' : 'Count';
}

/**
 * The metrics of a run, one line a cluster and one for all; none of a plan.
 * @param inFleet leaves the cluster out: with it a fleet of 1,000 clusters would be 8,000 metrics, each of them billed
 */
export function runMetrics(report: Report, { namespaces }: RunRequest, inFleet: boolean): MetricLine[] {
  const { action, clusters } = report;
  if (action === 'plan') return [];
  const tried = clusters.flatMap(({ policy }) => policy ?? []);
  return [
    ...clusters.map((cluster) => ({
      ...(!inFleet && { cluster: cluster.id }),
      values: {
        ...(!namespaces && cluster.ok && { ClusterFresh: 1 }),
        SecretsCreated: cluster.created,
        SecretsRefreshed: cluster.refreshed,
        SecretsUnchanged: cluster.unchanged,
        SecretsSkipped: cluster.skipped,
        // nothing is known of a cluster that was not reached, and the alarm keeps its state
        ...((cluster.ok || cluster.blocked > 0) && { SecretsBlocked: cluster.blocked }),
        SecretsFailed: cluster.failed,
        RefreshDuration: cluster.durationMs,
      },
    })),
    ...(tried.length > 0
      ? [{ values: { PolicyProblems: tried.filter(({ state }) => state !== 'in force').length } }]
      : []),
  ];
}

/** The metrics of a step of a fleet's run. */
export function fleetMetrics(step: DiscoveryReport | FleetSummary): MetricLine[] {
  return [
    {
      values:
        step.action === 'discover'
          ? {
              DiscoveredClusters: step.items.length,
              DiscoveryProblems: step.problems.length + (step.moreProblems ?? 0),
            }
          : { FailedClusters: step.failed.length },
    },
  ];
}

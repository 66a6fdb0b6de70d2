/** What became of one secret in one namespace. */
export type Outcome = 'created' | 'refreshed' | 'unchanged' | 'skipped' | 'blocked' | 'failed';

/** An outcome, and for one that a person should know of, why and what to do. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly reason?: string;
  readonly remedy?: string;
}

export interface Problem {
  /** `*` for one of a whole entry. */
  readonly namespace: string;
  readonly secret: string;
  readonly outcome: 'blocked' | 'failed';
  readonly reason: string;
  readonly remedy: string;
}

export type Counts = Readonly<Record<Outcome, number>>;

export interface ClusterReport extends Counts {
  readonly id: string;
  readonly arn?: string;
  readonly ok: boolean;
  readonly durationMs: number;
  /** How many service accounts got a secret; only where the settings name some. */
  readonly linked?: number;
  readonly problems: readonly Problem[];
  /** How many problems there were beyond those listed. */
  readonly moreProblems?: number;
  /** Why the cluster was not done, or not to its end. */
  readonly error?: { readonly reason: string; readonly remedy: string };
}

export interface SecretReport {
  readonly name: string;
  /** The hosts that it opens. */
  readonly registries: readonly string[];
  readonly expiresAt?: string;
  /** Why nothing of this entry was written. */
  readonly error?: { readonly reason: string; readonly remedy: string };
}

/** What a run answers and logs. `ok`: nothing failed, and every entry and cluster was done. */
export interface Report {
  readonly ok: boolean;
  readonly action: 'refresh' | 'plan';
  readonly startedAt: string;
  readonly durationMs: number;
  readonly secrets: readonly SecretReport[];
  readonly clusters: readonly ClusterReport[];
}

const MOST_PROBLEMS = 100;

/** Counts the outcomes of one cluster and keeps its first problems. */
export class Tally {
  readonly counts: Record<Outcome, number> = {
    created: 0,
    refreshed: 0,
    unchanged: 0,
    skipped: 0,
    blocked: 0,
    failed: 0,
  };
  readonly problems: Problem[] = [];
  #more = 0;

  /** Takes the outcome of one namespace. */
  add(namespace: string, secret: string, { outcome, reason, remedy = '' }: Verdict): void {
    this.counts[outcome] += 1;
    if (reason && (outcome === 'blocked' || outcome === 'failed')) {
      this.tell({ namespace, secret, outcome, reason, remedy });
    }
  }

  /** Takes a problem that counts by itself: of a namespace that should be there and is not, of a service account. */
  miss(problem: Problem): void {
    this.counts[problem.outcome] += 1;
    this.tell(problem);
  }

  /** Takes a problem whose namespaces are counted one by one. */
  tell(problem: Problem): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(problem);
    else this.#more += 1;
  }

  /** The outcomes, with the number of the problems that were left out. */
  result(): Counts & Pick<ClusterReport, 'problems' | 'moreProblems'> {
    return { ...this.counts, problems: this.problems, ...(this.#more > 0 && { moreProblems: this.#more }) };
  }
}

/** Says in one line what was not ok, for the error of a run that nobody waits for. */
export function summary(report: Report): string {
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

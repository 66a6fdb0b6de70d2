/** How a secret of one namespace stands, the worst first. */
export const CONDITIONS = ['missing', 'expired', 'stale', 'blocked', 'foreign', 'fresh', 'skipped'] as const;
export type Condition = (typeof CONDITIONS)[number];

export interface SecretStatus {
  readonly namespace: string;
  readonly secret: string;
  readonly condition: Condition;
  /** When its token was fetched and when it ends, as its annotations say. */
  readonly fetchedAt?: string;
  readonly expiresAt?: string;
  readonly reason?: string;
  readonly remedy?: string;
}

export interface ClusterStatus {
  readonly id: string;
  readonly arn?: string;
  /** Whether all that has to be fresh is. */
  readonly ok: boolean;
  readonly counts: Readonly<Record<Condition, number>>;
  /** The worst first. */
  readonly secrets: readonly SecretStatus[];
  /** How many there are beyond those listed. */
  readonly moreSecrets?: number;
  /** Why the cluster could not be looked at, or not to its end. */
  readonly error?: { readonly reason: string; readonly remedy: string };
}

/** What `status` answers: metadata only, nothing of it is secret. */
export interface StatusReport {
  readonly ok: boolean;
  readonly action: 'status';
  readonly startedAt: string;
  readonly durationMs: number;
  readonly clusters: readonly ClusterStatus[];
}

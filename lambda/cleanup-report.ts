/** What became of one of our objects. */
export interface Removal {
  readonly namespace: string;
  /** The secret, or the service account that named it. */
  readonly object: string;
  readonly outcome: 'removed' | 'failed';
  readonly reason?: string;
  readonly remedy?: string;
}

/** What `cleanup` answers. `ok`: all that had to go is gone, or would be. */
export interface CleanupReport {
  readonly ok: boolean;
  readonly action: 'cleanup';
  /** Nothing was removed: the server was asked what it would do. */
  readonly dryRun: boolean;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly cluster: string;
  /** Secrets, and service accounts that no longer name one. */
  readonly removed: number;
  /** Secrets of ours that the settings still cover. */
  readonly kept: number;
  /** Secrets of ours in namespaces whose label asks to leave them alone. */
  readonly ignored: number;
  readonly failed: number;
  /** Those that failed first. */
  readonly removals: readonly Removal[];
  readonly moreRemovals?: number;
  readonly error?: { readonly reason: string; readonly remedy: string };
}

/** What is sent to the function for one cluster: by its id in the settings, or by its ARN. */
export interface FleetItem {
  readonly action: 'refresh';
  readonly clusters: readonly [string];
}

/** Why a place could not be looked through, or what it lacks. */
export interface DiscoveryProblem {
  /** An account and region, or one cluster there. */
  readonly where: string;
  readonly reason: string;
  readonly remedy: string;
}

/** What `discover` answers. `ok`: some were found, and every place was looked through. */
export interface DiscoveryReport {
  readonly ok: boolean;
  readonly action: 'discover';
  readonly startedAt: string;
  readonly durationMs: number;
  readonly items: readonly FleetItem[];
  readonly problems: readonly DiscoveryProblem[];
  /** How many problems there were beyond those listed. */
  readonly moreProblems?: number;
}

/** How the item of one cluster ended. */
export interface FleetResult {
  readonly id: string;
  readonly ok: boolean;
  readonly reason?: string | undefined;
}

/** What a discovery could not look through; its remedies stand in its own answer. */
export interface Unseen {
  readonly where: string;
  readonly reason: string;
}

/** What `summarize` answers. `ok`: there were clusters, all were refreshed, and none may have been overlooked. */
export interface FleetSummary {
  readonly ok: boolean;
  readonly action: 'summarize';
  readonly startedAt: string;
  readonly durationMs: number;
  readonly clusters: number;
  readonly failed: readonly FleetResult[];
  readonly problems: readonly Unseen[];
}

/** A Step Functions cause takes 32 KiB; so many with reasons of 300 characters stay well under it. */
const MOST_NAMED = 50;
const LONGEST_REASON = 300;

/** Judges a run of the whole fleet. Pure. */
export function summarize(
  {
    results = [],
    problems = [],
  }: { results?: readonly FleetResult[] | undefined; problems?: readonly Unseen[] | undefined },
  at: number,
): FleetSummary {
  const failed = results.filter(({ ok }) => !ok);
  return {
    ok: results.length > 0 && failed.length === 0 && problems.length === 0,
    action: 'summarize',
    startedAt: new Date(at).toISOString(),
    durationMs: 0,
    clusters: results.length,
    failed,
    problems,
  };
}

/** Says in one line what was not ok, with the names of the clusters. */
export function fleetFailure({ clusters, failed, problems }: FleetSummary): string {
  if (clusters === 0 && problems.length === 0) return 'no cluster of the fleet was found';
  const told = [
    ...problems.map(({ where, reason }) => `${where}: ${short(reason)}`),
    ...failed.map(({ id, reason }) => (reason ? `${id}: ${short(reason)}` : id)),
  ];
  const more = told.length > MOST_NAMED ? `; and ${told.length - MOST_NAMED} more` : '';
  return `${failed.length} of ${clusters} clusters were not refreshed: ${told.slice(0, MOST_NAMED).join('; ')}${more}`;
}

function short(reason: string): string {
  return reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)} …` : reason;
}

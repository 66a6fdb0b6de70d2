import pMap from 'p-map';
import type { DiscoveryReport, FleetResult } from '../../lambda/fleet.ts';
import type { Answer } from '../../lambda/handler.ts';
import type { Report } from '../../lambda/refresh/report.ts';

/** How the state machine's run of a fleet went. */
export interface FleetRun {
  readonly discovery: DiscoveryReport;
  readonly results: readonly FleetResult[];
  /** Of the summary, which fails the state machine. */
  readonly error?: unknown;
}

/** What a run does not show of a fleet in which one cluster is down: all others are fresh, and it alone fails the run. */
export function missedBy({ discovery, results, error }: FleetRun, down: string): string[] {
  const others = results.filter(({ id }) => id !== down);
  const claims: [string, boolean][] = [
    ['every account and region was found', discovery.ok && results.length === discovery.items.length],
    ['all other clusters are fresh', others.length > 0 && others.every(({ ok }) => ok)],
    ['the cluster that is down is named', results.some(({ id, ok, reason }) => id === down && !ok && reason)],
    ['the run fails by it', error instanceof Error && error.message.includes(down)],
  ];
  return claims.flatMap(([claim, holds]) => (holds ? [] : [claim]));
}

/**
 * Does what the state machine does: discover, one invocation for each item with so many at once, summarize. What an
 * item throws is kept as its reason.
 */
export async function runFleet(
  invoke: (event: object) => Promise<Answer>,
  concurrency: number,
): Promise<FleetRun> {
  const startedAt = new Date().toISOString();
  const discovery = (await invoke({ action: 'discover' })) as DiscoveryReport;
  const results = await pMap(
    discovery.items,
    async (item): Promise<FleetResult> => {
      const [id] = item.clusters;
      try {
        const report = (await invoke({ ...item, startedAt })) as Report;
        const [cluster] = report.clusters;
        const reason = cluster?.error?.reason ?? cluster?.problems[0]?.reason;
        return { id, ok: report.ok, ...(reason && !report.ok && { reason }) };
      } catch (fault) {
        return { id, ok: false, reason: String(fault) };
      }
    },
    { concurrency },
  );
  try {
    await invoke({ action: 'summarize', results });
    return { discovery, results };
  } catch (error) {
    return { discovery, results, error };
  }
}

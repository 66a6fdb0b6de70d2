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

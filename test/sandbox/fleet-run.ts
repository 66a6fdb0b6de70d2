import pMap from 'p-map';
import type { Answer } from '../../lambda/answers.ts';
import type { DiscoveryReport } from '../../lambda/fleet/discovery-report.ts';
import type { FleetResult } from '../../lambda/fleet/fleet-summary.ts';
import type { Report } from '../../lambda/report.ts';

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
  const discovery = (await invoke({ action: 'discover' })) as DiscoveryReport;
  const results = await pMap(
    discovery.items,
    async (item): Promise<FleetResult> => {
      const [id] = item.clusters;
      try {
        const report = (await invoke(item)) as Report;
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
    await invoke({ action: 'summarize', results, problems: discovery.problems });
    return { discovery, results };
  } catch (error) {
    return { discovery, results, error };
  }
}

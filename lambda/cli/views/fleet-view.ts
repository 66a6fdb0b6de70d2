import { type FleetSummary, fleetFailure } from '../../fleet/fleet-summary.ts';
import { verdict } from './verdict.ts';

/** How the run of a fleet ended, for people. */
export function fleetView(summary: FleetSummary): string {
  const told = summary.ok ? `${summary.clusters} clusters were refreshed` : fleetFailure(summary);
  return `${verdict(summary.ok)}: ${told}`;
}

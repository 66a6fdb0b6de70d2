import type { CleanupReport } from './cleanup-report.ts';
import type { DoctorReport } from './doctor/doctor-report.ts';
import type { DiscoveryReport } from './fleet/discovery-report.ts';
import type { FleetSummary } from './fleet/fleet-summary.ts';
import type { Report } from './report.ts';
import type { StatusReport } from './status-report.ts';

/** What an invocation answers, by its action. */
export type Answer = Report | StatusReport | DoctorReport | CleanupReport | DiscoveryReport | FleetSummary;

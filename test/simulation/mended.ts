import type { Outcome } from '../../lambda/report.ts';
import { listedClusters } from '../../lambda/settings/fleet-settings.ts';
import { type Expected, expectedIn, expectedOutcome, isFresh, missingIn } from './expected.ts';
import type { ClusterName } from './schedule.ts';
import type { Witness } from './witness.ts';

/** Running it again after the faults end makes everything fresh, and the report counts it exactly. */
export function mendsItself({ settings, after: phase }: Witness): string[] {
  const report = phase.endings[0]?.report;
  if (!report) return ['the run after it has no report'];
  const wrong: string[] = [];
  const expiryOf = ({ entry }: Expected) => {
    const said = report.secrets[settings.secrets.indexOf(entry)]?.expiresAt;
    return said === undefined ? undefined : Date.parse(said);
  };
  let missing = 0;
  for (const { name } of listedClusters(settings)) {
    const cluster = name as ClusterName;
    const namespaces = phase.before.namespaces.get(cluster) ?? new Map();
    const counts: Record<Outcome, number> = {
      created: 0,
      refreshed: 0,
      unchanged: 0,
      skipped: 0,
      blocked: 0,
      failed: missingIn(settings, cluster, namespaces),
    };
    missing += counts.failed;
    for (const expected of expectedIn(settings, cluster, namespaces)) {
      const outcome = expectedOutcome(expected, phase.before.secrets.get(expected.key), expiryOf(expected));
      counts[outcome] += 1;
      const isDone = outcome === 'skipped' || outcome === 'blocked';
      if (!isDone && !isFresh(phase.after.secrets.get(expected.key), expected.entry, expiryOf(expected)))
        wrong.push(`${expected.key} is not fresh`);
    }
    const said = report.clusters.find(({ id }) => id === cluster);
    for (const outcome of Object.keys(counts) as Outcome[]) {
      if (said?.[outcome] !== counts[outcome])
        wrong.push(`${cluster}: ${said?.[outcome]} ${outcome}, and it has to be ${counts[outcome]}`);
    }
  }
  if (report.ok !== (missing === 0)) wrong.push(`the report is ${report.ok ? '' : 'not '}ok`);
  return wrong;
}

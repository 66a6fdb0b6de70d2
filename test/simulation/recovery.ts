import type { Outcome } from '../../lambda/refresh/report.ts';
import { listedClusters } from '../../lambda/settings/locations.ts';
import type { Settings } from '../../lambda/settings/schema.ts';
import { expectedIn, expectedOutcome, missingIn } from './expected.ts';
import { expiryOf, isFreshAfter } from './outcomes.ts';
import type { ClusterName } from './schedule.ts';
import type { Phase, Witness } from './witness.ts';

/** Running it again after the faults end makes everything fresh, and the report counts it exactly. */
export function recovers({ settings, retry, after }: Witness): string[] {
  return [...(retry ? [retry] : []), after].flatMap((phase) => wrongAfter(phase, settings));
}

function wrongAfter(phase: Phase, settings: Settings): string[] {
  const report = phase.endings[0]?.report;
  if (!report) return ['the run after it has no report'];
  const wrong: string[] = [];
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
      const expiresAt = expiryOf(report, expected, settings);
      const outcome = expectedOutcome(expected, phase.before.secrets.get(expected.key), {
        ...phase,
        expiresAt,
      });
      counts[outcome] += 1;
      const isDone = outcome === 'skipped' || outcome === 'blocked';
      if (!isDone && !isFreshAfter(phase, expected, expiresAt)) wrong.push(`${expected.key} is not fresh`);
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

import { listedClusters } from '../../lambda/settings/locations.ts';
import { clusterMayFail, entryMayFail, hadTime, writeMayFail } from './blame.ts';
import { type Expected, expectedIn, expectedOutcome } from './expected.ts';
import { expiryOf, isFreshAfter } from './outcomes.ts';
import type { ClusterName } from './schedule.ts';
import type { Phase, Witness } from './witness.ts';

/** One namespace's, cluster's or entry's failure never stops another's refresh. */
export function failuresStayApart(witness: Witness): string[] {
  const { schedule, settings, troubled: phase } = witness;
  if (!hadTime(schedule) || phase.plan || phase.narrowed) return [];
  return listedClusters(settings).flatMap(({ name }) => {
    const cluster = name as ClusterName;
    if (clusterMayFail(cluster, phase)) return [];
    return expectedIn(settings, cluster, phase.before.namespaces.get(cluster) ?? new Map())
      .filter((expected) => !isExcused(expected, witness))
      .filter((expected) => !wasRefreshed(expected, witness, phase))
      .map(({ key }) => `${key} was not refreshed, and nothing was in its way`);
  });
}

/** Whether something of its own may keep a secret from being written. */
function isExcused(expected: Expected, { schedule, settings, troubled }: Witness): boolean {
  const { entry } = expected;
  const held = troubled.before.secrets.get(expected.key);
  const expiries = troubled.endings.map((ending) => expiryOf(ending?.report, expected, settings));
  const outcomes = expiries.map((expiresAt) => expectedOutcome(expected, held, { ...troubled, expiresAt }));
  return (
    outcomes.some((outcome) => outcome === 'blocked' || outcome === 'skipped') ||
    entryMayFail(entry, troubled) ||
    writeMayFail(expected, troubled, schedule)
  );
}

function wasRefreshed(expected: Expected, { settings }: Witness, phase: Phase): boolean {
  return phase.endings.every((ending) => {
    const read = ending?.report?.secrets[settings.secrets.indexOf(expected.entry)];
    if (!read || read.error) return false;
    return isFreshAfter(phase, expected, expiryOf(ending?.report, expected, settings));
  });
}

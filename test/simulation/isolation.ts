import { listedClusters } from '../../lambda/settings/fleet-settings.ts';
import { clusterMayFail, entryMayFail, hadTime, writeMayFail } from './blame.ts';
import { type Expected, expectedIn, expectedOutcome, isFresh } from './expected.ts';
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
function isExcused(expected: Expected, { schedule, troubled }: Witness): boolean {
  const { cluster, namespace, entry } = expected;
  const plan = schedule.namespaces.find((one) => one.cluster === cluster && one.name === namespace);
  const held = troubled.before.secrets.get(expected.key);
  // a token that is about to end leaves even what another run writes alone, so its own expiry does not matter here
  const outcome = expectedOutcome(expected, held, undefined);
  return (
    plan?.guard !== 'none' ||
    plan.holds === 'foreign-expiry' ||
    outcome === 'blocked' ||
    outcome === 'skipped' ||
    entryMayFail(entry, troubled) ||
    writeMayFail(expected, troubled)
  );
}

function wasRefreshed({ key, entry }: Expected, { settings }: Witness, phase: Phase): boolean {
  return phase.endings.every((ending) => {
    const read = ending?.report?.secrets[settings.secrets.indexOf(entry)];
    if (!read || read.error) return false;
    const expiresAt = read.expiresAt === undefined ? undefined : Date.parse(read.expiresAt);
    return isFresh(phase.after.secrets.get(key), entry, expiresAt);
  });
}

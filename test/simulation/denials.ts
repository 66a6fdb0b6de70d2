import type { Problem } from '../../lambda/refresh/report.ts';
import { listedClusters } from '../../lambda/settings/locations.ts';
import { clusterMayFail, entryMayFail, hadTime } from './blame.ts';
import { type Expected, expectedIn, expectedOutcome } from './expected.ts';
import { deniesByWebhook, isFinal, WEBHOOK } from './guards.ts';
import { expiryOf } from './outcomes.ts';
import type { ClusterName } from './schedule.ts';
import type { Witness } from './witness.ts';

/** What a run takes at most that has nothing to retry: a secret is replaced after the pause of its first round. */
const QUICK_MS = 10_000;
/** No person reads a longer reason at night. */
const LONGEST_REASON = 500;

/** Who keeps a secret from being written is named: a denial is the namespace owner's, whatever else it looks like. */
export function namesWhoDenies(witness: Witness): string[] {
  const { settings, troubled: phase, schedule } = witness;
  const report = phase.endings.length === 1 ? phase.endings[0]?.report : undefined;
  const problems = report?.clusters.flatMap((cluster) => cluster.problems) ?? [];
  const long = problems.filter(({ reason }) => reason.length > LONGEST_REASON);
  const wrong = long.map(({ namespace, secret }) => `the reason of ${namespace}/${secret} is too long`);
  if (!report || !hadTime(schedule) || phase.plan || phase.narrowed) return wrong;
  for (const { name } of listedClusters(settings)) {
    const cluster = name as ClusterName;
    const { problems: said = [], durationMs = 0 } = report.clusters.find(({ id }) => id === cluster) ?? {};
    if (isQuick(cluster, witness) && durationMs > QUICK_MS)
      wrong.push(`${cluster} took ${durationMs} ms, and there was nothing to wait for`);
    if (clusterMayFail(cluster, phase)) {
      wrong.push(...rightsWrong(cluster, said, witness));
      continue;
    }
    for (const expected of expectedIn(settings, cluster, phase.before.namespaces.get(cluster) ?? new Map())) {
      wrong.push(...denialWrong(expected, said, witness));
    }
  }
  return wrong;
}

/** Whether each answer in a cluster came at once and was final. */
function isQuick(cluster: string, { schedule, troubled }: Witness): boolean {
  const isHit = troubled.hits.some(({ fault, cluster: at }) => fault.on === 'aws' || at === cluster);
  return !isHit && schedule.namespaces.every((one) => one.cluster !== cluster || isFinal(one.guard));
}

/** What the function itself has no right to is no matter of any namespace's owner. */
function rightsWrong(
  cluster: ClusterName,
  said: readonly Problem[],
  { settings, schedule, troubled: phase }: Witness,
): string[] {
  const here = phase.hits.filter((hit) => hit.cluster === cluster);
  const isDenied = here.some(({ fault }) => fault.on === 'cluster' && fault.what.startsWith('no-create'));
  if (!isDenied) return [];
  const free = schedule.namespaces.filter((one) => one.cluster === cluster && one.guard === 'none');
  return expectedIn(settings, cluster, phase.before.namespaces.get(cluster) ?? new Map())
    .filter(({ key, namespace }) => {
      const isChanged = here.some((hit) => hit.fault.on === 'world' && hit.namespace === namespace);
      return !isChanged && !phase.before.secrets.has(key) && free.some(({ name }) => name === namespace);
    })
    .filter(({ namespace, secret }) =>
      said.some((one) => one.namespace === namespace && one.secret === secret && one.outcome === 'blocked'),
    )
    .map(({ key }) => `${key} is blocked by a right of ours`);
}

function denialWrong(expected: Expected, said: readonly Problem[], witness: Witness): string[] {
  const { schedule, settings, troubled: phase } = witness;
  const { cluster, namespace, key, entry, secret } = expected;
  const plan = schedule.namespaces.find((one) => one.cluster === cluster && one.name === namespace);
  const guard = plan?.guard ?? 'none';
  const isNamed = deniesByWebhook(guard) || guard === 'fails' || guard === 'unexplained';
  const here = phase.hits.some((hit) => hit.cluster === cluster && hit.namespace === namespace);
  if (!isNamed || here || entryMayFail(entry, phase)) return [];
  const expiresAt = expiryOf(phase.endings[0]?.report, expected, settings);
  const outcome = expectedOutcome(expected, phase.before.secrets.get(key), { ...phase, expiresAt });
  // others decide before the webhook is called
  if (outcome !== 'created' && outcome !== 'refreshed') return [];
  const problem = said.find((one) => one.namespace === namespace && one.secret === secret);
  const due = deniesByWebhook(guard) ? 'blocked' : 'failed';
  const isTold = guard === 'unexplained' || problem?.reason.includes(WEBHOOK);
  if (problem?.outcome === due && isTold) return [];
  return [`${key} is ${problem?.outcome ?? 'fresh'} (${problem?.reason}) where ${WEBHOOK} ${guard}`];
}

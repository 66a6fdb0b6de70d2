import type { ClusterReport, Problem, Report } from '../../lambda/refresh/report.ts';
import { listedClusters } from '../../lambda/settings/locations.ts';
import type { Settings } from '../../lambda/settings/schema.ts';
import { answerMayBeLost, clusterMayFail, hadTime, writeMayFail } from './blame.ts';
import { type Expected, entriesFor, expectedIn, expectedOutcome, isFresh, missingIn } from './expected.ts';
import { expiryOf, isFreshAfter } from './outcomes.ts';
import type { ClusterName } from './schedule.ts';
import type { Ending, Phase, Witness } from './witness.ts';

/** The report's outcomes are the truth in the cluster, name by name, and the run is ok exactly when nothing failed. */
export function reportsTheTruth(witness: Witness): string[] {
  const { troubled, settings } = witness;
  return troubled.endings.flatMap((ending) => {
    if (!ending?.report) return [];
    const { report } = ending;
    return [
      ...okWrong(report, ending, troubled),
      ...(troubled.plan || troubled.narrowed
        ? []
        : listedClusters(settings).flatMap(({ name }) => clusterWrong(report, name as ClusterName, witness))),
    ];
  });
}

function okWrong(report: Report, { error }: Ending, { origin }: Phase): string[] {
  const wrong: string[] = [];
  const isEntryLost = report.secrets.some((secret) => secret.error);
  const isClusterLost = report.clusters.some((cluster) => cluster.error || cluster.failed > 0);
  if (report.ok === (isEntryLost || isClusterLost)) wrong.push(`the report says ok: ${report.ok}`);
  const hasThrown = error !== undefined;
  if (hasThrown !== (origin !== 'manual' && !report.ok && !isOver(report, origin)))
    wrong.push(
      `a ${origin} run that is ${report.ok ? '' : 'not '}ok ${hasThrown ? 'threw' : 'did not throw'}`,
    );
  return wrong;
}

/** Whether nothing but clusters that are gone is left to a retry, which ends then. */
function isOver({ clusters }: Report, origin: Phase['origin']): boolean {
  const left = clusters.filter(({ ok }) => !ok);
  const isGone = left.length > 0 && left.every(({ error }) => error?.code === 'ClusterNotFoundError');
  return origin === 'queued' && isGone;
}

function clusterWrong(report: Report, cluster: ClusterName, witness: Witness): string[] {
  const { settings, troubled: phase } = witness;
  const said = report.clusters.find(({ id }) => id === cluster);
  if (!said) return [`${cluster} is not in the report`];
  const isEntryLost = entriesFor(settings, cluster).some((entry) => errorOf(report, settings, entry));
  const wrong: string[] = [];
  if (said.ok === (said.failed > 0 || said.error !== undefined || isEntryLost))
    wrong.push(`${cluster}: ok is ${said.ok}`);
  if (said.error) return wrong;

  const namespaces = phase.before.namespaces.get(cluster) ?? new Map();
  const all = expectedIn(settings, cluster, namespaces);
  // a list that failed leaves out what it would have found, and is itself told of
  const isStable =
    !said.problems.some((problem) => isOfList(problem)) &&
    !phase.hits.some((hit) => hit.fault.on === 'world' && hit.cluster === cluster);
  const total = all.length + missingIn(settings, cluster, namespaces);
  const counted = said.created + said.refreshed + said.unchanged + said.skipped + said.blocked + said.failed;
  // who appears, vanishes or waits in between may or may not be listed
  if (isStable && counted !== total) wrong.push(`${cluster}: ${counted} outcomes of ${total} secrets`);
  const skipped = all.filter((one) => one.skipped).length;
  if (isStable && said.skipped !== skipped)
    wrong.push(`${cluster}: ${said.skipped} skipped, ${skipped} have to be`);

  const lostTargets = all.filter((one) => errorOf(report, settings, one.entry) && !one.skipped);
  const named = said.problems.filter((problem) => !isOfEntry(problem, report));
  if (said.blocked !== named.filter(({ outcome }) => outcome === 'blocked').length)
    wrong.push(`${cluster}: ${said.blocked} blocked, and not as many problems`);
  if (
    isStable &&
    said.failed !== named.filter(({ outcome }) => outcome === 'failed').length + lostTargets.length
  )
    wrong.push(`${cluster}: ${said.failed} failed, and not as many problems`);
  for (const expected of all) wrong.push(...secretWrong(expected, said, report, witness));
  if (isStable) wrong.push(...countsWrong(all, said, report, witness));
  return wrong;
}

/** A secret that the report calls done is fresh; one that it names as a problem is not ours. */
function secretWrong(expected: Expected, said: ClusterReport, report: Report, witness: Witness): string[] {
  const { settings, troubled: phase } = witness;
  const { key, namespace, secret, entry, skipped } = expected;
  if (skipped || errorOf(report, settings, entry)) return [];
  const isOthersDoing = phase.hits.some(
    (hit) => hit.fault.on === 'world' && hit.cluster === expected.cluster && hit.namespace === namespace,
  );
  const problem = said.problems.find(
    (one) => (one.namespace === namespace || isOfList(one)) && one.secret === secret,
  );
  const expiresAt = expiryOf(report, expected, settings);
  const isDone = isFreshAfter(phase, expected, expiresAt);
  if (!problem) return isDone || isOthersDoing ? [] : [`${key} is not fresh, and the report does not say so`];
  // another entry of the same name may have written it
  if (problem.namespace === '*') return [];
  const isOwn = phase.endings.length === 1 && !answerMayBeLost(expected, phase) && hadTime(witness.schedule);
  const wasFresh = isFresh(phase.before.secrets.get(key), entry, expiresAt);
  return isDone && isOwn && !wasFresh ? [`${key} is ${problem.outcome} in the report, and fresh`] : [];
}

/** Where nothing was in the way of any write, every number is known. */
function countsWrong(all: Expected[], said: ClusterReport, report: Report, witness: Witness): string[] {
  const { settings, schedule, troubled: phase } = witness;
  const isCalm =
    phase.endings.length === 1 &&
    hadTime(schedule) &&
    !clusterMayFail(said.id, phase) &&
    all.every((one) => !writeMayFail(one, phase, schedule) && !answerMayBeLost(one, phase)) &&
    // a retry that cannot list what it wrote writes it again
    !(phase.due && phase.hits.some(({ fault }) => fault.on === 'api' && fault.verb === 'LIST')) &&
    all.every(({ entry }) => !errorOf(report, settings, entry));
  if (!isCalm) return [];
  const outcomes = all.map((one) =>
    expectedOutcome(one, phase.before.secrets.get(one.key), {
      ...phase,
      expiresAt: expiryOf(report, one, settings),
    }),
  );
  return (['created', 'refreshed', 'unchanged', 'blocked'] as const).flatMap((outcome) => {
    const expected = outcomes.filter((one) => one === outcome).length;
    return said[outcome] === expected
      ? []
      : [`${said.id}: ${said[outcome]} ${outcome}, and it has to be ${expected}`];
  });
}

function errorOf(report: Report, { secrets }: Settings, entry: Expected['entry']) {
  return report.secrets[secrets.indexOf(entry)]?.error;
}

/** Told of the namespaces of an entry, which could not be listed. */
function isOfList(problem: Problem): boolean {
  return problem.namespace === '*' && problem.reason.startsWith('could not list ');
}

/** Told of a whole entry, whose namespaces are counted one by one. */
function isOfEntry({ namespace, reason }: Problem, report: Report): boolean {
  return namespace === '*' && report.secrets.some(({ error }) => error?.reason === reason);
}

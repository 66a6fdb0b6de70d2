import type { ClusterReport, Problem, Report } from '../../lambda/report.ts';
import { listedClusters } from '../../lambda/settings/fleet-settings.ts';
import type { Settings } from '../../lambda/settings.ts';
import { answerMayBeLost, clusterMayFail, hadTime, writeMayFail } from './blame.ts';
import { type Expected, entriesFor, expectedIn, expectedOutcome, isFresh, missingIn } from './expected.ts';
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
  if (hasThrown !== (origin !== 'manual' && !report.ok))
    wrong.push(
      `a ${origin} run that is ${report.ok ? '' : 'not '}ok ${hasThrown ? 'threw' : 'did not throw'}`,
    );
  return wrong;
}

function clusterWrong(report: Report, cluster: ClusterName, witness: Witness): string[] {
  const { settings, schedule, troubled: phase } = witness;
  const said = report.clusters.find(({ id }) => id === cluster);
  if (!said) return [`${cluster} is not in the report`];
  const isEntryLost = entriesFor(settings, cluster).some((entry) => errorOf(report, settings, entry));
  const wrong: string[] = [];
  if (said.ok === (said.failed > 0 || said.error !== undefined || isEntryLost))
    wrong.push(`${cluster}: ok is ${said.ok}`);
  if (said.error) return wrong;

  const namespaces = phase.before.namespaces.get(cluster) ?? new Map();
  const all = expectedIn(settings, cluster, namespaces);
  const isStable = !phase.hits.some((hit) => hit.fault.on === 'world' && hit.cluster === cluster);
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
  void schedule;
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
  const problem = said.problems.find((one) => one.namespace === namespace && one.secret === secret);
  const expiresAt = expiryOf(report, settings, expected);
  const isDone = isFresh(phase.after.secrets.get(key), entry, expiresAt);
  if (!problem) return isDone || isOthersDoing ? [] : [`${key} is not fresh, and the report does not say so`];
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
    all.every((one) => !writeMayFail(one, phase) && !answerMayBeLost(one, phase)) &&
    schedule.namespaces.every(({ cluster, guard }) => cluster !== said.id || guard === 'none') &&
    all.every(({ entry }) => !errorOf(report, settings, entry));
  if (!isCalm) return [];
  const outcomes = all.map((one) =>
    expectedOutcome(one, phase.before.secrets.get(one.key), expiryOf(report, settings, one)),
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

function expiryOf(report: Report, { secrets }: Settings, { entry }: Expected): number | undefined {
  const said = report.secrets[secrets.indexOf(entry)]?.expiresAt;
  return said === undefined ? undefined : Date.parse(said);
}

/** Told of a whole entry, whose namespaces are counted one by one. */
function isOfEntry({ namespace, reason }: Problem, report: Report): boolean {
  return namespace === '*' && report.secrets.some(({ error }) => error?.reason === reason);
}

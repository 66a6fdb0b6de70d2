import type { SecretEntry } from '../../lambda/settings/schema.ts';
import type { Expected } from './expected.ts';
import type { Hit } from './faults.ts';
import { allows } from './guards.ts';
import { type ApiFault, CLUSTER_ROLE, FAR_MS, READER_ROLE, type Schedule } from './schedule.ts';
import type { Phase, Witness } from './witness.ts';

/** In how many rounds a write surely is attempted. */
const ROUNDS = 8;
/** How long a list surely is requested again. */
const LIST_MS = 110_000;
const LONGEST_MS = 60_000;
/** What retries after the first round may take together, so that a later one still comes. */
const LATE_MS = 600_000;

/** Whether the whole time of a run was there for it. */
export function hadTime({ deadline }: Witness['schedule']): boolean {
  return 'ms' in deadline && deadline.ms === FAR_MS;
}

/** Whether something may have kept a cluster from being opened or listed. */
export function clusterMayFail(cluster: string, { hits }: Pick<Phase, 'hits'>): boolean {
  if (hits.some(({ fault, cluster: at }) => fault.on === 'cluster' && at === cluster)) return true;
  const failing = hits.filter(isFailedCall);
  if (failing.some(({ fault, about }) => isOperation(fault, 'DescribeCluster') && about === cluster))
    return true;
  if (cluster === 'red' && failing.some(({ about }) => about === CLUSTER_ROLE)) return true;
  return !isListed(
    apiFaults(hits, (hit) => hit.cluster === cluster && hit.fault.on === 'api' && hit.fault.verb === 'LIST'),
  );
}

/** Whether something may have kept a registry of an entry from being read. */
export function entryMayFail({ registries }: SecretEntry, { hits }: Pick<Phase, 'hits'>): boolean {
  const failing = hits.filter(isFailedCall);
  const about = (operation: string, what: string) =>
    failing.some((hit) => isOperation(hit.fault, operation) && hit.about === what);
  return registries.some((registry) => {
    if (registry.type === 'stored') return about('GetSecretValue', registry.secretId);
    if (registry.type === 'ecr-public') return about('GetAuthorizationToken', 'us-east-1');
    const { region = 'eu-west-1', roleArn, keysSecretId } = registry;
    return (
      about('GetAuthorizationToken', region) ||
      (roleArn === READER_ROLE && about('AssumeRole', READER_ROLE)) ||
      (keysSecretId !== undefined && about('GetSecretValue', keysSecretId))
    );
  });
}

/** Whether something may have kept a secret from being written: others' doing, or faults that outlast all rounds. */
export function writeMayFail(
  { cluster, namespace }: Expected,
  { hits }: Pick<Phase, 'hits'>,
  schedule: Schedule,
): boolean {
  const here = hits.filter((hit) => hit.cluster === cluster && hit.namespace === namespace);
  if (here.some(({ fault }) => fault.on === 'world')) return true;
  const { guard = 'none' } =
    schedule.namespaces.find((one) => one.cluster === cluster && one.name === namespace) ?? {};
  const lateMs = lateMsIn(cluster, schedule, hits);
  // one that is slow was late in the first round, and comes among all others that were
  if (!allows(guard) || (guard === 'slow-20' && lateMs > LATE_MS)) return true;
  return !isAttempted(
    apiFaults(here, () => true),
    lateMs,
  );
}

/** Whether an answer that said that a write was done may have been lost. */
export function answerMayBeLost({ cluster, namespace }: Expected, phase: Phase): boolean {
  const lost = ['reset-after', 'reset-body', 'truncated'];
  return phase.hits.some(
    ({ fault, cluster: at, namespace: of }) =>
      fault.on === 'api' && at === cluster && of === namespace && lost.includes(fault.what),
  );
}

function apiFaults(hits: readonly Hit[], which: (hit: Hit) => boolean): ApiFault[] {
  return hits.filter(which).flatMap(({ fault }) => (fault.on === 'api' ? [fault] : []));
}

/** Whether a list that meets all of these has to get through. */
function isListed(faults: readonly ApiFault[]): boolean {
  const passing = faults.filter(({ what }) => !['401', '410', 'oversized'].includes(what));
  const waits = passing.map(({ what, retryAfter }, at) => {
    // who throttles is there, and is waited for until the deadline
    if (what === '429') return 0;
    const pause = retryAfter === undefined ? 1_000 * 2 ** at : Math.max(1, retryAfter) * 1_000;
    return Math.min(LONGEST_MS, pause) + (what === 'stall' ? LONGEST_MS : 0);
  });
  const isLong = waits.reduce((sum, ms) => sum + ms, 0) > LIST_MS || passing.length > ROUNDS;
  return !isLong && count(faults, '401') < 2 && count(faults, '410') <= 3 && !isFatal(faults);
}

/** Whether a write that meets all of these has to get through, if those that are late leave it the time. */
function isAttempted(faults: readonly ApiFault[], lateMs: number): boolean {
  const passing = faults.length - count(faults, '401');
  if (isFatal(faults) || count(faults, '401') >= 2 || passing > ROUNDS) return false;
  // the second attempt comes before those that were late in the first round
  return passing < 2 || lateMs * (passing - 1) < LATE_MS;
}

function isFatal(faults: readonly ApiFault[]): boolean {
  return faults.some(
    ({ what, verb }) =>
      what === 'broken-422' || (what === '410' && verb !== 'LIST') || (what === '409' && verb !== 'PATCH'),
  );
}

function count(faults: readonly ApiFault[], what: ApiFault['what']): number {
  return faults.filter((fault) => fault.what === what).length;
}

/** How long a round takes at most that has to wait for all in a cluster that do not answer. */
function lateMsIn(cluster: string, { settings, namespaces }: Schedule, hits: readonly Hit[]): number {
  const secrets = settings.secrets?.length ?? 1;
  const late = namespaces.filter((one) => one.cluster === cluster && isSlow(one.guard)).length;
  const more = hits.filter(
    ({ fault, cluster: at }) =>
      at === cluster &&
      ((fault.on === 'api' && fault.what === 'stall') || (fault.on === 'world' && isSlow(fault.what))),
  );
  return ((late * secrets + more.length) * LONGEST_MS) / (settings.concurrency ?? 1);
}

function isSlow(what: string): boolean {
  return what === 'hung' || what === 'slow-20';
}

function isFailedCall({ fault }: Hit): boolean {
  return (
    fault.on === 'aws' &&
    fault.what !== 'late' &&
    !(fault.what === 'nearly-expired' && isOperation(fault, 'GetAuthorizationToken'))
  );
}

function isOperation(fault: Hit['fault'], operation: string): boolean {
  return fault.on === 'aws' && fault.operation === operation;
}

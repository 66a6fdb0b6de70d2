import type { SecretEntry } from '../../lambda/settings.ts';
import type { Expected } from './expected.ts';
import type { Hit } from './faults.ts';
import { type ApiFault, CLUSTER_ROLE, FAR_MS, READER_ROLE } from './schedule.ts';
import type { Phase, Witness } from './witness.ts';

/** What the patience of a request (two minutes) surely bears. */
const BORNE_MS = 90_000;
const LONGEST_BACK_OFF_MS = 10_000;
const STALL_MS = 15_000;

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
  return !areBorne(
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

/** Whether something may have kept a secret from being written: others' doing, or faults that outlast all patience. */
export function writeMayFail({ cluster, namespace }: Expected, { hits }: Pick<Phase, 'hits'>): boolean {
  const here = hits.filter((hit) => hit.cluster === cluster && hit.namespace === namespace);
  return here.some(({ fault }) => fault.on === 'world') || !areBorne(apiFaults(here, () => true));
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

/** Whether a request that meets all of these has to get through. */
function areBorne(faults: readonly ApiFault[]): boolean {
  const unauthorized = faults.filter(({ what }) => what === '401').length;
  const expired = faults.filter(({ what }) => what === '410').length;
  const waits = faults.map(({ what, retryAfter = 0 }) =>
    what === '401' || what === '410'
      ? 0
      : Math.max(LONGEST_BACK_OFF_MS, retryAfter * 1_250) + (what === 'stall' ? STALL_MS : 0),
  );
  const fatal = faults.some(
    ({ what, verb }) =>
      what === 'broken-422' || (what === '410' && verb !== 'LIST') || (what === '409' && verb !== 'PATCH'),
  );
  return !fatal && unauthorized < 2 && expired <= 3 && waits.reduce((sum, ms) => sum + ms, 0) <= BORNE_MS;
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

import { SECRET_TYPE } from '../../lambda/kubernetes/pull-secret.ts';
import type { Condition, StatusReport } from '../../lambda/status.ts';
import { type Expected, expectedIn, expectedOutcome, isLater } from './expected.ts';
import type { Held } from './held.ts';
import type { ClusterName } from './schedule.ts';
import type { Witness } from './witness.ts';

const HOUR_MS = 3_600_000;
/** The life of a token, and by how much clocks may differ. */
const TOKEN_MS = 12 * HOUR_MS;
const SKEW_MS = 60_000;

/** Status calls blocked what a refresh would not write, and fresh only what a token can be. */
export function statusIsRight({ settings, looks: { first }, troubled: phase }: Witness): string[] {
  if (!first) return ['status has no report'];
  return first.clusters.flatMap(({ id }) => {
    const cluster = id as ClusterName;
    const all = expectedIn(settings, cluster, phase.before.namespaces.get(cluster) ?? new Map());
    return all.flatMap((expected) =>
      wrongWith(expected, phase.before.secrets.get(expected.key), {
        condition: conditionOf(first, expected),
        now: Date.parse(first.startedAt),
      }),
    );
  });
}

function wrongWith(
  expected: Expected,
  held: Held | undefined,
  { condition, now }: { condition: Condition | undefined; now: number },
): string[] {
  const hasToken = expected.entry.registries.some(({ type }) => type !== 'stored');
  const expiresAt = hasToken ? now + TOKEN_MS : undefined;
  const outcome = expectedOutcome(expected, held, { expiresAt });
  const wrong = (text: string) => [`${expected.key}: status says ${condition} of what ${text}`];
  if (held && condition === 'fresh' && !isPlausible(held, hasToken, now))
    return wrong('has dates of no token');
  if (held && isHidden(held, expiresAt)) return [];
  return (condition === 'blocked') === (outcome === 'blocked') ? [] : wrong(`is to be ${outcome}`);
}

/** Whether a token can have been fetched and can end then. */
function isPlausible({ fetchedAt = 0, expiresAt = 0, expiryOwner }: Held, hasToken: boolean, now: number) {
  const isOthers = !hasToken && expiryOwner !== undefined;
  return fetchedAt <= now + SKEW_MS && (isOthers || expiresAt <= now + TOKEN_MS + HOUR_MS);
}

/** Whether metadata do not tell what keeps a refresh from it: its type, immutable data, a later expiry of another. */
export function isHidden(held: Held, expiresAt: number | undefined): boolean {
  return held.type !== SECRET_TYPE || held.immutable || isLater(held, expiresAt);
}

/** What status says of a secret. */
export function conditionOf(
  { clusters }: StatusReport,
  { cluster, namespace, secret }: Expected,
): Condition | undefined {
  const found = clusters.find(({ id }) => id === cluster)?.secrets;
  return found?.find((one) => one.namespace === namespace && one.secret === secret)?.condition;
}

import { otherOpening } from '../registry/pull-role.ts';
import type { SecretEntry } from '../settings.ts';
import type { SecretStatus } from '../status-report.ts';
import type { HeldSecret } from './held-secrets.ts';
import { EXPIRES_AT, FETCHED_AT } from './rights.ts';
import { holdersVerdict, OF_ANOTHER_TYPE } from './verdict.ts';

const MINUTE_MS = 60_000;
const REFRESH = 'Refresh its namespace; the answer says what keeps it from being fresh.';

/** How a secret stands, without whose it is. */
export type Standing = Omit<SecretStatus, 'namespace' | 'secret'>;

/**
 * Judges a secret by its metadata.
 * @param held undefined where there is none
 * @param now milliseconds since the epoch
 * @param staleAfterMs the age of a token that a schedule which works never reaches
 */
export function standingOf(
  held: HeldSecret | undefined,
  entry: SecretEntry,
  { now, staleAfterMs }: { now: number; staleAfterMs: number },
): Standing {
  if (!held) return { condition: 'missing', reason: 'there is no such secret', remedy: REFRESH };
  const { fetchedAt, expiresAt, isOurs } = held;
  const times = {
    ...(fetchedAt !== undefined && { fetchedAt: new Date(fetchedAt).toISOString() }),
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
  };
  const found = obstacle(held, entry);
  const other = isOurs && (expiresAt ?? 0) > now ? otherOpening(held.pullRole, entry) : undefined;
  if (found && found !== 'adopt') {
    const { reason = '', remedy = '' } = found;
    return { condition: 'blocked', ...times, reason: other ? `${reason}, and ${other}` : reason, remedy };
  }
  if (found === 'adopt' || !isOurs) {
    const reason = 'it is not ours yet';
    const remedy = 'The next refresh takes it over if it can; a plan says whether.';
    return { condition: 'foreign', ...times, reason, remedy };
  }
  const isStored = entry.registries.every(({ type }) => type === 'stored');
  // the annotations are of ECR's token, and a stored login has none
  if (isStored && expiresAt === undefined) return { condition: 'fresh', ...times };
  if (expiresAt !== undefined && expiresAt <= now) {
    return { condition: 'expired', ...times, reason: 'its token has expired', remedy: REFRESH };
  }
  if (fetchedAt === undefined || expiresAt === undefined) {
    const lacking = fetchedAt === undefined ? FETCHED_AT : EXPIRES_AT;
    return { condition: 'stale', ...times, reason: `it has no time in ${lacking}`, remedy: REFRESH };
  }
  if (now - fetchedAt > staleAfterMs) {
    const minutes = Math.floor((now - fetchedAt) / MINUTE_MS);
    return { condition: 'stale', ...times, reason: `its token is ${age(minutes)} old`, remedy: REFRESH };
  }
  if (isStored) {
    const reason = 'it holds a token that its entry does not ask for';
    return { condition: 'stale', ...times, reason, remedy: REFRESH };
  }
  if (other) return { condition: 'stale', ...times, reason: other, remedy: REFRESH };
  return { condition: 'fresh', ...times };
}

/** What keeps a refresh from writing over it, as far as metadata tells: neither its type nor `immutable` is in it. */
function obstacle(held: HeldSecret, { adoptFrom, recreate }: Pick<SecretEntry, 'adoptFrom' | 'recreate'>) {
  const verdict = holdersVerdict(held.holders, adoptFrom);
  const replaceable = held.isDockerConfig || recreate;
  return replaceable || (verdict && verdict !== 'adopt') ? verdict : OF_ANOTHER_TYPE;
}

function age(minutes: number): string {
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

import { longestGapMinutes } from '../settings/schedule.ts';
import type { SecretEntry, Settings } from '../settings.ts';
import type { PullCredentials } from './credentials.ts';

const MINUTE_MS = 60_000;
/** What a token must outlive the next scheduled run by, so that this one can be tried again. */
const ROOM_MINUTES = 60;

/** What entries' registries gave, for as long as the function stays warm: of ECR alone, as only its tokens tell their end. */
export class KeptCredentials {
  readonly #kept = new Map<string, PullCredentials>();

  /** Keeps what was just read, in the place of what was read before. */
  keep(entry: SecretEntry, credentials: PullCredentials): PullCredentials {
    if (entry.registries.every(({ type }) => type === 'ecr')) this.#kept.set(keyOf(entry), credentials);
    return credentials;
  }

  /**
   * Gives back what may be written once more: its token ends an hour after the next scheduled run or later, at
   * whatever time within the schedule's longest gap that comes.
   * @param now milliseconds since the epoch
   */
  find(
    entry: SecretEntry,
    { schedule }: Pick<Settings, 'schedule'>,
    now: number,
  ): PullCredentials | undefined {
    const found = this.#kept.get(keyOf(entry));
    const gap = longestGapMinutes(schedule) ?? Number.POSITIVE_INFINITY;
    const end = found?.token?.expiresAt.getTime() ?? 0;
    return end > now + (gap + ROOM_MINUTES) * MINUTE_MS ? found : undefined;
  }
}

/** All of an entry: one that was changed is another. */
function keyOf(entry: SecretEntry): string {
  return JSON.stringify(entry);
}

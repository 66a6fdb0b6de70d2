import type { Expected } from '../expected.ts';
import { mayHit } from './fault-kinds.ts';
import { type FaultPlan, HOUR_MS, MINUTE_MS } from './plan.ts';
import type { DueRun } from './timeline.ts';

const TOKEN_MS = 12 * HOUR_MS;
/** What the product promises to bear, where the schedule leaves a token that long. */
const LONGEST_FAULT_MS = 6 * HOUR_MS;
/** From the end of a fault until a retry has written all: the queue waits half an hour, other runs take their time. */
const RETRY_MS = 60 * MINUTE_MS;
/** For how long after a run was due the queue surely still retries it: twelve times every half hour. */
const QUEUE_MS = 5.5 * HOUR_MS;
/** Faults with less time between them than a retry needs are one. */
const APART_MS = 75 * MINUTE_MS;
/** A run that begins before a fault may still be writing when it begins. */
const RUNNING_MS = 20 * MINUTE_MS;

/** A time, in milliseconds since the year began. */
export interface Episode {
  readonly from: number;
  readonly to: number;
}

/** By when a secret must be valid, whatever faults there are. All times in milliseconds since the year began. */
export class Deadlines {
  readonly #runs: readonly DueRun[];
  readonly #faults: readonly FaultPlan[];
  readonly #undelivered: readonly Episode[];
  readonly #episodes = new Map<string, readonly Episode[]>();

  constructor(runs: readonly DueRun[], faults: readonly FaultPlan[]) {
    this.#runs = runs;
    this.#faults = faults;
    this.#undelivered = runs.flatMap(({ at, delivery }, index): Episode[] => {
      // a run that does not come is a fault until the next does, and a late one until it comes
      if (!delivery || delivery.what === 'twice') return [];
      const next = runs[index + 1]?.at ?? Number.POSITIVE_INFINITY;
      return [{ from: at, to: delivery.what === 'late' ? at + delivery.ms : next }];
    });
  }

  /** The longest fault that leaves no secret without a valid token while runs are so far apart. */
  static bearable(gap: number): number {
    return Math.min(LONGEST_FAULT_MS, TOKEN_MS - gap - RETRY_MS);
  }

  /** When a secret is valid that something changed then: after the next run, and after the faults of that. */
  fixedBy(at: number, target: Expected): number {
    const run = this.#next(at);
    return run === undefined ? Number.POSITIVE_INFINITY : this.#doneBy(run.at, target);
  }

  /** The parts of a time that no fault explains which is too long for the schedule. */
  unexplained({ from, to }: Episode, target: Expected): Episode[] {
    let left: Episode[] = [{ from, to }];
    for (const episode of this.#episodesOf(target)) {
      if (episode.to - episode.from <= Deadlines.bearable(this.#gapAt(episode))) continue;
      const recoveredBy = this.#recoveredBy(episode, target);
      left = left
        .flatMap((part) => [
          { from: part.from, to: Math.min(part.to, episode.from) },
          { from: Math.max(part.from, recoveredBy), to: part.to },
        ])
        .filter((part) => part.from < part.to);
    }
    return left;
  }

  /** Whether some fault lasts at a moment between these. */
  hasFault(from: number, to: number): boolean {
    return [...this.#faults.map(({ at, ms }) => ({ from: at, to: at + ms })), ...this.#undelivered].some(
      (fault) => fault.from <= to && from <= fault.to,
    );
  }

  #doneBy(at: number, target: Expected): number {
    const episode = this.#episodesOf(target).find(({ from, to }) => from - RUNNING_MS <= at && at <= to);
    return episode ? this.#recoveredBy(episode, target) : at + RETRY_MS;
  }

  /** By the retries of the last run that failed, or by the next run where the queue had given up. */
  #recoveredBy({ to }: Episode, target: Expected): number {
    const last = this.#runs.findLast(({ at }) => at <= to);
    if (last && last.at + QUEUE_MS >= to) return to + RETRY_MS;
    const next = this.#next(to);
    return next ? this.#doneBy(next.at, target) : Number.POSITIVE_INFINITY;
  }

  #next(from: number): DueRun | undefined {
    return this.#runs.find(({ at }) => at >= from);
  }

  #gapAt({ from, to }: Episode): number {
    const near = this.#runs.filter(({ at }) => from - TOKEN_MS <= at && at <= to);
    return Math.max(...near.map(({ gap }) => gap));
  }

  #episodesOf(target: Expected): readonly Episode[] {
    const scope = `${target.key} ${JSON.stringify(target.entry.registries)}`;
    const known = this.#episodes.get(scope);
    if (known) return known;
    const hitting = this.#faults.filter(({ what }) => mayHit(what, target));
    const episodes = merge([
      ...hitting.map(({ at, ms }) => ({ from: at, to: at + ms })),
      ...this.#undelivered,
    ]);
    this.#episodes.set(scope, episodes);
    return episodes;
  }
}

/** Makes one of those that are not far enough apart. */
function merge(episodes: readonly Episode[]): Episode[] {
  const merged: Episode[] = [];
  for (const { from, to } of episodes.toSorted((one, other) => one.from - other.from)) {
    const last = merged.at(-1);
    if (last && from <= last.to + APART_MS)
      merged.splice(-1, 1, { from: last.from, to: Math.max(last.to, to) });
    else merged.push({ from, to });
  }
  return merged;
}

import pMap from 'p-map';
import type { RunContext } from '../context.ts';
import { DeadlineError, hasCode } from '../errors.ts';
import type { OpenCluster, Requests } from '../kubernetes/client.ts';
import {
  FIRST_TIMEOUT_MS,
  isTransient,
  LATER_TIMEOUT_MS,
  MOST_IN_FLIGHT,
  pauseBefore,
} from '../kubernetes/transport.ts';

/** One piece of work on a cluster, which may be attempted more than once. */
export interface Task {
  /**
   * @param requests how to send requests, each once and with a time limit
   * @param attempt 1 for the first; from then on an earlier one may have succeeded though its answer was lost
   * @returns tasks that follow from it, and have their first attempt when the others of its round have had theirs
   * @throws an error; a transient one has it attempted again in a later round
   */
  readonly attempt: (requests: Requests, attempt: number) => Promise<readonly Task[] | undefined>;
  /** Reports the error of its last attempt: it is final, or there is no time for another. */
  readonly fail: (fault: unknown) => void;
}

/** A task, and the error of its last attempt if it had one. */
interface Attempted {
  readonly task: Task;
  readonly attempts: number;
  readonly fault?: unknown;
}

/** What is kept of a run's time for a last attempt. */
const LAST_ATTEMPT_MS = 5_000;

/**
 * Attempts every task once, stage by stage, before any task is attempted again; then those that failed by a transient
 * error, round by round, until none is left or the run ends. Tasks that were late have half of the seats and rounds of
 * their own. So a namespace that hangs or fails takes time from no other. Within a round the order is shuffled, so that
 * no namespace is the last in every run.
 * @param stages each gives its tasks when the stage before has been attempted
 * @param onFirstRound called when every task has had its first attempt
 */
export async function runInRounds(
  { settings, clock, deadline }: Pick<RunContext, 'settings' | 'clock' | 'deadline'>,
  client: Pick<OpenCluster, 'attempts'>,
  stages: readonly (() => readonly Task[])[],
  onFirstRound?: () => void,
): Promise<void> {
  const atOnce = Math.min(settings.concurrency, MOST_IN_FLIGHT);
  const over = new DeadlineError();
  const attemptAll = async (given: readonly Attempted[], requests: Requests, seats: number) => {
    const failed: Attempted[] = [];
    const attempt = async ({ task, attempts, fault: last }: Attempted): Promise<readonly Task[]> => {
      try {
        if (deadline.signal.aborted) throw over;
        return (await task.attempt(requests, attempts + 1)) ?? [];
      } catch (fault) {
        // the end of the run says less than the error before it
        failed.push({
          task,
          attempts: attempts + 1,
          fault: fault instanceof DeadlineError ? (last ?? fault) : fault,
        });
        return [];
      }
    };
    for (let left = given; left.length > 0; ) {
      const next = await pMap(shuffled(left), attempt, { concurrency: seats });
      left = next.flat().map(asNew);
    }
    return failed;
  };
  const first = client.attempts(FIRST_TIMEOUT_MS);
  const failed: Attempted[] = [];
  for (const stage of stages) failed.push(...(await attemptAll(stage().map(asNew), first, atOnce)));
  onFirstRound?.();

  const later = client.attempts(LATER_TIMEOUT_MS);
  const lateSeats = Math.ceil(atOnce / 2);
  const late = new Lane(lateSeats);
  const others = new Lane(Math.max(1, atOnce - lateSeats));
  const sort = (attempted: readonly Attempted[]) => {
    for (const one of attempted) {
      if (!isTransient(one.fault)) one.task.fail(one.fault);
      else (hasCode(one.fault, 'LateAnswerError') ? late : others).add(one, retry);
    }
  };
  const retry = async (lane: Lane): Promise<void> => {
    for (let round = 1; lane.waiting.length > 0; round += 1) {
      const pause = Math.min(pauseBefore(round, Math.random()), deadline.at - clock.now() - LAST_ATTEMPT_MS);
      if (pause > 0) await clock.sleep(pause, deadline.signal).catch(() => undefined);
      const isOver = pause <= 0 || deadline.signal.aborted;
      const waiting = lane.waiting.splice(0);
      if (isOver) for (const { task, fault } of waiting) task.fail(fault);
      else sort(await attemptAll(waiting, later, lane.seats));
    }
  };
  sort(failed);
  while (late.running || others.running) await Promise.all([late.running, others.running]);
}

/** Tasks that wait for their next round, and the rounds while they last. */
class Lane {
  readonly seats: number;
  readonly waiting: Attempted[] = [];
  running: Promise<void> | undefined;

  constructor(seats: number) {
    this.seats = seats;
  }

  add(attempted: Attempted, run: (lane: Lane) => Promise<void>): void {
    this.waiting.push(attempted);
    this.running ??= this.#run(run);
  }

  /** Also runs what is added while the last round ends: nothing else would report it. */
  async #run(run: (lane: Lane) => Promise<void>): Promise<void> {
    do await run(this);
    while (this.waiting.length > 0);
    this.running = undefined;
  }
}

function asNew(task: Task): Attempted {
  return { task, attempts: 0 };
}

/** In random order. */
function shuffled<Item>(items: readonly Item[]): Item[] {
  const drawn = items.map((item) => ({ item, lot: Math.random() }));
  return drawn.sort((one, other) => one.lot - other.lot).map(({ item }) => item);
}

import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { DeadlineError, HelperError } from '../../../lambda/errors.ts';
import type { Requests } from '../../../lambda/kubernetes/client.ts';
import { unreachableError } from '../../../lambda/kubernetes/transport.ts';
import { runInRounds, type Task } from '../../../lambda/refresh/rounds.ts';
import { settingsOf } from '../factories.ts';

/** A clock whose pauses pass at once; rounds without an end fail. */
class PassingClock {
  readonly pauses: number[] = [];
  #now = 0;

  now(): number {
    return this.#now;
  }

  after(): () => void {
    return () => undefined;
  }

  async sleep(ms: number): Promise<void> {
    this.pauses.push(ms);
    this.#now += ms;
    if (this.pauses.length > 200) throw new Error('this has no end');
  }
}

const away = unreachableError('ECONNREFUSED');
const late = new HelperError('LateAnswerError', 'late', 'Wait.', { isTransient: true });

/** Tasks whose attempts throw as they are given, and what became of them. */
function tasksOf(faults: Record<string, (attempt: number) => Error | undefined>) {
  const attempts: string[] = [];
  const failed = new Map<string, unknown>();
  const timeouts: number[] = [];
  let running = 0;
  let most = 0;
  const tasks = Object.entries(faults).map(
    ([name, faultOf]): Task => ({
      attempt: async (requests, attempt) => {
        attempts.push(`${name} ${attempt}`);
        if (attempt > 200) throw new Error('this has no end');
        timeouts.push((requests as unknown as { timeoutMs: number }).timeoutMs);
        running += 1;
        most = Math.max(most, running);
        await turn();
        running -= 1;
        const fault = faultOf(attempt);
        if (fault) throw fault;
        return undefined;
      },
      fail: (fault) => void failed.set(name, fault),
    }),
  );
  return { tasks, attempts, failed, timeouts, most: () => most };
}

async function play(
  stages: readonly (readonly Task[])[],
  { concurrency = 4, deadlineAt = 900_000 }: { concurrency?: number; deadlineAt?: number } = {},
) {
  const clock = new PassingClock();
  const client = { attempts: (timeoutMs: number) => ({ timeoutMs }) as unknown as Requests };
  const deadline = { at: deadlineAt, signal: new AbortController().signal };
  await runInRounds(
    { settings: settingsOf({ concurrency }), clock, deadline },
    client,
    stages.map((tasks) => () => tasks),
  );
  return clock;
}

const names = (count: number) => Array.from({ length: count }, (_, at) => `task-${at}`);
const all = (count: number, faultOf: (attempt: number) => Error | undefined) =>
  tasksOf(Object.fromEntries(names(count).map((name) => [name, faultOf])));

describe('tasks in rounds', () => {
  test('have one attempt each, of every stage, before any has a second', async () => {
    const one = all(20, (attempt) => (attempt < 3 ? away : undefined));
    const other = all(20, (attempt) => (attempt < 2 ? away : undefined));
    const order: number[] = [];
    const watched = ({ tasks }: typeof one) =>
      tasks.map(
        (task): Task => ({
          ...task,
          attempt: (requests, attempt) => {
            order.push(attempt);
            return task.attempt(requests, attempt);
          },
        }),
      );
    await play([watched(one), watched(other)]);
    expect(order.slice(0, 40)).toEqual(Array(40).fill(1));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(order).toHaveLength(20 * 3 + 20 * 2);
  });

  test('wait 5 s for an answer at first, and a minute later', async () => {
    const { tasks, timeouts } = all(2, (attempt) => (attempt < 2 ? late : undefined));
    await play([tasks]);
    expect(timeouts).toEqual([5_000, 5_000, 60_000, 60_000]);
  });

  test('are all reported where there is no time for a second attempt', async () => {
    const { tasks, attempts, failed } = all(30, (attempt) => (attempt % 2 === 1 ? away : late));
    await play([tasks], { deadlineAt: 1_000 });
    expect([...failed.keys()].sort()).toEqual(names(30).sort());
    expect(attempts).toHaveLength(30);
  });

  test('run in another order each time', async () => {
    const orders = new Set<string>();
    for (let at = 0; at < 5; at += 1) {
      const { tasks, attempts } = all(50, () => undefined);
      await play([tasks]);
      orders.add(attempts.join());
    }
    expect(orders.size).toBe(5);
  });

  test.for([
    [4, 4],
    [24, 24],
    [64, 24],
  ])('with a concurrency of %i run %i at once', async ([concurrency = 0, most = 0]) => {
    const given = all(200, () => undefined);
    await play([given.tasks], { concurrency });
    expect(given.most()).toBe(most);
  });

  test('are retried with pauses that grow to a minute, until the run ends, and then fail', async () => {
    const { tasks, attempts, failed } = all(1, () => away);
    const { pauses, ...clock } = await play([tasks], { deadlineAt: 600_000 });
    expect(pauses.reduce((sum, pause) => sum + pause, 0)).toBeLessThan(600_000);
    expect(pauses.reduce((sum, pause) => sum + pause, 0)).toBeGreaterThan(540_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(60_000);
    expect(attempts).toHaveLength(pauses.length + 1);
    expect(failed.get('task-0')).toBe(away);
    expect(clock).toBeDefined();
  });

  test('whose last attempt the deadline ends fail by the error before it', async () => {
    const { tasks, failed } = all(1, (attempt) => (attempt === 1 ? away : new DeadlineError()));
    await play([tasks], { deadlineAt: 100_000 });
    expect(failed.get('task-0')).toBe(away);
  });

  test('are not retried after a final error, which is reported', async () => {
    const fault = new TypeError('x');
    const { tasks, attempts, failed } = all(1, () => fault);
    await play([tasks]);
    expect(attempts).toEqual(['task-0 1']);
    expect(failed.get('task-0')).toBe(fault);
  });

  test('that follow from one are attempted right after it', async () => {
    const next = tasksOf({ next: (attempt) => (attempt === 1 ? away : undefined) });
    const first: Task = { attempt: async () => next.tasks, fail: () => undefined };
    await play([[first]]);
    expect(next.attempts).toEqual(['next 1', 'next 2']);
  });
});

test('a task that fails twice while the server is away waits for none that hang', async () => {
  let now = 0;
  const timers: { at: number; go: () => void }[] = [];
  const sleep = (ms: number) => new Promise<void>((go) => void timers.push({ at: now + ms, go }));
  const lasting = (
    ms: (attempt: number) => number,
    faultOf: (attempt: number) => Error | undefined,
  ): Task => ({
    attempt: async (_requests, attempt) => {
      await sleep(ms(attempt));
      const fault = faultOf(attempt);
      if (fault) throw fault;
      writtenAt = now;
      return undefined;
    },
    fail: () => undefined,
  });
  let writtenAt: number | undefined;
  const healthy = lasting(
    () => 10,
    (attempt) => (attempt < 3 ? away : undefined),
  );
  const hanging = names(400).map(() =>
    lasting(
      (attempt) => (attempt === 1 ? 5_000 : 34_000),
      () => late,
    ),
  );
  const deadline = { at: 895_000, signal: new AbortController().signal };
  const clock = { now: () => now, sleep, after: () => () => undefined };
  const client = { attempts: () => ({}) as Requests };
  let isOver = false;
  const ctx = { settings: settingsOf({ concurrency: 16 }), clock, deadline };
  const run = runInRounds(ctx, client, [() => [healthy, ...hanging]]);
  void run.then(() => {
    isOver = true;
  });
  for (; !isOver; await turn()) {
    for (let at = 0; at < 50; at += 1) await turn();
    timers.sort((one, other) => one.at - other.at);
    const due = timers.shift();
    now = due?.at ?? now;
    due?.go();
  }
  expect(writtenAt ?? Number.POSITIVE_INFINITY).toBeLessThan(300_000);
});

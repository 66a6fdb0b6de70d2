import fc from 'fast-check';
import type { Fleet } from '../fleet.ts';
import type { Entry } from '../journal.ts';
import { MachineTime } from '../machine-time.ts';
import { Traffic } from '../traffic.ts';
import { YEAR_MS, type YearPlan, yearPlan } from './plan.ts';
import type { YearResult } from './record.ts';
import { stepsOf } from './timeline.ts';
import { Year } from './year.ts';

/** The clock of the emulators of a process: that of the year which is played. */
export class YearClock {
  time: MachineTime | undefined;

  readonly now = () => new Date(this.time?.now() ?? Date.now());
}

/** How to play a plan. */
export interface PlayOptions {
  /** No year of a process may have the seed of another: a warm function keeps tokens. */
  readonly seed: number;
  /** Whether Lambda and the queue of failed runs retry what failed. */
  readonly hasRetries: boolean;
  /** Milliseconds since the year began. @default a year */
  readonly until?: number;
}

/** The year of a seed. */
export function drawYear(seed: number): YearPlan {
  const [plan] = fc.sample(yearPlan, { seed, numRuns: 1 });
  if (!plan) throw new Error(`there is no year ${seed}`);
  return plan;
}

/** Plays a year, or the beginning of one, with the real handler. */
export async function playYear(
  plan: YearPlan,
  fleet: Fleet,
  clock: YearClock,
  { seed, hasRetries, until = YEAR_MS }: PlayOptions,
): Promise<YearResult> {
  const traffic = new Traffic();
  const time = new MachineTime(traffic, Date.UTC(2030 + (seed % 900), 0, 1));
  fleet.time = time;
  clock.time = time;
  const { stackTraceLimit } = Error;
  // clients throw hundreds of errors a run to themselves
  Error.stackTraceLimit = 0;
  traffic.watch();
  time.take();
  try {
    const journal: Entry[] = [];
    const deployment = stepsOf(plan)[0];
    if (deployment?.does !== 'deploy') throw new TypeError('a year begins with a deployment');
    const aws = await fleet.open(deployment.settings.name, journal);
    try {
      return await new Year({ seed, plan, fleet, aws, time, traffic, journal, hasRetries, until }).play();
    } finally {
      await aws.close();
    }
  } finally {
    time.restore();
    traffic.unwatch();
    clock.time = undefined;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

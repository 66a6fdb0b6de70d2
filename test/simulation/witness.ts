import type { Report } from '../../lambda/report.ts';
import type { Settings } from '../../lambda/settings.ts';
import type { Namespaces } from './expected.ts';
import type { Hit } from './faults.ts';
import type { Held } from './held.ts';
import type { Entry } from './journal.ts';
import type { ClusterName, Schedule } from './schedule.ts';

/** Everything in all clusters at one moment. */
export interface Scene {
  readonly secrets: ReadonlyMap<string, Held>;
  readonly namespaces: ReadonlyMap<ClusterName, Namespaces>;
}

/** How one invocation ended. */
export interface Ending {
  /** In what it answered, or in the log where it threw. */
  readonly report: Report | undefined;
  readonly error: unknown;
  /** Milliseconds since the epoch. */
  readonly endedAt: number;
}

/** What is left when nothing runs any more. */
export interface Remains {
  /** Of the function. */
  readonly sockets: number;
  /** That a cluster still has. */
  readonly connections: number;
  readonly waits: number;
  readonly timers: number;
}

/** Invocations at the same time, and what they did. */
export interface Phase {
  readonly event: unknown;
  readonly origin: 'manual' | 'scheduled' | 'queued';
  readonly plan: boolean;
  readonly narrowed: boolean;
  readonly before: Scene;
  readonly after: Scene;
  readonly journal: readonly Entry[];
  readonly hits: readonly Hit[];
  /** Undefined for one that did not end. */
  readonly endings: readonly (Ending | undefined)[];
  /** When Lambda would have ended it. */
  readonly endsAt: number;
  readonly remains: Remains;
  /** All that anybody gets to see: log, metrics, answers, and records of failed runs. */
  readonly shown: string;
}

/** A schedule, played. */
export interface Witness {
  readonly schedule: Schedule;
  readonly settings: Settings;
  /** While things go wrong. */
  readonly troubled: Phase;
  /** Half an hour later, when everything works again. */
  readonly after: Phase;
  /** What may not be shown. */
  readonly secrets: readonly string[];
}

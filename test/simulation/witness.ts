import type { Report } from '../../lambda/refresh/report.ts';
import type { Settings } from '../../lambda/settings/schema.ts';
import type { StatusReport } from '../../lambda/status.ts';
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
  /** When the run was due that this one may repeat, and when it began; undefined where its event does not say. */
  readonly due: { readonly at: number; readonly now: number } | undefined;
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

/** What is told of secrets without writing any. */
export interface Looks {
  /** Of what a schedule begins with. */
  readonly first: StatusReport | undefined;
  readonly before: StatusReport | undefined;
  readonly plan: Report | undefined;
  readonly after: StatusReport | undefined;
}

/** A schedule, played. */
export interface Witness {
  readonly schedule: Schedule;
  readonly settings: Settings;
  /** While things go wrong. */
  readonly troubled: Phase;
  /** The same event again, when everything works. */
  readonly retry: Phase | undefined;
  /** Half an hour later. */
  readonly after: Phase;
  /** What status says at first, what status and plan say before the last run, and status after it. */
  readonly looks: Looks;
  /** What may not be shown. */
  readonly secrets: readonly string[];
}

import type { CleanupReport } from '../../../lambda/cleanup.ts';
import type { Settings, SettingsInput } from '../../../lambda/settings/schema.ts';
import { captured } from '../../integration/capture.ts';
import { created, logBatch } from '../../sandbox/aws/log-batch.ts';
import type { AwsEmulator } from '../../sandbox/aws/server.ts';
import { type Expected, expectedIn, namespacesOf } from '../expected.ts';
import type { Fleet } from '../fleet.ts';
import { heldOf } from '../held.ts';
import type { Entry } from '../journal.ts';
import type { MachineTime } from '../machine-time.ts';
import { invoked, MARGIN_MS } from '../play.ts';
import { CLUSTERS, type ClusterName } from '../schedule.ts';
import type { Traffic } from '../traffic.ts';
import { Deadlines } from './deadlines.ts';
import { beginFault } from './fault-kinds.ts';
import { changedEvent, type Invocation, Invocations, scheduledEvent } from './invocations.ts';
import { Ledger } from './ledger.ts';
import { Leftovers } from './leftovers.ts';
import { type Change, type FaultPlan, MINUTE_MS, type YearPlan } from './plan.ts';
import { YearRecord, type YearResult } from './record.ts';
import { type DueRun, dueRuns, placeFaults, type Step, stepsOf } from './timeline.ts';
import {
  type Afterwards,
  changesNothingOfOthers,
  cleansUpOwnSecrets,
  endsWell,
  failsAloud,
  type PlayedRun,
} from './verdicts.ts';
import { World } from './world.ts';

/** The time-out of the function: a stack may set a shorter one than Lambda's longest. */
const RUN_MS = 5 * MINUTE_MS;
/** The defaults of the SDK, for which its clients would look in vain, at a tenth of the cost of a run; and one try. */
const SDK_DEFAULTS = {
  AWS_MAX_ATTEMPTS: '1',
  AWS_RETRY_MODE: 'standard',
  AWS_DEFAULTS_MODE: 'legacy',
  AWS_USE_FIPS_ENDPOINT: 'false',
  AWS_USE_DUALSTACK_ENDPOINT: 'false',
  AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'false',
  AWS_DISABLE_CLOCK_SKEW_CORRECTION: 'false',
  AWS_AUTH_SCHEME_PREFERENCE: 'sigv4',
  AWS_SDK_UA_APP_ID: 'simulation',
};

export interface YearOptions {
  readonly seed: number;
  readonly plan: YearPlan;
  readonly fleet: Fleet;
  readonly aws: AwsEmulator;
  readonly time: MachineTime;
  readonly traffic: Traffic;
  readonly journal: Entry[];
  readonly hasRetries: boolean;
  readonly until: number;
}

/** One deployment and its year. Times in milliseconds since it began, where nothing else is said. */
export class Year {
  readonly #options: YearOptions;
  readonly #beganAt: number;
  readonly #steps: readonly Step[];
  readonly #runs: readonly DueRun[];
  readonly #faults: readonly FaultPlan[];
  readonly #deadlines: Deadlines;
  readonly #ledger: Ledger;
  readonly #world: World;
  readonly #invocations: Invocations;
  /** The environment of each version; the last is what the rule starts. */
  readonly #versions: { readonly input: SettingsInput; readonly settings: Settings }[] = [];
  readonly #leftovers = new Leftovers();
  readonly #record: YearRecord;
  #isCleaning = false;
  /** Clusters whose cleanup failed: the operator has to repeat it, which is not played. */
  readonly #unclean = new Set<ClusterName>();
  #counts = { runs: 0, failedRuns: 0, cleanups: 0, inspections: 0, changes: 0 };

  constructor(options: YearOptions) {
    const { plan, fleet, aws, time, hasRetries } = options;
    this.#options = options;
    this.#beganAt = time.now();
    this.#record = new YearRecord(this.#beganAt);
    this.#steps = stepsOf(plan);
    this.#runs = dueRuns(this.#steps, plan.deliveries);
    this.#faults = placeFaults(plan.faults, this.#runs);
    this.#deadlines = new Deadlines(this.#runs, this.#faults);
    this.#world = new World(fleet, aws, () => time.now());
    this.#ledger = new Ledger(
      this.#deadlines,
      (host, auth) => this.#world.expiryOf(host, auth) - this.#beganAt,
    );
    this.#invocations = new Invocations(hasRetries);
    for (const { name, api } of fleet.ships.values()) {
      api.observers.push(({ namespace, name: secret, object, dryRun, user }) => {
        if (dryRun || !user.groups.includes(this.#settings.name)) return;
        const key = `${name}/${namespace}/${secret}`;
        this.#ledger.observe(this.#now, key, object && heldOf(object, this.#settings.name));
        if (this.#isCleaning) this.#ledger.excuse(this.#now, key);
      });
    }
  }

  async play(): Promise<YearResult> {
    const { seed, plan, time, until } = this.#options;
    for (const run of this.#runs) if (run.kind === 'scheduled') this.#schedule(run);
    this.#arm(
      this.#steps.filter(({ does }) => does === 'deploy'),
      (step) => this.#deploy(step),
    );
    this.#arm(this.#faults, (fault) => this.#begin(fault));
    this.#arm(plan.changes, (change) => this.#change(change));
    const work = this.#steps.filter(({ does }) => does !== 'deploy');
    time.pass(0);
    for (;;) {
      const nextAt = Math.min(this.#invocations.nextAt, work[0]?.at ?? Infinity);
      const at = Math.min(nextAt, time.nextAt - this.#beganAt);
      if (at >= until || this.#record.isFull) break;
      time.pass(Math.max(0, at - this.#now));
      if (work[0] && work[0].at <= this.#now) await this.#work(work.shift());
      else if (this.#invocations.nextAt <= this.#now) {
        const invocation = this.#invocations.take();
        if (invocation) await this.#run(invocation);
      }
      this.#noteLacks();
    }
    this.#ledger.close(until);
    this.#noteLacks();
    const lackingMs = this.#ledger.lacks.reduce((sum, { from, to }) => sum + to - from, 0);
    return {
      seed,
      ...this.#counts,
      deadLetters: this.#invocations.deadLetters.length,
      deployments: this.#versions.length,
      faults: plan.faults.length,
      lackingMinutes: Math.ceil(lackingMs / MINUTE_MS),
      excusedMinutes: Math.round(this.#ledger.excusedMs / MINUTE_MS),
      violations: this.#record.violations,
      story: this.#record.story,
    };
  }

  get #now(): number {
    return this.#options.time.now() - this.#beganAt;
  }

  get #settings(): Settings {
    const latest = this.#versions.at(-1);
    if (!latest) throw new Error('nothing is deployed yet');
    return latest.settings;
  }

  /** Has each of these come at its time, one after the other. */
  #arm<Planned extends { readonly at: number }>(
    planned: readonly Planned[],
    come: (one: Planned) => void,
  ): void {
    const [first, ...rest] = planned;
    if (!first) return;
    this.#at(first.at, () => {
      come(first);
      this.#arm(rest, come);
    });
  }

  #at(at: number, come: () => void): void {
    this.#options.time.at(this.#beganAt + at, come);
  }

  #schedule({ at, delivery }: DueRun): void {
    const event = scheduledEvent(this.#beganAt + at);
    const invocation = { at, dueAt: at, name: 'a scheduled run', event };
    switch (delivery?.what) {
      case 'lost':
        return;
      case 'late':
        this.#invocations.start({ ...invocation, at: at + delivery.ms });
        return;
      case 'twice':
        this.#invocations.start(invocation);
        this.#invocations.start({ ...invocation, at: at + delivery.ms });
        return;
      default:
        this.#invocations.start(invocation);
    }
  }

  #deploy(step: Step): void {
    if (step.does !== 'deploy') return;
    const { fleet, traffic } = this.#options;
    const { input, settings, isCareful } = step;
    this.#leftovers.deployed(
      this.#versions.at(-1)?.settings,
      settings,
      (cluster) => isCareful && !this.#unclean.has(cluster),
    );
    this.#versions.push({ input, settings });
    this.#record.say(this.#now, `deployed ${JSON.stringify(input)}`);
    traffic.connections = settings.concurrency;
    fleet.configure(settings);
    for (const ship of fleet.ships.values()) fleet.grantAccess(ship, settings);
    this.#invocations.enable(settings.enabled, this.#now);
    this.#cover();
    if (!settings.enabled) return;
    const at = this.#now;
    this.#invocations.start({
      at,
      dueAt: at,
      name: 'the first run',
      event: {},
      version: this.#versions.length,
    });
  }

  #begin({ ms, what }: FaultPlan): void {
    const { fleet, aws, time } = this.#options;
    const name = JSON.stringify(what);
    this.#record.say(this.#now, `fault ${name} for ${Math.round(ms / MINUTE_MS)} minutes`);
    const end = beginFault(what, { fleet, aws, time, world: this.#world, settings: () => this.#settings });
    this.#cover();
    this.#at(this.#now + ms, () => {
      end();
      this.#record.say(this.#now, `no more fault ${name}`);
      this.#cover();
    });
  }

  #change(change: Change): void {
    const { time } = this.#options;
    this.#counts.changes += 1;
    const { at: _, ...what } = change;
    this.#record.say(this.#now, JSON.stringify(what));
    if (change.by === 'denial') {
      const end = this.#world.block(change.cluster, change.name, change.what);
      this.#cover();
      this.#at(this.#now + change.ms, () => {
        end();
        this.#record.say(this.#now, `no more denial in ${change.cluster}/${change.name}`);
        this.#cover();
      });
      return;
    }
    if (change.by === 'clock') {
      if (Math.abs(time.skew) <= 5 * MINUTE_MS) time.skew = change.ms;
      return;
    }
    if (change.by === 'operator') {
      this.#invocations.start({ at: this.#now, dueAt: undefined, name: 'a manual run', event: {} });
      return;
    }
    this.#world.change(change, this.#settings.name, {
      created: (cluster, name, records) => this.#log(cluster, name, records),
      rotated: (arn) => {
        for (const { target } of [...this.#ledger.obligations()]) this.#observe(target.key);
        const { storedChanges, enabled } = this.#settings;
        const event = changedEvent(arn);
        if (storedChanges && enabled)
          this.#invocations.start({ at: this.#now, dueAt: undefined, name: 'a run for a change', event });
      },
      secretChanged: (key) => {
        this.#observe(key);
        this.#ledger.excuse(this.#now, key);
      },
      coverageChanged: () => this.#cover(),
    });
  }

  /** The audit log of a cluster that the settings subscribe to tells of a new namespace. */
  #log(cluster: ClusterName, namespace: string, records: readonly number[]): void {
    const { newNamespaces, enabled } = this.#settings;
    if (!newNamespaces || !enabled || cluster !== 'blue') return;
    const event = logBatch([created(namespace)], { cluster });
    for (const ms of records) {
      this.#invocations.start({
        at: this.#now + ms,
        dueAt: undefined,
        name: `a run for ${namespace}`,
        event,
      });
    }
  }

  /** Takes what the settings cover now as what has to be valid. */
  #cover(): void {
    const { name, enabled } = this.#settings;
    // without a schedule nothing is promised: docs/operate/README.md
    const targets = enabled ? this.#world.targets(this.#settings) : [];
    this.#ledger.require(this.#now, targets, (key) => this.#world.held(key, name));
  }

  #observe(key: string): void {
    this.#ledger.observe(this.#now, key, this.#world.held(key, this.#settings.name));
  }

  async #run(invocation: Invocation): Promise<void> {
    const { event, version, dueAt, name, received, attempt } = invocation;
    // a person waits for the answer, which says what failed
    const isManual = name === 'a manual run';
    const played = await this.#invoke(event, { name, version, dueAt });
    const { error, hasEnded } = played;
    const hasFailed = error !== undefined || !hasEnded;
    this.#counts.runs += 1;
    const times = received === undefined ? `${attempt}.` : `${received}. from the queue`;
    this.#record.say(this.#now, `${name} (${times}): ${hasFailed ? String(error) : 'ok'}`);
    for (const wrong of [
      ...endsWell(played),
      ...changesNothingOfOthers(played),
      ...failsAloud(played, this.#afterwards),
    ])
      this.#record.violate(this.#now, wrong);
    if (!hasFailed || isManual) return;
    this.#counts.failedRuns += 1;
    this.#invocations.fail(invocation, this.#now, new Date(this.#options.time.now()).toISOString());
  }

  get #afterwards(): Afterwards {
    return {
      ledger: this.#ledger,
      rotatedAt: this.#world.rotatedAt - this.#beganAt,
      linkedBy: (target, account) => this.#world.linkedBy(target, account),
    };
  }

  /** What an operator does by hand. */
  async #work(step: Step | undefined): Promise<void> {
    if (step?.does === 'inspect') this.#inspect(step.clusters);
    if (step?.does !== 'cleanup') return;
    const { cluster, all } = step;
    const event = { action: 'cleanup', confirm: cluster, ...(all && { all }) };
    this.#leftovers.cleaned(this.#options.fleet.ship(cluster), this.#settings.name);
    this.#isCleaning = true;
    const played = await this.#invoke(event, { name: 'a cleanup' });
    this.#isCleaning = false;
    const { report } = played;
    const isDone = (report as unknown as CleanupReport | undefined)?.ok === true;
    if (isDone) this.#unclean.delete(cluster);
    else this.#unclean.add(cluster);
    this.#counts.cleanups += 1;
    this.#record.say(this.#now, `cleanup of ${cluster}${all ? ', all' : ''}: ${isDone ? 'ok' : 'not ok'}`);
    for (const wrong of [...endsWell(played), ...cleansUpOwnSecrets(played, all)])
      this.#record.violate(this.#now, wrong);
    this.#cover();
  }

  /** After the steps that the docs name, nothing is left of earlier settings. */
  #inspect(clusters: readonly ClusterName[]): void {
    const { fleet } = this.#options;
    for (const cluster of clusters) {
      if (this.#unclean.has(cluster)) continue;
      this.#counts.inspections += 1;
      for (const key of this.#leftovers.find(fleet.ship(cluster), this.#settings))
        this.#record.violate(this.#now, `${key} is left of earlier settings`);
    }
  }

  async #invoke(
    event: object,
    { name, version, dueAt }: Pick<Invocation, 'name' | 'version'> & { dueAt?: number | undefined },
  ): Promise<PlayedRun & { readonly report: unknown }> {
    const { aws, time, journal } = this.#options;
    const latest = this.#versions[(version ?? this.#versions.length) - 1];
    if (!latest) throw new Error(`there is no version ${version}`);
    const { input, settings } = latest;
    const env = { ...aws.env, ...SDK_DEFAULTS, SETTINGS: JSON.stringify(input) };
    const startedAt = this.#now;
    const endsAt = time.now() + RUN_MS;
    time.horizon = endsAt - MARGIN_MS;
    const before = this.#coveredBy(settings);
    const { value, output } = await captured(env, () => invoked(event, name, endsAt, time, version));
    for (const { api } of this.#options.fleet.ships.values()) api.requests.splice(0);
    aws.calls.splice(0);
    return {
      ...{ startedAt, endedAt: this.#now, endsAt: endsAt - this.#beganAt, settings, output },
      ...{ hasEnded: value !== undefined, error: value?.error, report: value?.report },
      journal: journal.splice(0),
      covered: [...before, ...this.#coveredBy(settings)],
      hadFault: this.#deadlines.hasFault(startedAt, this.#now),
      dueAt,
    };
  }

  #coveredBy(settings: Settings): Expected[] {
    const { fleet } = this.#options;
    return CLUSTERS.flatMap((cluster) => expectedIn(settings, cluster, namespacesOf(fleet.ship(cluster))));
  }

  #noteLacks(): void {
    for (const { key, host, from, to } of this.#ledger.lacks.slice(this.#noted)) {
      const minutes = Math.ceil((to - from) / MINUTE_MS);
      this.#record.violate(
        this.#now,
        `${key} had no valid credentials of ${host} for ${minutes} minutes since ${this.#record.when(from)}`,
      );
    }
    this.#noted = this.#ledger.lacks.length;
  }
  #noted = 0;
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSettings } from '../../lambda/settings/rules.ts';
import { passwordCanary } from '../sandbox/aws/canary.ts';
import type { Expected } from '../simulation/expected.ts';
import { Fleet } from '../simulation/fleet.ts';
import type { Held } from '../simulation/held.ts';
import type { Entry } from '../simulation/journal.ts';
import { Deadlines } from '../simulation/years/deadlines.ts';
import { Invocations } from '../simulation/years/invocations.ts';
import { Ledger } from '../simulation/years/ledger.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, type YearPlan } from '../simulation/years/plan.ts';
import { type PlayOptions, playYear, YearClock } from '../simulation/years/play-year.ts';
import type { YearResult } from '../simulation/years/record.ts';
import { type DueRun, dueRuns, placeFaults, stepsOf } from '../simulation/years/timeline.ts';
import {
  changesNothingOfOthers,
  cleansUpOwnSecrets,
  endsWell,
  failsAloud,
  type PlayedRun,
} from '../simulation/years/verdicts.ts';

const quiet: YearPlan = {
  settings: {
    clusters: [{ name: 'blue' }],
    secrets: [{ name: 'pull-a' }, { name: 'pull-b', namespaces: { include: ['team-*'] } }],
    concurrency: 1,
  },
  deployments: [],
  faults: [],
  changes: [],
  deliveries: [],
};
const fewer: YearPlan['settings'] = { ...quiet.settings, secrets: [{ name: 'pull-a' }] };
const ecrDown = { in: 'aws', operation: 'GetAuthorizationToken', what: 'error' } as const;
/** Shortly before the run of the first day's morning. */
const beforeRun = 8 * HOUR_MS - MINUTE_MS;

describe('a deployment over days', () => {
  const clock = new YearClock();
  let fleet: Fleet;
  let seed = 0;
  beforeAll(async () => {
    fleet = await Fleet.start(clock.now);
  });
  afterAll(() => fleet.close());

  const play = (changes: Partial<YearPlan>, options: Partial<PlayOptions> = {}): Promise<YearResult> => {
    seed += 1;
    return playYear({ ...quiet, ...changes }, fleet, clock, {
      seed,
      hasRetries: true,
      until: 2 * DAY_MS,
      ...options,
    });
  };

  it('keeps every token valid while nothing happens', async () => {
    // the first run, and one every eight hours
    expect(await play({})).toMatchObject({ runs: 6, failedRuns: 0, lackingMinutes: 0, violations: [] });
  });

  it('keeps every token valid in a fault of three hours', async () => {
    const faults = [{ at: beforeRun, ms: 3 * HOUR_MS, what: ecrDown }];
    const result = await play({ faults });
    expect(result).toMatchObject({ lackingMinutes: 0, excusedMinutes: 0, violations: [] });
    expect(result.failedRuns).toBeGreaterThan(5);
  });

  it('reports tokens that expire where nothing is retried', async () => {
    const faults = [{ at: beforeRun, ms: HOUR_MS, what: ecrDown }];
    const result = await play({ faults }, { hasRetries: false });
    // four secrets, from the end of the token to the next run
    expect(result.lackingMinutes).toBe(4 * 4 * 60);
    expect(result.violations[0]).toContain('had no valid credentials of 111122223333.dkr.ecr.eu-west-1');
    expect(result.story.join('\n')).toContain('a scheduled run (1.): ');
  });

  it('counts apart what a longer fault costs, and recovers after it', async () => {
    const faults = [{ at: beforeRun, ms: 10 * HOUR_MS, what: ecrDown }];
    const result = await play({ faults });
    expect(result).toMatchObject({ lackingMinutes: 0, violations: [] });
    expect(result.excusedMinutes).toBeGreaterThan(4 * 5 * 60);
  });

  it('finds that nothing is left after a name, whose secrets were cleaned up as the docs say', async () => {
    const deployments = [{ at: DAY_MS, settings: fewer, isCareful: true }];
    const result = await play({ deployments }, { until: 3 * DAY_MS });
    expect(result).toMatchObject({
      deployments: 4,
      cleanups: 2,
      inspections: 1,
      lackingMinutes: 0,
      violations: [],
    });
  });

  it('allows what the docs say is left where a name just leaves the settings', async () => {
    const exclude = { include: ['*'], exclude: ['kube-*'] };
    const settings = { ...fewer, secrets: [{ name: 'pull-a', namespaces: exclude }] };
    const deployments = [
      { at: DAY_MS, settings: fewer, isCareful: false },
      { at: 1.5 * DAY_MS, settings, isCareful: true },
    ];
    const result = await play({ deployments }, { until: 3 * DAY_MS });
    expect(result).toMatchObject({ deployments: 4, cleanups: 1, inspections: 1, violations: [] });
  });

  it('tells of a new namespace in time, and leaves the secrets of others alone', async () => {
    const cluster = 'blue';
    const settings: YearPlan['settings'] = { ...quiet.settings, newNamespaces: 'audit-log' };
    const what = { kind: 'create', labels: {}, records: [5 * MINUTE_MS, 6 * MINUTE_MS] } as const;
    const changes: YearPlan['changes'] = [
      { at: HOUR_MS, by: 'namespace', cluster, name: 'lab', what },
      { at: 2 * HOUR_MS, by: 'secret', cluster, name: 'default', secret: 'pull-a', what: 'somebody' },
      { at: 3 * HOUR_MS, by: 'secret', cluster, name: 'team-a', secret: 'pull-b', what: 'delete' },
      { at: 4 * HOUR_MS, by: 'clock', ms: -4 * MINUTE_MS },
    ];
    expect(await play({ settings, changes })).toMatchObject({ runs: 8, lackingMinutes: 0, violations: [] });
  });
});

describe('retries', () => {
  it('come as the stack deploys them: after 1 and 2 minutes, a quarter of an hour, and twelve times every half hour', () => {
    const invocations = new Invocations(true);
    invocations.start({ at: 0, dueAt: 0, name: 'a run', event: {} });
    const times: number[] = [];
    for (let next = invocations.take(); next; next = invocations.take()) {
      times.push(next.at / MINUTE_MS);
      invocations.fail(next, next.at, new Date(next.at).toISOString());
    }
    const queued = Array.from({ length: 12 }, (_, at) => 18 + at * 30);
    expect(times).toEqual([0, 1, 3, ...queued]);
    expect(invocations.deadLetters).toHaveLength(1);
  });

  it('wait while a deployment is not enabled', () => {
    const invocations = new Invocations(true);
    invocations.start({ at: 0, dueAt: 0, name: 'a run', event: {}, received: 1 });
    invocations.enable(false, 0);
    expect(invocations.take()).toBeUndefined();
    invocations.enable(true, 60);
    expect(invocations.take()).toMatchObject({ at: 60 });
  });
});

const settings = checkSettings(quiet.settings);
const [entry] = settings.secrets;
/** A secret that has to be fresh. */
const target = {
  key: 'blue/default/pull-a',
  cluster: 'blue',
  namespace: 'default',
  secret: 'pull-a',
  entry,
  skipped: false,
} as Expected;

describe('deadlines', () => {
  const every = (hours: number): DueRun[] =>
    Array.from({ length: 9 }, (_, at) => ({
      at: at * hours * HOUR_MS,
      kind: 'scheduled',
      gap: hours * HOUR_MS,
    }));
  const unexplained = (hours: number, faultHours: number) => {
    const fault = { at: 30 * HOUR_MS, ms: faultHours * HOUR_MS, what: ecrDown };
    return new Deadlines(every(hours), [fault]).unexplained({ from: 31 * HOUR_MS, to: 32 * HOUR_MS }, target);
  };

  it.each([
    [5, 6],
    [6, 5],
    [8, 3],
    [10, 1],
  ])('bear with a schedule of %d hours a fault of %d', (hours, faultHours) => {
    expect(unexplained(hours, faultHours)).toHaveLength(1);
    expect(unexplained(hours, faultHours + 0.5)).toEqual([]);
  });

  it('know of faults that begin shortly before a run', () => {
    const fault = { at: HOUR_MS + 3 * MINUTE_MS, ms: HOUR_MS, what: ecrDown };
    const placed = placeFaults([{ ...fault, hitsRun: true }, fault], every(8));
    expect(placed.map(({ at }) => at)).toEqual([fault.at, 8 * HOUR_MS - 3 * MINUTE_MS]);
  });

  it('are of the next run, or of its retries after a fault', () => {
    const fault = { at: 7 * HOUR_MS, ms: 3 * HOUR_MS, what: ecrDown };
    const calm = new Deadlines(every(8), []).fixedBy(HOUR_MS, target);
    const troubled = new Deadlines(every(8), [fault]).fixedBy(HOUR_MS, target);
    expect([calm, troubled]).toEqual([9 * HOUR_MS, 11 * HOUR_MS]);
  });

  it('do not wait for a run that is lost', () => {
    const lost = dueRuns(stepsOf(quiet), [{ at: HOUR_MS, what: 'lost', ms: 0 }]);
    expect(new Deadlines(lost, []).fixedBy(HOUR_MS, target)).toBeGreaterThan(16 * HOUR_MS);
  });
});

describe('a run is judged wrong', () => {
  const good: PlayedRun = {
    ...{ startedAt: HOUR_MS, endedAt: HOUR_MS, endsAt: 2 * HOUR_MS, dueAt: HOUR_MS, error: undefined },
    ...{ hasEnded: true, output: '', journal: [], covered: [target], settings, hadFault: false },
  };
  const foreign = { marked: false, applied: false, others: ['argocd'], type: 'Opaque' } as unknown as Held;
  const wrote = (changes: Partial<Entry>): PlayedRun => ({
    ...good,
    journal: [
      {
        ...{ cluster: 'blue', namespace: 'default', secret: 'pull-a', operation: 'UPDATE', dryRun: false },
        ...{ before: undefined, after: undefined, ...changes },
      },
    ],
  });

  it.each<[string, RegExp, string[]]>([
    [
      'that fails without a fault',
      /without a fault: Error: no/,
      endsWell({ ...good, error: new Error('no') }),
    ],
    ['that does not end', /did not end/, endsWell({ ...good, hasEnded: false })],
    ['that logs a password', /the log shows/, endsWell({ ...good, output: passwordCanary })],
    [
      'that writes what is not covered',
      /no entry covers/,
      changesNothingOfOthers(wrote({ namespace: 'other' })),
    ],
    [
      'that writes over a secret of others',
      /of argocd was written/,
      changesNothingOfOthers(wrote({ before: foreign })),
    ],
    ['that deletes a secret', /deleted by a refresh/, changesNothingOfOthers(wrote({ operation: 'DELETE' }))],
    [
      'that cleans up a secret of others',
      /somebody else/,
      cleansUpOwnSecrets(wrote({ operation: 'DELETE', before: foreign }), true),
    ],
    [
      'that cleans up what is covered',
      /a cleanup deleted/,
      cleansUpOwnSecrets(wrote({ operation: 'DELETE', before: { ...foreign, applied: true } }), false),
    ],
  ])('%s', (_what, message, wrong) => {
    expect(wrong).toEqual([expect.stringMatching(message)]);
    expect([endsWell(good), changesNothingOfOthers(wrote({})), cleansUpOwnSecrets(good, false)]).toEqual([
      [],
      [],
      [],
    ]);
  });

  it('that leaves something stale or unlinked in silence', () => {
    const ledger = new Ledger(new Deadlines([], []), () => 0);
    ledger.require(
      0,
      [{ ...target, entry: { ...target.entry, serviceAccounts: ['default'] } }],
      () => undefined,
    );
    const afterwards = { ledger, rotatedAt: 0, linkedBy: () => [] };
    expect(failsAloud(good, afterwards)).toEqual([
      expect.stringContaining('has no new credentials'),
      expect.stringContaining('is not in the account default'),
    ]);
    expect(failsAloud({ ...good, error: new Error('no') }, afterwards)).toEqual([]);
  });
});

import fc from 'fast-check';
import { SettingsError } from '../../../lambda/errors.ts';
import { checkSettings } from '../../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../../lambda/settings/schema.ts';
import { CLUSTERS, type ClusterName, type Guard, type Holding, SECRETS, settings } from '../schedule.ts';
import { type FaultKind, faultKind } from './fault-kinds.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export const YEAR_MS = 365 * DAY_MS;

/** In every cluster all the time, so that no entry ever names a namespace that does not exist. */
export const LASTING: Readonly<Record<string, Record<string, string>>> = {
  default: {},
  'kube-system': {},
  'team-a': { team: 'x' },
};
/** Those that come and go. */
const PASSING = ['team-b', 'lab', 'web'] as const;

/** One deployment of the stack. */
export interface DeploymentPlan {
  /** Milliseconds since the year began, as all times of a plan. */
  readonly at: number;
  readonly settings: SettingsInput;
  /** Whether the operator cleans up as the docs say, or just deploys. */
  readonly isCareful: boolean;
}

/** A fault that comes and goes. */
export interface FaultPlan {
  readonly at: number;
  readonly ms: number;
  readonly what: FaultKind;
  /** Whether it begins minutes before the next run is due, where it does most. */
  readonly hitsRun?: boolean;
}

/** What becomes of one scheduled run before it reaches the function, which starts it anyway but for one that is lost. */
export interface Delivery {
  /** Of the first run that is due from then on. */
  readonly at: number;
  readonly what: 'lost' | 'late' | 'twice';
  /** By how much a late one is. */
  readonly ms: number;
}

const DENIALS = [
  'webhook',
  'policy',
  'quota',
  'denies-404',
  'denies-409',
  'denies-429',
  'denies-500',
] as const;
const OTHERS = ['somebody', 'predecessor', 'wrong-type', 'restored', 'stripped', 'kept-by-kubectl'] as const;

/** What people and other programs do. */
export type Change = { readonly at: number } & (
  | {
      readonly by: 'namespace';
      readonly cluster: ClusterName;
      readonly name: string;
      readonly what: NamespaceChange;
    }
  | {
      readonly by: 'secret';
      readonly cluster: ClusterName;
      readonly name: string;
      readonly secret: string;
      readonly what: SecretChange;
    }
  | {
      readonly by: 'denial';
      readonly cluster: ClusterName;
      readonly name: string;
      readonly what: Guard;
      readonly ms: number;
    }
  | { readonly by: 'account'; readonly cluster: ClusterName; readonly name: string }
  | { readonly by: 'rotation' }
  | { readonly by: 'clock'; readonly ms: number }
  | { readonly by: 'operator' }
);
export type NamespaceChange =
  /** With how many copies of its audit record arrive, and after how many milliseconds. */
  | { readonly kind: 'create'; readonly labels: Record<string, string>; readonly records: readonly number[] }
  | { readonly kind: 'delete' }
  | { readonly kind: 'label'; readonly labels: Record<string, string> };
export type SecretChange = Holding | 'delete';

/** All that happens to one deployment in a year. */
export interface YearPlan {
  readonly settings: SettingsInput;
  readonly deployments: readonly DeploymentPlan[];
  readonly faults: readonly FaultPlan[];
  readonly changes: readonly Change[];
  readonly deliveries: readonly Delivery[];
}

const often = <Value>(usual: Value, ...others: readonly Value[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(usual) },
    { weight: 2, arbitrary: fc.constantFrom(...others) },
  );

/** Schedules that leave a fault of six hours its time, and some that do not. */
const schedule = fc.constantFrom(
  'rate(5 hours)',
  'cron(10 1/5 * * ? *)',
  'rate(6 hours)',
  'rate(8 hours)',
  'rate(8 hours)',
  'cron(30 0/8 * * ? *)',
  'rate(10 hours)',
);

const deployed: fc.Arbitrary<SettingsInput> = fc
  .record({
    settings,
    schedule,
    linked: often(false, true),
    storedChanges: fc.boolean(),
    isLogged: fc.boolean(),
  })
  .map(
    ({ settings: usual, schedule: expression, linked, storedChanges, isLogged }): SettingsInput => ({
      ...usual,
      // more connections are more handshakes, and nothing else
      concurrency: 1,
      schedule: expression,
      storedChanges,
      // the last covers every cluster
      secrets: usual.secrets
        ?.slice(-2)
        .map((entry) => ({ ...entry, serviceAccounts: linked ? ['default'] : [] })),
      // of a cluster of the function's own account and region
      ...(isLogged && usual.clusters.length === 1 && { newNamespaces: 'audit-log' as const }),
    }),
  )
  .filter(isAccepted);

function isAccepted(input: SettingsInput): boolean {
  try {
    checkSettings(input);
    return true;
  } catch (fault) {
    if (fault instanceof SettingsError) return false;
    throw fault;
  }
}

const at = fc.integer({ min: 0, max: YEAR_MS - 1 });
const minutes = (min: number, max: number) => fc.integer({ min: min * MINUTE_MS, max: max * MINUTE_MS });
const cluster = often<ClusterName>(...CLUSTERS);
const passing = fc.constantFrom(...PASSING);
const anyName = fc.constantFrom(...PASSING, ...Object.keys(LASTING));
const labels = often<Record<string, string>>({}, { team: 'x' }, { 'ecr-registry-helper/ignore': 'true' });

/** Most are over before anybody looks, some go on for longer than the queue retries. */
const length = fc.oneof(
  { weight: 4, arbitrary: minutes(1, 60) },
  { weight: 3, arbitrary: minutes(60, 180) },
  { weight: 2, arbitrary: minutes(180, 360) },
  { weight: 1, arbitrary: minutes(360, 1_200) },
);

const records = fc.oneof(
  { weight: 4, arbitrary: minutes(1, 10).map((ms) => [ms]) },
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.array(minutes(1, 600), { minLength: 2, maxLength: 3 }) },
);
const namespaceChange: fc.Arbitrary<NamespaceChange> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('create' as const), labels, records }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('label' as const), labels }) },
);
const secretChange = fc.oneof(
  { weight: 2, arbitrary: fc.constant('delete' as const) },
  { weight: 1, arbitrary: fc.constantFrom<SecretChange[]>(...OTHERS) },
);

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      at,
      by: fc.constant('namespace' as const),
      cluster,
      name: passing,
      what: namespaceChange,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      ...{ at, by: fc.constant('secret' as const), cluster, name: anyName },
      ...{ secret: fc.constantFrom(...SECRETS), what: secretChange },
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ at, by: fc.constant('denial' as const), cluster, name: anyName },
      ...{ what: fc.constantFrom<Guard[]>(...DENIALS), ms: minutes(10, 3_000) },
    }),
  },
  { weight: 2, arbitrary: fc.record({ at, by: fc.constant('account' as const), cluster, name: anyName }) },
  { weight: 1, arbitrary: fc.record({ at, by: fc.constant('rotation' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      at,
      by: fc.constant('clock' as const),
      ms: fc.integer({ min: -240_000, max: 240_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ at, by: fc.constant('operator' as const) }) },
);

/** In which all that the docs tell an operator to do around a deployment is done, before the next begins. */
const STEPS_MS = 3 * DAY_MS;

const byTime = <Planned extends { readonly at: number }>(planned: readonly Planned[]) =>
  planned.toSorted((one, other) => one.at - other.at);

/** A year as it is drawn, evenly: what is at the ends of a range is no likelier than the rest. */
export const yearPlan: fc.Arbitrary<YearPlan> = fc.noBias(
  fc.record({
    settings: deployed,
    deployments: fc
      .uniqueArray(fc.record({ at, settings: deployed, isCareful: fc.boolean() }), {
        maxLength: 6,
        selector: ({ at: of }) => Math.floor(of / STEPS_MS),
      })
      .map((all) =>
        byTime(all.map((one) => ({ ...one, at: one.at - (one.at % STEPS_MS) + (one.at % DAY_MS) }))),
      ),
    faults: fc
      .array(fc.record({ at, ms: length, what: faultKind(anyName), hitsRun: fc.boolean() }), {
        minLength: 20,
        maxLength: 60,
      })
      .map(byTime),
    changes: fc.array(change, { minLength: 60, maxLength: 160 }).map(byTime),
    deliveries: fc
      .array(
        fc.record({
          at,
          what: fc.constantFrom<Delivery['what'][]>('lost', 'late', 'twice', 'twice'),
          ms: minutes(5, 120),
        }),
        { maxLength: 12 },
      )
      .map(byTime),
  }),
);

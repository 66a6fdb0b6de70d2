import fc from 'fast-check';
import { SettingsError } from '../../lambda/errors.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';

export const CLUSTERS = ['blue', 'green', 'red'] as const;
export type ClusterName = (typeof CLUSTERS)[number];

export const SECRETS = ['pull-a', 'pull-b'] as const;
export const NAMESPACES = ['default', 'kube-system', 'team-a', 'team-b', 'team-c', 'lab', 'ops', 'web'];

/** The account and role of the cluster that is another account's, and of the registry there. */
export const OTHER_ACCOUNT = '444455556666';
export const CLUSTER_ROLE = `arn:aws:iam::${OTHER_ACCOUNT}:role/clusters`;
export const READER_ROLE = `arn:aws:iam::${OTHER_ACCOUNT}:role/reader`;

export const HOLDINGS = [
  'nothing',
  'ours',
  'ours-later',
  'ours-just-now',
  'predecessor',
  'somebody',
  'wrong-type',
  'immutable',
  'foreign-expiry',
  'endless-expiry',
  'spoofed-expiry',
  'spoofed-fetch',
  'stripped',
  'restored',
  'copied',
  'kept-by-kubectl',
  'crowded',
] as const;
export type Holding = (typeof HOLDINGS)[number];
export const GUARDS = [
  'quota',
  'webhook',
  'policy',
  'echo',
  'slow-3',
  'slow-20',
  'hung',
  'fails',
  'denies-401',
  'denies-404',
  'denies-409',
  'denies-422',
  'denies-429',
  'denies-500',
  'unexplained',
] as const;
export type Guard = (typeof GUARDS)[number];

export interface NamespacePlan {
  readonly cluster: ClusterName;
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly terminating: boolean;
  /** What stands under the names of the secrets before the run. */
  readonly holds: Holding;
  readonly guard: Guard | 'none';
}

/** What goes wrong with requests to an API server. */
export const SPOILS = [
  '429',
  '500',
  '502',
  '503',
  '504',
  '401',
  '409',
  '410',
  'html-502',
  'html-200',
  'reset-before',
  'reset-after',
  'reset-body',
  'truncated',
  'stall',
  'broken-200',
  'broken-422',
  'oversized',
] as const;
export type Spoil = (typeof SPOILS)[number];

export interface ApiFault {
  readonly on: 'api';
  readonly cluster: ClusterName;
  readonly verb: 'LIST' | 'PATCH' | 'GET' | 'DELETE';
  /** Any when undefined. */
  readonly namespace: string | undefined;
  /** The first that it hits of the requests that it is about, from 1. */
  readonly from: number;
  readonly times: number;
  readonly what: Spoil;
  /** Seconds that an answer asks to wait. */
  readonly retryAfter: number | undefined;
  /** Where the JSON around a secret breaks. */
  readonly offset: number;
}

export const AWS_SPOILS = [
  'throttle',
  'error',
  'denied',
  'reset',
  'stall',
  'html',
  'truncated',
  'empty',
  'expired',
  'nearly-expired',
  'late',
] as const;
export type AwsSpoil = (typeof AWS_SPOILS)[number];

export interface AwsFault {
  readonly on: 'aws';
  readonly operation: 'GetAuthorizationToken' | 'AssumeRole' | 'GetSecretValue' | 'DescribeCluster';
  readonly from: number;
  readonly times: number;
  readonly what: AwsSpoil;
}

export const CHANGES = [
  'vanish',
  'terminate',
  'appear',
  'delete-secret',
  'take-secret',
  'replace-secret',
  'freeze-secret',
  ...GUARDS,
] as const;
export type Change = (typeof CHANGES)[number];

/** Something that others do in a cluster when it gets its nth write. */
export interface WorldChange {
  readonly on: 'world';
  readonly cluster: ClusterName;
  readonly namespace: string;
  readonly atWrite: number;
  readonly what: Change;
}

export const OUTAGES = [
  'unreachable',
  'untrusted',
  'no-ca',
  'creating',
  'gone',
  'unmapped',
  'no-rights',
  'no-create',
  'no-create-before-1.32',
] as const;
export interface Outage {
  readonly on: 'cluster';
  readonly cluster: ClusterName;
  readonly what: (typeof OUTAGES)[number];
}

export type Fault = ApiFault | AwsFault | WorldChange | Outage;

export interface Schedule {
  readonly settings: SettingsInput;
  readonly event: 'manual' | 'scheduled' | 'queued' | 'plan' | 'narrowed';
  readonly namespaces: readonly NamespacePlan[];
  readonly faults: readonly Fault[];
  /** Milliseconds that the run has; or the request to a cluster at which its time is over. */
  readonly deadline: { readonly ms: number } | { readonly atRequest: number };
  /** The namespace whose first write is held while a second run with a later token is done. */
  readonly heldAt: { readonly cluster: ClusterName; readonly namespace: string } | undefined;
  /** How often the SDK tries. */
  readonly attempts: number;
  /** Whether a scheduled or queued run is repeated by its own event once the faults have ended. */
  readonly retried: boolean;
}

export const FAR_MS = 900_000;

type Registry = NonNullable<
  Exclude<NonNullable<SettingsInput['secrets']>[number], { type: unknown }>['registries']
>[number];
const OWN: Registry = { type: 'ecr' };
const registries: Registry[] = [
  OWN,
  { type: 'ecr', region: 'us-east-1' },
  { type: 'ecr', region: 'eu-central-1', roleArn: READER_ROLE },
  { type: 'ecr', region: 'ap-south-1', keysSecretId: 'aws-conf' },
  { type: 'stored', secretId: 'hub' },
];

const clusters: Record<ClusterName, SettingsInput['clusters'][number]> = {
  blue: { name: 'blue' },
  green: { name: 'green', region: 'us-east-1' },
  red: { name: 'red', roleArn: CLUSTER_ROLE },
};

const often = <Value>(usual: Value, ...others: readonly Value[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(usual) },
    { weight: 2, arbitrary: fc.constantFrom(...others) },
  );

const namespaceRules = often<{ include?: string[]; exclude?: string[]; selector?: string }>(
  {},
  { include: ['team-*'] },
  { include: ['default', 'team-a'] },
  { include: ['*'], exclude: ['team-b', 'kube-*'] },
  { selector: 'team=x' },
  { include: ['team-*', 'kube-system'] },
);

const entry = fc.record({
  name: often<string>(...SECRETS),
  registries: fc.oneof(
    { weight: 2, arbitrary: fc.constant<Registry[]>([OWN]) },
    { weight: 3, arbitrary: fc.subarray(registries, { minLength: 1, maxLength: 2 }) },
  ),
  namespaces: namespaceRules,
  clusters: often<string[]>(['*'], ['blue']),
  adoptFrom: often<string[]>(['kubectl-create'], [], ['*']),
  recreate: fc.boolean(),
});

/** Random settings that the function takes. */
export const settings = fc
  .record({
    count: fc.oneof(
      { weight: 4, arbitrary: fc.constant(1) },
      { weight: 4, arbitrary: fc.constant(2) },
      { weight: 1, arbitrary: fc.constant(3) },
    ),
    secrets: fc.array(entry, { minLength: 1, maxLength: 3 }),
    concurrency: fc.constantFrom(1, 2, 4),
  })
  .map(
    ({ count, secrets, concurrency }): SettingsInput => ({
      clusters: CLUSTERS.slice(0, count).map((name) => clusters[name]),
      // every cluster has to be covered
      secrets: secrets.map((one, at) => (at === secrets.length - 1 ? { ...one, clusters: ['*'] } : one)),
      concurrency,
    }),
  )
  .filter((one) => !isShadowed(one));

/** Whether an entry never gets a namespace, which settings may not have. */
function isShadowed(input: SettingsInput): boolean {
  try {
    checkSettings(input);
    return false;
  } catch (fault) {
    return fault instanceof SettingsError && fault.message.includes('gets no namespace');
  }
}

const clusterName = often<ClusterName>(...CLUSTERS);
const namespaceName = fc.constantFrom(...NAMESPACES);
const labels = often<Record<string, string>>({}, { team: 'x' }, { 'ecr-registry-helper/ignore': 'true' });

const namespaces = fc.uniqueArray(
  fc.record({
    cluster: clusterName,
    name: namespaceName,
    labels,
    terminating: fc.oneof(
      { weight: 7, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.boolean() },
    ),
    holds: fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom<Holding[]>('ours', 'nothing') },
      { weight: 3, arbitrary: fc.constantFrom(...HOLDINGS) },
    ),
    guard: fc.oneof(
      { weight: 3, arbitrary: fc.constant<'none'>('none') },
      { weight: 1, arbitrary: fc.constantFrom(...GUARDS) },
      { weight: 1, arbitrary: fc.constantFrom<Guard[]>('hung', 'slow-20', 'fails') },
      {
        weight: 1,
        arbitrary: fc.constantFrom<Guard[]>('denies-404', 'denies-409', 'denies-429', 'unexplained'),
      },
    ),
  }),
  { minLength: 1, maxLength: 8, selector: ({ cluster, name }) => `${cluster}/${name}` },
);

const times = often(1, 2, 3, 99);
const from = often(1, 2, 3);

const apiFault = fc
  .record({
    on: fc.constant<'api'>('api'),
    cluster: clusterName,
    verb: fc.constantFrom<ApiFault['verb'][]>('PATCH', 'PATCH', 'LIST', 'GET', 'DELETE'),
    namespace: fc.option(namespaceName, { nil: undefined }),
    from,
    times,
    what: fc.constantFrom(...SPOILS),
    retryAfter: fc.option(fc.constantFrom(0, 1, 7, 30), { nil: undefined }),
    offset: fc.nat(400),
  })
  // lists are of no namespace, and few secrets are ever made anew; only a list has pages
  .map((fault): ApiFault => {
    if (fault.what === 'oversized') return { ...fault, verb: 'LIST', namespace: undefined };
    return fault.verb === 'PATCH' ? fault : { ...fault, namespace: undefined };
  });

const awsFault = fc.record({
  on: fc.constant<'aws'>('aws'),
  operation: fc.constantFrom<AwsFault['operation'][]>(
    'GetAuthorizationToken',
    'GetAuthorizationToken',
    'GetSecretValue',
    'DescribeCluster',
    'AssumeRole',
  ),
  from: often(1, 2, 3),
  times: often(1, 99),
  what: fc.constantFrom(...AWS_SPOILS),
});

const worldChange = fc.record({
  on: fc.constant<'world'>('world'),
  cluster: clusterName,
  namespace: namespaceName,
  atWrite: fc.integer({ min: 1, max: 6 }),
  what: fc.constantFrom(...CHANGES),
});

const outage = fc.record({
  on: fc.constant<'cluster'>('cluster'),
  cluster: clusterName,
  what: fc.constantFrom(...OUTAGES, 'no-create' as const, 'no-create-before-1.32' as const),
});

const oversized = apiFault.map(
  (one): ApiFault => ({ ...one, verb: 'LIST', namespace: undefined, what: 'oversized', from: 1, times: 99 }),
);

const fault = fc.oneof(
  { weight: 12, arbitrary: apiFault },
  { weight: 1, arbitrary: oversized },
  { weight: 4, arbitrary: awsFault },
  { weight: 6, arbitrary: worldChange },
  { weight: 2, arbitrary: outage },
);

const deadline = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ ms: FAR_MS }) },
  { weight: 1, arbitrary: fc.integer({ min: 6_000, max: 90_000 }).map((ms) => ({ ms })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 12 }).map((atRequest) => ({ atRequest })) },
);

/** Settings, clusters as they are found, and what goes wrong during the run. */
export const schedule: fc.Arbitrary<Schedule> = fc
  .record<Schedule>({
    settings,
    event: often<Schedule['event']>('scheduled', 'manual', 'queued', 'plan', 'narrowed'),
    namespaces,
    faults: fc.array(fault, { maxLength: 6 }),
    deadline,
    heldAt: fc.option(fc.record({ cluster: clusterName, namespace: namespaceName }), {
      nil: undefined,
      freq: 5,
    }),
    attempts: fc.oneof({ weight: 12, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(3) }),
    retried: fc.boolean(),
  })
  // beside an expiry that no token of ECR has, the policy takes a usual one for a mistake, and lets it be written over
  .map((one) =>
    one.faults.some(({ what }) => what === 'nearly-expired') ? { ...one, heldAt: undefined } : one,
  );

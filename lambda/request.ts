import { partition } from '@aws-sdk/util-endpoints';
import * as z from 'zod';
import { EventError, HelperError, NotCoveredError, parseJson } from './errors.ts';
import type { FleetResult } from './fleet.ts';
import type { LoggedNamespaces } from './new-namespaces.ts';
import {
  type AccessRole,
  accessRole,
  type Discovery,
  discoveriesOf,
  isFleet,
  listedClusters,
  type Place,
  withAccessRole,
} from './settings/locations.ts';
import {
  type ArgocdRepository,
  type ClusterSettings,
  clusterId,
  explain,
  type SecretEntry,
  type Settings,
  storedSecretId,
  strict,
  text,
} from './settings/schema.ts';
import { coversNamespace, entriesOf, matchesAny, repositoriesOf, SUBDOMAIN } from './settings/selection.ts';

/** What to do in one run. */
export interface RunRequest {
  /** How it was started. A manual run returns its report also when it fails; the others throw, to be retried. */
  readonly origin: 'manual' | 'scheduled' | 'queued' | 'deployed' | 'logged' | 'changed';
  readonly action: Action;
  /**
   * When the run was due that this one may repeat (ms since the epoch): what was written since then is not written
   * again. Undefined where the event has no time; then everything is written.
   */
  readonly dueAt?: number | undefined;
  readonly clusters?: readonly string[] | undefined;
  readonly namespaces?: readonly string[] | undefined;
  /** Of a doctor: a repository that has to be pullable, as `HOST/NAME`. */
  readonly repository?: string | undefined;
  /** Of a cleanup: the id of its one cluster. */
  readonly confirm?: string | undefined;
  /** Of a cleanup: the name of the only pull secret to remove. */
  readonly secret?: string | undefined;
  /** Of a cleanup: also what the settings cover. */
  readonly all?: boolean | undefined;
  /** Of a cleanup: asks the server and removes nothing. Of a discover: sends no metrics. */
  readonly dryRun?: boolean | undefined;
  /** Audit records as CloudWatch Logs sends them. */
  readonly awslogs?: string | undefined;
  /** Of audit records, which may name namespaces that are not covered or deleted by now: their source, and what was left out. */
  readonly logged?: (Omit<LoggedNamespaces, 'names'> & { readonly uncovered: number }) | undefined;
  /** The ARN of a secret of Secrets Manager whose value changed. */
  readonly changed?: string | undefined;
  /** Of a summarize: the results of the items of a fleet. */
  readonly results?: readonly FleetResult[] | undefined;
}

/** A cluster of a run, and the entries of the settings for it. */
export interface ClusterScope {
  readonly id: string;
  readonly cluster: ClusterSettings;
  readonly entries: readonly SecretEntry[];
  /** The secrets of Argo CD repositories. */
  readonly repositories: readonly ArgocdRepository[];
}

/** The clusters and entries of a run. */
export interface Scope {
  readonly clusters: readonly ClusterScope[];
  /** Those of all clusters, each once; with the secrets of Argo CD repositories. */
  readonly entries: readonly SecretEntry[];
}

export type Action = (typeof ACTIONS)[number];
export const ACTIONS = ['refresh', 'plan', 'status', 'doctor', 'cleanup', 'discover', 'summarize'] as const;

/** A year outside of these is a typo. */
const [EARLIEST, LATEST] = [Date.UTC(2020), Date.UTC(2100)];
const CLUSTER = /^(arn:[a-z-]+:eks:[a-z0-9-]+:\d{12}:cluster\/)?[\w.-]{1,253}$/;
const names = (pattern: RegExp, what: string) => z.array(text(pattern, what)).min(1).max(100).optional();
const narrowing = {
  clusters: names(CLUSTER, 'a cluster id'),
  // it becomes part of URL paths
  namespaces: names(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a namespace name'),
};
/** Of a refresh alone: the state machine of a fleet sends the start of its execution. */
const startedAt = z.iso
  .datetime({ error: notATime, abort: true })
  .refine((text) => Date.parse(text) >= EARLIEST && Date.parse(text) < LATEST, { error: notATime })
  .optional();
/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html */
const REPOSITORY = /^[a-z0-9.-]{1,253}(?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)+$/;
const chosenAction = z.object({
  action: z
    .enum(ACTIONS, {
      error: (issue) =>
        `unknown action ${JSON.stringify(issue.input)}; expected one of ${ACTIONS.join(', ')}`,
    })
    .default('refresh'),
});
const usual = strict({ ...chosenAction.shape, ...narrowing });
/** By their action. */
export const manualEvents: Record<Action, z.ZodType<Omit<RunRequest, 'origin'>>> = {
  refresh: strict({ ...usual.shape, startedAt }).transform(({ startedAt: start, ...refresh }) => ({
    ...refresh,
    ...dueAt(start),
  })),
  plan: usual,
  status: usual,
  doctor: strict({
    ...usual.shape,
    repository: text(
      REPOSITORY,
      'a repository such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app',
    ).optional(),
  }),
  cleanup: strict({
    ...usual.shape,
    confirm: text(CLUSTER, 'a cluster id').optional(),
    secret: text(SUBDOMAIN, 'the name of a pull secret').optional(),
    all: z.boolean().optional(),
    dryRun: z.boolean().optional(),
  }),
  discover: strict({ ...chosenAction.shape, dryRun: z.boolean().optional() }),
  summarize: strict({
    ...chosenAction.shape,
    results: z.array(strict({ id: z.string(), ok: z.boolean(), reason: z.string().optional() })),
  }),
};

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html */
export const scheduledEvent = z.object({
  source: z.literal('aws.events'),
  'detail-type': z.literal('Scheduled Event'),
  time: z.iso.datetime().optional().catch(undefined),
});
/** https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html */
export const changedEvent = z.object({
  source: z.literal('aws.secretsmanager'),
  'detail-type': z.literal('Secret Label Updated'),
  resources: z.tuple([
    z
      .string()
      .regex(/^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]{1,512}-[A-Za-z0-9]{6}$/),
  ]),
  detail: z.object({ labelUpdated: z.literal('AWSCURRENT') }),
});
export const queuedEvent = z.object({
  Records: z.array(z.object({ eventSource: z.literal('aws:sqs'), body: z.string() })),
});
export const logsEvent = strict({ awslogs: strict({ data: z.string() }) });
/** https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
export const failedRun = z.object({
  requestPayload: z.unknown(),
  timestamp: z.iso.datetime().optional().catch(undefined),
});

/**
 * Reads the event of an invocation: nothing or a manual event, EventBridge's scheduled event, the event of a stored
 * secret that changed, a batch of audit records, or the queued record of an asynchronous run that failed (whose
 * `requestPayload` is read in turn).
 * @throws EventError for any other, naming the field and what is allowed
 */
export function readEvent(event: unknown): RunRequest {
  const scheduled = scheduledEvent.safeParse(event);
  if (scheduled.success) return { origin: 'scheduled', action: 'refresh', ...dueAt(scheduled.data.time) };
  const change = changedEvent.safeParse(event);
  // without the time of the event: a run in progress may have read the value before, and written it since
  if (change.success) return { origin: 'changed', action: 'refresh', changed: change.data.resources[0] };
  const queued = queuedEvent.safeParse(event);
  if (queued.success) return readQueued(queued.data.Records);
  const logs = logsEvent.safeParse(event);
  if (logs.success) return { origin: 'logged', action: 'refresh', awslogs: logs.data.awslogs.data };
  const chosen = chosenAction.safeParse(event ?? {});
  if (!chosen.success) throw new EventError(explain(chosen.error));
  const manual = manualEvents[chosen.data.action].safeParse(event ?? {});
  if (!manual.success) throw new EventError(explain(manual.error));
  return { origin: 'manual', ...manual.data };
}

/** The fields of events that AWS services and the state machine of a fleet send, which retry a run that throws. */
const OF_SERVICES = ['Records', 'awslogs', 'source', 'startedAt', 'results'];

/** Whether a person sent an event, who waits for the answer. */
export function isManual(event: unknown): boolean {
  return !OF_SERVICES.some((field) => Object.hasOwn(Object(event), field));
}

function dueAt(time: string | undefined): Pick<RunRequest, 'dueAt'> {
  return time === undefined ? {} : { dueAt: Date.parse(time) };
}

function notATime({ input }: { readonly input?: unknown }): string {
  return `${JSON.stringify(input)} is not the start time of a run, such as 2026-11-24T08:00:00Z`;
}

function readQueued(records: { body: string }[]): RunRequest {
  const [record, ...others] = records;
  if (!record || others.length > 0)
    throw new EventError(`${records.length} queued records; expected exactly one`);
  const body = parseJson(record.body);
  if (body === undefined) throw new EventError('Records[0].body is not JSON');
  const failed = failedRun.safeParse(body);
  if (!failed.success || queuedEvent.safeParse(failed.data.requestPayload).success) {
    throw new EventError('Records[0].body is not the record of a failed run (it has no requestPayload)');
  }
  const request = readEvent(failed.data.requestPayload);
  // the others change nothing that could be missed, or, as a cleanup, nothing that should happen hours later
  if (request.action !== 'refresh') {
    throw new EventError(`Records[0].body is of a ${request.action}; only a refresh is retried`);
  }
  // the record is made after the run has failed, so by it the first retry writes everything
  return { ...dueAt(failed.data.timestamp), ...request, origin: 'queued' };
}

/**
 * Narrows the run for a secret of Secrets Manager that changed to the clusters with an entry that uses it, maybe none.
 * Any other request stays as it is.
 * @param functionArn of the function, in whose account the secrets are that the settings name without an ARN
 */
export function narrowToChanged(settings: Settings, request: RunRequest, functionArn: string): RunRequest {
  const { changed } = request;
  if (!changed) return request;
  const [, partitionName, , region, account] = functionArn.split(':');
  const home = `arn:${partitionName}:secretsmanager:${settings.region ?? region}:${account}:secret:`;
  // Secrets Manager adds a hyphen and six characters to a name
  const ids = [changed, ...(changed.startsWith(home) ? [changed.slice(home.length, -7)] : [])];
  const usesIt = ({ registries }: SecretEntry) =>
    registries.some((registry) => ids.includes(storedSecretId(registry) ?? ''));
  const clusters = listedClusters(settings).map(clusterId);
  return { ...request, clusters: clusters.filter((id) => entriesOf(settings, id).some(usesIt)) };
}

/**
 * The clusters and entries of a run; none of the steps of a fleet.
 * @throws NotCoveredError when the event names a cluster, namespace or secret that the settings do not cover; EventError and
 *   HelperError (FleetEventError, CleanupOffError) when it does not say what it has to
 */
export function resolveScope(settings: Settings, request: RunRequest): Scope {
  const { action, namespaces, secret } = request;
  if (action === 'discover' || action === 'summarize') return { clusters: [], entries: [] };
  const isCleanup = action === 'cleanup';
  const chosen = isCleanup ? [confirmedCluster(settings, request)] : chosenClusters(settings, request);
  const all = chosen.map((cluster) => {
    const id = clusterId(cluster);
    return { id, cluster, entries: entriesOf(settings, id), repositories: repositoriesOf(settings, id) };
  });
  if (isCleanup) return toScope(secret === undefined ? all : all.map((one) => narrowToSecret(one, secret)));
  if (!namespaces) return toScope(all);
  const isNamed = (entry: SecretEntry) => namespaces.some((name) => coversNamespace(entry, name));
  const covering = all.map(({ entries, repositories, ...one }) => ({
    ...one,
    entries: entries.filter(isNamed),
    // a namespace that was just made has no such secret yet: the next run fills it in
    repositories: request.logged ? [] : repositories.filter(isNamed),
  }));
  for (const name of namespaces) {
    if (allEntries(covering).some((entry) => coversNamespace(entry, name))) continue;
    const globs = allEntries(all).map((entry) => entry.namespaces.include.join(', '));
    throw new NotCoveredError('namespace', name, `covered are ${globs.join('; ')}, less what they exclude`);
  }
  return toScope(covering);
}

function narrowToSecret(scope: ClusterScope, secret: string): ClusterScope {
  const entries = scope.entries.filter((entry) => entry.name === secret);
  if (entries.length > 0) return { ...scope, entries };
  const names = new Set(scope.entries.map(({ name }) => name));
  throw new NotCoveredError('secret', secret, `covered are ${[...names].join(', ')}`);
}

function toScope(clusters: readonly ClusterScope[]): Scope {
  return { clusters, entries: [...new Set(allEntries(clusters))] };
}

function allEntries(clusters: readonly ClusterScope[]): SecretEntry[] {
  return clusters.flatMap(({ entries, repositories }) => [...entries, ...repositories]);
}

function chosenClusters(settings: Settings, { action, clusters }: RunRequest): ClusterSettings[] {
  if (isFleet(settings) && !clusters) {
    throw new HelperError(
      'FleetEventError',
      `event: the settings are of a fleet, and a ${action} names no clusters`,
      'Start the state machine to refresh all; or name clusters, by id or ARN, in "clusters".',
    );
  }
  const named = new Map(clusters?.map((id) => [id, findCoveredCluster(settings, id)]));
  const listed = listedClusters(settings).filter((cluster) => !clusters || named.has(clusterId(cluster)));
  return [...new Set([...listed, ...named.values()])];
}

const DRY_RUN_FIRST =
  'Send { "action": "cleanup", "confirm": "ID", "dryRun": true } to see what it would remove.';

/** The one cluster of a cleanup, which the event names by `confirm`. */
function confirmedCluster(settings: Settings, { confirm, clusters = [] }: RunRequest): ClusterSettings {
  if (!settings.cleanup) {
    throw new HelperError(
      'CleanupOffError',
      'settings: cleanup is not set, so nothing may be removed',
      'Set "cleanup": true and deploy; where rbac is manual, apply the permissions of these settings as well.',
    );
  }
  const listed = listedClusters(settings);
  const cluster = confirm?.startsWith('arn:')
    ? findCoveredCluster(settings, confirm)
    : listed.find((one) => clusterId(one) === confirm);
  if (!cluster) {
    const known = listed.map(clusterId).join(', ');
    const given = confirm === undefined ? 'is missing' : `${JSON.stringify(confirm)} is not a cluster`;
    throw new EventError(`confirm ${given}; give the id of the one to clean up, of ${known}`, DRY_RUN_FIRST);
  }
  const other = clusters.find((one) => one !== confirm);
  if (other === undefined) return cluster;
  throw new EventError(
    `clusters names ${JSON.stringify(other)} beside the confirmed ${JSON.stringify(confirm)}`,
    DRY_RUN_FIRST,
  );
}

// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html
const ARN = /^arn:([a-z-]+):eks:([a-z0-9-]+):(\d{12}):cluster\/([0-9A-Za-z][\w-]{0,99})$/;

/**
 * The cluster that an event names: a listed one by its id, or by its ARN one that a `discover` of the settings
 * covers. Where that requires a tag, it goes with the cluster, to be checked when EKS describes it.
 * @throws NotCoveredError naming what does not fit
 */
export function findCoveredCluster(settings: Settings, id: string): ClusterSettings {
  const listed = listedClusters(settings);
  const known = listed.find((cluster) => clusterId(cluster) === id);
  if (known) return known;
  const refuse = (what: string) => new NotCoveredError('cluster', id, what);
  const [, partitionName, region = '', accountId = '', name = ''] = ARN.exec(id) ?? [];
  const discoveries = discoveriesOf(settings);
  if (discoveries.length === 0 || partitionName === undefined) {
    const byArn = discoveries.length > 0 ? ['by its ARN what a discover covers'] : [];
    throw refuse(`known are ${[...listed.map(clusterId), ...byArn].join(', ')}`);
  }
  if (partition(region).name !== partitionName) throw refuse(`${region} is not in ${partitionName}`);
  const own = settings.accountId ?? accountId;
  const ofAccount = discoveries.filter(({ accounts = [own] }) => accounts.includes(accountId));
  if (ofAccount.length === 0) throw refuse(`no discover names the account ${accountId}`);
  const ofRegion = ofAccount.filter(({ regions }) => regions?.includes(region));
  if (ofRegion.length === 0) throw refuse(`no discover of its account names the region ${region}`);
  const covering = ofRegion.filter(({ names }) => matchesAny(names ?? ['*'], name));
  if (covering.length === 0) throw refuse(`no discover of its account and region covers the name ${name}`);
  if (entriesOf(settings, id).length + repositoriesOf(settings, id).length === 0)
    throw refuse(`no entry of secrets covers the name ${name}`);
  const tags = covering.flatMap(({ tag }) => tag ?? []);
  // one account has one role, but for a discover that names no account, which is of the function's own
  const [first] = covering.toSorted((one, other) => Number(!one.accounts) - Number(!other.accounts));
  return {
    id,
    name,
    region,
    accountId,
    ...(first && discoveryRole(settings, first, { accountId, region })),
    ...(tags.length === covering.length && { tags }),
  };
}

/** The role that a discovery uses in an account and region; undefined is the function's own. */
export function discoveryRole(
  settings: Settings,
  { roleName }: Pick<Discovery, 'roleName'>,
  { accountId, region }: { readonly accountId: string | undefined; readonly region: string },
): AccessRole | undefined {
  if (!accountId) return undefined;
  const { name } = partition(region);
  if (!roleName) return accessRole(settings, { accountId, region } satisfies Place, name);
  return { roleArn: `arn:${name}:iam::${accountId}:role/${roleName}` };
}

/**
 * The settings with all locations filled in: each discovery has its regions and, where the function's own account and
 * region are known, each listed cluster has its own and the role by which it is reached there.
 * @param region in which the function runs
 */
export function withResolvedLocations(settings: Settings, region: string): Settings {
  const own = settings.region ?? region;
  const clusters = settings.clusters.map((element) =>
    'discover' in element
      ? { ...element, discover: { ...element.discover, regions: element.discover.regions ?? [own] } }
      : withAccessRole(settings, element, partition(own).name),
  );
  return { ...settings, clusters };
}

import * as z from 'zod';
import { readLogBatch } from './audit-log.ts';
import { EventError, NotCoveredError } from './errors.ts';
import { FleetEventError } from './fleet/errors.ts';
import type { FleetResult, Unseen } from './fleet/fleet-summary.ts';
import { explain, strict, text } from './schema.ts';
import { coversNamespace, entriesOf } from './settings/coverage.ts';
import { coveredCluster } from './settings/covered-cluster.ts';
import { isFleet, listedClusters } from './settings/fleet-settings.ts';
import { type ClusterSettings, clusterId, type SecretEntry, type Settings } from './settings.ts';

/** What one run is asked to do. */
export interface Invocation {
  /** Who asked. A run that was started by hand answers also when it fails; the others throw, to be tried again. */
  readonly origin: 'manual' | 'scheduled' | 'queued' | 'deployed' | 'logged';
  readonly action: (typeof ACTIONS)[number];
  readonly clusters?: readonly string[] | undefined;
  readonly namespaces?: readonly string[] | undefined;
  /** Of a doctor: a repository that has to be pullable, as `HOST/NAME`. */
  readonly repository?: string | undefined;
  /** Of a cleanup: the id of its one cluster. */
  readonly confirm?: string | undefined;
  /** Of a cleanup: also what the settings cover. */
  readonly all?: boolean | undefined;
  /** Of a cleanup: asks the server and removes nothing. */
  readonly dryRun?: boolean | undefined;
  /** Of audit records, which may tell of namespaces that are not ours or gone by now: where they come from, what was left out. */
  readonly logged?:
    | {
        readonly owner: string;
        readonly logGroup: string;
        readonly unreadable: number;
        readonly uncovered?: number;
      }
    | undefined;
  /** Of a summarize: how the items of a fleet ended, and what its discover could not look through. */
  readonly results?: readonly FleetResult[] | undefined;
  readonly problems?: readonly Unseen[] | undefined;
}

export const ACTIONS = ['refresh', 'plan', 'status', 'doctor', 'cleanup', 'discover', 'summarize'] as const;

const CLUSTER = /^(arn:[a-z-]+:eks:[a-z0-9-]+:\d{12}:cluster\/)?[\w.-]{1,253}$/;
const names = (pattern: RegExp, what: string) => z.array(text(pattern, what)).min(1).max(100).optional();
const narrowing = {
  clusters: names(CLUSTER, 'a cluster id'),
  // it goes into paths, so it is none that leads elsewhere
  namespaces: names(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a namespace name'),
};
/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html */
const REPOSITORY = /^[a-z0-9.-]{1,253}(?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)+$/;
const chosenAction = z.object({
  action: z
    .enum(ACTIONS, {
      error: (issue) => `${JSON.stringify(issue.input)} is no action; known are ${ACTIONS.join(', ')}`,
    })
    .default('refresh'),
});
const usual = strict({ ...chosenAction.shape, ...narrowing });
const manualEvents: Record<Invocation['action'], z.ZodType<Omit<Invocation, 'origin'>>> = {
  refresh: usual,
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
    all: z.boolean().optional(),
    dryRun: z.boolean().optional(),
  }),
  discover: strict({ ...chosenAction.shape }),
  summarize: strict({
    ...chosenAction.shape,
    results: z.array(strict({ id: z.string(), ok: z.boolean(), reason: z.string().optional() })),
    // as discover answers them, with more fields than are looked at
    problems: z.array(z.object({ where: z.string(), reason: z.string() })).optional(),
  }),
};

const scheduledEvent = z.object({
  source: z.literal('aws.events'),
  'detail-type': z.literal('Scheduled Event'),
});
const queuedEvent = z.object({
  Records: z.array(z.object({ eventSource: z.literal('aws:sqs'), body: z.string() })),
});
const logsEvent = strict({ awslogs: strict({ data: z.string() }) });
const failedRun = z.object({ requestPayload: z.unknown() });

/**
 * Reads what was sent to the function: nothing or a manual event, EventBridge's scheduled event, a batch of
 * audit records, or the queued record of an asynchronous run that failed (whose `requestPayload` is read in turn).
 * @throws EventError for all else, naming the field and what is known
 */
export function readEvent(event: unknown): Invocation {
  if (scheduledEvent.safeParse(event).success) return { origin: 'scheduled', action: 'refresh' };
  const queued = queuedEvent.safeParse(event);
  if (queued.success) return readQueued(queued.data.Records);
  const logs = logsEvent.safeParse(event);
  if (logs.success) return readLogged(logs.data.awslogs.data);
  const chosen = chosenAction.safeParse(event ?? {});
  if (!chosen.success) throw new EventError(explain(chosen.error));
  const manual = manualEvents[chosen.data.action].safeParse(event ?? {});
  if (!manual.success) throw new EventError(explain(manual.error));
  return { origin: 'manual', ...manual.data };
}

function readLogged(data: string): Invocation {
  const batch = readLogBatch(data);
  if (!batch) return { origin: 'logged', action: 'refresh', clusters: [] };
  const { names: namespaces, ...logged } = batch;
  return { origin: 'logged', action: 'refresh', namespaces, logged };
}

function readQueued(records: { body: string }[]): Invocation {
  const [record, ...others] = records;
  if (!record || others.length > 0)
    throw new EventError(`${records.length} queued records; one at a time is taken`);
  let body: unknown;
  try {
    body = JSON.parse(record.body);
  } catch {
    throw new EventError('Records[0].body is not JSON');
  }
  const failed = failedRun.safeParse(body);
  if (!failed.success || queuedEvent.safeParse(failed.data.requestPayload).success) {
    throw new EventError('Records[0].body is not the record of a failed run (it has no requestPayload)');
  }
  const invocation = readEvent(failed.data.requestPayload);
  // the others change nothing that could be missed, or, as a cleanup, nothing that should come back hours later
  if (invocation.action !== 'refresh') {
    throw new EventError(`Records[0].body is of a ${invocation.action}; only a refresh is tried again`);
  }
  return { ...invocation, origin: 'queued' };
}

/**
 * The clusters of the settings that a run is about.
 * @throws NotCoveredError when the event names a cluster or namespace that the settings do not cover,
 *   FleetEventError when it names no cluster and the settings are of a fleet
 */
export function chosenClusters(
  settings: Settings,
  { action, clusters, namespaces }: Invocation,
): ClusterSettings[] {
  if (isFleet(settings) && !clusters) throw new FleetEventError(action);
  const named = new Map(clusters?.map((id) => [id, coveredCluster(settings, id)]));
  const listed = listedClusters(settings).filter((cluster) => !clusters || named.has(clusterId(cluster)));
  const chosen = [...new Set([...listed, ...named.values()])];
  const entries = chosen.flatMap((cluster) => entriesOf(settings, clusterId(cluster)));
  for (const name of namespaces ?? []) {
    if (!entries.some((entry) => coversNamespace(entry, name))) {
      const globs = entries.map((entry) => entry.namespaces.include.join(', ')).join('; ');
      throw new NotCoveredError('namespace', name, `covered are ${globs}, less what they exclude`);
    }
  }
  return chosen;
}

/** The entries of `secrets` that a run is about: meant for its clusters, and for its namespaces if it names some. */
export function chosenEntries(
  settings: Settings,
  clusters: readonly ClusterSettings[],
  { namespaces }: Invocation,
): SecretEntry[] {
  const meant = new Set(clusters.flatMap((cluster) => entriesOf(settings, clusterId(cluster))));
  return [...meant].filter((entry) => !namespaces || namespaces.some((name) => coversNamespace(entry, name)));
}

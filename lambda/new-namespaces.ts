import { gunzipSync } from 'node:zlib';
import * as z from 'zod';
import { EventError, NotCoveredError, parseJson } from './errors.ts';
import type { RunRequest } from './request.ts';
import { listedClusters } from './settings/locations.ts';
import { type ClusterSettings, clusterId, explain, isEks, type Settings } from './settings/schema.ts';
import { coversNamespace, entriesOf } from './settings/selection.ts';

/** The namespaces in a batch of audit records, and its source. */
export type LoggedNamespaces = NonNullable<ReturnType<typeof readLogBatch>>;

/** What CloudWatch Logs sends is 1 MiB of payload at most; it unpacks to some times that. */
const MOST_BYTES = 8 * 1024 * 1024;
const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const LEFT_TO_SCHEDULE =
  'The subscription of CloudWatch Logs sent this; the next scheduled run covers its namespaces.';

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html; AWS adds fields at times */
const batch = z.discriminatedUnion('messageType', [
  z.object({ messageType: z.literal('CONTROL_MESSAGE') }),
  z.object({
    messageType: z.literal('DATA_MESSAGE'),
    owner: z.string().regex(/^\d{12}$/),
    logGroup: z.string().regex(/^[\w./#-]{1,512}$/),
    logEvents: z.array(z.object({ message: z.string() })),
  }),
]);

/** https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event */
const record = z.object({
  stage: z.string(),
  verb: z.string(),
  requestURI: z.string(),
  objectRef: z
    .object({
      resource: z.string().optional(),
      apiGroup: z.string().optional(),
      subresource: z.string().optional(),
      name: z.string().optional(),
    })
    .optional(),
  responseStatus: z.object({ code: z.number().optional() }).optional(),
  responseObject: z.object({ metadata: z.object({ name: z.string().optional() }).optional() }).optional(),
});

/**
 * Reads a batch of CloudWatch Logs: JSON, gzip, base64.
 * @returns undefined for the control message of a new subscription
 * @throws EventError when it is no such batch, or unpacks to more than 8 MiB
 */
export function readLogBatch(data: string) {
  const sent = parseJson(unpacked(data));
  if (sent === undefined) throw refused('is not JSON');
  const checked = batch.safeParse(sent);
  if (!checked.success) throw refused(explain(checked.error));
  if (checked.data.messageType === 'CONTROL_MESSAGE') return undefined;
  const { owner, logGroup, logEvents } = checked.data;
  const names = logEvents.map(({ message }) => createdNamespace(message));
  return {
    /** The account of the log group. */
    owner,
    logGroup,
    /** Each once, in the order of the log. */
    names: [...new Set(names.filter((name) => typeof name === 'string'))],
    /** How many records could not be read; nothing of them is printed. */
    unreadable: names.filter((name) => name === undefined).length,
  };
}

/** The namespace whose creation an audit record reports; null for another record, undefined for one that cannot be read. */
function createdNamespace(message: string): string | null | undefined {
  const read = record.safeParse(parseJson(message));
  if (!read.success) return undefined;
  const { stage, verb, requestURI, objectRef, responseStatus, responseObject } = read.data;
  const made = responseStatus?.code === 201 && (verb === 'create' || verb === 'patch');
  if (!made || stage !== 'ResponseComplete') return null;
  if (objectRef?.resource !== 'namespaces' || objectRef.apiGroup || objectRef.subresource) return null;
  const url = URL.parse(requestURI, 'https://api');
  if (!url) return undefined;
  if (url.searchParams.has('dryRun')) return null;
  // with generateName only the answer knows the name
  const name = objectRef.name || responseObject?.metadata?.name;
  return name && NAMESPACE.test(name) ? name : undefined;
}

function unpacked(data: string): string {
  try {
    return gunzipSync(Buffer.from(data, 'base64'), { maxOutputLength: MOST_BYTES }).toString('utf8');
  } catch (fault) {
    const tooLarge = (fault as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw refused(tooLarge ? `unpacks to more than ${MOST_BYTES} bytes` : 'is not gzip in base64');
  }
}

function refused(problem: string): EventError {
  return new EventError(`awslogs.data ${problem}`, LEFT_TO_SCHEDULE);
}

/**
 * Narrows a run that audit records started to their cluster and to the namespaces that the settings cover, maybe none.
 * Any other request stays as it is.
 * @param functionArn of the function, whose account and region a subscription is bound to
 * @throws EventError for records that cannot be read; NotCoveredError when the log is not of a cluster of the settings in
 *   this account and region
 */
export function narrowToLogged(settings: Settings, request: RunRequest, functionArn: string): RunRequest {
  const { awslogs, ...rest } = request;
  if (awslogs === undefined) return request;
  const logs = readLogBatch(awslogs);
  if (!logs) return { ...rest, clusters: [] };
  const { names, ...source } = logs;
  const { owner, logGroup } = source;
  const [, , , region, account] = functionArn.split(':');
  const isHere = (cluster: ClusterSettings) =>
    !cluster.roleArn &&
    isEks(cluster) &&
    (cluster.region ?? region) === region &&
    (cluster.accountId ?? account) === account;
  const here = settings.newNamespaces ? listedClusters(settings).filter(isHere) : [];
  const clusters = here
    .filter(({ name }) => logGroup === logGroupOf(name) && owner === account)
    .map(clusterId);
  if (clusters.length === 0) {
    const known = here.map(({ name }) => logGroupOf(name)).join(', ');
    const problem = known ? `known are ${known}` : 'newNamespaces is not set';
    throw new NotCoveredError('log group', `${owner}:${logGroup}`, problem);
  }
  const entries = clusters.flatMap((id) => entriesOf(settings, id));
  const namespaces = names.filter((name) => entries.some((entry) => coversNamespace(entry, name)));
  return {
    ...rest,
    clusters: namespaces.length > 0 ? clusters : [],
    namespaces,
    logged: { ...source, uncovered: names.length - namespaces.length },
  };
}

/** The log group of a cluster's control plane: https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html */
function logGroupOf(cluster: string): string {
  return `/aws/eks/${cluster}/cluster`;
}

import { gunzipSync } from 'node:zlib';
import * as z from 'zod';
import { EventError } from './errors.ts';
import { explain } from './schema.ts';

/** The namespaces that a batch of audit records tells of, and where these come from. */
export interface LoggedNamespaces {
  /** The account of the log group. */
  readonly owner: string;
  readonly logGroup: string;
  /** Each once, in the order of the log. */
  readonly names: readonly string[];
  /** How many records could not be read; what is in them is not told. */
  readonly unreadable: number;
}

/** What CloudWatch Logs sends is 1 MiB of payload at most; it unpacks to some times that. */
const MOST_BYTES = 8 * 1024 * 1024;
const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const REMEDY = 'The subscription of CloudWatch Logs sends this; what it was about is left to the schedule.';

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
 * @returns undefined for its message that a subscription was made, which is about nothing
 * @throws EventError when it is no such batch, or unpacks to more than 8 MiB
 */
export function readLogBatch(data: string): LoggedNamespaces | undefined {
  const checked = batch.safeParse(parsed(unpacked(data)));
  if (!checked.success) throw refused(explain(checked.error));
  if (checked.data.messageType === 'CONTROL_MESSAGE') return undefined;
  const { owner, logGroup, logEvents } = checked.data;
  const names = logEvents.map(({ message }) => createdNamespace(message));
  return {
    owner,
    logGroup,
    names: [...new Set(names.filter((name) => typeof name === 'string'))],
    unreadable: names.filter((name) => name === undefined).length,
  };
}

/** The namespace that an audit record says was made; null if it is about something else, undefined if it cannot be read. */
function createdNamespace(message: string): string | null | undefined {
  const read = record.safeParse(jsonOf(message));
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

function parsed(text: string): unknown {
  const value = jsonOf(text);
  if (value === undefined) throw refused('is not JSON');
  return value;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refused(problem: string): EventError {
  return new EventError(`awslogs.data ${problem}`, { remedy: REMEDY });
}

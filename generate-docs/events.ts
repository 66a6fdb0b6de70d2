import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import * as z from 'zod';
import { HelperError } from '../lambda/errors.ts';
import {
  ACTIONS,
  type Action,
  changedEvent,
  failedRun,
  logsEvent,
  manualEvents,
  queuedEvent,
  type RunRequest,
  readEvent,
  scheduledEvent,
} from '../lambda/request.ts';
import { fieldsOf, type JsonSchema } from './json-schema.ts';
import { code, markdownPage, markdownTable, type Page } from './markdown.ts';

/** Every event that the function takes, with its fields and examples. */
export const eventsPage: Page = { file: 'docs/reference/events.md', write: writeEvents };

/** A kind of event. */
interface Kind {
  readonly heading: string;
  readonly about: string;
  readonly schema: z.ZodType;
  /** Whether an accepted event is an example of it. */
  readonly isOfIt: (request: RunRequest) => boolean;
}

const ABOUT_ACTIONS: Readonly<Record<Action, string>> = {
  refresh: 'Writes a new token to the pull secrets.',
  plan: 'Reports what a refresh would do, by dry runs on the API server. Writes nothing.',
  status: 'Reports the age and state of each pull secret, from its metadata.',
  doctor: 'Checks every step of a refresh, and reports a fix for each that fails. Writes nothing.',
  cleanup:
    'Removes the pull secrets of this deployment that the settings no longer cover, from one cluster. The settings must allow it (`"cleanup": true`).',
  discover:
    'Lists the clusters of a fleet. The state machine of a fleet sends it; by hand it shows which clusters a `discover` of the settings finds.',
  summarize: 'Ends the run of a fleet: fails if a cluster failed. The state machine of a fleet sends it.',
};

/** The events that AWS services send. */
const OF_AWS: readonly Kind[] = [
  {
    heading: 'Schedule',
    about:
      'The EventBridge rule sends it: a refresh of everything. A failed run throws, and Lambda and the queue retry it.',
    schema: scheduledEvent,
    isOfIt: ({ origin }) => origin === 'scheduled',
  },
  {
    heading: 'Failed run from the queue',
    about:
      'The SQS queue sends the record of a failed run half an hour after it. The function reads `requestPayload` of the record in turn, and retries only a refresh.',
    schema: queuedEvent,
    isOfIt: ({ origin }) => origin === 'queued',
  },
  {
    heading: 'Audit records from CloudWatch Logs',
    about:
      'With `"newNamespaces": "audit-log"`, the subscription of the cluster\'s log group sends the records of new namespaces: a refresh of these namespaces.',
    schema: logsEvent,
    isOfIt: ({ origin }) => origin === 'logged',
  },
  {
    heading: 'Changed secret in Secrets Manager',
    about:
      'With `"storedChanges": true`, an EventBridge rule sends it when the value of a stored secret changes: a refresh of the clusters with an entry that uses it.',
    schema: changedEvent,
    isOfIt: ({ origin }) => origin === 'changed',
  },
];

/** What each field means, by its path; where it means something else in one action, with that before it. */
export const DESCRIPTIONS: Readonly<Record<string, string>> = {
  action: 'What to do.',
  clusters: 'Ids of clusters of the settings, or ARNs of clusters that a `discover` covers. Default: all.',
  namespaces: 'Namespaces that the settings cover. Default: all.',
  'cleanup.clusters': 'No other than the one of `confirm`.',
  'cleanup.namespaces': 'Namespaces to clean up, also those that the settings no longer cover. Default: all.',
  startedAt:
    'When the run was due. The function does not write again what it wrote since then; a time more than 11 hours ago counts for nothing. The state machine of a fleet sends it.',
  repository: 'Repository that must be pullable with the token, as `HOST/NAME`.',
  confirm: 'Required: the id of the one cluster to clean up.',
  secret: 'Name of the only pull secret to remove. Default: those of all entries.',
  all: 'Also removes the secrets that the settings cover; the next refresh creates them again. Default: `false`.',
  dryRun: 'Asks the API server, and removes nothing. Default: `false`.',
  results: 'Required: the results of the runs of a fleet, one a cluster.',
  'results[].id': 'Id or ARN of the cluster.',
  'results[].ok': 'Whether the refresh of the cluster succeeded.',
  'results[].reason': 'Why it failed.',
  source: 'The service that sends the event.',
  'detail-type': 'The kind of event.',
  time: 'When the run was due: retries do not write again what the run wrote since then.',
  Records: 'Exactly one record.',
  'Records[].eventSource': 'The service that sends the record.',
  'Records[].body': 'JSON text: the record of the failed run, with the fields below.',
  requestPayload: 'The event of the failed run: any of the others on this page.',
  timestamp: 'When the run had failed. Counts as `startedAt` where the event has no time of its own.',
  awslogs: 'The batch, as CloudWatch Logs sends it.',
  'awslogs.data': 'Base64 of gzip of JSON: the records of the audit log.',
  resources: 'The ARN of the secret.',
  detail: 'What changed.',
  'detail.labelUpdated': 'The staging label that moved to another version.',
};

/** The schemas of all events, and of the record in a queued one. */
export const EVENT_SCHEMAS: readonly z.ZodType[] = [
  ...Object.values(manualEvents),
  ...OF_AWS.map(({ schema }) => schema),
  failedRun,
];

/** The fields of an event that the function reads. */
export function eventFields(schema: z.ZodType): ReturnType<typeof fieldsOf> {
  return fieldsOf(z.toJSONSchema(schema, { io: 'input' }) as JsonSchema);
}

/** What a string of a pattern must be, as the function's own message says it; empty for others. */
function requirement(schema: z.ZodType, path: string, { type }: JsonSchema): string {
  const unlikely = '\u0000';
  const checked = schema.safeParse({ [path]: type === 'array' ? [unlikely] : unlikely });
  const issue = checked.error?.issues.find((one) => one.path[0] === path);
  return / is not (.+)$/.exec(issue?.message ?? '')?.[1] ?? '';
}

interface Bounds extends JsonSchema {
  readonly minItems?: number;
  readonly maxItems?: number;
}

function typeName({
  type,
  const: only,
  items,
  format,
  minItems,
  maxItems,
}: Bounds & { format?: string }): string {
  if (only !== undefined) return code(JSON.stringify(only));
  if (format === 'date-time') return 'time in UTC (ISO 8601)';
  if (type === undefined) return 'any';
  if (type !== 'array') return type;
  const bounds = maxItems === undefined ? '' : ` of ${[...new Set([minItems, maxItems])].join(' to ')}`;
  return `list${bounds || ' of'} ${items?.type ?? 'string'}${maxItems === 1 ? '' : 's'}`;
}

/** @param action where the event names it */
function fieldTable(schema: z.ZodType, action?: Action): string {
  const rows = eventFields(schema).map(({ path, field }) => {
    const isAction = path === 'action';
    const allowed = isAction || field.const ? '' : requirement(schema, path, field);
    const type = isAction ? code(`"${action}"`) : typeName(field);
    const isDefault = isAction && action === 'refresh';
    return [
      code(path),
      `${type}${allowed && `: ${allowed}`}`,
      `${DESCRIPTIONS[`${action}.${path}`] ?? DESCRIPTIONS[path]}${isDefault ? ' Default: `"refresh"`, so `{}` refreshes everything.' : ''}`,
    ];
  });
  return markdownTable(['Field', 'Type', 'Description'], rows);
}

/** A file of test/events, and what the function makes of it. */
interface Example {
  readonly file: string;
  readonly text: string;
  readonly request?: RunRequest;
  readonly error?: HelperError;
}

function readExample(file: string): Example {
  const text = readFileSync(file, 'utf8').trim();
  try {
    return { file, text, request: readEvent(JSON.parse(text)) };
  } catch (error) {
    if (!(error instanceof HelperError)) throw error;
    return { file, text, error };
  }
}

/** Of events that no settings would accept; the names of the files say it. */
const UNACCEPTABLE = /-not-covered$|-without-|-foreign-/;

function writeEvents(): string {
  const examples = globSync('test/events/*.json').toSorted().map(readExample);
  const printExamples = (isOfIt: Kind['isOfIt']) =>
    examples
      .filter(
        ({ file, request }) => request && isOfIt(request) && !UNACCEPTABLE.test(basename(file, '.json')),
      )
      .map(({ file, text }) => `${code(file)}:\n\n\`\`\`json\n${text}\n\`\`\``);
  return markdownPage(
    '# Events',
    '<!-- Written by `npm run docs:reference`. -->',
    'What the function takes as the event of an invocation. It rejects any other with an `EventError`, which names the field and what is allowed, before anything is read or written. A person who sends it gets `{ "ok": false, "error": { "code", "reason", "remedy" } }`: that is no failed run, and starts no alarm. A wrong event of a schedule, a queue or a state machine makes the run fail. What the function returns: [reports](report.md).',
    '## Manual actions',
    'You send these, by the [command line](cli.md) or any other client of AWS Lambda. The function returns the report also when the run failed, and rejects fields that are not listed here.',
    ...ACTIONS.flatMap((action) => [
      `### ${action}`,
      ABOUT_ACTIONS[action],
      fieldTable(manualEvents[action], action),
      ...printExamples((request) => request.origin === 'manual' && request.action === action),
    ]),
    '## Events of AWS services',
    'The function reads these fields, and ignores the others.',
    ...OF_AWS.flatMap(({ heading, about, schema, isOfIt }) => [
      `### ${heading}`,
      about,
      fieldTable(schema),
      ...(schema === queuedEvent ? ['In `Records[].body`:', fieldTable(failedRun)] : []),
      ...printExamples(isOfIt).slice(0, 1),
    ]),
    '## Rejected events',
    markdownTable(
      ['File', 'Error'],
      examples.flatMap(({ file, error }) => (error ? [[code(file), code(error.problem)]] : [])),
    ),
  );
}

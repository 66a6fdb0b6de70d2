import { stripVTControlCharacters, styleText } from 'node:util';
import { terminalColumns } from 'terminal-columns';
import type { CleanupReport } from '../cleanup.ts';
import type { DoctorReport, Finding } from '../doctor/report.ts';
import { type DiscoveryReport, type FleetSummary, fleetFailedError } from '../fleet.ts';
import type { Answer } from '../handler.ts';
import { type Problem, policyProblems, type Report } from '../refresh/report.ts';
import { withResolvedLocations } from '../request.ts';
import { discoveriesOf, homeOf, listedClusters } from '../settings/locations.ts';
import { clusterId, type RegistrySettings, type Settings } from '../settings/schema.ts';
import { type ClusterStatus, CONDITIONS, type Condition, type StatusReport } from '../status.ts';

/** The report of a refresh or plan, for people. */
export function refreshView(report: Report): string {
  const { ok, action, startedAt, durationMs, secrets, clusters } = report;
  const problems = problemsOf(report);
  const policyWarning = policyProblems(report);
  const linked = clusters.filter((cluster) => cluster.linked);
  return paragraphs(
    `${verdict(ok)}: ${action === 'plan' ? 'plan (nothing was written)' : 'refresh'}, in ${duration(durationMs)}`,
    table(
      ['SECRET', 'TOKEN EXPIRES', 'REGISTRIES'],
      secrets.map(({ name, expiresAt, registries }) => [
        name,
        until(expiresAt, startedAt),
        registries.join(', ') || '-',
      ]),
    ),
    table(
      ['CLUSTER', 'CREATED', 'REFRESHED', 'UNCHANGED', 'SKIPPED', 'BLOCKED', 'FAILED', 'TOOK'],
      clusters.map((cluster) => [
        cluster.id,
        ...[cluster.created, cluster.refreshed, cluster.unchanged, cluster.skipped].map(String),
        count(cluster.blocked, 'yellow'),
        count(cluster.failed, 'red'),
        duration(cluster.durationMs),
      ]),
    ),
    linked.map((cluster) => `${cluster.linked} service accounts got a secret in ${cluster.id}`).join('\n'),
    table(
      ['CLUSTER', 'NAMESPACE', 'SECRET', 'OUTCOME', 'REASON'],
      problems.map(({ cluster, namespace, secret, outcome, reason }) => [
        cluster,
        namespace,
        secret,
        paint(outcome === 'failed' ? 'red' : 'yellow', outcome),
        reason,
      ]),
    ),
    clusters
      .flatMap(({ id, moreProblems }) => (moreProblems ? [`and ${moreProblems} more in ${id}`] : []))
      .join('\n'),
    policyWarning && `${paint('yellow', 'warning')}: ${policyWarning}`,
    remedies([
      ...problems,
      ...clusters.map(({ id, policy }) => ({ about: `cluster ${id}`, remedy: policy?.remedy })),
    ]),
  );
}

interface Row extends Problem {
  readonly cluster: string;
  /** What its remedy is for. */
  readonly about: string;
}

/** The problems of whole entries and clusters first; a problem of an entry's registries is listed once. */
function problemsOf({ secrets, clusters }: Report): Row[] {
  const whole = { cluster: '-', namespace: '-', secret: '-', outcome: 'failed' } as const;
  const unread = new Set(secrets.filter(({ error }) => error).map(({ name }) => name));
  return [
    ...secrets.flatMap(({ name, error }) =>
      error ? [{ ...whole, secret: name, about: `secret ${name}`, ...error }] : [],
    ),
    ...clusters.flatMap(({ id, error }) =>
      error ? [{ ...whole, cluster: id, about: `cluster ${id}`, ...error }] : [],
    ),
    ...clusters.flatMap(({ id, problems }) =>
      problems
        .filter(({ namespace, secret }) => namespace !== '*' || !unread.has(secret))
        .map((problem) => {
          const { namespace, secret } = problem;
          return { cluster: id, about: namespace === '*' ? `secret ${secret}` : namespace, ...problem };
        }),
    ),
  ];
}

/** The report of any action as tables, for people; coloured if stdout supports it. */
export function answerView(answer: Answer): string {
  switch (answer.action) {
    case 'status':
      return statusView(answer);
    case 'doctor':
      return doctorView(answer);
    case 'cleanup':
      return cleanupView(answer);
    case 'discover':
      return discoveryView(answer);
    case 'summarize':
      return fleetView(answer);
    default:
      return refreshView(answer);
  }
}

/** The report of a cleanup, for people. */
export function cleanupView(report: CleanupReport): string {
  const { ok, cluster, dryRun, durationMs, removed, kept, ignored, failed, removals, moreRemovals, error } =
    report;
  const gone = dryRun ? 'would be removed' : 'removed';
  const outcomes = { removed: gone, kept: paint('yellow', 'kept'), failed: paint('red', 'failed') };
  return paragraphs(
    `${verdict(ok)}: cleanup of ${cluster}${dryRun ? ' (dry run)' : ''}, in ${duration(durationMs)}`,
    `${removed} ${gone}, ${kept} kept, ${ignored} ignored, ${count(failed, 'red')} failed`,
    error ? `${paint('red', 'failed')}: ${error.reason}` : '',
    table(
      ['NAMESPACE', 'OBJECT', 'OUTCOME', 'REASON'],
      removals.map(({ namespace, object, outcome, reason }) => [
        namespace,
        object,
        outcomes[outcome],
        reason ?? '',
      ]),
    ),
    moreRemovals ? `and ${moreRemovals} more` : '',
    remedies([
      ...removals.map(({ namespace, remedy }) => ({ about: namespace, remedy })),
      ...(error ? [{ about: `cluster ${cluster}`, remedy: error.remedy }] : []),
    ]),
  );
}

/** The clusters that a discover found, for people. */
export function discoveryView({ ok, durationMs, items, problems, moreProblems }: DiscoveryReport): string {
  return paragraphs(
    `${verdict(ok)}: discover, ${items.length} clusters, in ${duration(durationMs)}`,
    table(
      ['CLUSTER'],
      items.map(({ clusters }) => [...clusters]),
    ),
    table(
      ['WHERE', 'PROBLEM'],
      problems.map(({ where, reason }) => [where, reason]),
    ),
    moreProblems ? `and ${moreProblems} more` : '',
    remedies(problems.map(({ where, remedy }) => ({ about: where, remedy }))),
  );
}

const RESULT_STYLES: Readonly<Record<Finding['result'], Style>> = {
  pass: 'green',
  fail: 'red',
  unknown: 'yellow',
};

/** The report of a doctor, for people. */
export function doctorView({ ok, durationMs, identity, findings }: DoctorReport, command = 'doctor'): string {
  return paragraphs(
    `${verdict(ok)}: ${command}, in ${duration(durationMs)}${identity ? `, as ${identity}` : ''}`,
    table(
      ['RESULT', 'CHECK', 'OBJECT', 'DETAILS'],
      findings.map(({ result, step, object, reason }) => [
        paint(RESULT_STYLES[result], result),
        step,
        object,
        reason ?? '',
      ]),
    ),
    remedies(findings.map(({ object, remedy }) => ({ about: object, remedy }))),
  );
}

const UNITS = [
  ['d', 86_400_000, 2],
  ['h', 3_600_000, 1],
  ['min', 60_000, 1],
  ['s', 1_000, 1],
] as const;

/** A span of time as a person says it, in the largest unit of which there is enough: `850 ms`, `12 s`, `11.5 h`, `3 d`. */
export function duration(ms: number): string {
  for (const [unit, size, least] of UNITS) {
    if (ms >= size * least) return `${Math.floor((ms / size) * 10) / 10} ${unit}`;
  }
  return `${Math.max(0, Math.round(ms))} ms`;
}

/** How long before `at` (both ISO 8601) something was; `-` where it is not known. */
export function since(then: string | undefined, at: string): string {
  return then === undefined ? '-' : duration(Date.parse(at) - Date.parse(then));
}

/** How long after `at` (both ISO 8601) something ends; `-` where it is not known. */
export function until(then: string | undefined, at: string): string {
  if (then === undefined) return '-';
  const left = Date.parse(then) - Date.parse(at);
  return left > 0 ? `in ${duration(left)}` : `${duration(-left)} ago`;
}

/** The result of a fleet's run, for people. */
export function fleetView(summary: FleetSummary): string {
  const text = summary.ok ? `${summary.clusters} clusters were refreshed` : fleetFailedError(summary).problem;
  return `${verdict(summary.ok)}: ${text}`;
}

/** What checked settings mean, for people. */
export function settingsView(settings: Settings, bytes: number, most: number): string {
  const { name, schedule, enabled, concurrency, cleanup } = settings;
  const placed = withResolvedLocations(settings, 'own');
  return paragraphs(
    `ok: ${name}, ${schedule}${enabled ? '' : ' (not enabled)'}, ${concurrency} writes at once, cleanup ${cleanup ? 'allowed' : 'off'}; ${bytes} of ${most} bytes`,
    table(
      ['CLUSTER', 'NAME', 'REGION', 'ACCOUNT', 'RBAC', 'ROLE'],
      listedClusters(placed).map((cluster) => [
        clusterId(cluster),
        cluster.name,
        cluster.region ?? 'own',
        cluster.accountId ?? cluster.roleArn?.split(':')[4] ?? 'own',
        cluster.rbac ?? 'apply where the stack can',
        cluster.roleArn ?? "the function's",
      ]),
    ),
    table(
      ['DISCOVER', 'TAG', 'REGIONS', 'ACCOUNTS', 'ROLE'],
      discoveriesOf(placed).map(({ names = ['*'], tag, regions = ['own'], accounts = ['own'], roleName }) => [
        names.join(', '),
        tag ? `${tag.key}=${tag.value}` : '',
        regions.join(', '),
        accounts.join(', '),
        roleName ?? (homeOf(settings) ? 'of its access stack' : "the function's"),
      ]),
    ),
    table(
      ['SECRET', 'CLUSTERS', 'SERVICE ACCOUNTS', 'REGISTRIES', 'NAMESPACES'],
      settings.secrets.map(({ name: secret, clusters, serviceAccounts, registries, namespaces }) => [
        secret,
        clusters.join(', '),
        serviceAccounts.join(', ') || '-',
        registries.map(registryName).join(', '),
        [
          namespaces.include.join(', '),
          ...(namespaces.exclude.length > 0 ? [`without ${namespaces.exclude.join(', ')}`] : []),
          ...(namespaces.selector ? [`labelled ${namespaces.selector}`] : []),
        ].join('; '),
      ]),
    ),
  );
}

function registryName(registry: RegistrySettings): string {
  if (registry.type === 'stored') return `stored ${registry.secretId}`;
  if (registry.type === 'ecr-public') return 'ECR Public';
  const { accountId = 'own account', region = 'own region', repositories } = registry;
  return `ecr ${accountId} ${region} (${repositories.join(', ')})`;
}

const CONDITION_STYLES: Readonly<Record<Condition, Style>> = {
  missing: 'red',
  expired: 'red',
  stale: 'yellow',
  blocked: 'yellow',
  foreign: 'yellow',
  fresh: 'green',
  skipped: 'dim',
};

/** More would scroll the worst, which are first, out of sight. */
const MOST_ROWS = 100;

/** The report of a status, for people: the worst secrets of each cluster first. */
export function statusView({ ok, startedAt, durationMs, clusters }: StatusReport): string {
  return paragraphs(
    `${verdict(ok)}: status, in ${duration(durationMs)}`,
    ...clusters.map((cluster) => clusterView(cluster, startedAt)),
  );
}

function clusterView(cluster: ClusterStatus, at: string): string {
  const { id, counts, secrets, moreSecrets = 0, error } = cluster;
  const more = moreSecrets + Math.max(0, secrets.length - MOST_ROWS);
  const counted = CONDITIONS.filter((condition) => counts[condition] > 0).map((condition) =>
    paint(CONDITION_STYLES[condition], `${counts[condition]} ${condition}`),
  );
  const rows = secrets
    .slice(0, MOST_ROWS)
    .map(({ namespace, secret, condition, fetchedAt, expiresAt, reason }) => [
      namespace,
      secret,
      paint(CONDITION_STYLES[condition], condition),
      since(fetchedAt, at),
      until(expiresAt, at),
      reason ?? '',
    ]);
  return [
    `cluster ${id}: ${[...counted, ...(error ? [`${paint('red', 'failed')}: ${error.reason}`] : [])].join(', ')}`,
    table(['NAMESPACE', 'SECRET', 'STATE', 'AGE', 'EXPIRES', 'REASON'], rows),
    more > 0
      ? `and ${more} more: --namespaces narrows it, --json shows ${moreSecrets > 0 ? secrets.length : 'all'}`
      : '',
    remedies([
      ...secrets.map(({ namespace, remedy }) => ({ about: namespace, remedy })),
      ...(error ? [{ about: `cluster ${id}`, remedy: error.remedy }] : []),
    ]),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** How a text looks on a terminal: a colour, or `bold`. */
export type Style = Parameters<typeof styleText>[0];

const MOST_NAMED = 3;

/** Colours a text of stdout, if that is a terminal or FORCE_COLOR says so, and NO_COLOR does not speak against it. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/**
 * Rows in columns as wide as they need; on a terminal the last, and those of long texts, share what is left and are
 * wrapped. A column without content falls away.
 * @param width of the terminal in characters; none, or 0, where it is not known
 * @returns lines without a trailing line break; '' without rows
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined = process.stdout.columns,
): string {
  const filled = header.flatMap((_, at) => (rows.some((row) => row[at]) ? [at] : []));
  const lines = [header.map((title) => paint('bold', title)), ...rows];
  const cells = lines.map((line) => filled.map((at) => line[at] ?? ''));
  const columns = filled.map((_, at) => {
    const isLast = at === filled.length - 1;
    const natural = Math.max(...cells.map((line) => stripVTControlCharacters(line[at] ?? '').length));
    const isWrapped = width && (isLast || natural > width / 3);
    return { width: isWrapped ? 'auto' : 'content-width', paddingRight: isLast ? 0 : 2 };
  });
  const drawn = terminalColumns(cells, { stdoutColumns: width || Number.POSITIVE_INFINITY, columns });
  const shown = drawn.split('\n').map((line) => line.trimEnd());
  return shown.filter((line) => line !== '').join('\n');
}

/** Paragraphs with an empty line between them; empty ones fall away. */
export function paragraphs(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}

/** What to do about problems: each remedy once, with the first of what it is for. */
export function remedies(
  problems: readonly { readonly about: string; readonly remedy?: string | undefined }[],
): string {
  const remedied = problems.flatMap(({ about, remedy }) => (remedy ? [{ about, remedy }] : []));
  const lines = [...Map.groupBy(remedied, ({ remedy }) => remedy)].map(([remedy, same]) => {
    const objects = [...new Set(same.map(({ about }) => about))];
    const more = objects.length - MOST_NAMED;
    const named = `${objects.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    return `-> ${named}: ${remedy}`;
  });
  return lines.join('\n');
}

/** How an answer begins. */
export function verdict(ok: boolean): string {
  return ok ? paint('green', 'ok') : paint('red', 'not ok');
}

/** A number that is coloured once it is not 0. */
export function count(value: number, style: Style): string {
  return value > 0 ? paint(style, String(value)) : '0';
}

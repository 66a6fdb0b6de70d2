import { styleText } from 'node:util';
import { Help } from 'commander';
import { terminalColumns } from 'terminal-columns';
import type { CleanupReport } from '../cleanup.ts';
import type { DoctorReport } from '../doctor/report.ts';
import { type DiscoveryProblem, type DiscoveryReport, fleetFailedError } from '../fleet.ts';
import type { Answer } from '../handler.ts';
import type { Report, ReportedError } from '../refresh/report.ts';
import { withResolvedLocations } from '../request.ts';
import { discoveriesOf, homeOf, listedClusters } from '../settings/locations.ts';
import { clusterId, type RegistrySettings, type Settings } from '../settings/schema.ts';
import type { SecretStatus, StatusReport } from '../status.ts';

/** How a text looks on a terminal: a colour, or `bold`. */
export type Style = Parameters<typeof styleText>[0];

/** How outcomes, results and conditions look, the worst first. */
const STYLES: readonly (readonly [Style, readonly string[]])[] = [
  ['red', ['failed', 'fail', 'missing', 'expired']],
  ['yellow', ['stale', 'blocked', 'foreign', 'kept', 'unknown', 'warning']],
  ['green', ['fresh', 'pass']],
];
const KINDS = STYLES.flatMap(([, kinds]) => kinds);

/** The objects of a group that are named without `--verbose`, and the fixes of one that differ. */
const MOST_NAMED = 10;
const MOST_FIXES = 3;

/** What is wrong with one object. */
export interface Problem {
  /** Its outcome, result or condition. */
  readonly kind: string;
  readonly object: string;
  readonly reason: string;
  readonly remedy?: string | undefined;
}

export interface ViewOptions {
  /** Whether to list also what is well. */
  readonly verbose?: boolean | undefined;
  /** Which printed the report of a doctor. @default doctor */
  readonly command?: string;
}

/** The report of any action, for people: the problems, then counts; coloured if stdout supports it. */
export function answerView(answer: Answer, options: ViewOptions = {}): string {
  const { problems = [] } = answer as { readonly problems?: readonly DiscoveryProblem[] };
  const ofFleet = problems.map(({ where, ...one }) => ({ kind: 'failed', object: where, ...one }));
  return paragraphs(reportView(answer, options), problemsView(ofFleet, options));
}

function reportView(answer: Answer, options: ViewOptions): string {
  if (answer.action === 'status') return statusView(answer, options);
  if (answer.action === 'doctor') return doctorView(answer, options);
  if (answer.action === 'cleanup') return cleanupView(answer);
  if (answer.action === 'discover') return discoveryView(answer);
  if (answer.action !== 'summarize') return refreshView(answer, options);
  const result = answer.ok ? `${answer.clusters} clusters were refreshed` : fleetFailedError(answer).problem;
  return `${verdict(answer.ok)}: ${result}`;
}

/** The report of a refresh or plan. A problem of an entry's registries is listed once. */
export function refreshView(report: Report, options: ViewOptions = {}): string {
  const { ok, action, startedAt, durationMs, secrets, clusters } = report;
  const unread = new Set(secrets.filter(({ error }) => error).map(({ name }) => name));
  const problems: Problem[] = [
    ...secrets.flatMap(({ name, error }) => problemOf('failed', `secret ${name}`, error)),
    ...clusters.flatMap(({ id, error }) => problemOf('failed', `cluster ${id}`, error)),
    ...clusters.flatMap(({ id, problems: found }) =>
      found
        .filter(({ namespace, secret }) => namespace !== '*' || !unread.has(secret))
        .map(({ outcome, ...one }) => ({
          ...one,
          kind: outcome,
          object: objectOf(one, clusters.length > 1 && id),
        })),
    ),
    ...clusters.flatMap(({ id, policy }) => problemOf('warning', `cluster ${id}`, policy)),
  ];
  return paragraphs(
    `${verdict(ok)}: ${action === 'plan' ? 'plan (nothing was written)' : 'refresh'}, in ${duration(durationMs)}`,
    problemsView(problems, options),
    clusters
      .map(({ id, created, refreshed, unchanged, skipped, blocked, failed, ...cluster }) => {
        const counts = { failed, blocked, created, refreshed, unchanged, skipped };
        const linked = cluster.linked ? `; ${cluster.linked} service accounts got a secret` : '';
        const more = cluster.moreProblems ? `; ${cluster.moreProblems} problems are not listed` : '';
        return `cluster ${id}: ${countsView(counts, cluster.error)}, in ${duration(cluster.durationMs)}${linked}${more}`;
      })
      .join('\n'),
    secrets
      .filter(({ error }) => !error)
      .map(({ name, expiresAt, registries }) => {
        const expiry = expiresAt ? `expires ${until(expiresAt, startedAt)}, ` : '';
        return wrap(`secret ${name}: ${expiry}for ${registries.join(', ')}`);
      })
      .join('\n'),
  );
}

function problemOf(kind: string, object: string, { reason, remedy }: Partial<Problem> = {}): Problem[] {
  return reason ? [{ kind, object, reason, remedy }] : [];
}

/** A namespace as a problem names it: with its secret, and the id of its cluster where there are several. */
function objectOf(
  { namespace, secret }: Pick<SecretStatus, 'namespace' | 'secret'>,
  id: string | false,
): string {
  const object = namespace === '*' ? `secret ${secret}` : `${namespace}/${secret}`;
  return id ? `${object} in ${id}` : object;
}

/** The report of a cleanup. */
export function cleanupView(report: CleanupReport): string {
  const { ok, cluster, dryRun, durationMs, removed, kept, ignored, failed, removals, error } = report;
  const gone = dryRun ? 'would be removed' : 'removed';
  const problems = removals.map(({ namespace, object, outcome, reason = '', remedy }) => {
    return { kind: outcome, object: `${namespace}: ${object}`, reason, remedy };
  });
  const rows = removals.flatMap(({ namespace, object, outcome }) => {
    return outcome === 'removed' ? [[namespace, object]] : [];
  });
  return paragraphs(
    `${verdict(ok)}: cleanup of ${cluster}${dryRun ? ' (dry run)' : ''}, in ${duration(durationMs)}`,
    problemsView([
      ...problemOf('failed', `cluster ${cluster}`, error),
      ...problems.filter(({ kind }) => kind !== 'removed'),
    ]),
    table(['NAMESPACE', 'OBJECT'], rows),
    report.moreRemovals ? `and ${report.moreRemovals} more` : '',
    `${removed} ${gone}, ${kept} kept, ${ignored} ignored, ${failed} failed`,
  );
}

/** The clusters that a discover found. */
export function discoveryView({ ok, durationMs, items, moreProblems }: DiscoveryReport): string {
  return paragraphs(
    `${verdict(ok)}: discover, ${items.length} clusters, in ${duration(durationMs)}`,
    items.map(({ clusters }) => clusters.join()).join('\n'),
    moreProblems ? `and ${moreProblems} problems more than these` : '',
  );
}

/** The report of a doctor; the state of the secrets comes last. */
export function doctorView(report: DoctorReport, { verbose, command = 'doctor' }: ViewOptions = {}): string {
  const { ok, durationMs, identity, findings, secrets = [] } = report;
  const { fail = [], unknown = [], pass = [] } = Object.groupBy(findings, ({ result }) => result);
  const counts = { fail: fail.length, unknown: unknown.length, pass: pass.length };
  const passes = pass.map(({ step, object, reason, remedy }) => {
    const text = wrap(`${painted('pass')} ${step}: ${object}${reason ? `: ${reason}` : ''}`);
    return remedy ? `${text}\n${fixView(remedy)}` : text;
  });
  const problems = [...fail, ...unknown].map(({ result, step, object, reason = '', remedy }) => {
    return { kind: result, object, reason: `${step}: ${reason}`, remedy };
  });
  return paragraphs(
    wrap(`${verdict(ok)}: ${command}, in ${duration(durationMs)}${identity ? `, as ${identity}` : ''}`),
    problemsView(problems, { verbose }),
    verbose ? passes.join('\n') : '',
    `checks: ${countsView(counts)}`,
    secrets.map(({ id, counts: states }) => `secrets of cluster ${id}: ${countsView(states)}`).join('\n'),
  );
}

/** The report of a status. */
export function statusView(report: StatusReport, options: ViewOptions = {}): string {
  const { ok, startedAt, durationMs, clusters } = report;
  const problems = clusters.flatMap(({ id, error, secrets }): Problem[] => [
    ...problemOf('failed', `cluster ${id}`, error),
    ...secrets
      .filter(({ condition }) => condition !== 'fresh' && condition !== 'skipped')
      .map(({ condition, reason = '', remedy, ...one }) => ({
        kind: condition,
        object: objectOf(one, clusters.length > 1 && id),
        // the times of one run differ by minutes
        reason: reason.replace(/( \d+ h) \d+ min ago/, '$1 ago'),
        remedy,
      })),
  ]);
  return paragraphs(
    `${verdict(ok)}: status, in ${duration(durationMs)}`,
    problemsView(problems, options),
    clusters
      .map(({ id, counts, error, secrets, moreSecrets = 0 }) => {
        const rows = secrets.map(({ namespace, secret, condition, fetchedAt, expiresAt }) => {
          const age = since(fetchedAt, startedAt);
          return [namespace, secret, painted(condition), age, until(expiresAt, startedAt)];
        });
        const line = `cluster ${id}: ${countsView(counts, error)}`;
        if (!options.verbose) return line;
        const rest = moreSecrets > 0 ? `\nand ${moreSecrets} more: --namespaces narrows it` : '';
        return `${line}\n${table(['NAMESPACE', 'SECRET', 'STATE', 'AGE', 'EXPIRES'], rows)}${rest}`;
      })
      .join(options.verbose ? '\n\n' : '\n'),
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

/** What checked settings mean, for people. @param size where the function gets them from */
export function settingsView(settings: Settings, size: string): string {
  const { name, schedule, enabled, concurrency, cleanup } = settings;
  const placed = withResolvedLocations(settings, 'own');
  return paragraphs(
    `ok: ${name}, ${schedule}${enabled ? '' : ' (not enabled)'}, ${concurrency} writes at once, cleanup ${cleanup ? 'allowed' : 'off'}; ${size}`,
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

/** Colours a text of stdout, if that is a terminal or FORCE_COLOR says so, and NO_COLOR does not speak against it. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

function painted(kind: string, text = kind): string {
  const [style] = STYLES.find(([, kinds]) => kinds.includes(kind)) ?? [];
  return style ? paint(style, text) : text;
}

/** Rows in columns as wide as they need: no name is broken. A column without content falls away; '' without rows. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const filled = header.flatMap((_, at) => (rows.some((row) => row[at]) ? [at] : []));
  const lines = [header.map((title) => paint('bold', title)), ...rows];
  const columns = filled.map(() => ({ width: 'content-width' as const, paddingRight: 2 }));
  const cells = lines.map((line) => filled.map((at) => line[at] ?? ''));
  const drawn = terminalColumns(cells, { stdoutColumns: Number.POSITIVE_INFINITY, columns });
  return drawn.replaceAll(/ +$/gm, '').trimEnd();
}

/** Paragraphs with an empty line between them; empty ones fall away. */
export function paragraphs(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}

const help = Object.assign(new Help(), { minWidthToWrap: 0 });

/**
 * Wraps a text at spaces where stdout is a terminal; the lines after the first are indented by two more.
 * @param indent before the first line
 */
export function wrap(text: string, indent = '', width = process.stdout.columns): string {
  const lines = width ? help.boxWrap(text, width - indent.length - 2) : text;
  return `${indent}${lines.split('\n').join(`\n${indent}  `)}`;
}

/** A command ends a fix, or a sentence of it. */
const COMMAND = /: ((?:aws|curl|docker|eksctl|kubectl|npm|npx) .+?)(?=\. [A-Z]|\.?$)/;

/** A fix: each command has a line of its own, unwrapped, to be pasted. */
function fixView(fix: string): string {
  const lines = fix.split(COMMAND).map((part, at, parts) => {
    if (at % 2 === 1) return `     ${part}`;
    const text = part.replace(/^\.\s*/, '');
    const colon = at + 1 < parts.length ? ':' : '';
    return text && wrap(`${at === 0 ? '->' : '  '} ${text}${colon}`, '  ');
  });
  return lines.filter((line) => line !== '').join('\n');
}

/** Problems grouped by kind and reason, the worst first, with their objects; groups of one fix have it once, after the last. */
export function problemsView(problems: readonly Problem[], { verbose }: ViewOptions = {}): string {
  const sorted = problems.toSorted((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind));
  const groups = Map.groupBy(sorted, ({ kind, reason }) => `${kind} ${reason}`);
  const views = [...groups.values()].map((same) => {
    const [{ kind, reason } = { kind: '', reason: '' }] = same;
    const objects = firstOf(new Set(same.map(({ object }) => object)), verbose ? same.length : MOST_NAMED);
    const fixes = new Set(same.flatMap(({ remedy }) => remedy || []));
    const shown = [...fixes].slice(0, verbose ? fixes.size : MOST_FIXES).map(fixView);
    const more = fixes.size - shown.length;
    const rest = more > 0 ? [`  and ${more} more fixes: --verbose lists all`] : [];
    const problem = `${wrap(`${painted(kind)}: ${reason}`)}\n${wrap(objects, '  ')}`;
    return { problem, fix: [...shown, ...rest].join('\n') };
  });
  const parts = views.map(({ problem, fix }, at) =>
    fix === views[at + 1]?.fix && fix !== '' ? problem : `${problem}\n${fix && `${fix}\n`}`,
  );
  return parts.join('\n').trimEnd();
}

/** The first of some names, and how many more there are. */
function firstOf(names: ReadonlySet<string>, most: number): string {
  const more = names.size - most;
  return `${[...names].slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Counts that are not 0, such as `1 blocked, 3 fresh`, after `failed` where an error ended the work on a cluster. */
function countsView(counts: Readonly<Record<string, number>>, error?: ReportedError): string {
  const found = Object.entries(counts).filter(([, count]) => count > 0);
  const shown = found.map(([kind, count]) => painted(kind, `${count} ${kind}`));
  return [...(error ? [painted('failed')] : []), ...shown].join(', ') || 'nothing';
}

/** How an answer begins. */
export function verdict(ok: boolean): string {
  return ok ? paint('green', 'ok') : paint('red', 'not ok');
}

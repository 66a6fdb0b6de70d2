import { styleText } from 'node:util';
import { EXPIRES_AT } from '../../lambda/kubernetes/pull-secret.ts';
import type { Report } from '../../lambda/refresh/report.ts';
import type { Secret } from './kubernetes/objects.ts';
import type { KubernetesEmulator } from './kubernetes/server.ts';
import type { World } from './world.ts';

const SECRET = 'ecr-docker-creds';
const HOUR_MS = 3_600_000;

const INDENT = '   ';
/** Where a line has 80 columns with its indent. */
const LONG = /(?=.{78})(.{1,77}) /g;

/** Prints a line, indented as all but headings are, and wrapped at 80 columns. */
export function say(line = ''): void {
  process.stdout.write(`${line === '' ? '' : `${INDENT}${line.replace(LONG, `$1\n${INDENT}`)}`}\n`);
}

/** Prints the heading of one part of the tour. */
export function heading(text: string): void {
  process.stdout.write(`\n${styleText('bold', text)}\n`);
}

/** Prints rows in columns as wide as their longest cell. */
export function table(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows)
    say(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    );
}

/** Prints what each namespace holds under the pull secret's name, secrets' data left out. */
export function namespaces(
  cluster: KubernetesEmulator,
  names: readonly string[],
  notes: Record<string, string>,
): void {
  const rows = names.map((name) => {
    const secret = cluster.secret(name, SECRET);
    return [
      name,
      secret ? describe(secret) : '-',
      secret?.metadata.uid?.slice(0, 8) ?? '',
      notes[name] ?? '',
    ];
  });
  table([['NAMESPACE', SECRET, 'UID', ''], ...rows]);
}

function describe({ type, metadata }: Secret): string {
  const manager = metadata.managedFields?.at(-1)?.manager ?? 'nobody';
  const expiry = metadata.annotations?.[EXPIRES_AT];
  if (!expiry) return type === 'Opaque' ? `Opaque, by ${manager}` : `docker config, by ${manager}`;
  const hours = (Date.parse(expiry) - Date.now()) / HOUR_MS;
  return `docker config, good for ${hours.toFixed(1)} h`;
}

/** Prints the docker config of a pull secret with its passwords hidden. */
export function decoded(secret: Secret | undefined): void {
  const json = Buffer.from(secret?.data?.['.dockerconfigjson'] ?? '', 'base64').toString();
  const { auths } = JSON.parse(json) as { auths: Record<string, { auth: string }> };
  for (const [host, { auth }] of Object.entries(auths)) {
    const [user, password = ''] = Buffer.from(auth, 'base64').toString().split(/:(.*)/s);
    say(`{ "auths": { "${host}": { "auth": base64("${user}:${hidden(password)}") } } }`);
  }
}

function hidden(password: string): string {
  return `******** (${password.length} characters)`;
}

/** Prints the outcomes of a run and its problems with their remedies. */
export function outcome(report: Report, tookMs: number): void {
  for (const { error, name } of report.secrets) if (error) problem(`secret ${name}`, error);
  for (const cluster of report.clusters) {
    const { id, created, refreshed, unchanged, skipped, blocked, failed } = cluster;
    const counts = Object.entries({ created, refreshed, unchanged, skipped, blocked, failed });
    const counted = counts.filter(([, count]) => count > 0).map(([what, count]) => `${count} ${what}`);
    const isPlan = report.action === 'plan';
    const took = isPlan ? '' : `, in ${Math.round(tookMs)} ms`;
    say(
      `${report.ok ? 'ok' : 'NOT OK'}: cluster ${id}: ${isPlan ? 'would be ' : ''}${counted.join(', ')}${took}`,
    );
    for (const { namespace, outcome: what, ...rest } of cluster.problems) {
      if (namespace !== '*') problem(`${what}: namespace ${namespace}`, rest);
    }
    if (cluster.error) problem(`cluster ${id}`, cluster.error);
  }
}

function problem(where: string, { reason, remedy }: { reason: string; remedy: string }): void {
  say(`${where}: ${reason}`);
  say(`  -> ${remedy}`);
}

/** Prints the calls since the last time, by kind. */
export function calls({ aws }: World, cluster: KubernetesEmulator): void {
  const awsCalls = aws.calls.splice(0).map(({ service, operation }) => `${service} ${operation}`);
  const kubernetes = cluster.requests.splice(0).map(({ method, path }) => {
    const what = path.endsWith('/namespaces') ? 'LIST namespaces' : `${method} secret`;
    return `kubernetes ${what}`;
  });
  const counts = new Map<string, number>();
  for (const call of [...awsCalls, ...kubernetes]) counts.set(call, (counts.get(call) ?? 0) + 1);
  say(`calls: ${[...counts].map(([call, count]) => `${count} x ${call}`).join(', ')}`);
}

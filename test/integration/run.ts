import { onTestFinished } from 'vitest';
import { type Answer, handler, type InvocationContext } from '../../lambda/handler.ts';
import type { ClusterReport, Report } from '../../lambda/refresh/report.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import type { AwsOptions } from '../sandbox/aws/server.ts';
import { invocationContext, reported } from '../sandbox/bundle.ts';
import type { KubernetesEmulator } from '../sandbox/kubernetes/server.ts';
import { startWorld, type World } from '../sandbox/world.ts';
import { type Captured, captured } from './capture.ts';
import { searched } from './searched.ts';

/** The name that secrets have by default, and the namespaces that a new cluster has. */
export const SECRET = 'ecr-docker-creds';
export const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
export const SCHEDULED = { source: 'aws.events', 'detail-type': 'Scheduled Event' };
export const FUNCTION_ROLE = 'arn:aws:iam::111122223333:role/ecr-registry-helper';

/** The command of a deployment of {@link deploy} that applies its permissions. @param cluster its id */
export const applyRbac = (cluster: string) =>
  `npm run -s rbac -- -c settings=settings.json --cluster ${cluster} | kubectl apply -f -`;

/** Starts the emulators of a deployment and ends them with the test. Default: one cluster called demo. */
export async function deploy(
  settings: SettingsInput = { clusters: [{ name: 'demo' }] },
  options?: AwsOptions,
): Promise<World> {
  const world = await startWorld(settings, options);
  onTestFinished(() => world.close());
  return world;
}

/**
 * Invokes the real handler in the environment of a world; `Of` is what its action answers, and a refusal
 * is its error. A secret in what it shows fails the test.
 */
export async function invoke<Of extends Answer = Report>(
  world: Pick<World, 'env'>,
  event: unknown = {},
  context: InvocationContext = invocationContext(),
): Promise<Captured<Of>> {
  return searched(await captured(world.env, async () => reported(await handler(event, context)) as Of));
}

/** Invokes the real handler and gives back its report. Throws what it throws. */
export async function refreshed(world: World, event: unknown = {}): Promise<Report> {
  const { value, error } = await invoke(world, event);
  if (!value) throw error;
  return value;
}

/** The emulated cluster of an id of the settings. */
export function clusterOf(world: World, id = 'demo'): KubernetesEmulator {
  const cluster = world.clusters.get(id);
  if (!cluster) throw new Error(`the world has no cluster ${id}`);
  return cluster;
}

/** What a report says of one cluster; by default of its first. */
export function reportOf(report: Report, id?: string): ClusterReport {
  const found = id ? report.clusters.find((cluster) => cluster.id === id) : report.clusters[0];
  if (!found) throw new Error(`the report has no cluster ${id ?? ''}`);
  return found;
}

/** The namespaces that hold a secret, in their order. */
export function holders(cluster: KubernetesEmulator, secret = SECRET): string[] {
  const found = cluster.secrets().filter(({ metadata }) => metadata.name === secret);
  return found.map(({ metadata }) => metadata.namespace ?? '').sort();
}

/** The registry hosts of a pull secret and `user:password` of each. */
export function authsOf(
  cluster: KubernetesEmulator,
  namespace = 'default',
  secret = SECRET,
): Record<string, string> {
  const data = cluster.secret(namespace, secret)?.data?.['.dockerconfigjson'] ?? '';
  const { auths } = JSON.parse(Buffer.from(data, 'base64').toString()) as {
    auths: Record<string, { auth: string }>;
  };
  return Object.fromEntries(
    Object.entries(auths).map(([host, { auth }]) => [host, Buffer.from(auth, 'base64').toString()]),
  );
}

/** The requests that a cluster got so far, by method and path. */
export function requestsTo(cluster: KubernetesEmulator, method: string): string[] {
  return cluster.requests.filter((request) => request.method === method).map(({ path }) => path);
}

/** The paths of the writes that a cluster got so far; the dry run that tries the admission policy is none. */
export function writesTo(cluster: KubernetesEmulator): string[] {
  const writes = cluster.requests.filter(({ method, query }) => method === 'PATCH' && !query.has('dryRun'));
  return writes.map(({ path }) => path);
}

/** The JSON lines of an output: the log's and, in the embedded metric format, the metrics'. */
export function jsonLines(output: string): Record<string, unknown>[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

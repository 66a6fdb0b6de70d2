import type { Report } from '../../lambda/refresh/report.ts';
import type { World } from '../sandbox/world.ts';
import type { BrokenCluster } from './broken-clusters.ts';
import type { BrokenEntry } from './broken-entries.ts';
import type { Captured } from './capture.ts';
import type { RefusedInvocation } from './refused-invocations.ts';
import type { RefusedWrite } from './refused-writes.ts';
import { clusterOf, deploy, invoke } from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

/** Each connection costs a TLS handshake, and these runs are many. */
const sparing = { concurrency: 1 };

type Run = Captured<Report> & { readonly world: World };

/** Runs a whole refresh with a broken entry before a sound one. */
export async function runBrokenEntry({ registries, arrange }: BrokenEntry): Promise<Run> {
  const world = await deploy({
    clusters: [{ name: 'demo' }],
    secrets: [{ name: 'broken', registries }, {}],
    ...sparing,
  });
  arrange(world.aws);
  return { world, ...(await invoke(world)) };
}

/** Runs a whole refresh with a broken cluster before a sound one, without waiting for one that is away. */
export async function runBrokenCluster({ cluster, arrange, isAway }: BrokenCluster): Promise<Run> {
  const clusters = [{ name: 'broken', ...cluster }, { name: 'sound' }];
  const world = await deploy({ clusters, ...sparing });
  arrange(world);
  if (!isAway) return { world, ...(await invoke(world)) };
  return { world, ...(await refreshTimed(world, { clock: new MovedClock() })) };
}

/** Runs a whole refresh of two namespaces, of which the first is refused; waits are passed over. */
export async function runRefusedWrite({ arrange }: RefusedWrite): Promise<Run & { clock: MovedClock }> {
  const namespaces = { include: ['default', 'kube-public'] };
  const world = await deploy({ clusters: [{ name: 'demo' }], secrets: [{ namespaces }], ...sparing });
  arrange(clusterOf(world));
  const clock = new MovedClock();
  return { world, clock, ...(await refreshTimed(world, { clock })) };
}

/** Invokes the handler in an environment or with an event that it refuses. */
export async function runRefusedInvocation({ env = {}, event = {} }: RefusedInvocation): Promise<Run> {
  const world = await deploy({
    clusters: [{ name: 'demo' }],
    secrets: [{ namespaces: { include: ['kube-*'] } }, { namespaces: { include: ['default'] } }],
  });
  const all = Object.entries({ ...world.env, ...env }).filter(([, value]) => value !== undefined);
  return { world, ...(await invoke({ env: Object.fromEntries(all) as Record<string, string> }, event)) };
}

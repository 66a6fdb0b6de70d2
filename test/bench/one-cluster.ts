import { statSync } from 'node:fs';
import { runChild } from '../e2e/function/child.ts';
import { BUNDLE, type RunRequest } from '../e2e/function/invoke.ts';
import { makeNamespaces } from '../e2e/objects.ts';
import { permit } from '../e2e/rights.ts';
import { CLUSTER, startWorld, type World } from '../e2e/world.ts';
import { type Figures, judge, type Pair } from './figures.ts';
import type { RawDone, RawOrder } from './raw-loop.ts';
import { replayOf, withFreshToken } from './replay.ts';
import type { Line } from './table.ts';

/** Namespaces that a new cluster has. */
export const OF_THE_SYSTEM = 4;
const rawLoop = new URL('raw-loop.ts', import.meta.url);

export interface OneCluster {
  readonly namespaces: number;
  readonly concurrency: number;
  /** How often the two run, one right after the other. */
  readonly pairs: number;
}

/** The handler beside a raw loop that sends the same requests, on a real API server. */
export async function benchOneCluster(options: OneCluster): Promise<Line[]> {
  const { namespaces, concurrency } = options;
  // nothing that one run has compiled is there for the next
  const world = await startWorld(undefined, {});
  try {
    await permit(world.admin, { clusters: [{ name: CLUSTER }] });
    const names = Array.from({ length: namespaces - OF_THE_SYSTEM }, (_, n) => `team-${n}`);
    await makeNamespaces(world.admin, names);
    console.log(`${namespaces} namespaces, ${concurrency} writes at once, on one kube-apiserver; its etcd runs without fsync.
Each run is a fresh process that writes a fresh token to every namespace; list and all else that it does is in its time.
Requests and TLS sessions are those of a run of their own, through a proxy that counts them.
`);
    return judge(await measure(world, options));
  } finally {
    await world.stop();
  }
}

async function measure(world: World, options: OneCluster): Promise<Figures> {
  const { namespaces, concurrency, pairs } = options;
  const counted = await world.record(() => run(world, options));
  const replayed = replayOf(counted.requests);
  const of = (method: string) => counted.requests.filter((request) => request.method === method).length;
  const raw = async () => {
    const { endpoint, caPem } = world.controlPlane;
    const order = { endpoint, caPem, concurrency, ...withFreshToken(replayed) };
    const { done } = await runChild<RawOrder, RawDone>(rawLoop, order, {});
    if (done.patches !== namespaces) throw new Error(`the raw loop wrote ${done.patches} secrets`);
    return done;
  };
  const measured: (Pair & { handler: RunRequest })[] = [];
  // the first pair warms the API server up and does not count
  for (let nth = 0; nth <= pairs; nth += 1) {
    const rawFirst = nth % 2 === 0 ? await raw() : undefined;
    const handler = await run(world, options);
    const pair = { handler, raw: rawFirst ?? (await raw()) };
    if (nth > 0) measured.push(pair);
  }
  return {
    namespaces,
    concurrency,
    pairs: measured,
    patches: of('PATCH'),
    lists: of('GET'),
    tlsSessions: counted.tlsSessions,
    bundleBytes: statSync(BUNDLE).size,
    importMs: measured.map(({ handler }) => handler.importMs),
  };
}

/** One refresh of all namespaces by the bundle. */
async function run(world: World, { namespaces, concurrency }: OneCluster): Promise<RunRequest> {
  const invocation = await world.invoke({ concurrency });
  const { created = 0, refreshed = 0 } = invocation.report?.clusters[0] ?? {};
  if (created + refreshed === namespaces) return invocation;
  throw new Error(`the handler did not write every secret: ${JSON.stringify(invocation)}`);
}

import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runChild } from '../e2e/function/child.ts';
import { BUNDLE, type Invocation } from '../e2e/function/invoke.ts';
import { makeNamespaces } from '../e2e/objects.ts';
import { permit } from '../e2e/rights.ts';
import { CLUSTER, startWorld, type World } from '../e2e/world.ts';
import { type Figures, judge, type Pair, table } from './figures.ts';
import type { RawDone, RawOrder } from './raw-loop.ts';
import { replayOf, withFreshToken } from './replay.ts';

const USAGE =
  'usage: npm run bench -- [--namespaces 1000] [--concurrency 16] [--pairs 9, or 5 from 5000 namespaces]';
const OF_THE_SYSTEM = 4;
const rawLoop = new URL('raw-loop.ts', import.meta.url);

const { namespaces, concurrency, pairs } = readOptions();
// nothing that one run has compiled is there for the next
const world = await startWorld(undefined, {});
try {
  await permit(world.admin, { clusters: [{ name: CLUSTER }] });
  const names = Array.from({ length: namespaces - OF_THE_SYSTEM }, (_, n) => `team-${n}`);
  await makeNamespaces(world.admin, names);
  const lines = judge(await measure(world));
  console.log(`${namespaces} namespaces, ${concurrency} writes at once, on one kube-apiserver; its etcd runs without fsync.
Each run is a fresh process that writes a fresh token to every namespace; list and all else that it does is in its time.
Requests and TLS sessions are those of a run of their own, through a proxy that counts them.
`);
  console.log(table(lines));
  if (lines.some(({ met }) => met === false)) process.exitCode = 1;
} finally {
  await world.stop();
}

async function measure(world: World): Promise<Figures> {
  const counted = await world.record(() => run(world));
  const replayed = replayOf(counted.requests);
  const of = (method: string) => counted.requests.filter((request) => request.method === method).length;
  const raw = async () => {
    const { endpoint, caPem } = world.controlPlane;
    const order = { endpoint, caPem, concurrency, ...withFreshToken(replayed) };
    const { done } = await runChild<RawOrder, RawDone>(rawLoop, order, {});
    if (done.patches !== namespaces) throw new Error(`the raw loop wrote ${done.patches} secrets`);
    return done;
  };
  const measured: (Pair & { handler: Invocation })[] = [];
  // the first pair warms the API server up and does not count
  for (let nth = 0; nth <= pairs; nth += 1) {
    const rawFirst = nth % 2 === 0 ? await raw() : undefined;
    const handler = await run(world);
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
async function run(world: World): Promise<Invocation> {
  const invocation = await world.invoke({ concurrency });
  const { created = 0, refreshed = 0 } = invocation.report?.clusters[0] ?? {};
  if (created + refreshed === namespaces) return invocation;
  throw new Error(`the handler did not write every secret: ${JSON.stringify(invocation)}`);
}

function readOptions(): { namespaces: number; concurrency: number; pairs: number } {
  const number = (fallback: string) => ({ type: 'string', default: fallback }) as const;
  try {
    const { values } = parseArgs({
      options: { namespaces: number('1000'), concurrency: number('16'), pairs: { type: 'string' } },
    });
    const read = {
      namespaces: Number(values.namespaces),
      concurrency: Number(values.concurrency),
      pairs: Number(values.pairs ?? (Number(values.namespaces) < 5_000 ? 9 : 5)),
    };
    const isCount = (value: number) => Number.isInteger(value) && value > 0;
    if (Object.values(read).every(isCount) && read.namespaces > OF_THE_SYSTEM) return read;
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error)) throw error;
  }
  console.error(USAGE);
  return process.exit(2);
}

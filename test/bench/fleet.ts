import { runChild } from '../e2e/function/child.ts';
import type { FleetDone, FleetOrder } from './fleet-process.ts';
import { OF_THE_SYSTEM } from './one-cluster.ts';
import { columns, type Line, line, median } from './table.ts';

const SIZES = [1, 10, 100];
const NAMESPACES = 20;
/** Each costs an invocation one token. */
const REGISTRIES = [{ type: 'ecr' as const }, { type: 'ecr' as const, region: 'us-east-1' }];
const RUNS = 5;
const AT_ONCE = 8;
/** Of the time a namespace in the largest fleet to that in the second largest. */
const MOST_GROWTH = 1.5;
const fleetProcess = new URL('fleet-process.ts', import.meta.url);

/** What fleets of one size took. */
interface Measured extends FleetDone {
  readonly clusters: number;
  readonly namespaces: number;
  readonly medianMs: number;
  readonly msEach: number;
}

/** Requests and time of a fleet's run as the clusters grow, on emulators. */
export async function benchFleet(): Promise<Line[]> {
  console.log(`Fleets on emulators of AWS and of the API servers, ${NAMESPACES} namespaces a cluster, ${REGISTRIES.length} registries, ${AT_ONCE} invocations at once.
Each size is a process of its own, which holds the emulators too; times are the median of ${RUNS} runs after one that does not count.
`);
  const measured: Measured[] = [];
  for (const clusters of SIZES) measured.push(await measure(clusters));
  console.log(
    columns([
      ['clusters', 'namespaces', 'PATCH', 'lists', 'tokens', 'calls of AWS', 'a run', 'a namespace'],
      ...measured.map((fleet) => [
        ...[fleet.clusters, fleet.namespaces, fleet.patches, fleet.lists, fleet.tokens, fleet.awsCalls].map(
          String,
        ),
        `${Math.round(fleet.medianMs)} ms`,
        `${fleet.msEach.toFixed(2)} ms`,
      ]),
    ]),
  );
  console.log();
  return judge(measured);
}

async function measure(clusters: number): Promise<Measured> {
  const order = {
    clusters,
    teams: NAMESPACES - OF_THE_SYSTEM,
    registries: REGISTRIES,
    atOnce: AT_ONCE,
    runs: RUNS,
  };
  const silent = { POWERTOOLS_LOG_LEVEL: 'SILENT', POWERTOOLS_METRICS_DISABLED: 'true' };
  const { done } = await runChild<FleetOrder, FleetDone>(fleetProcess, order, silent);
  const namespaces = clusters * NAMESPACES;
  const medianMs = median(done.durationMs);
  return { ...done, clusters, namespaces, medianMs, msEach: medianMs / namespaces };
}

function judge(measured: readonly Measured[]): Line[] {
  const [middle, largest] = measured.slice(-2);
  const growth = (largest?.msEach ?? 0) / (middle?.msEach ?? 0);
  const each = (what: string, of: (fleet: Measured) => number, target: number, unit: string) => {
    const values = measured.map(of);
    const met = values.every((value) => value === target);
    return line(what, [...new Set(values)].join(' '), `${target} ${unit}`, met);
  };
  return [
    each(
      'PATCH requests, less 1 a cluster that tries the policy',
      ({ patches, clusters, namespaces }) => (patches - clusters) / namespaces,
      1,
      'a namespace',
    ),
    each('list requests', ({ lists, clusters }) => lists / clusters, 1, 'a cluster'),
    each(
      'tokens',
      ({ tokens, clusters }) => tokens / clusters / REGISTRIES.length,
      1,
      'a registry and invocation',
    ),
    line(
      `time a namespace, ${largest?.clusters} clusters to ${middle?.clusters}`,
      growth.toFixed(2),
      `at most ${MOST_GROWTH.toFixed(2)}`,
      growth <= MOST_GROWTH,
    ),
  ];
}

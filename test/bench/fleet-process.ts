import { serveOrder } from '../e2e/function/child.ts';
import { invocationContext, loadBundle, reported } from '../sandbox/bundle.ts';
import { fleetClusters, fleetSettings, roleOf } from '../sandbox/fleet-clusters.ts';
import { runFleet } from '../sandbox/fleet-run.ts';
import { startWorld, type World } from '../sandbox/world.ts';

export interface FleetOrder {
  readonly clusters: number;
  /** Namespaces in each cluster beside those of the system. */
  readonly teams: number;
  /** Of the pull secret. */
  readonly registries: readonly { readonly type: 'ecr'; readonly region?: string }[];
  /** Invocations of the function at once. */
  readonly atOnce: number;
  /** Runs of the fleet that are timed, after one that is not. */
  readonly runs: number;
}

/** Of the last run, and how long each took. */
export interface FleetDone {
  readonly patches: number;
  readonly lists: number;
  readonly tokens: number;
  readonly awsCalls: number;
  readonly durationMs: readonly number[];
}

const ACCOUNT = '444455556666';

/** A fleet, its AWS and the function in one process, so that nothing of a fleet before is warm. */
serveOrder(async ({ clusters, teams, registries, atOnce, runs }: FleetOrder): Promise<FleetDone> => {
  const { handler } = await loadBundle();
  const size = { accounts: [ACCOUNT], regions: ['eu-west-1'], each: clusters };
  const found = fleetClusters(size);
  const settings = { ...fleetSettings(size), secrets: [{ registries: [...registries] }] };
  const world = await startWorld(settings, { found });
  try {
    world.aws.addRole({ arn: roleOf(ACCOUNT), trusts: [world.aws.principal.arn] });
    for (const cluster of world.clusters.values()) {
      for (let nth = 0; nth < teams; nth += 1) cluster.addNamespace(`team-${nth}`);
    }
    Object.assign(process.env, world.env);
    const durationMs: number[] = [];
    let counted = countsOf(world);
    let before = counted;
    for (let nth = 0; nth <= runs; nth += 1) {
      before = counted;
      const began = performance.now();
      const run = await runFleet((event) => handler(event, invocationContext()).then(reported), atOnce);
      const took = performance.now() - began;
      if (run.error !== undefined) throw run.error;
      if (nth > 0) durationMs.push(took);
      counted = countsOf(world);
    }
    return {
      patches: counted.patches - before.patches,
      lists: counted.lists - before.lists,
      tokens: counted.tokens - before.tokens,
      awsCalls: counted.awsCalls - before.awsCalls,
      durationMs,
    };
  } finally {
    await world.close();
  }
});

function countsOf({ aws, clusters }: World): Omit<FleetDone, 'durationMs'> {
  const requests = [...clusters.values()].flatMap((cluster) => cluster.requests);
  return {
    patches: requests.filter(({ method }) => method === 'PATCH').length,
    lists: requests.filter(({ method }) => method === 'GET').length,
    tokens: aws.calls.filter(({ operation }) => operation === 'GetAuthorizationToken').length,
    awsCalls: aws.calls.length,
  };
}

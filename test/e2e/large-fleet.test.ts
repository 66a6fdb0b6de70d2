import { expect, it, onTestFinished } from 'vitest';
import { captured } from '../integration/capture.ts';
import { searched } from '../integration/searched.ts';
import { invocationContext, loadBundle, reported } from '../sandbox/bundle.ts';
import { type FleetSize, fleetClusters, fleetSettings, roleOf } from '../sandbox/fleet-clusters.ts';
import { runFleet } from '../sandbox/fleet-run.ts';
import { startWorld } from '../sandbox/world.ts';

const SIZE: FleetSize = {
  accounts: ['444455556666', '777788889999'],
  regions: ['eu-west-1', 'us-east-1'],
  each: 125,
};

// on emulators, for no machine here carries 500 control planes; the function is the bundle
it('500 clusters with 20 namespaces each are fresh after one run', { timeout: 300_000 }, async () => {
  const { handler } = await loadBundle();
  const found = fleetClusters(SIZE);
  const world = await startWorld({ ...fleetSettings(SIZE), concurrency: 2 }, { found });
  onTestFinished(() => world.close());
  for (const account of SIZE.accounts) {
    world.aws.addRole({ arn: roleOf(account), trusts: [world.aws.principal.arn] });
  }
  const teams = Array.from({ length: 16 }, (_, at) => `team-${at}`);
  for (const cluster of world.clusters.values()) for (const team of teams) cluster.addNamespace(team);
  const send = (event: object) => handler(event, invocationContext()).then(reported);
  const { value } = searched(await captured(world.env, () => runFleet(send, 8)));
  expect(value?.error).toBeUndefined();
  const fresh = value?.results.flatMap(({ id, ok }) => (ok ? id : []));
  expect(fresh?.sort()).toEqual(found.map(({ id }) => id).sort());
  for (const cluster of world.clusters.values()) expect(cluster.secrets()).toHaveLength(20);
  const tokens = world.aws.calls.filter(({ operation }) => operation === 'GetAuthorizationToken');
  expect(tokens).toHaveLength(500);
});

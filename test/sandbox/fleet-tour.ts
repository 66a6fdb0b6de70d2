import { invocationContext, loadBundle, reported } from './bundle.ts';
import { fleetClusters, fleetSettings, roleOf } from './fleet-clusters.ts';
import { missedBy, runFleet } from './fleet-run.ts';
import { heading, say, table } from './tour-view.ts';
import { startWorld, type World } from './world.ts';

const SIZE = {
  accounts: ['111122223333', '444455556666', '777788889999'],
  regions: ['eu-west-1', 'us-east-1'],
  each: 4,
};
const FUNCTION_ROLE = 'arn:aws:iam::111122223333:role/ecr-registry-helper';
const AT_ONCE = 5;
const DOWN = 'arn:aws:eks:us-east-1:444455556666:cluster/cluster-3';

process.env.POWERTOOLS_LOG_LEVEL = 'SILENT';
process.env.POWERTOOLS_METRICS_DISABLED = 'true';

const { handler } = await loadBundle();
const world = await startWorld(fleetSettings(SIZE), { found: fleetClusters(SIZE) });
try {
  await tour(world);
} finally {
  await world.close();
}

async function tour({ aws, clusters, env }: World): Promise<void> {
  Object.assign(process.env, env);
  for (const account of SIZE.accounts) aws.addRole({ arn: roleOf(account), trusts: [FUNCTION_ROLE] });
  clusters.get(DOWN)?.fault(() => ({ kind: 'reset', when: 'before' }));
  heading('A fleet: 3 accounts, 2 regions, 4 clusters in each, found by their tag; one of them is down');
  say('What the state machine does: discover, one invocation of the function for each cluster, summarize.');
  const run = await runFleet((event) => handler(event, invocationContext(8_000)).then(reported), AT_ONCE);
  const { items, problems } = run.discovery;
  say(`discover: ${items.length} clusters, ${problems.length} problems`);
  say();
  const rows = run.results.map(({ id, ok }) => {
    const secrets = clusters.get(id)?.secrets().length ?? 0;
    return [id, ok ? `fresh, ${secrets} secrets` : 'FAILED'];
  });
  table([['CLUSTER', 'STATE'], ...rows]);
  say();
  const summary = run.error instanceof Error ? run.error.message : 'every cluster is fresh';
  say(`summarize fails the state machine: ${summary}`);
  say();
  const missed = missedBy(run, DOWN);
  if (missed.length > 0) process.exitCode = 1;
  for (const claim of missed) say(`NO: ${claim}`);
  if (missed.length === 0) say('as it should be: one cluster is down and named, and all others are fresh');
}

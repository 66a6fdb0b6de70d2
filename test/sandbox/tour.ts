import { answerView } from '../../lambda/cli/views.ts';
import type { Report } from '../../lambda/refresh/report.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { invocationContext, loadBundle, reported } from './bundle.ts';
import { advanceMachineClock } from './machine-clock.ts';
import { calls, decoded, heading, namespaces, outcome, say } from './tour-view.ts';
import { startWorld, type World } from './world.ts';

const SECRET = 'ecr-docker-creds';
const SETTINGS: SettingsInput = { clusters: [{ name: 'demo' }] };
const HOURS = 3_600_000;
const SCHEDULED = { source: 'aws.events', 'detail-type': 'Scheduled Event' };

// The tour tells in its own words what the function's log and metrics say.
process.env.POWERTOOLS_LOG_LEVEL = 'SILENT';
process.env.POWERTOOLS_METRICS_DISABLED = 'true';

const { handler } = await loadBundle();
const world = await startWorld(SETTINGS);
try {
  await tour(world);
} finally {
  await world.close();
}

async function tour({ aws, clusters, env }: World): Promise<void> {
  Object.assign(process.env, env);
  const cluster = clusters.get('demo');
  if (!cluster) throw new Error('the sandbox has no cluster demo');
  const names = ['default', 'kube-system', 'team-a', 'team-b', 'shop', 'legacy', 'ci', 'closing'];
  for (const name of names) cluster.addNamespace(name);
  cluster.addNamespace('ci', { labels: { 'ecr-registry-helper/ignore': 'true' } });
  cluster.addNamespace('closing', { terminating: true });
  const old = JSON.stringify({
    auths: { 'https://111122223333.dkr.ecr.eu-west-1.amazonaws.com': { auth: 'b2xk' } },
  });
  const type = 'kubernetes.io/dockerconfigjson';
  cluster.putSecret('team-a', SECRET, {
    type,
    stringData: { '.dockerconfigjson': old },
    manager: 'kubectl-create',
  });
  cluster.putSecret('legacy', SECRET, {
    stringData: { token: 'something of their own' },
    manager: 'vault-agent',
  });
  const shown = [...names, 'kube-public'].sort();

  heading('ecr-registry-helper in a sandbox');
  say(
    'The bundle that is deployed, with the real AWS SDK and Kubernetes clients, against emulators of ECR, EKS, STS, Secrets Manager and the Kubernetes API on 127.0.0.1. No AWS account and no cluster is touched.',
  );

  heading('1. A cluster that a CronJob has served so far');
  namespaces(cluster, shown, {
    'team-a': 'expired',
    legacy: 'not ours',
    ci: 'ignored by label',
    closing: 'being deleted',
  });

  heading('2. First a plan: the event { "action": "plan" } writes nothing');
  await run({ action: 'plan' });
  calls(world, cluster);

  heading('3. The schedule fires');
  await run(SCHEDULED);
  calls(world, cluster);
  say(
    '(one PATCH a namespace, a second one for team-a, whose secret kubectl had made: adoptFrom allows it, and a dry run that the admission policy of this deployment must deny)',
  );
  say();
  namespaces(cluster, shown, {});
  say();
  say('the secret of team-a, decoded:');
  decoded(cluster.secret('team-a', SECRET));
  const before = cluster.secret('team-a', SECRET);

  heading('4. Eight hours later: a new token in the same secret');
  advanceMachineClock(8 * HOURS);
  await run(SCHEDULED);
  calls(world, cluster);
  say();
  namespaces(cluster, shown, {});
  const after = cluster.secret('team-a', SECRET);
  same(
    'the uid of team-a is the same, so the secret was never away',
    before?.metadata.uid === after?.metadata.uid,
  );
  same('its token is another', before?.data?.['.dockerconfigjson'] !== after?.data?.['.dockerconfigjson']);

  heading('5. Eight hours later ECR refuses: nothing is written, what is there stays good');
  advanceMachineClock(8 * HOURS);
  aws.deny(`arn:aws:iam::${aws.accountId}:role/ecr-registry-helper`, 'ecr:GetAuthorizationToken');
  const failed = await run({});
  calls(world, cluster);
  const kept = cluster.secret('team-a', SECRET);
  same(
    'the secret of team-a was not touched',
    kept?.metadata.resourceVersion === after?.metadata.resourceVersion,
  );
  same('the run says that it is not ok', failed.ok === false);
  namespaces(cluster, ['team-a'], { 'team-a': 'still opens the registry' });
  say('A scheduled run throws here: Lambda tries again, then the queue every half hour for six hours.');

  heading('6. ECR answers again, half an hour later');
  aws.allow(`arn:aws:iam::${aws.accountId}:role/ecr-registry-helper`, 'ecr:GetAuthorizationToken');
  advanceMachineClock(HOURS / 2);
  await run(queued(SCHEDULED));
  say();
  namespaces(cluster, shown, {});

  heading('7. What you can ask at any time, as the command line shows it');
  for (const action of ['doctor', 'status']) {
    say(`npm run -s cli -- ${action}`);
    console.log(`\n${answerView(reported(await handler({ action }, invocationContext())))}\n`);
  }
  say('The same against a sandbox that stays: npm run sandbox -- --serve');
  heading(
    'Next: README.md, "Deploy". The same run is in test/integration, and on a real API server in test/e2e.',
  );
}

async function run(event: object): Promise<Report> {
  const startedAt = performance.now();
  const report = (await handler(event, invocationContext())) as Report;
  outcome(report, performance.now() - startedAt);
  return report;
}

/** What the queue sends half an hour after a run has failed. */
function queued(requestPayload: object): object {
  return { Records: [{ eventSource: 'aws:sqs', body: JSON.stringify({ requestPayload }) }] };
}

function same(claim: string, holds: boolean): void {
  say(`${holds ? 'yes' : 'NO'}: ${claim}`);
  if (!holds) process.exitCode = 1;
}

import { join } from 'node:path';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { Deployment } from './deployment.ts';
import { Emulators, LISTED } from './emulators.ts';
import {
  FLEET_SETTINGS,
  showFailingDiscovery,
  showFirstExecution,
  showFleetTooLarge,
  showIncompleteDiscovery,
  showOneClusterDown,
  showSettingsError,
} from './fleet.ts';
import { installEngines } from './install.ts';
import { LocalStack } from './localstack.ts';
import {
  shortenQueue,
  showRefreshByDeployment,
  showRefusedEvent,
  showRetryQueue,
  showSchedule,
} from './one-cluster.ts';
import { showNothingLeft, showRetained } from './remains.ts';
import { Steps } from './steps.ts';
import { describeStubs } from './stubs.ts';
import { deleteTemplate, deployTemplate, showFirstRefresh } from './template.ts';

const LOG = join(import.meta.dirname, '../../.cache/engines/localstack.log');
const [SECRET, RENAMED, SECOND] = ['ecr-docker-creds', 'registry-credentials', 'more-credentials'];
const [RARELY, OFTEN] = ['rate(6 hours)', 'rate(1 minute)'];

// npm run test:engines: deploys the stack to LocalStack with the CDK CLI, and plays what happens to it
const steps = new Steps();
const engines = await installEngines();
const emulators = await Emulators.start();
const engine = await LocalStack.start(engines, emulators, LOG);
const deployment = await Deployment.create(engine, emulators);
try {
  await play();
} finally {
  console.log(`\nwhat is a stub:\n${describeStubs(deployment)}`);
  await deployment.close();
  await engine.close();
  await emulators.close();
}
console.log(`\n${steps.passed} passed, ${steps.failed} failed`);
if (steps.failed > 0) process.exitCode = 1;

async function play(): Promise<void> {
  const settings: SettingsInput = { clusters: [{ name: LISTED }], schedule: RARELY };
  await steps.run('bootstrap', async () => {
    await deployment.bootstrap();
    return 'the CDK CLI deployed its own stack';
  });
  if (!(await deploy('deploy', settings))) return;
  const refused = Date.now();
  await steps.run('refused event', () => showRefusedEvent(deployment, refused));
  await steps.run('retry queue', async () => {
    await shortenQueue(deployment);
    return await showRetryQueue(deployment, refused);
  });

  const begin = Date.now();
  await deploy('change 1, schedule', { ...settings, schedule: OFTEN });
  await steps.run('schedule', () => showSchedule(deployment, OFTEN, begin));
  const renamed = { ...settings, secrets: [{ name: RENAMED }] };
  await deploy('change 2, name of the secret', renamed, [RENAMED]);
  const both = { ...settings, secrets: [{ name: RENAMED }, { name: SECOND }] };
  await deploy('change 3, another entry', both, [RENAMED, SECOND]);
  await playFleet();
  await deploy('change 5, no fleet', settings);

  await steps.run('what the template retains', () => showRetained(deployment));
  await steps.run('destroy', async () => {
    await deployment.destroy();
    return await showNothingLeft(deployment);
  });
  await playTemplate(settings);
}

/** A deployment without CDK, whose RBAC a person applies. */
async function playTemplate(settings: SettingsInput): Promise<void> {
  const renamed = { ...settings, secrets: [{ name: RENAMED }] };
  for (const [change, name, changed] of [
    ['create', SECRET, settings],
    ['update', RENAMED, renamed],
  ] as const) {
    const isDeployed = await steps.run(`template, ${change}`, () => deployTemplate(deployment, changed));
    if (!isDeployed) return;
    await steps.run(`template, refresh after ${change}`, () => showFirstRefresh(deployment, changed, name));
  }
  await steps.run('template, delete', async () => {
    await deleteTemplate(deployment);
    return await showNothingLeft(deployment);
  });
}

async function playFleet(): Promise<void> {
  const isDeployed = await steps.run('change 4, a fleet of 12 clusters', async () => {
    await deployment.deploy(FLEET_SETTINGS);
    return await showFirstExecution(deployment);
  });
  if (!isDeployed) return;
  await shortenQueue(deployment);
  await deployment.shortenWaits();
  await steps.run('fleet, one cluster down', () => showOneClusterDown(deployment));
  await steps.run('fleet, incomplete discovery', () => showIncompleteDiscovery(deployment));
  await steps.run('fleet, failing discovery', () => showFailingDiscovery(deployment));
  await steps.run('fleet, too many clusters', () => showFleetTooLarge(deployment));
  await steps.run('fleet, broken settings', () => showSettingsError(deployment));
}

/** Deploys settings, and shows that the run which CDK's trigger starts has written the secrets. */
function deploy(
  name: string,
  settings: SettingsInput,
  secrets: readonly string[] = [SECRET],
): Promise<boolean> {
  return steps.run(name, async () => {
    const since = Date.now();
    await deployment.deploy(settings);
    return await showRefreshByDeployment(deployment, since, secrets);
  });
}

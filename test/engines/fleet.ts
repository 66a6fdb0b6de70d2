import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { until } from '../e2e/until.ts';
import { type Deployment, RUN_SECONDS } from './deployment.ts';
import { ACCOUNT, clusterArn, FLEET, FLEET_TAG, REGION } from './emulators.ts';
import { countFailedRuns } from './one-cluster.ts';
import { demand } from './steps.ts';

export const FLEET_SETTINGS: SettingsInput = { clusters: [{ discover: { tag: FLEET_TAG } }] };
const DOWN = 'fleet-3';
const SECRET = 'ecr-docker-creds';
/** One more than a fleet may have. */
const TOO_MANY = 1_001;

/** Shows that the execution which the deployment started has refreshed all clusters of the fleet. */
export async function showFirstExecution(deployment: Deployment): Promise<string> {
  const ended = await deployment.awaitFirstExecution();
  demand(ended.status === 'SUCCEEDED', describe(ended));
  return showAllFresh(deployment);
}

/** Shows that a cluster which is down fails the execution by its name, and no other cluster. */
export async function showOneClusterDown(deployment: Deployment): Promise<string> {
  const { emulators } = deployment;
  const since = Date.now();
  clear(deployment);
  const repair = emulators.reject(DOWN);
  try {
    const ended = await deployment.execute();
    demand(ended.status === 'FAILED' && ended.error === 'FleetFailedError', describe(ended));
    demand(ended.cause?.includes(clusterArn(DOWN)), `the cause does not name ${DOWN}: ${ended.cause}`);
    const stale = FLEET.filter((name) => name !== DOWN && emulators.secretsOf(name).length === 0);
    demand(stale.length === 0, `not refreshed: ${stale.join(', ')}`);
    await deployment.awaitRun(since, 'queued', ({ level }) => level === 'ERROR');
  } finally {
    repair();
  }
  await deployment.awaitRun(since, 'queued', ({ message }) => message === 'ok');
  await until('the queue is empty', async () => (await countFailedRuns(deployment)) === 0, RUN_SECONDS);
  showAllFresh(deployment);
  return `the execution failed with FleetFailedError, which names ${DOWN}; the other ${FLEET.length - 1} are fresh, and the queue refreshed it after the repair`;
}

/** Shows that a discovery which misses a cluster refreshes the others, and starts again after its pause. */
export async function showIncompleteDiscovery(deployment: Deployment): Promise<string> {
  clear(deployment);
  const fault = deployment.emulators.aws.fail({
    operation: 'DescribeCluster',
    when: ({ detail }) => detail === DOWN,
    with: { kind: 'error', code: 'AccessDeniedException', status: 403 },
  });
  const ended = await deployment.execute();
  demand(fault.hits === 1, `${fault.hits} calls failed`);
  demand(ended.status === 'SUCCEEDED', describe(ended));
  return `one call for ${DOWN} was denied, and the second discovery found it: ${showAllFresh(deployment)}`;
}

/** Shows that an execution fails when its four discoveries find nothing. */
export async function showFailingDiscovery(deployment: Deployment): Promise<string> {
  const { aws } = deployment.emulators;
  aws.deny(aws.principal.arn, 'eks:ListClusters');
  try {
    const ended = await deployment.execute();
    demand(ended.status === 'FAILED' && ended.error === 'NotAllFound', describe(ended));
    demand(ended.cause?.includes('AccessDenied'), `the cause is ${ended.cause}`);
    return 'NotAllFound after four discoveries, with the reason in its cause';
  } finally {
    aws.allow(aws.principal.arn, 'eks:ListClusters');
  }
}

/** Shows that a fleet which is too large ends the execution, without a retry. */
export async function showFleetTooLarge(deployment: Deployment): Promise<string> {
  const { aws } = deployment.emulators;
  const names = Array.from({ length: TOO_MANY }, (_, at) => `many-${at}`);
  for (const name of names) aws.addCluster({ name, tags: { [FLEET_TAG.key]: FLEET_TAG.value } });
  try {
    const ended = await deployment.execute();
    demand(ended.status === 'FAILED' && ended.error === 'FleetTooLargeError', describe(ended));
    return `FleetTooLargeError at ${TOO_MANY + FLEET.length} clusters`;
  } finally {
    for (const name of names) aws.removeCluster({ name, accountId: ACCOUNT, region: REGION });
  }
}

/** Shows that settings which a person broke in the console end the execution, without a retry. Leaves them broken. */
export async function showSettingsError(deployment: Deployment): Promise<string> {
  await deployment.setEnvironment({ SETTINGS: '{' });
  const ended = await deployment.execute();
  demand(ended.status === 'FAILED' && ended.error === 'SettingsError', describe(ended));
  return 'SettingsError';
}

function showAllFresh({ emulators }: Deployment): string {
  const stale = FLEET.filter((name) => !emulators.secretsOf(name).includes(`team-a/${SECRET}`));
  demand(stale.length === 0, `not refreshed: ${stale.join(', ')}`);
  return `${FLEET.length} clusters are fresh`;
}

/** Removes the secrets of the fleet, so that the next run shows itself. */
function clear({ emulators }: Deployment): void {
  for (const name of FLEET) {
    const cluster = emulators.cluster(name);
    for (const { metadata } of cluster.secrets())
      cluster.removeSecret(metadata.namespace ?? '', metadata.name);
  }
}

function describe({ status, error, cause }: DescribeExecutionOutput): string {
  return `the execution ended as ${status}, ${error}: ${cause}`;
}

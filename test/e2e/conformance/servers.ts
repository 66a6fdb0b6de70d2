import { startAws } from '../../sandbox/aws/server.ts';
import { startKubernetes } from '../../sandbox/kubernetes/server.ts';
import { startControlPlane } from '../control-plane/start.ts';
import { applyManifest } from '../rights.ts';
import { tokensOf } from './callers.ts';
import {
  CAUTIOUS,
  CLUSTER,
  DEPLOYMENT,
  echoPolicy,
  emulatedAccountPolicies,
  emulatedPolicies,
  rightsOfBoth,
  roleArn,
  usernameOf,
} from './deployments.ts';
import { policiesInForce } from './in-force.ts';
import { type Server, toServer } from './play.ts';
import { seedingOfEmulator, seedingOfServer } from './seeding.ts';

/** A real API server and the emulator, which know the same callers, rights and policies. */
export interface Servers {
  readonly real: Server;
  readonly emulated: Server;
  stop(): Promise<void>;
}

/**
 * Starts both.
 * @throws {Error} if one does not start; nothing is left running then.
 */
export async function startServers(): Promise<Servers> {
  const aws = await startAws();
  const ends: (() => Promise<void>)[] = [aws.close];
  const stop = async () => {
    await Promise.all(ends.splice(0).map((end) => end()));
  };
  try {
    const cluster = { clusterName: CLUSTER, region: aws.region, principals: aws.principals };
    const roles = [DEPLOYMENT, CAUTIOUS].map((name) => ({
      roleArn: roleArn(aws.accountId, name),
      username: usernameOf(aws.accountId, name),
      groups: [name],
    }));
    const controlPlane = await startControlPlane({ ...cluster, mapRoles: roles });
    ends.push(controlPlane.stop);
    const accessEntries = roles.map(({ roleArn: principalArn, ...entry }) => ({ principalArn, ...entry }));
    const rights = rightsOfBoth();
    const emulator = await startKubernetes({ ...cluster, accessEntries, manifest: rights });
    ends.push(emulator.close);

    const { admin } = controlPlane;
    for (const manifest of [...rights, ...echoPolicy()]) await applyManifest(admin, manifest);
    emulator.admission.push(...emulatedPolicies());
    emulator.serviceAccounts.admission.push(...emulatedAccountPolicies());
    await policiesInForce(admin);

    const tokens = await tokensOf(aws);
    const real = toServer(controlPlane, seedingOfServer(admin), tokens);
    const emulated = toServer(emulator, seedingOfEmulator(emulator), tokens);
    ends.push(real.close, emulated.close);
    return { real, emulated, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

import { ApiAnswer } from '../cluster/answer.ts';
import { connect, type FoundCluster, type Opening } from '../cluster/open.ts';
import type { Finding } from '../doctor-report.ts';
import { UnauthorizedError } from '../errors.ts';
import { failedBy, notLookedAt, passed, stepsAfter } from './findings.ts';
import { holds } from './rights.ts';

/** A refresh waits for minutes until an API server is back; who waits for a diagnosis does not. */
const PATIENCE_MS = 5_000;

/** Whether a cluster's API server is reached and knows us. */
export interface ExaminedArrival {
  readonly findings: readonly Finding[];
  readonly isIn: boolean;
}

/**
 * Asks the API server of a cluster for a review, which is for everybody whom it knows. Does not throw.
 * @param describe the command that shows the cluster
 */
export async function examineArrival(
  found: FoundCluster,
  opening: Opening,
  where: string,
  describe: string,
): Promise<ExaminedArrival> {
  const { clock, deadline } = opening;
  const at = Math.min(deadline.at, clock.now() + PATIENCE_MS);
  const client = connect(found, { ...opening, deadline: { at, signal: deadline.signal } });
  const reached = passed('endpoint', where, `${found.endpoint.url} has a certificate of its authority`);
  try {
    await holds(client, { verb: 'list', group: '', resource: 'namespaces' });
  } catch (fault) {
    if (fault instanceof UnauthorizedError) {
      const rest = notLookedAt(stepsAfter('authentication'), where, 'authentication');
      return { findings: [reached, failedBy('authentication', where, fault), ...rest], isIn: false };
    }
    // who is forbidden to ask is known
    if (!(fault instanceof ApiAnswer && fault.code === 403)) {
      const command = `Look at its address and authority: ${describe} --query 'cluster.[endpoint,certificateAuthority,resourcesVpcConfig]'`;
      const rest = notLookedAt(stepsAfter('endpoint'), where, 'endpoint');
      return { findings: [failedBy('endpoint', where, fault, command), ...rest], isIn: false };
    }
  } finally {
    await client.close();
  }
  return { findings: [reached, passed('authentication', where)], isIn: true };
}

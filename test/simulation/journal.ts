import type { AdmissionRequest } from '../sandbox/kubernetes/admission.ts';
import { type Held, heldOf } from './held.ts';
import type { ClusterName } from './schedule.ts';

/** A change of a secret that the deployment made: everything else had let it pass. */
export interface Entry {
  readonly cluster: ClusterName;
  readonly namespace: string;
  readonly secret: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly dryRun: boolean;
  readonly before: Held | undefined;
  readonly after: Held | undefined;
}

/** Notes what the deployment writes and deletes. */
export function journalOf(
  cluster: ClusterName,
  deployment: string,
  entries: Entry[],
): (request: AdmissionRequest) => void {
  return ({ operation, namespace, name, object, oldObject, dryRun, user }) => {
    if (user.groups.includes(deployment)) {
      entries.push({
        cluster,
        namespace,
        secret: name,
        operation,
        dryRun,
        before: oldObject && heldOf(oldObject, deployment),
        after: object && heldOf(object, deployment),
      });
    }
  };
}

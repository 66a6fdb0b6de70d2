import { ApiAnswer } from './answer.ts';
import { failureVerdict } from './verdict.ts';

/** What a report says of a visit to a cluster. */
export interface Visit {
  readonly arn?: string;
  /** Why it did not begin, or not come to its end. */
  readonly error?: { readonly reason: string; readonly remedy: string };
}

/** Opens a cluster, does `work` there and closes it in any case. Does not throw: what ended it is told. */
export async function visitCluster<Cluster extends { readonly arn?: string; close(): Promise<void> }>(
  open: () => Promise<Cluster>,
  work: (cluster: Cluster) => Promise<void>,
): Promise<Visit> {
  let cluster: Cluster | undefined;
  let fault: unknown;
  try {
    cluster = await open();
    await work(cluster);
  } catch (caught) {
    fault = caught;
  } finally {
    await cluster?.close();
  }
  const visited = cluster?.arn ? { arn: cluster.arn } : undefined;
  if (fault === undefined) return { ...visited };
  const object = fault instanceof ApiAnswer && fault.kind !== '' ? fault.kind : 'namespaces';
  const { reason = '', remedy = '' } = failureVerdict(fault, object);
  return { ...visited, error: { reason, remedy } };
}

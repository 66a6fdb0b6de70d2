import type { Kubeconfig } from '../cluster/kubeconfig.ts';
import type { Finding } from './doctor-report.ts';
import { passed, unknown } from './findings.ts';

/** What is left of a client certificate when doctor begins to say so. */
const SOON_MS = 14 * 24 * 3_600_000;

/**
 * What a kubeconfig that was read says of the way in: what EKS and IAM say of other clusters.
 * @param now milliseconds since the epoch
 */
export function describedByKubeconfig(
  { secretId, endpoint, certificateEnd }: Kubeconfig,
  where: string,
  now: number,
): Finding[] {
  const place = passed(
    'cluster',
    where,
    `no cluster of EKS: the kubeconfig in ${secretId} names ${endpoint.url}`,
  );
  const step = 'bearer token';
  if (!certificateEnd) {
    return [
      place,
      passed(step, where, 'none by IAM: the token of its kubeconfig, whose end is not known here'),
    ];
  }
  const reason = `none by IAM: a client certificate until ${certificateEnd.toISOString()}`;
  if (certificateEnd.getTime() - now > SOON_MS) return [place, passed(step, where, reason)];
  const remedy = 'It ends soon: have a new one signed and store it (docs/guides/kubeconfig-clusters.md).';
  return [place, unknown(step, where, reason, remedy)];
}

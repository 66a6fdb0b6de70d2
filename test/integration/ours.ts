import { labelsOf, SECRET_TYPE } from '../../lambda/kubernetes/pull-secret.ts';
import type { KubernetesEmulator } from '../sandbox/kubernetes/server.ts';
import { SECRET } from './run.ts';

const HOUR_MS = 3_600_000;
const DEPLOYMENT = 'ecr-registry-helper';

/** A pull secret as anybody might make it: without a login. */
export const PULL_SECRET = {
  type: SECRET_TYPE,
  data: { '.dockerconfigjson': Buffer.from('{"auths":{}}').toString('base64') },
};

/** Makes a secret as the deployment would have applied it, with a token fetched so many hours ago. */
export function putOurs(cluster: KubernetesEmulator, namespace: string, hours = 1, name = SECRET): void {
  const fetchedAt = Date.now() - hours * HOUR_MS;
  cluster.putSecret(namespace, name, {
    ...PULL_SECRET,
    manager: DEPLOYMENT,
    operation: 'Apply',
    labels: labelsOf(DEPLOYMENT),
    annotations: {
      'ecr-registry-helper/fetched-at': toSeconds(fetchedAt),
      'ecr-registry-helper/expires-at': toSeconds(fetchedAt + 12 * HOUR_MS),
    },
  });
}

function toSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

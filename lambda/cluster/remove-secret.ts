import type { Removal } from '../cleanup-report.ts';
import { ApiAnswer } from './answer.ts';
import type { KubernetesClient } from './client.ts';
import { type HeldSecret, heldSecrets } from './held-secrets.ts';
import { failureVerdict } from './verdict.ts';

const HEADERS = {
  accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json',
  'content-type': 'application/json',
};

/**
 * Deletes a secret if it still is the object, in the version, that was listed. One that was changed meanwhile is
 * looked at once more. Does not throw.
 * @returns undefined where it is somebody else's by now
 */
export async function removeSecret(
  client: Pick<KubernetesClient, 'core' | 'send'>,
  { held, name, deployment, dryRun }: { held: HeldSecret; name: string; deployment: string; dryRun: boolean },
): Promise<Removal | undefined> {
  const { namespace } = held;
  const removal = { namespace, object: `secret ${name}` };
  const remove = async ({ uid, resourceVersion }: HeldSecret) => {
    // in the body, as the server takes no dry run from the query of a delete that has one
    const options = { preconditions: { uid, resourceVersion }, ...(dryRun && { dryRun: ['All'] }) };
    await client.send({
      method: 'DELETE',
      path: `/api/v1/namespaces/${namespace}/secrets/${name}`,
      headers: HEADERS,
      body: JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', ...options }),
    });
  };
  try {
    try {
      await remove(held);
    } catch (fault) {
      if (!(fault instanceof ApiAnswer && fault.code === 409)) throw fault;
      for await (const now of heldSecrets(client.core, { name, deployment, namespaces: [namespace] })) {
        if (!now.isOurs) return undefined;
        await remove(now);
      }
    }
  } catch (fault) {
    const isGone = fault instanceof ApiAnswer && fault.code === 404;
    if (!isGone) {
      const { reason = '', remedy = '' } = failureVerdict(fault, `secret ${namespace}/${name}`);
      return { ...removal, outcome: 'failed', reason, remedy };
    }
  }
  return { ...removal, outcome: 'removed' };
}

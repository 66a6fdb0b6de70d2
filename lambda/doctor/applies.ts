import pMap from 'p-map';
import type { Clock } from '../clock.ts';
import type { KubernetesClient } from '../cluster/client.ts';
import { PullSecret } from '../cluster/pull-secret.ts';
import type { PullCredentials } from '../registry/credentials.ts';
import type { SecretEntry, Settings } from '../settings.ts';
import type { Finding } from './doctor-report.ts';
import { failed, passed, unknown } from './findings.ts';
import type { Matched } from './namespaces.ts';

/** What stands in a dry run for registries that could not be read. */
const NOTHING: PullCredentials = { auths: new Map() };

/**
 * Asks the API server what an apply would do, with a placeholder for each password: of each entry in its first
 * namespace, or in every namespace that the run is narrowed to. Does not throw.
 */
export async function examineApplies(
  { client, settings, clock }: { client: KubernetesClient; settings: Settings; clock: Clock },
  { matched, isNarrowed }: { matched: readonly Matched[]; isNarrowed: boolean },
  credentials: ReadonlyMap<SecretEntry, PullCredentials>,
  where: string,
): Promise<Finding[]> {
  const places = matched.flatMap(({ entry, writable }) => {
    const options = { client, deployment: settings.name, entry, plan: true, clock };
    const secret = new PullSecret({ ...options, credentials: credentials.get(entry) ?? NOTHING });
    return (isNarrowed ? writable : writable.slice(0, 1)).map((namespace) => ({ secret, namespace }));
  });
  return pMap(places, ({ secret, namespace }) => examineApply(secret, namespace, where), {
    concurrency: settings.concurrency,
  });
}

async function examineApply(secret: PullSecret, namespace: string, where: string): Promise<Finding> {
  const object = `secret ${namespace}/${secret.name} in ${where}`;
  const { outcome, reason = outcome, remedy = '' } = await secret.write(namespace);
  switch (outcome) {
    case 'blocked':
    case 'failed':
      return failed(
        'apply',
        object,
        reason,
        `${remedy} Look at it: kubectl -n ${namespace} describe secret ${secret.name}`,
      );
    case 'skipped':
      return unknown('apply', object, 'its namespace is going away', 'Run doctor again.');
    default:
      return passed('apply', object, `a dry run answers: ${outcome}`);
  }
}

import type { CoreV1Api } from '@kubernetes/client-node';
import { listNamespaces } from '../cluster/namespaces.ts';
import { targets } from '../cluster/targets.ts';
import type { SecretEntry } from '../settings.ts';
import type { Finding } from './doctor-report.ts';
import { failed, failedBy, passed } from './findings.ts';

/** Namespaces of an entry that are kept for later steps, where the run is not narrowed to some. */
const MOST_SAMPLES = 5;

/** What an entry matches in a cluster, less what an earlier entry takes. */
export interface Matched {
  readonly entry: SecretEntry;
  /** Of those that it may write to: all that the run is narrowed to, else the first few. */
  readonly writable: readonly string[];
}

/** What the entries match; nothing is known of it where the namespaces could not be listed to their end. */
export interface ExaminedNamespaces {
  readonly findings: readonly Finding[];
  readonly matched: readonly Matched[];
  readonly areListed: boolean;
}

/** Lists the namespaces that the entries of a cluster match. Does not throw. */
export async function examineNamespaces(
  core: CoreV1Api,
  entries: readonly SecretEntry[],
  narrowedTo: readonly string[] | undefined,
  where: string,
): Promise<ExaminedNamespaces> {
  const findings: Finding[] = [];
  const matches = entries.map((settings) => ({ settings, count: 0, skipped: 0, writable: [] as string[] }));
  const list = (query: Parameters<typeof listNamespaces>[1]) => listNamespaces(core, query);
  let areListed = true;
  try {
    const found = targets(matches, list, narrowedTo, ({ secret, reason, remedy }) => {
      findings.push(failed('namespaces', `secret ${secret} in ${where}`, reason, remedy));
    });
    for await (const { entry, namespace } of found) {
      entry.count += 1;
      if (namespace.skip) entry.skipped += 1;
      else if (narrowedTo || entry.writable.length < MOST_SAMPLES) entry.writable.push(namespace.name);
    }
  } catch (fault) {
    areListed = false;
    findings.push(failedBy('namespaces', `namespaces of ${where}`, fault));
  }
  if (areListed) {
    for (const { settings, count, skipped } of matches) {
      const left = skipped > 0 ? `, of which ${skipped} are going away or ignored` : '';
      if (count > 0) {
        findings.push(
          passed('namespaces', `secret ${settings.name} in ${where}`, `${count} namespaces${left}`),
        );
      }
    }
  }
  return {
    findings,
    matched: matches.map(({ settings: entry, writable }) => ({ entry, writable })),
    areListed,
  };
}

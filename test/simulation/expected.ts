import { SECRET_TYPE } from '../../lambda/cluster/rights.ts';
import type { Outcome } from '../../lambda/report.ts';
import type { SecretEntry, Settings } from '../../lambda/settings.ts';
import type { Found, Ship } from './fleet.ts';
import type { Held } from './held.ts';
import { HUB_HOST } from './holdings.ts';
import { type ClusterName, OTHER_ACCOUNT } from './schedule.ts';

/** One secret of one namespace that an entry of the settings is to write, said anew from the settings alone. */
export interface Expected {
  /** `cluster/namespace/secret` */
  readonly key: string;
  readonly cluster: ClusterName;
  readonly namespace: string;
  readonly secret: string;
  readonly entry: SecretEntry;
  /** Of the namespace, when it was looked at. */
  readonly skipped: boolean;
}

/** What is where in a cluster. */
export type Namespaces = ReadonlyMap<string, Found>;

export function namespacesOf({ namespaces }: Ship): Namespaces {
  return new Map(namespaces);
}

/** The first entry that matches decides, for each namespace and secret name. */
export function expectedIn(settings: Settings, cluster: ClusterName, namespaces: Namespaces): Expected[] {
  const found = new Map<string, Expected>();
  for (const entry of entriesFor(settings, cluster)) {
    for (const [namespace, { labels, terminating }] of namespaces) {
      const key = `${cluster}/${namespace}/${entry.name}`;
      if (found.has(key) || !covers(entry, namespace, labels)) continue;
      const skipped = terminating || labels['ecr-registry-helper/ignore'] === 'true';
      found.set(key, { key, cluster, namespace, secret: entry.name, entry, skipped });
    }
  }
  return [...found.values()];
}

/** How many names of the settings are not there, each of which is a failure: a typo must not look like success. */
export function missingIn(settings: Settings, cluster: ClusterName, namespaces: Namespaces): number {
  let missing = 0;
  for (const entry of entriesFor(settings, cluster)) {
    const covered = [...namespaces].filter(([name, { labels }]) => covers(entry, name, labels));
    const exact = entry.namespaces.include.filter((glob) => !glob.includes('*'));
    const lost = exact.filter((name) => !covered.some(([one]) => one === name)).length;
    missing += lost > 0 ? lost : covered.length === 0 ? 1 : 0;
  }
  return missing;
}

/** The hosts that an entry's secret opens. */
export function hostsOf(entry: SecretEntry): string[] {
  return entry.registries
    .map((registry) => {
      if (registry.type === 'stored') return HUB_HOST;
      if (registry.type === 'ecr-public') return 'public.ecr.aws';
      const account = registry.roleArn ? OTHER_ACCOUNT : '111122223333';
      return `${account}.dkr.ecr.${registry.region ?? 'eu-west-1'}.amazonaws.com`;
    })
    .sort();
}

/** What has to become of a secret when nothing goes wrong; `expiresAt` is the new token's, if there is one. */
export function expectedOutcome(
  { entry, skipped }: Expected,
  held: Held | undefined,
  expiresAt: number | undefined,
): Outcome {
  if (skipped) return 'skipped';
  if (!held) return 'created';
  const { adoptFrom, recreate } = entry;
  const adopts = (manager: string) => adoptFrom.includes('*') || adoptFrom.includes(manager);
  const isLater = expiresAt !== undefined && held.expiresAt !== undefined && held.expiresAt > expiresAt;
  const owners = [...held.others, ...(isLater && held.expiryOwner ? [held.expiryOwner] : [])];
  if (!owners.every(adopts)) return 'blocked';
  if (held.type !== SECRET_TYPE || held.immutable) return recreate ? 'refreshed' : 'blocked';
  if (isLater) return owners.length > 0 ? 'blocked' : 'unchanged';
  // what is stored does not change, and leaves a secret that holds it as it is
  const isSame = expiresAt === undefined && held.others.length === 0 && isFresh(held, entry, undefined);
  return isSame ? 'unchanged' : 'refreshed';
}

/** Whether a secret is as good as this token makes it. */
export function isFresh(held: Held | undefined, entry: SecretEntry, expiresAt: number | undefined): boolean {
  if (held?.type !== SECRET_TYPE || !held.auths) return false;
  if (expiresAt !== undefined && held.expiresAt !== undefined && held.expiresAt > expiresAt) return true;
  const hasHosts = JSON.stringify(Object.keys(held.auths).sort()) === JSON.stringify(hostsOf(entry));
  // the annotation is in whole seconds
  return hasHosts && (expiresAt === undefined || held.expiresAt === Math.floor(expiresAt / 1_000) * 1_000);
}

export function entriesFor({ secrets }: Settings, cluster: ClusterName): SecretEntry[] {
  return secrets.filter(({ clusters }) => clusters.includes('*') || clusters.includes(cluster));
}

function covers({ namespaces }: SecretEntry, name: string, labels: Record<string, string>): boolean {
  const { include, exclude, selector } = namespaces;
  const fits = (glob: string) => (glob.endsWith('*') ? name.startsWith(glob.slice(0, -1)) : glob === name);
  const isSelected = selector === undefined || labels.team === 'x';
  return include.some(fits) && !exclude.some(fits) && isSelected;
}

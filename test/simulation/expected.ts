import { SECRET_TYPE } from '../../lambda/kubernetes/pull-secret.ts';
import type { Outcome } from '../../lambda/refresh/report.ts';
import type { SecretEntry, Settings } from '../../lambda/settings/schema.ts';
import type { Found, Ship } from './fleet.ts';
import type { Held } from './held.ts';
import { HUB_AUTH, HUB_HOST } from './holdings.ts';
import { type ClusterName, OTHER_ACCOUNT } from './schedule.ts';

const HOUR_MS = 3_600_000;

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

/** What a run has to write with, and what it repeats. */
export interface Means {
  /** The new token's, in milliseconds since the epoch, if there is one. */
  readonly expiresAt: number | undefined;
  /** When the run was due that it may repeat, and when it began; undefined where its event does not say. */
  readonly due?: { readonly at: number; readonly now: number } | undefined;
}

/** What has to become of a secret when nothing goes wrong. */
export function expectedOutcome(
  { entry, skipped }: Pick<Expected, 'entry' | 'skipped'>,
  held: Held | undefined,
  { expiresAt, due }: Means,
): Outcome {
  if (skipped) return 'skipped';
  if (!held) return 'created';
  if (isWritten(held, { expiresAt, due })) return 'unchanged';
  const { adoptFrom, recreate } = entry;
  const adopts = (manager: string) => adoptFrom.includes('*') || adoptFrom.includes(manager);
  const owners = ownersOf(held, expiresAt);
  if (!held.marked && !owners.every(adopts)) return 'blocked';
  if (held.type !== SECRET_TYPE || (held.immutable && !holdsStored(held, entry))) {
    return recreate ? 'refreshed' : 'blocked';
  }
  if (isLater(held, expiresAt)) return owners.length > 0 ? 'blocked' : 'unchanged';
  return 'refreshed';
}

/** The managers of what a refresh has to change; without a token it leaves the expiry alone. */
export function ownersOf({ others, expiryOwner }: Held, expiresAt: number | undefined): string[] {
  return expiresAt !== undefined && expiryOwner ? [...new Set([...others, expiryOwner])] : [...others];
}

/** Whether what an earlier try of the same run wrote is left alone. */
export function isWritten(held: Held, { expiresAt, due }: Means): boolean {
  const { applied, fetchedAt } = held;
  if (!due || !applied || fetchedAt === undefined || ownersOf(held, expiresAt).length > 0) return false;
  return Math.floor(due.at / 1_000) * 1_000 <= fetchedAt && fetchedAt <= due.now;
}

/** Whether its token ends later than this one, and may be one at all: the policy keeps it then. */
export function isLater({ expiresAt: before }: Held, expiresAt: number | undefined): boolean {
  if (before === undefined || expiresAt === undefined) return false;
  const after = Math.floor(expiresAt / 1_000) * 1_000;
  return before > after && before <= after + HOUR_MS;
}

/** Whether it already holds what is stored for an entry without a token. */
export function holdsStored({ auths }: Held, entry: SecretEntry): boolean {
  return entry.registries.every(({ type }) => type === 'stored') && auths?.[HUB_HOST] === HUB_AUTH;
}

/** Whether a secret is as good as this token makes it. */
export function isFresh(held: Held | undefined, entry: SecretEntry, expiresAt: number | undefined): boolean {
  if (held?.type !== SECRET_TYPE || !held.auths) return false;
  if (isLater(held, expiresAt)) return true;
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

import type { Settings } from '../../../lambda/settings/schema.ts';
import { entriesFor, expectedIn, namespacesOf } from '../expected.ts';
import type { Ship } from '../fleet.ts';
import { heldOf } from '../held.ts';
import { CLUSTERS, type ClusterName } from '../schedule.ts';

const IGNORE = 'ecr-registry-helper/ignore';

/** What the docs allow earlier settings to leave behind. */
export class Leftovers {
  /** `cluster/secret` of names that left the settings without the cleanup before it: docs/upgrade.md. */
  readonly #abandoned = new Set<string>();
  /** `cluster/namespace/secret` of namespaces that were ignored by label during a cleanup: docs/faq.md. */
  readonly #spared = new Set<string>();

  /** @param isCleaned whether all secrets of a cluster were removed before it left the settings, or a name did */
  deployed(
    before: Settings | undefined,
    after: Settings,
    isCleaned: (cluster: ClusterName) => boolean,
  ): void {
    for (const cluster of CLUSTERS) {
      const names = namesIn(after, cluster);
      for (const name of before ? namesIn(before, cluster) : []) {
        if (!names.has(name) && !isCleaned(cluster)) this.#abandoned.add(`${cluster}/${name}`);
      }
      for (const name of names) this.#abandoned.delete(`${cluster}/${name}`);
    }
  }

  cleaned(ship: Ship, deployment: string): void {
    for (const { key, namespace } of ownSecrets(ship, deployment)) {
      if (ship.namespaces.get(namespace)?.labels[IGNORE] === 'true') this.#spared.add(key);
    }
  }

  /** Own secrets in a cluster that the settings do not cover, and that the docs do not tell of. */
  find(ship: Ship, settings: Settings): string[] {
    const isListed = clusterNames(settings).includes(ship.name);
    const covered = isListed ? expectedIn(settings, ship.name, namespacesOf(ship)) : [];
    const keys = new Set(covered.map(({ key }) => key));
    return ownSecrets(ship, settings.name)
      .filter(({ key, name }) => !keys.has(key) && !this.#abandoned.has(`${ship.name}/${name}`))
      .map(({ key }) => key)
      .filter((key) => !this.#spared.has(key));
  }
}

/** The names of the clusters that settings list. */
export function clusterNames({ clusters }: Pick<Settings, 'clusters'>): string[] {
  return clusters.flatMap((one) => ('name' in one ? [one.name] : []));
}

/** The names of the secrets that settings have in a cluster. */
export function namesIn(settings: Settings, cluster: ClusterName): Set<string> {
  if (!clusterNames(settings).includes(cluster)) return new Set();
  return new Set(entriesFor(settings, cluster).map(({ name }) => name));
}

function ownSecrets({ name: cluster, api }: Ship, deployment: string) {
  return api
    .secrets()
    .filter((secret) => heldOf(secret, deployment).applied)
    .map(({ metadata: { namespace = '', name } }) => ({
      key: `${cluster}/${namespace}/${name}`,
      namespace,
      name,
    }));
}

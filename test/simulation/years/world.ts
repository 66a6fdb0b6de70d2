import type { Settings } from '../../../lambda/settings/schema.ts';
import { secretArn } from '../../sandbox/aws/secrets-manager.ts';
import type { AwsEmulator } from '../../sandbox/aws/server.ts';
import { type Expected, expectedIn, expectedOutcome, namespacesOf } from '../expected.ts';
import { type Fleet, guard, putNamespace, removeNamespace, unguard } from '../fleet.ts';
import { isDenial } from '../guards.ts';
import { type Held, heldOf } from '../held.ts';
import { HUB_HOST, hold, hubConfig } from '../holdings.ts';
import { CLUSTERS, type ClusterName, type Guard, SECRETS } from '../schedule.ts';
import { clusterNames } from './leftovers.ts';
import { type Change, DAY_MS, HOUR_MS, LASTING, type NamespaceChange, type SecretChange } from './plan.ts';

/** How long the password of a stored docker config still works after it was rotated. */
const ROTATED_MS = 2 * DAY_MS;
const TOKEN_MS = 12 * HOUR_MS;

/** Receives what follows from a change outside of the clusters. */
export interface ChangeListener {
  /** A namespace was created: its audit record. */
  created(cluster: ClusterName, name: string, records: readonly number[]): void;
  rotated(arn: string): void;
  secretChanged(key: string): void;
  /** What has to be in which namespaces may be another. */
  coverageChanged(): void;
}

/** The clusters and the account of one deployment, and what others do there. */
export class World {
  readonly #fleet: Fleet;
  readonly #aws: AwsEmulator;
  readonly #now: () => number;
  /** By `cluster/namespace`. */
  readonly #guards = new Map<string, Guard>();
  /** Until when each docker config that was ever stored works. */
  readonly #stored = new Map<string, number>();
  /** When the stored docker config last got another password (ms since the epoch). */
  rotatedAt = 0;
  #rotations = 0;

  /** @param now in milliseconds since the epoch */
  constructor(fleet: Fleet, aws: AwsEmulator, now: () => number) {
    this.#fleet = fleet;
    this.#aws = aws;
    this.#now = now;
    for (const ship of fleet.ships.values()) {
      for (const [name, labels] of Object.entries(LASTING)) this.#create(ship.name, name, labels);
    }
    this.#store();
  }

  /** The secrets that have to be valid: covered ones that nothing blocks. */
  targets(settings: Settings): Expected[] {
    return CLUSTERS.filter((cluster) => clusterNames(settings).includes(cluster))
      .flatMap((cluster) => expectedIn(settings, cluster, namespacesOf(this.#fleet.ship(cluster))))
      .filter((target) => !target.skipped && !this.isBlocked(target, settings.name));
  }

  /** Whether only the owner of its namespace can make a secret valid. */
  isBlocked({ key, cluster, namespace, entry }: Expected, deployment: string): boolean {
    const inTheWay = this.#guards.get(`${cluster}/${namespace}`);
    if (inTheWay !== undefined && isDenial(inTheWay)) return true;
    const hasToken = entry.registries.some(({ type }) => type !== 'stored');
    const expiresAt = hasToken ? this.#now() + TOKEN_MS : undefined;
    return (
      expectedOutcome({ entry, skipped: false }, this.held(key, deployment), { expiresAt }) === 'blocked'
    );
  }

  held(key: string, deployment: string): Held | undefined {
    const [cluster = '', namespace = '', name = ''] = key.split('/');
    const secret = this.#fleet.ship(cluster as ClusterName).api.secret(namespace, name);
    return secret && heldOf(secret, deployment);
  }

  /** The pull secrets of a service account in the namespace of a secret. */
  linkedBy({ cluster, namespace }: Expected, account: string): string[] {
    const { serviceAccounts } = this.#fleet.ship(cluster).api;
    return serviceAccounts.get(namespace, account)?.imagePullSecrets?.flatMap(({ name }) => name ?? []) ?? [];
  }

  /** Until when credentials open a registry host (ms since the epoch); 0 for such as never did. */
  expiryOf(host: string, auth: string): number {
    if (host === HUB_HOST) return this.#stored.get(auth) ?? 0;
    return this.#aws.registries.expiryOf(host, auth)?.getTime() ?? 0;
  }

  /** Does what others do. @param deployment its name, which a spoofed secret may carry */
  change(change: Change, deployment: string, listener: ChangeListener): void {
    switch (change.by) {
      case 'namespace':
        this.#changeNamespace(change.cluster, change.name, change.what, listener);
        return;
      case 'secret': {
        const ship = this.#fleet.ship(change.cluster);
        if (!ship.namespaces.has(change.name)) return;
        this.#changeSecret(change.cluster, change.name, change.secret, change.what, deployment);
        listener.secretChanged(`${change.cluster}/${change.name}/${change.secret}`);
        listener.coverageChanged();
        return;
      }
      case 'account':
        if (this.#fleet.ship(change.cluster).namespaces.has(change.name))
          this.#resetAccount(change.cluster, change.name);
        return;
      case 'rotation':
        this.#store();
        listener.rotated(
          secretArn({ name: 'hub', accountId: this.#aws.accountId, region: this.#aws.region }),
        );
        return;
      default:
    }
  }

  /** Puts something into the way of writes to a namespace; the returned function takes it away. */
  block(cluster: ClusterName, namespace: string, what: Guard): () => void {
    const ship = this.#fleet.ship(cluster);
    guard(ship, namespace, what);
    this.#guards.set(`${cluster}/${namespace}`, what);
    return () => {
      unguard(ship, namespace);
      this.#guards.delete(`${cluster}/${namespace}`);
    };
  }

  #changeNamespace(
    cluster: ClusterName,
    name: string,
    what: NamespaceChange,
    listener: ChangeListener,
  ): void {
    const ship = this.#fleet.ship(cluster);
    const found = ship.namespaces.get(name);
    if (what.kind === 'create') {
      if (found) return;
      this.#create(cluster, name, what.labels);
      listener.created(cluster, name, what.records);
    } else if (!found) return;
    else if (what.kind === 'label') putNamespace(ship, name, { ...found, labels: what.labels });
    else {
      removeNamespace(ship, name);
      ship.api.serviceAccounts.remove(name, 'default');
      for (const secret of SECRETS) listener.secretChanged(`${cluster}/${name}/${secret}`);
    }
    listener.coverageChanged();
  }

  #changeSecret(
    cluster: ClusterName,
    namespace: string,
    secret: string,
    what: SecretChange,
    deployment: string,
  ) {
    const { api } = this.#fleet.ship(cluster);
    // another type takes another object, as on a real server
    if (what !== 'somebody' || api.secret(namespace, secret)?.type === 'Opaque')
      api.removeSecret(namespace, secret);
    if (what !== 'delete') hold(api, namespace, secret, what, deployment);
  }

  #create(cluster: ClusterName, name: string, labels: Record<string, string>): void {
    putNamespace(this.#fleet.ship(cluster), name, { labels, terminating: false });
    this.#resetAccount(cluster, name);
  }

  /** Terraform makes the account as it was, without anybody's pull secret. */
  #resetAccount(cluster: ClusterName, namespace: string): void {
    const { serviceAccounts } = this.#fleet.ship(cluster).api;
    serviceAccounts.remove(namespace, 'default');
    serviceAccounts.put(namespace, 'default', {});
  }

  #store(): void {
    for (const [auth, until] of this.#stored) {
      if (until === Number.POSITIVE_INFINITY) this.#stored.set(auth, this.#now() + ROTATED_MS);
    }
    this.rotatedAt = this.#now();
    this.#rotations += 1;
    const { auth, config } = hubConfig(`robot ${this.#rotations}`);
    this.#stored.set(auth, Number.POSITIVE_INFINITY);
    this.#aws.addSecret({ name: 'hub', value: config });
  }
}

import { clusterRights, rightsVersion } from '../../lambda/kubernetes/rbac.ts';
import { listedClusters } from '../../lambda/settings/locations.ts';
import type { Settings } from '../../lambda/settings/schema.ts';
import { entriesOf } from '../../lambda/settings/selection.ts';
import { type AwsEmulator, startAws } from '../sandbox/aws/server.ts';
import { type AdmissionRequest, deniedByPolicy } from '../sandbox/kubernetes/admission.ts';
import { pullSecretPolicy } from '../sandbox/kubernetes/pull-secret-policy.ts';
import { type KubernetesEmulator, startKubernetes } from '../sandbox/kubernetes/server.ts';
import { serviceAccountPolicy } from '../sandbox/kubernetes/service-account-policy.ts';
import { forbidden } from '../sandbox/kubernetes/status.ts';
import { webhookOf } from './guards.ts';
import { type Held, heldOf } from './held.ts';
import { HUB_CONFIG, hold, STATIC_KEYS } from './holdings.ts';
import { type Entry, journalOf } from './journal.ts';
import type { MachineTime } from './machine-time.ts';
import {
  CLUSTER_ROLE,
  CLUSTERS,
  type ClusterName,
  type Guard,
  NAMESPACES,
  OTHER_ACCOUNT,
  READER_ROLE,
  type Schedule,
  SECRETS,
} from './schedule.ts';

const ROLE = 'arn:aws:iam::111122223333:role/ecr-registry-helper';
const REGIONS: Record<ClusterName, string> = { blue: 'eu-west-1', green: 'us-east-1', red: 'eu-west-1' };

/** One emulated cluster, and who stands in the way of writes to which of its namespaces. */
export interface Ship {
  readonly name: ClusterName;
  readonly api: KubernetesEmulator;
  readonly guards: Map<string, Guard>;
  readonly namespaces: Map<string, Found>;
}

/** A namespace as the cluster has it. */
export interface Found {
  readonly labels: Record<string, string>;
  readonly terminating: boolean;
}

/** The emulated clusters, kept over many schedules as their certificates take time. */
export class Fleet {
  readonly ships: ReadonlyMap<ClusterName, Ship>;
  /** That of what is played now. */
  time: Pick<MachineTime, 'hang'> | undefined;
  readonly #now: () => Date;
  #aws: AwsEmulator | undefined;

  private constructor(ships: ReadonlyMap<ClusterName, Ship>, now: () => Date) {
    this.ships = ships;
    this.#now = now;
  }

  /** @param now the clock of the clusters and of AWS; default: this machine's */
  static async start(now: () => Date = () => new Date()): Promise<Fleet> {
    const ships = new Map<ClusterName, Ship>();
    const fleet = new Fleet(ships, now);
    const principals = { [Symbol.iterator]: () => [...(fleet.#aws?.principals ?? [])][Symbol.iterator]() };
    for (const name of CLUSTERS) {
      const region = REGIONS[name];
      const api: KubernetesEmulator = await startKubernetes({
        ...{ clusterName: name, region, principals, namespaces: [], now },
        sleep: async (ms, _signal, request) =>
          fleet.time?.hang(ms, { method: request.method, path: request.path, origin: api.endpoint }),
      });
      ships.set(name, { name, api, guards: new Map(), namespaces: new Map() });
    }
    return fleet;
  }

  /** Makes the account and the clusters what a schedule says, and empties what was there. */
  async deploy({ namespaces }: Schedule, settings: Settings, journal: Entry[]): Promise<AwsEmulator> {
    const aws = await this.open(settings.name, journal);
    this.configure(settings);
    for (const ship of this.ships.values()) this.repair(ship, settings);
    for (const plan of namespaces) {
      const ship = this.ship(plan.cluster);
      const { name, labels, terminating } = plan;
      putNamespace(ship, name, { labels, terminating });
      for (const secret of SECRETS) {
        hold(ship.api, name, secret, plan.holds, settings.name);
      }
      if (plan.guard !== 'none') guard(ship, name, plan.guard);
    }
    return aws;
  }

  /** A new account with its roles and secrets, and empty clusters whose changes by a deployment go to the journal. */
  async open(deployment: string, journal: Entry[]): Promise<AwsEmulator> {
    const aws = await startAws({ now: this.#now });
    this.#aws = aws;
    aws.addRole({ arn: READER_ROLE, trusts: [ROLE] });
    aws.addRole({ arn: CLUSTER_ROLE, trusts: [ROLE] });
    const { accessKeyId, secretAccessKey } = aws.addUser(
      'arn:aws:iam::111122223333:user/puller',
      STATIC_KEYS,
    );
    const keys = { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey };
    aws.addSecret({ name: 'aws-conf', value: JSON.stringify(keys) });
    aws.addSecret({ name: 'hub', value: HUB_CONFIG });
    for (const ship of this.ships.values()) {
      empty(ship);
      ship.api.observers.push(journalOf(ship.name, deployment, journal));
    }
    return aws;
  }

  /** Puts the admission policies of these settings in force, in place of those of others. */
  configure(settings: Settings): void {
    const { name: deployment } = settings;
    for (const { name, api, guards } of this.ships.values()) {
      const entries = entriesOf(settings, name);
      const version = rightsVersion(settings, { name });
      api.admission.splice(0, Infinity, pullSecretPolicy({ name: deployment, version, entries }), (request) =>
        guarded(guards.get(request.namespace), request),
      );
      const linked = entries.filter(({ serviceAccounts }) => serviceAccounts.length > 0);
      const names = [...new Set(linked.map((entry) => entry.name))];
      api.serviceAccounts.admission.splice(0, Infinity, serviceAccountPolicy(deployment, names));
    }
  }

  ship(name: ClusterName): Ship {
    const ship = this.ships.get(name);
    if (!ship) throw new Error(`there is no cluster ${name}`);
    return ship;
  }

  /** Takes away what others have put in the way of a cluster. */
  repair(ship: Ship, settings: Settings): void {
    const { api, guards } = ship;
    guards.clear();
    api.webhooks.clear();
    api.quotas.clear();
    this.grantAccess(ship, settings);
  }

  /** Gives the function the access to a cluster that these settings need. */
  grantAccess({ name, api }: Ship, settings: Settings): void {
    const cluster = listedClusters(settings).find((one) => one.name === name);
    api.hidesDeniedCreate = false;
    const principalArn = name === 'red' ? CLUSTER_ROLE : ROLE;
    const entry = { principalArn, username: 'ecr-registry-helper', groups: [settings.name] };
    api.accessEntries.splice(0, Infinity, entry);
    api.manifest.splice(0, Infinity, ...(cluster ? clusterRights(settings, cluster) : []));
    const account = name === 'red' ? { accountId: OTHER_ACCOUNT } : {};
    const { endpoint, caPem } = api;
    this.#aws?.addCluster({ name, region: REGIONS[name], endpoint, caPem, ...account });
  }

  /** All secrets of all clusters, by `cluster/namespace/secret`. */
  snapshot(deployment: string): Map<string, Held> {
    const all = [...this.ships.values()].flatMap(({ name, api }) =>
      api.secrets().map((secret): [string, Held] => {
        const { namespace, name: secretName } = secret.metadata;
        return [`${name}/${namespace}/${secretName}`, heldOf(secret, deployment)];
      }),
    );
    return new Map(all);
  }

  async close(): Promise<void> {
    await Promise.all([...this.ships.values()].map(({ api }) => api.close()));
  }
}

/** Puts something into the way of writes to a namespace. */
export function guard({ api, guards }: Ship, namespace: string, what: Guard): void {
  const webhook = webhookOf(what);
  if (webhook) api.webhooks.set(namespace, webhook);
  else if (what !== 'quota') guards.set(namespace, what);
  else {
    const there = api.secrets().filter(({ metadata }) => metadata.namespace === namespace).length;
    api.quotas.set(namespace, { name: 'few', secrets: there });
  }
}

/** Takes away what was put into the way of writes to a namespace. */
export function unguard({ api, guards }: Ship, namespace: string): void {
  guards.delete(namespace);
  api.webhooks.delete(namespace);
  api.quotas.delete(namespace);
}

export function putNamespace({ api, namespaces }: Ship, name: string, found: Found): void {
  namespaces.set(name, found);
  api.addNamespace(name, found);
}

export function removeNamespace({ api, namespaces }: Ship, name: string): void {
  namespaces.delete(name);
  api.removeNamespace(name);
}

function empty(ship: Ship): void {
  const { api } = ship;
  for (const name of NAMESPACES) removeNamespace(ship, name);
  api.admission.splice(0);
  api.observers.splice(0);
  api.requests.splice(0);
}

function guarded(what: Guard | undefined, request: AdmissionRequest) {
  if (what === undefined || request.operation === 'DELETE') return undefined;
  // an authorizer of the cluster that gives no reason, as RBAC for a missing create before 1.32
  if (what === 'unexplained') return forbidden({ resource: 'secrets', name: request.name }, '');
  // a careless one tells all that it was shown
  const text = what === 'echo' ? JSON.stringify(request.object) : 'no';
  return deniedByPolicy(request, { policy: 'guard', binding: 'guard', text });
}

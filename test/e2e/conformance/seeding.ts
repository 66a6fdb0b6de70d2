import type { KubernetesEmulator } from '../../sandbox/kubernetes/server.ts';
import type { ApiClient } from '../control-plane/api-client.ts';
import { deleteNamespace, done, PULL_SECRET, secretPath } from '../objects.ts';
import type { AccountSeed, NamespaceSeed, Seed } from './case.ts';
import { quotaInForce } from './in-force.ts';

/** What others do in a cluster, in the same words for both servers. */
export interface Seeding {
  /** Makes a namespace; one with a quota holds one secret then and may hold no other. */
  addNamespace(name: string, seed?: NamespaceSeed): Promise<void>;
  /** Creates a secret, or replaces the one of that name, as the seed's manager. */
  putSecret(namespace: string, seed: Seed): Promise<void>;
  /** Takes its managed fields off the pull secret. */
  stripManagers(namespace: string): Promise<void>;
  /** Makes a service account. */
  addAccount(namespace: string, seed: AccountSeed): Promise<void>;
}

const NAMESPACES = '/api/v1/namespaces';
const MANAGER = 'kubectl-create';
const FIRST = { name: 'first' };

/** Seeds the real server as its administrator. */
export function seedingOfServer(admin: ApiClient): Seeding {
  const putSecret: Seeding['putSecret'] = async (namespace, seed) => {
    const { name = PULL_SECRET, manager = MANAGER, operation = 'Update', ...rest } = seed;
    const { type = 'Opaque', data = {}, immutable, ...meta } = rest;
    const metadata = { ...meta, name, namespace };
    const body = { apiVersion: 'v1', kind: 'Secret', metadata, type, data, immutable };
    const path = secretPath(namespace, name);
    if (operation === 'Apply') {
      const query = `fieldManager=${manager}&force=true`;
      await done(admin, 'PATCH', `${path}?${query}`, body, 'application/apply-patch+yaml');
    } else if ((await admin.request('GET', path)).status === 404) {
      await done(admin, 'POST', `${NAMESPACES}/${namespace}/secrets?fieldManager=${manager}`, body);
    } else {
      await done(admin, 'PUT', `${path}?fieldManager=${manager}`, body);
    }
  };
  return {
    putSecret,
    async stripManagers(namespace) {
      const body = { metadata: { managedFields: [{}] } };
      const path = `${secretPath(namespace, PULL_SECRET)}?fieldManager=${MANAGER}`;
      await done(admin, 'PATCH', path, body, 'application/merge-patch+json');
    },
    async addAccount(namespace, { name = 'default', labels, annotations, ...fields }) {
      const body = { metadata: { name, labels, annotations }, ...fields };
      await done(admin, 'POST', `${NAMESPACES}/${namespace}/serviceaccounts`, body);
    },
    async addNamespace(name, { labels = {}, isTerminating = false, quota } = {}) {
      await done(admin, 'POST', `${NAMESPACES}?fieldManager=${MANAGER}`, { metadata: { name, labels } });
      if (isTerminating) await deleteNamespace(admin, name);
      if (quota === undefined) return;
      await putSecret(name, FIRST);
      await fillQuota(admin, name, quota);
    },
  };
}

/** Seeds the emulator past its API. */
export function seedingOfEmulator(kubernetes: KubernetesEmulator): Seeding {
  return {
    async stripManagers(namespace) {
      kubernetes.stripManagers(namespace, PULL_SECRET);
    },
    async addAccount(namespace, { name = 'default', ...seed }) {
      kubernetes.serviceAccounts.put(namespace, name, seed);
    },
    async putSecret(namespace, { name = PULL_SECRET, ...seed }) {
      kubernetes.putSecret(namespace, name, seed);
    },
    async addNamespace(name, { labels = {}, isTerminating = false, quota } = {}) {
      kubernetes.addNamespace(name, { labels, terminating: isTerminating });
      if (quota === undefined) return;
      kubernetes.putSecret(name, FIRST.name, {});
      kubernetes.quotas.set(name, { name: quota, secrets: 1 });
    },
  };
}

async function fillQuota(admin: ApiClient, namespace: string, name: string): Promise<void> {
  const path = `${NAMESPACES}/${namespace}/resourcequotas`;
  const body = { metadata: { name }, spec: { hard: { secrets: '1' } } };
  await done(admin, 'POST', path, body);
  // A quota's status is a controller's work, and there is none.
  const status = { hard: { secrets: '1' }, used: { secrets: '1' } };
  await done(admin, 'PUT', `${path}/${name}/status`, { ...body, status });
  await quotaInForce(admin, namespace);
}

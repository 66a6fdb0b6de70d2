import { EXPIRES_AT, FETCHED_AT, labelsOf, SECRET_TYPE } from '../../../lambda/kubernetes/pull-secret.ts';
import type { SettingsInput } from '../../../lambda/settings/schema.ts';
import type { SecretSeed } from '../../sandbox/kubernetes/seeds.ts';
import type { KubernetesEmulator } from '../../sandbox/kubernetes/server.ts';
import type { ServiceAccountSeed } from '../../sandbox/kubernetes/service-accounts.ts';
import { startWorld, type World } from '../../sandbox/world.ts';
import { CLUSTER, DEPLOYMENT } from '../world.ts';

/** An emulated account with one cluster. */
export type Account = World;

/** The pull secrets: of teams with the function's token and a stored login, of shops with the token of a pull role. */
export const TEAM_SECRET = 'ecr-docker-creds';
export const SHOP_SECRET = 'shop-creds';
export const SERVICE_ACCOUNTS = ['default', 'builder'];
/** The registry whose login is stored in Secrets Manager. */
export const STORED = { host: 'registry.example.com', login: 'reader:stored-login' };

const entry = {
  adoptFrom: ['kubectl-create', 'helm'],
  recreate: true,
  serviceAccounts: ['default'],
} satisfies NonNullable<SettingsInput['secrets']>[number];
const SETTINGS: SettingsInput = {
  clusters: [{ name: CLUSTER }],
  secrets: [
    {
      ...entry,
      name: TEAM_SECRET,
      registries: [{ type: 'ecr' }, { type: 'stored', secretId: 'logins' }],
      namespaces: { include: ['team-*'] },
    },
    {
      ...entry,
      name: SHOP_SECRET,
      repositories: ['shop/*'],
      // one namespace has both
      namespaces: { include: ['shop-*', 'team-0'] },
    },
  ],
};

const config = (auths: object) => ({
  '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64'),
});
/** What somebody else made, with the data that the pull secret has too. */
const foreign = { type: SECRET_TYPE, data: config({}) };
const HOUR_MS = 3_600_000;
const hoursFromNow = (hours: number) =>
  `${new Date(Date.now() + hours * HOUR_MS).toISOString().slice(0, 19)}Z`;

/** What an earlier run wrote, with a token that is not current. */
function earlier(): SecretSeed {
  return {
    type: SECRET_TYPE,
    data: config({ '111122223333.dkr.ecr.eu-west-1.amazonaws.com': { auth: 'QVdTOm9sZA==' } }),
    labels: labelsOf(DEPLOYMENT),
    annotations: { [FETCHED_AT]: hoursFromNow(-8), [EXPIRES_AT]: hoursFromNow(4) },
    manager: DEPLOYMENT,
    operation: 'Apply',
  };
}

/** What a namespace holds of the pull secret's name before the run. */
interface Before {
  readonly secret?: SecretSeed;
  /** Only a new object can be the pull secret. */
  readonly isRecreated?: true;
  readonly pullSecrets?: readonly string[];
}

function covered(): Record<string, Before> {
  return {
    'team-0': {},
    'team-1': { pullSecrets: ['quay', 'docker-hub'] },
    'team-2': { secret: foreign },
    'team-3': {
      secret: { ...foreign, labels: { 'backup/keep': 'yes' }, annotations: { owner: 'team-3' } },
      pullSecrets: ['quay'],
    },
    'team-4': { secret: { ...foreign, manager: 'helm' } },
    'team-5': { secret: { stringData: { password: 'x' } }, isRecreated: true },
    'team-6': { secret: { stringData: { password: 'x' }, manager: 'helm' }, isRecreated: true },
    'team-7': { secret: { ...foreign, immutable: true }, isRecreated: true, pullSecrets: ['quay'] },
    'team-8': { secret: earlier(), pullSecrets: ['quay'] },
    'team-9': { secret: earlier(), pullSecrets: [TEAM_SECRET, 'quay'] },
    'shop-0': { secret: { type: 'kubernetes.io/tls', data: {} }, isRecreated: true },
    'shop-1': { secret: foreign, pullSecrets: ['quay'] },
  };
}

/** A pull secret that has to be there after a run. */
export interface Expected {
  readonly namespace: string;
  readonly name: string;
  /** Of the object that it was before and has to stay. */
  readonly uid?: string | undefined;
  /** Of others, to stay on it. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The names of the pull secrets that a namespace has to hold. */
export function namesIn(namespace: string): string[] {
  if (namespace === 'team-0') return [TEAM_SECRET, SHOP_SECRET];
  if (namespace.startsWith('team-')) return [TEAM_SECRET];
  return namespace.startsWith('shop-') ? [SHOP_SECRET] : [];
}

export function clusterOf({ clusters }: Account): KubernetesEmulator {
  const cluster = clusters.get(CLUSTER);
  if (!cluster) throw new Error(`the account has no cluster ${CLUSTER}`);
  return cluster;
}

/** Starts an account whose cluster has 12 covered namespaces, one that is not covered, and secrets of others in all. */
export async function startAccount(): Promise<{ account: Account; expected: Expected[] }> {
  const account = await startWorld(SETTINGS);
  const auths = { [STORED.host]: { auth: Buffer.from(STORED.login).toString('base64') } };
  account.aws.addSecret({ name: 'logins', value: JSON.stringify({ auths }) });
  const cluster = clusterOf(account);
  const expected: Expected[] = [];
  for (const [namespace, { secret, isRecreated, pullSecrets }] of Object.entries(covered())) {
    addNamespace(cluster, namespace, pullSecrets);
    for (const name of namesIn(namespace)) {
      const was = secret && cluster.putSecret(namespace, name, secret);
      expected.push({
        namespace,
        name,
        uid: isRecreated ? undefined : was?.metadata.uid,
        labels: isRecreated ? {} : (secret?.labels ?? {}),
        annotations: secret?.annotations && secret.manager !== DEPLOYMENT ? secret.annotations : {},
      });
    }
  }
  addNamespace(cluster, 'not-covered', ['quay', TEAM_SECRET]);
  for (const name of [TEAM_SECRET, SHOP_SECRET]) cluster.putSecret('not-covered', name, foreign);
  return { account, expected };
}

function addNamespace(cluster: KubernetesEmulator, namespace: string, pullSecrets: readonly string[] = []) {
  cluster.addNamespace(namespace);
  cluster.putSecret(namespace, 'quay', foreign);
  cluster.putSecret(namespace, 'app', { stringData: { password: 'x' } });
  const seed: ServiceAccountSeed = {
    labels: { team: namespace },
    annotations: { 'eks.amazonaws.com/role-arn': `arn:aws:iam::111122223333:role/${namespace}` },
    secrets: [{ name: 'app' }],
    automountServiceAccountToken: false,
    ...(pullSecrets.length > 0 && { imagePullSecrets: pullSecrets.map((name) => ({ name })) }),
  };
  for (const name of SERVICE_ACCOUNTS) cluster.serviceAccounts.put(namespace, name, seed);
}

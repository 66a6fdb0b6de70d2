import { isDeepStrictEqual } from 'node:util';
import { Agent, request } from 'undici';
import { SECRET_TYPE } from '../../../lambda/kubernetes/pull-secret.ts';
import type { Secret } from '../../sandbox/kubernetes/objects.ts';
import type { ServiceAccount } from '../../sandbox/kubernetes/service-accounts.ts';
import { REGISTRY_HOST } from '../expected.ts';
import { loginsOf } from '../objects.ts';
import { DEPLOYMENT } from '../world.ts';
import {
  type Account,
  clusterOf,
  type Expected,
  namesIn,
  SERVICE_ACCOUNTS,
  STORED,
  TEAM_SECRET,
} from './account.ts';

/** The secrets and service accounts of a cluster at one time. */
export interface Snapshot {
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly serviceAccounts: ReadonlyMap<string, ServiceAccount>;
}

export function snapshot(account: Account): Snapshot {
  const cluster = clusterOf(account);
  const secrets = cluster.secrets();
  const namespaces = new Set(secrets.map(({ metadata }) => metadata.namespace ?? ''));
  const accounts = [...namespaces].flatMap((namespace) =>
    SERVICE_ACCOUNTS.flatMap((name) => cluster.serviceAccounts.get(namespace, name) ?? []),
  );
  return { secrets: byName(secrets), serviceAccounts: byName(accounts) };
}

/** The logins of ECR that the pull secrets hold. */
export function tokensOf({ secrets }: Snapshot, expected: readonly Expected[]): Set<string> {
  const held = expected.flatMap(({ namespace, name }) => {
    const secret = secrets.get(`${namespace}/${name}`);
    return secret?.type === SECRET_TYPE ? (auths(secret)[REGISTRY_HOST] ?? []) : [];
  });
  return new Set(held);
}

/**
 * What is wrong after a run that was not killed: each pull secret has to be fresh and ours, and everything of others
 * as it was.
 * @param stale logins of ECR that no pull secret may hold any more
 */
export async function violations(
  account: Account,
  expected: readonly Expected[],
  before: Snapshot,
  stale: ReadonlySet<string>,
): Promise<string[]> {
  const after = snapshot(account);
  const found: string[] = [];
  for (const one of expected) {
    const key = `${one.namespace}/${one.name}`;
    const wrong = wrongWith(after.secrets.get(key), one, stale);
    found.push(...wrong.map((what) => `secret ${key} ${what}`));
  }
  for (const token of tokensOf(after, expected)) {
    if (!(await opens(account, token))) found.push('a pull secret has a token that ECR does not know');
  }
  const names = new Set(expected.map(({ namespace, name }) => `${namespace}/${name}`));
  found.push(...changes(before.secrets, after.secrets, names).map((key) => `secret ${key} was changed`));
  for (const [key, { metadata }] of before.serviceAccounts) {
    const account = after.serviceAccounts.get(key);
    const linked = metadata.name === 'default' ? namesIn(metadata.namespace ?? '') : [];
    const should = withPullSecrets(before.serviceAccounts.get(key), linked);
    if (!isDeepStrictEqual(withoutVersion(account), withoutVersion(should))) {
      const has = account?.imagePullSecrets?.map(({ name }) => name).join(', ');
      found.push(`service account ${key} is not as it has to be, its pull secrets are: ${has}`);
    }
  }
  return found;
}

function wrongWith(secret: Secret | undefined, expected: Expected, stale: ReadonlySet<string>): string[] {
  if (!secret) return ['is missing'];
  const { metadata, type, data = {} } = secret;
  if (type !== SECRET_TYPE) return [`is of type ${type}`];
  const owners = (metadata.managedFields ?? []).filter(({ fieldsV1 }) =>
    JSON.stringify(fieldsV1).includes('f:.dockerconfigjson'),
  );
  const isOurs = owners.length === 1 && owners[0]?.manager === DEPLOYMENT && owners[0].operation === 'Apply';
  const { [REGISTRY_HOST]: token, ...others } = auths(secret);
  const stored = expected.name === TEAM_SECRET ? { [STORED.host]: STORED.login } : {};
  const lost = (kind: 'labels' | 'annotations') =>
    Object.entries(expected[kind]).some(([key, value]) => metadata[kind]?.[key] !== value);
  return [
    ...(isOurs ? [] : ['is not ours']),
    ...(token === undefined || stale.has(token) ? ['has no current token'] : []),
    ...(isDeepStrictEqual(others, stored) ? [] : ['has not exactly the stored logins']),
    ...(isDeepStrictEqual(Object.keys(data), ['.dockerconfigjson']) ? [] : ['has other data']),
    ...(expected.uid !== undefined && metadata.uid !== expected.uid ? ['is another object'] : []),
    ...(lost('labels') || lost('annotations') ? ['lost labels or annotations of others'] : []),
  ];
}

function auths(secret: Secret): Record<string, string> {
  return loginsOf({ data: secret.data ?? {} });
}

/** Keys, but those named, of what is not the same in both. */
function changes(
  before: ReadonlyMap<string, Secret>,
  after: ReadonlyMap<string, Secret>,
  but: ReadonlySet<string>,
): string[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].filter((key) => !but.has(key) && !isDeepStrictEqual(before.get(key), after.get(key)));
}

/** The account with the names that it lacks at the end of its pull secrets. */
function withPullSecrets(account: ServiceAccount | undefined, names: readonly string[]): object {
  const { imagePullSecrets = [], ...rest } = account ?? {};
  const lacking = names.filter((name) => !imagePullSecrets.some((one) => one.name === name));
  const all = [...imagePullSecrets, ...lacking.map((name) => ({ name }))];
  return all.length > 0 ? { ...rest, imagePullSecrets: all } : rest;
}

function withoutVersion(account: Partial<ServiceAccount> | undefined): object | undefined {
  return account && { ...account, metadata: { ...account.metadata, resourceVersion: '' } };
}

/** Asks the emulated registry. */
async function opens({ aws }: Account, login: string): Promise<boolean> {
  const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
  const url = `${aws.origin}/registry/${REGISTRY_HOST}/v2/`;
  const { statusCode, body } = await request(url, { headers: { authorization }, dispatcher });
  await body.dump();
  return statusCode === 200;
}

/** Not the global one, which an account has pointed elsewhere. */
const dispatcher = new Agent();

function byName<Of extends Secret | ServiceAccount>(objects: readonly Of[]): Map<string, Of> {
  return new Map(objects.map((one) => [`${one.metadata.namespace}/${one.metadata.name}`, one]));
}

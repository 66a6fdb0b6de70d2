import { EXPIRES_AT, FETCHED_AT, labelsOf, SECRET_TYPE } from '../../lambda/kubernetes/pull-secret.ts';
import { mintPassword, mintSecretKey } from '../sandbox/aws/canary.ts';
import { toTimestamp } from '../sandbox/kubernetes/objects.ts';
import type { SecretSeed } from '../sandbox/kubernetes/seeds.ts';
import type { KubernetesEmulator } from '../sandbox/kubernetes/server.ts';
import type { Holding } from './schedule.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const EXAMPLE_HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
/** The latest that a time of Kubernetes can say. */
const NEVER = '9999-12-31T23:59:59Z';

/** The keys of a user that are stored for a registry. */
export const STATIC_KEYS = { accessKeyId: 'AKIASIMULATEDKEY0001', secretAccessKey: mintSecretKey('puller') };

/** A docker config that is stored for a registry elsewhere. */
export const HUB_HOST = 'quay.io';
export const { auth: HUB_AUTH, config: HUB_CONFIG } = hubConfig('robot');

/** A docker config with a password of that user, and the `user:password` in base64 in it. */
export function hubConfig(user: string): { auth: string; config: string } {
  const auth = Buffer.from(`robot:${mintPassword('hub', user, new Date(0))}`).toString('base64');
  return { auth, config: JSON.stringify({ auths: { [HUB_HOST]: { auth } } }) };
}

/** `user:password` in base64 of a token that an earlier run or somebody else fetched. */
export const OLD_AUTH = Buffer.from(`AWS:${mintPassword('eu-west-1', 'earlier', new Date(0))}`).toString(
  'base64',
);

const data = {
  '.dockerconfigjson': Buffer.from(
    JSON.stringify({ auths: { [EXAMPLE_HOST]: { auth: OLD_AUTH } } }),
  ).toString('base64'),
};

/** How long before a schedule begins a run was due that its retry repeats, and has written some. */
export const DUE_BEFORE_MS = 5 * MINUTE_MS;

/** Puts a secret where a schedule finds it. */
export function hold(
  api: KubernetesEmulator,
  namespace: string,
  secret: string,
  holds: Holding,
  deployment: string,
): void {
  const put = (seed: SecretSeed) => api.putSecret(namespace, secret, seed);
  const now = Date.now();
  const dated = (fetchedAt: number, expiresAt: number) => ({
    [FETCHED_AT]: toTimestamp(new Date(fetchedAt)),
    [EXPIRES_AT]: toTimestamp(new Date(expiresAt)),
  });
  const written = (annotations: Record<string, string>): SecretSeed => ({
    type: SECRET_TYPE,
    data,
    labels: labelsOf(deployment),
    annotations,
    time: new Date(now - 8 * HOUR_MS),
  });
  const applied = (annotations: Record<string, string>): SecretSeed => ({
    ...written(annotations),
    manager: deployment,
    operation: 'Apply',
  });
  const usual = dated(now - 8 * HOUR_MS, now + 4 * HOUR_MS);
  switch (holds) {
    case 'nothing':
      return;
    case 'ours':
      put(applied(usual));
      return;
    case 'ours-later':
      put(applied(dated(now - MINUTE_MS, now + 12.5 * HOUR_MS)));
      return;
    case 'ours-just-now':
      put(applied(dated(now - 2 * MINUTE_MS, now + 12 * HOUR_MS - 2 * MINUTE_MS)));
      return;
    case 'predecessor':
      put({ type: SECRET_TYPE, data });
      return;
    case 'somebody':
      put({ type: SECRET_TYPE, data, manager: 'argocd' });
      return;
    case 'wrong-type':
      put({ data });
      return;
    case 'immutable':
      put({ ...applied(usual), immutable: true });
      return;
    case 'foreign-expiry':
      put(applied(usual));
      put({ ...written({ ...usual, [EXPIRES_AT]: hoursFrom(now, 12.5) }), manager: 'kubectl-edit' });
      return;
    case 'endless-expiry':
      put(applied(usual));
      put({ ...written({ ...usual, [EXPIRES_AT]: NEVER }), manager: 'kubectl-edit' });
      return;
    case 'spoofed-expiry':
      put(applied({ ...usual, [EXPIRES_AT]: NEVER }));
      return;
    case 'spoofed-fetch':
      put(applied({ ...usual, [FETCHED_AT]: NEVER }));
      return;
    case 'stripped':
      put(applied(usual));
      api.stripManagers(namespace, secret);
      return;
    case 'restored':
      put({ ...written(usual), manager: 'velero-server' });
      return;
    case 'copied':
      put({ ...written({ ...usual, 'replicator/from': 'default/pull' }), manager: 'replicator' });
      return;
    case 'kept-by-kubectl': {
      const last = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
      put({ ...written({ ...usual, ...last }), manager: 'kubectl-client-side-apply' });
      return;
    }
    case 'crowded':
      for (let at = 0; at < 12; at += 1) {
        put({ type: SECRET_TYPE, data, manager: `"${at}\\ ${'n'.repeat(110)}`, operation: 'Apply' });
      }
  }
}

function hoursFrom(now: number, hours: number): string {
  return toTimestamp(new Date(now + hours * HOUR_MS));
}

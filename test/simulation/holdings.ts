import { EXPIRES_AT, FETCHED_AT, labelsOf, SECRET_TYPE } from '../../lambda/cluster/rights.ts';
import { mintPassword, mintSecretKey } from '../sandbox/aws/canary.ts';
import { toTimestamp } from '../sandbox/kubernetes/objects.ts';
import type { SecretSeed } from '../sandbox/kubernetes/seeds.ts';
import type { Holding } from './schedule.ts';

const HOUR_MS = 3_600_000;
const EXAMPLE_HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';

/** The keys of a user that are stored for a registry. */
export const STATIC_KEYS = { accessKeyId: 'AKIASIMULATEDKEY0001', secretAccessKey: mintSecretKey('puller') };

/** A docker config that is stored for a registry elsewhere. */
export const HUB_HOST = 'quay.io';
const HUB_AUTH = Buffer.from(`robot:${mintPassword('hub', 'robot', new Date(0))}`).toString('base64');
export const HUB_CONFIG = JSON.stringify({ auths: { [HUB_HOST]: { auth: HUB_AUTH } } });

/** `user:password` in base64 of a token that an earlier run or somebody else fetched. */
export const OLD_AUTH = Buffer.from(`AWS:${mintPassword('eu-west-1', 'earlier', new Date(0))}`).toString(
  'base64',
);

/** A secret as a schedule finds it; undefined for none. */
export function holdingSeed(holds: Holding, deployment: string): SecretSeed | undefined {
  const data = {
    '.dockerconfigjson': Buffer.from(
      JSON.stringify({ auths: { [EXAMPLE_HOST]: { auth: OLD_AUTH } } }),
    ).toString('base64'),
  };
  const applied = (hoursLeft: number): SecretSeed => ({
    type: SECRET_TYPE,
    data,
    labels: labelsOf(deployment),
    annotations: {
      [FETCHED_AT]: toTimestamp(new Date(Date.now() + (hoursLeft - 12) * HOUR_MS)),
      [EXPIRES_AT]: toTimestamp(new Date(Date.now() + hoursLeft * HOUR_MS)),
    },
    manager: deployment,
    operation: 'Apply',
    time: new Date(Date.now() - 8 * HOUR_MS),
  });
  switch (holds) {
    case 'nothing':
      return undefined;
    case 'ours':
      return applied(4);
    case 'ours-later':
      return applied(20);
    case 'predecessor':
      return { type: SECRET_TYPE, data };
    case 'somebody':
      return { type: SECRET_TYPE, data, manager: 'argocd' };
    case 'wrong-type':
      return { data };
    case 'immutable':
      return { ...applied(4), immutable: true };
    case 'foreign-expiry':
      return { ...applied(20), manager: 'kubectl-create', operation: 'Update' };
  }
}

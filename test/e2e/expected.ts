import type { Counts } from '../../lambda/refresh/report.ts';
import { chosenMinor } from './control-plane/versions.ts';

/** The counts of a cluster's report in which all that is not named is 0. */
export function counts(some: Partial<Counts>): Counts {
  return { created: 0, refreshed: 0, unchanged: 0, skipped: 0, blocked: 0, failed: 0, ...some };
}

/** The host of the registry whose token the emulated ECR gives to the function. */
export const REGISTRY_HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';

/** The verb of a verdict on a missing `create`: Kubernetes 1.30 and 1.31 do not name it to an apply. */
export const MISSING_CREATE = chosenMinor() < 32 ? 'write' : 'create';

import type { PullCredentials } from '../registry/credentials.ts';
import { dockerConfigData, withPlaceholders } from '../registry/docker-config.ts';
import { EXPIRES_AT, FETCHED_AT, labelsOf, PULL_ROLE, SECRET_TYPE } from './rights.ts';

/**
 * The pull secret as it is applied: all that we own of it.
 * @param plan with a placeholder for each password
 */
export function secretBody(
  deployment: string,
  name: string,
  { auths, token, pullRole }: PullCredentials,
  plan: boolean,
): object {
  const annotations = token && {
    [FETCHED_AT]: toSeconds(token.fetchedAt),
    [EXPIRES_AT]: toSeconds(token.expiresAt),
    ...(pullRole && { [PULL_ROLE]: pullRole }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, labels: labelsOf(deployment), ...(annotations && { annotations }) },
    type: SECRET_TYPE,
    data: { '.dockerconfigjson': dockerConfigData(plan ? withPlaceholders(auths) : auths).reveal() },
  };
}

function toSeconds(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

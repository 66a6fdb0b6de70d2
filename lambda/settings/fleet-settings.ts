import type { ClusterSettings, Settings } from './fields.ts';

type Element = Settings['clusters'][number];

/** Where and by what clusters are found. */
export type Discovery = Extract<Element, { discover: unknown }>['discover'];

/** The clusters that the settings name one by one. */
export function listedClusters({ clusters }: Pick<Settings, 'clusters'>): ClusterSettings[] {
  return clusters.flatMap((element) => ('discover' in element ? [] : element));
}

/** Those elements of `clusters` by which others are found. */
export function discoveriesOf({ clusters }: Pick<Settings, 'clusters'>): Discovery[] {
  return clusters.flatMap((element) => ('discover' in element ? element.discover : []));
}

/** Whether a state machine serves the clusters, one invocation each. */
export function isFleet(settings: Pick<Settings, 'clusters' | 'fleet'>): boolean {
  return settings.fleet || discoveriesOf(settings).length > 0;
}

/**
 * What is wrong with a discovery, by field.
 * @param before the discoveries that stand before it: one account is served with one role
 * @param isPlaced whether the function's own place is known, so that access stacks make the roles elsewhere
 */
export function discoveryFaults(
  discovery: Discovery,
  before: readonly Discovery[],
  isPlaced: boolean,
): [string, string][] {
  const { accounts = [], names, tag, roleName } = discovery;
  const otherwise = before.find(
    (other) => other.roleName !== roleName && other.accounts?.some((account) => accounts.includes(account)),
  );
  return [
    ...(!names && !tag
      ? [['names', 'is missing, and tag too; give one of them, or ["*"] for every cluster of these accounts']]
      : []),
    ...(roleName && accounts.length === 0
      ? [['roleName', 'is assumed in each of accounts, which is missing']]
      : []),
    ...(!roleName && !isPlaced && accounts.length > 1
      ? [
          [
            'roleName',
            `is missing, and the function's own role sees one account, not ${accounts.length}; give it, or the function's accountId and region, and CDK makes the roles`,
          ],
        ]
      : []),
    ...(otherwise ? [['roleName', 'is another one than in an earlier discover of the same account']] : []),
  ] as [string, string][];
}

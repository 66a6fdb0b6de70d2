import type { Stack } from 'aws-cdk-lib';
import type { Discovery } from '../../lambda/settings/fleet-settings.ts';
import type { AccessPlace } from '../../lambda/settings/places.ts';
import type { ClusterSettings } from '../../lambda/settings.ts';
import type { Right } from './rights.ts';

/** The rights of who finds clusters: to describe those that are listed, and to list and describe what discoveries cover. */
export function findingRights(
  stack: Stack,
  { clusters, discoveries }: Pick<AccessPlace, 'clusters' | 'discoveries'>,
): Right[] {
  const regions = [...new Set(discoveries.flatMap(({ regions: given = [stack.region] }) => given))];
  const named = [...clusters, ...discoveries.flatMap((discovery) => globsOf(stack, discovery))];
  const arns = named.map(({ name, region, accountId }) =>
    stack.formatArn({
      service: 'eks',
      resource: 'cluster',
      resourceName: name,
      region: region ?? stack.region,
      account: accountId ?? stack.account,
    }),
  );
  return [
    {
      sid: 'FindClusters',
      why: "the API server's address and certificate authority",
      actions: ['eks:DescribeCluster'],
      resources: [...new Set(arns)],
    },
    {
      sid: 'ListClusters',
      why: 'a discover finds clusters, and ListClusters knows no resources',
      actions: ['eks:ListClusters'],
      resources: regions.length > 0 ? ['*'] : [],
      conditions: { StringEquals: { 'aws:RequestedRegion': regions } },
    },
  ];
}

/** What a discovery covers, with the globs of the settings for names. */
function globsOf(
  stack: Stack,
  { names = ['*'], accounts = [stack.account], regions = [stack.region] }: Discovery,
) {
  return accounts.flatMap((accountId) =>
    regions.flatMap((region) =>
      names.map(
        (name): Pick<ClusterSettings, 'name' | 'region' | 'accountId'> => ({ name, region, accountId }),
      ),
    ),
  );
}

import type { ClusterSettings, SettingsInput } from '../../lambda/settings/schema.ts';

/** Of the role that the function assumes in every account of an emulated fleet. */
export const ROLE_NAME = 'ecr-registry-helper-access';
const TAG = { key: 'ecr-registry-helper', value: 'on' };

export interface FleetSize {
  readonly accounts: readonly string[];
  readonly regions: readonly string[];
  /** Clusters in each account and region. */
  readonly each: number;
}

/** The settings of a fleet that is found by its tag. */
export function fleetSettings({ accounts, regions }: FleetSize): SettingsInput {
  const places = { accounts: [...accounts], regions: [...regions] };
  return { clusters: [{ discover: { ...places, tag: TAG, roleName: ROLE_NAME } }] };
}

/** What is there: the clusters of a fleet with their tag. */
export function fleetClusters({ accounts, regions, each }: FleetSize): ClusterSettings[] {
  return accounts.flatMap((accountId) =>
    regions.flatMap((region) =>
      Array.from({ length: each }, (_, at) => foundCluster(accountId, region, `cluster-${at + 1}`)),
    ),
  );
}

/** One cluster of an account, by its ARN, in which the fleet's role is let in. */
export function foundCluster(
  accountId: string,
  region: string,
  name: string,
  tags = [TAG],
): ClusterSettings & { id: string } {
  const id = `arn:aws:eks:${region}:${accountId}:cluster/${name}`;
  return { id, name, region, accountId, roleArn: roleOf(accountId), tags };
}

export function roleOf(accountId: string): string {
  return `arn:aws:iam::${accountId}:role/${ROLE_NAME}`;
}

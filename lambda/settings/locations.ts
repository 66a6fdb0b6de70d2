import { type AccessStackSettings, type ClusterSettings, isEks, type Settings } from './schema.ts';

/** An account and region. */
export interface Place {
  readonly accountId: string;
  readonly region: string;
}

/** A place, and the clusters there that the role of its access stack reaches. */
export interface AccessPlace extends Place {
  readonly clusters: ClusterSettings[];
  /** Each limited to this place. */
  readonly discoveries: Discovery[];
}

/** A role to assume, and the external id that its trust policy requires. */
export interface AccessRole {
  readonly roleArn: string;
  readonly externalId?: string | undefined;
}

/** Where and by what clusters are discovered. */
export type Discovery = Extract<Settings['clusters'][number], { discover: unknown }>['discover'];

/** The place of the function; undefined where the settings do not name it, and then there are no access stacks. */
export function homeOf({ accountId, region }: Pick<Settings, 'accountId' | 'region'>): Place | undefined {
  return accountId && region ? { accountId, region } : undefined;
}

export function isSamePlace(one: Place, other: Place): boolean {
  return one.accountId === other.accountId && one.region === other.region;
}

/** The name of the function's own role, which access stacks trust. */
export function homeRoleName(deployment: string, region: string): string {
  return `${deployment}-${region}`;
}

/** The name of the role and of the VPC function of an access stack: at most 63 of the 64 characters of IAM and Lambda. */
export function accessRoleName(deployment: string, region: string): string {
  return `${deployment}-access-${region}`;
}

/** The name of the role in the main stack that reads registries for the VPC functions of access stacks. */
export function credentialsRoleName(deployment: string, region: string): string {
  return `${deployment}-creds-${region}`;
}

/** The role that reaches the clusters of a place; undefined at the function's place, or where that is unknown. */
export function accessRole(settings: Settings, place: Place, partition: string): AccessRole | undefined {
  const home = homeOf(settings);
  if (!home || isSamePlace(place, home)) return undefined;
  const { accountId, region } = place;
  const { externalId } = settings.accessStacks.find((stack) => isSamePlace(stack, place)) ?? {};
  return {
    roleArn: `arn:${partition}:iam::${accountId}:role/${accessRoleName(settings.name, region)}`,
    ...(externalId && { externalId }),
  };
}

/** The access stack whose VPC function reaches a cluster, if any. */
export function vpcStackOf(
  settings: Settings,
  { roleArn }: ClusterSettings,
): AccessStackSettings | undefined {
  return settings.accessStacks.find(
    ({ vpc, accountId, region }) =>
      vpc && roleArn?.endsWith(`:${accountId}:role/${accessRoleName(settings.name, region)}`),
  );
}

/** The same cluster with its place and the role of its access stack, unless it has a role or a kubeconfig of its own. */
export function withAccessRole(
  settings: Settings,
  cluster: ClusterSettings,
  partition: string,
): ClusterSettings {
  const home = homeOf(settings);
  if (!home || !usesPlaceRole(cluster)) return cluster;
  const place = resolvePlace(cluster, home);
  return { ...cluster, ...place, ...accessRole(settings, place, partition) };
}

/** The places that need access stacks, in the order of the clusters. */
export function accessPlaces(settings: Settings): AccessPlace[] {
  const home = homeOf(settings);
  return home ? groupByPlace(settings, home).filter((place) => !isSamePlace(place, home)) : [];
}

/** The clusters and discoveries that the function reaches with its own role. */
export function ownReach(settings: Settings): Pick<AccessPlace, 'clusters' | 'discoveries'> {
  const home = homeOf(settings);
  if (!home) return withoutOwnRole(settings);
  const own = groupByPlace(settings, home).find((place) => isSamePlace(place, home));
  return own ?? { clusters: [], discoveries: [] };
}

function groupByPlace(settings: Settings, home: Place): AccessPlace[] {
  const places = new Map<string, AccessPlace>();
  const at = ({ accountId, region }: Place): AccessPlace => {
    const key = `${accountId} ${region}`;
    const place = places.get(key) ?? { accountId, region, clusters: [], discoveries: [] };
    places.set(key, place);
    return place;
  };
  const { clusters, discoveries } = withoutOwnRole(settings);
  for (const cluster of clusters) at(resolvePlace(cluster, home)).clusters.push(cluster);
  for (const discovery of discoveries) {
    const { accounts = [home.accountId], regions = [home.region] } = discovery;
    for (const accountId of accounts) {
      for (const region of regions) {
        const limited = { ...discovery, accounts: [accountId], regions: [region] };
        at({ accountId, region }).discoveries.push(limited);
      }
    }
  }
  return [...places.values()];
}

function withoutOwnRole(settings: Settings): Pick<AccessPlace, 'clusters' | 'discoveries'> {
  return {
    clusters: listedClusters(settings).filter(usesPlaceRole),
    discoveries: discoveriesOf(settings).filter(({ roleName }) => !roleName),
  };
}

/** Whether the place of a cluster decides which role reaches it. */
function usesPlaceRole(cluster: ClusterSettings): boolean {
  return !cluster.roleArn && isEks(cluster);
}

function resolvePlace({ accountId, region }: ClusterSettings, home: Place): Place {
  return { accountId: accountId ?? home.accountId, region: region ?? home.region };
}

/** The clusters that the settings list by name. */
export function listedClusters({ clusters }: Pick<Settings, 'clusters'>): ClusterSettings[] {
  return clusters.flatMap((element) => ('discover' in element ? [] : element));
}

/** The elements of `clusters` that discover clusters. */
export function discoveriesOf({ clusters }: Pick<Settings, 'clusters'>): Discovery[] {
  return clusters.flatMap((element) => ('discover' in element ? element.discover : []));
}

/** Whether a state machine refreshes the clusters, one invocation each. */
export function isFleet(settings: Pick<Settings, 'clusters' | 'fleet'>): boolean {
  return settings.fleet || discoveriesOf(settings).length > 0;
}

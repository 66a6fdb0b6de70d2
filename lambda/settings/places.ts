import type { AccessStackSettings, ClusterSettings, Settings } from './fields.ts';
import { type Discovery, discoveriesOf, listedClusters } from './fleet-settings.ts';

/** An account and region. */
export interface Place {
  readonly accountId: string;
  readonly region: string;
}

/** A place other than the function's, and the clusters there that are reached by the role of its access stack. */
export interface AccessPlace extends Place {
  readonly clusters: ClusterSettings[];
  /** As they are for this place alone. */
  readonly discoveries: Discovery[];
}

/** A role that is assumed, and what its trust policy asks for beside. */
export interface AccessRole {
  readonly roleArn: string;
  readonly externalId?: string | undefined;
}

/** Where the function is; undefined where the settings do not say it, and then there are no access stacks. */
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

/** The name of the role that an access stack makes, and of its function in a VPC. With the longest names it has 63 of the 64 characters of IAM. */
export function accessRoleName(deployment: string, region: string): string {
  return `${deployment}-access-${region}`;
}

/** The name of the role of the function's stack that reads registries for functions in the VPC of access stacks. */
export function credentialsRoleName(deployment: string, region: string): string {
  return `${deployment}-creds-${region}`;
}

/** The role by which clusters of a place are reached; undefined in the function's own, or where that is not known. */
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

/** The access stack with a VPC, if any, from whose function a cluster is reached. */
export function vpcStackOf(
  settings: Settings,
  { roleArn }: ClusterSettings,
): AccessStackSettings | undefined {
  return settings.accessStacks.find(
    ({ vpc, accountId, region }) =>
      vpc && roleArn?.endsWith(`:${accountId}:role/${accessRoleName(settings.name, region)}`),
  );
}

/** The same cluster with its place, and with the role of its access stack where it names no other way in. */
export function withAccessRole(
  settings: Settings,
  cluster: ClusterSettings,
  partition: string,
): ClusterSettings {
  const home = homeOf(settings);
  if (!home || !isPlaced(cluster)) return cluster;
  const place = placeOf(cluster, home);
  return { ...cluster, ...place, ...accessRole(settings, place, partition) };
}

/** The places that access stacks are for, in the order of the clusters. */
export function accessPlaces(settings: Settings): AccessPlace[] {
  const home = homeOf(settings);
  return home ? allPlaces(settings, home).filter((place) => !isSamePlace(place, home)) : [];
}

/** What the function reaches with its own role. */
export function ownReach(settings: Settings): Pick<AccessPlace, 'clusters' | 'discoveries'> {
  const home = homeOf(settings);
  if (home) {
    const own = allPlaces(settings, home).find((place) => isSamePlace(place, home));
    return own ?? { clusters: [], discoveries: [] };
  }
  return {
    clusters: listedClusters(settings).filter(isPlaced),
    discoveries: discoveriesOf(settings).filter(({ roleName }) => !roleName),
  };
}

function allPlaces(settings: Settings, home: Place): AccessPlace[] {
  const places = new Map<string, AccessPlace>();
  const at = ({ accountId, region }: Place): AccessPlace => {
    const key = `${accountId} ${region}`;
    const place = places.get(key) ?? { accountId, region, clusters: [], discoveries: [] };
    places.set(key, place);
    return place;
  };
  for (const cluster of listedClusters(settings).filter(isPlaced))
    at(placeOf(cluster, home)).clusters.push(cluster);
  for (const discovery of discoveriesOf(settings).filter(({ roleName }) => !roleName)) {
    const { accounts = [home.accountId], regions = [home.region] } = discovery;
    for (const accountId of accounts) {
      for (const region of regions) {
        const place = at({ accountId, region });
        place.discoveries.push({ ...discovery, accounts: [accountId], regions: [region] });
      }
    }
  }
  return [...places.values()];
}

/** Whether a place says how a cluster is reached: it is one of EKS, and brings no role of its own. */
function isPlaced({ roleArn, kubeconfigSecretId }: ClusterSettings): boolean {
  return !roleArn && !kubeconfigSecretId;
}

function placeOf({ accountId, region }: ClusterSettings, home: Place): Place {
  return { accountId: accountId ?? home.accountId, region: region ?? home.region };
}

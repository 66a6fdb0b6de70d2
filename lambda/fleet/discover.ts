import pMap from 'p-map';
import type { AwsAccess } from '../aws.ts';
import type { Clock, Deadline } from '../clock.ts';
import { askForCluster } from '../cluster/eks.ts';
import { ClusterNotFoundError } from '../cluster/errors.ts';
import { HelperError } from '../errors.ts';
import { matchesAny } from '../glob.ts';
import { discoveryRole } from '../settings/covered-cluster.ts';
import { type Discovery, discoveriesOf, listedClusters } from '../settings/fleet-settings.ts';
import { type ClusterSettings, clusterId, type Settings } from '../settings.ts';
import type { DiscoveryProblem, DiscoveryReport } from './discovery-report.ts';
import { FleetTooLargeError, NothingFoundError } from './errors.ts';
import { listClusters } from './list-clusters.ts';

/** So many items of at most 200 bytes, and so many problems, stay under the 256 KiB of a state's input. */
export const LARGEST_FLEET = 1_000;
const MOST_PROBLEMS = 100;
/** EKS throttles by account and region. */
const PLACES_AT_ONCE = 10;
const CLUSTERS_AT_ONCE = 4;
/** Not there yet, or no more: such a cluster has nothing to keep fresh. */
const ABSENT: readonly (string | undefined)[] = ['CREATING', 'PENDING', 'DELETING'];

/** The outside of a discovery. */
export interface DiscoverPorts {
  readonly aws: AwsAccess;
  readonly clock: Clock;
  readonly deadline: Deadline;
}

/** One account and region that a discovery is for. */
interface Place {
  readonly discovery: Discovery;
  readonly region: string;
  readonly accountId: string | undefined;
}

/**
 * Finds the clusters of a fleet, the listed ones first: an item each, for one invocation. An account or region that
 * cannot be looked through is told and stops no other.
 * @throws FleetTooLargeError above {@link LARGEST_FLEET} clusters
 */
export async function discover(ports: DiscoverPorts, settings: Settings): Promise<DiscoveryReport> {
  const { clock } = ports;
  const startedAt = clock.now();
  const listed = listedClusters(settings);
  const discoveries = discoveriesOf(settings);
  const problems: DiscoveryProblem[] = [];
  const tell = (where: string, fault: unknown) => {
    if (!(fault instanceof HelperError)) throw fault;
    problems.push({ where, reason: fault.problem, remedy: fault.remedy });
  };
  const found = await pMap(
    discoveries.flatMap((discovery) => placesOf(discovery, settings.accountId)),
    async (place) => ({ ...place, arns: await look(ports, settings, place, tell) }),
    { concurrency: PLACES_AT_ONCE },
  );
  for (const [nth, discovery] of discoveries.entries()) {
    const looked = found.filter((place) => place.discovery === discovery);
    // what could not be looked through is told already
    if (looked.every(({ arns }) => arns?.length === 0)) tell(`discover ${nth + 1}`, new NothingFoundError());
  }
  const isListed = (place: Place, arn: string) =>
    listed.some((cluster) => isSame(cluster, place, arn, ports.aws.region));
  const others = found.flatMap((place) => (place.arns ?? []).filter((arn) => !isListed(place, arn)));
  const ids = new Set([...listed.map(clusterId), ...others]);
  if (ids.size > LARGEST_FLEET) throw new FleetTooLargeError(ids.size, LARGEST_FLEET);
  const more = problems.length - MOST_PROBLEMS;
  return {
    ok: ids.size > 0 && problems.length === 0,
    action: 'discover',
    startedAt: new Date(startedAt).toISOString(),
    durationMs: clock.now() - startedAt,
    items: [...ids].map((id) => ({ action: 'refresh', clusters: [id] })),
    problems: problems.slice(0, MOST_PROBLEMS),
    ...(more > 0 && { moreProblems: more }),
  };
}

function placesOf(discovery: Discovery, ownAccount: string | undefined): Place[] {
  const { accounts = [ownAccount], regions = [] } = discovery;
  return accounts.flatMap((accountId) => regions.map((region) => ({ discovery, accountId, region })));
}

/** The ARNs of what a discovery finds in one place; undefined when it could not be looked through. */
async function look(
  { aws, deadline: { signal } }: DiscoverPorts,
  settings: Settings,
  { discovery, accountId, region }: Place,
  tell: (where: string, fault: unknown) => void,
): Promise<string[] | undefined> {
  const where = `${accountId ?? 'own account'}, ${region}`;
  const { tag, names: globs = ['*'] } = discovery;
  const eks = aws.eks(region, discoveryRole(settings, discovery, { accountId, region }) ?? {});
  let names: string[];
  try {
    names = (await listClusters(eks, where, signal)).filter((name) => matchesAny(globs, name));
  } catch (fault) {
    tell(where, fault);
    return undefined;
  }
  let failed = false;
  const arns = await pMap(
    names,
    async (name) => {
      try {
        const { cluster } = await askForCluster(eks, name, region, signal);
        const { arn, status, tags } = cluster ?? {};
        if (!arn || ABSENT.includes(status)) return [];
        return tag && tags?.[tag.key] !== tag.value ? [] : [arn];
      } catch (fault) {
        // deleted since it was listed
        if (fault instanceof ClusterNotFoundError) return [];
        failed = true;
        tell(`${where}, ${name}`, fault);
        return [];
      }
    },
    { concurrency: CLUSTERS_AT_ONCE },
  );
  const found = arns.flat();
  return failed && found.length === 0 ? undefined : found;
}

/** Whether a cluster that was found is this listed one, which its item names by its id. */
function isSame(
  { name, region, accountId, roleArn }: ClusterSettings,
  { discovery }: Place,
  arn: string,
  ownRegion: string,
): boolean {
  const [, , , foundRegion, foundAccount, resource] = arn.split(':');
  const account = roleArn?.split(':')[4] ?? accountId;
  // without a role both are of the function's own account
  const isOfAccount = account === undefined ? !discovery.roleName : account === foundAccount;
  return resource === `cluster/${name}` && foundRegion === (region ?? ownRegion) && isOfAccount;
}

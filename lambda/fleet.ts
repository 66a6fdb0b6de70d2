import { type EKSClient, paginateListClusters } from '@aws-sdk/client-eks';
import pMap from 'p-map';
import { awsError, callAws } from './aws.ts';
import type { RunContext } from './context.ts';
import { HelperError, hasCode } from './errors.ts';
import { callDescribeCluster } from './kubernetes/eks.ts';
import { type RunTimes, timesOf } from './refresh/report.ts';
import { discoveryRole } from './request.ts';
import { type Discovery, discoveriesOf, listedClusters } from './settings/locations.ts';
import { clusterId } from './settings/schema.ts';
import { matchesAny } from './settings/selection.ts';

/** So many items of at most 200 bytes, and so many problems, stay under the 256 KiB of a state's input. */
export const LARGEST_FLEET = 1_000;
const MOST_PROBLEMS = 100;
/** EKS throttles by account and region. */
const LOCATIONS_AT_ONCE = 10;
const CLUSTERS_AT_ONCE = 4;
/** The most that EKS returns in one page: https://docs.aws.amazon.com/eks/latest/APIReference/API_ListClusters.html */
const PAGE = 100;
/** A cluster that is being created or deleted needs no refresh. */
const ABSENT: readonly (string | undefined)[] = ['CREATING', 'PENDING', 'DELETING'];

/** The event for one cluster: by its id in the settings, or by its ARN. */
export interface FleetItem {
  readonly action: 'refresh';
  /** The id or ARN of the cluster. */
  readonly clusters: readonly [string];
}

/** Why clusters of an account, a region or a discover could not be found. */
export interface DiscoveryProblem {
  /** An account and region, or one cluster there. */
  readonly where: string;
  /** What failed, on which object. */
  readonly reason: string;
  /** How to fix it. */
  readonly remedy: string;
}

/** What a discover returns. */
export interface DiscoveryReport extends RunTimes {
  /** Whether it found clusters, and no account or region failed. */
  readonly ok: boolean;
  readonly action: 'discover';
  /** The event for each cluster. */
  readonly items: readonly FleetItem[];
  /** At most 100. */
  readonly problems: readonly DiscoveryProblem[];
  /** How many problems there were beyond those listed. */
  readonly moreProblems?: number;
}

/** One account and region of a discovery. */
interface Location {
  readonly discovery: Discovery;
  readonly region: string;
  readonly accountId: string | undefined;
}

type ReportProblem = (where: string, fault: unknown) => void;

/**
 * Finds the clusters of a fleet, the listed ones first: an item each, for one invocation. An account or region that
 * fails is reported and stops no other.
 * @throws HelperError (FleetTooLargeError) above {@link LARGEST_FLEET} clusters
 */
export async function discover(ctx: RunContext): Promise<DiscoveryReport> {
  const { settings } = ctx;
  const listed = listedClusters(settings);
  const discoveries = discoveriesOf(settings);
  const problems: DiscoveryProblem[] = [];
  const report: ReportProblem = (where, fault) => {
    if (!(fault instanceof HelperError)) throw fault;
    problems.push({ where, reason: fault.problem, remedy: fault.fix });
  };
  const locations = discoveries.flatMap((discovery): Location[] => {
    const { accounts = [settings.accountId], regions = [] } = discovery;
    return accounts.flatMap((accountId) => regions.map((region) => ({ discovery, accountId, region })));
  });
  const found = await pMap(
    locations,
    async (location) => ({ ...location, arns: await findClusters(ctx, location, report) }),
    { concurrency: LOCATIONS_AT_ONCE },
  );
  for (const [nth, discovery] of discoveries.entries()) {
    const own = found.filter((location) => location.discovery === discovery);
    // a location that failed is reported already
    if (own.every(({ arns }) => arns?.length === 0)) {
      const fix =
        'Correct its accounts, regions, names or tag, or tag a cluster; one that is being created or deleted does not count.';
      // it may be a typo
      report(`discover ${nth + 1}`, new HelperError('NothingFoundError', 'it finds no cluster', fix));
    }
  }
  const others = found.flatMap(({ arns = [], ...location }) =>
    arns.filter((arn) => !isListed(ctx, location, arn)),
  );
  const ids = new Set([...listed.map(clusterId), ...others]);
  if (ids.size > LARGEST_FLEET) {
    throw new HelperError(
      'FleetTooLargeError',
      `found ${ids.size} clusters, and a fleet has at most ${LARGEST_FLEET}`,
      'Narrow discover, and make a deployment (with a name of its own) for each part.',
    );
  }
  const more = problems.length - MOST_PROBLEMS;
  return {
    ok: ids.size > 0 && problems.length === 0,
    action: 'discover',
    ...timesOf(ctx),
    items: [...ids].map((id) => ({ action: 'refresh', clusters: [id] })),
    problems: problems.slice(0, MOST_PROBLEMS),
    ...(more > 0 && { moreProblems: more }),
  };
}

/** The ARNs of the clusters of a discovery in one location; undefined when it failed. */
async function findClusters(
  { aws, deadline: { signal }, settings }: RunContext,
  { discovery, accountId, region }: Location,
  report: ReportProblem,
): Promise<string[] | undefined> {
  const where = `${accountId ?? 'own account'}, ${region}`;
  const { tag, names: globs = ['*'] } = discovery;
  const eks = aws.eks(region, discoveryRole(settings, discovery, { accountId, region }) ?? {});
  let names: string[];
  try {
    names = (await listClusters(eks, where, signal)).filter((name) => matchesAny(globs, name));
  } catch (fault) {
    report(where, fault);
    return undefined;
  }
  let failed = false;
  const arns = await pMap(
    names,
    async (name) => {
      try {
        const { arn, status, tags } = (await callDescribeCluster(eks, { name, region }, signal)) ?? {};
        if (!arn || ABSENT.includes(status)) return [];
        return tag && tags?.[tag.key] !== tag.value ? [] : [arn];
      } catch (fault) {
        // deleted since it was listed
        if (hasCode(fault, 'ClusterNotFoundError')) return [];
        failed = true;
        report(`${where}, ${name}`, fault);
        return [];
      }
    },
    { concurrency: CLUSTERS_AT_ONCE },
  );
  const found = arns.flat();
  return failed && found.length === 0 ? undefined : found;
}

/**
 * The names of all EKS clusters in the client's region, as its identity sees them.
 * @param where account and region, for an error
 * @throws HelperError: ListClustersError, AssumeRoleError, DeadlineError
 */
async function listClusters(client: EKSClient, where: string, signal: AbortSignal): Promise<string[]> {
  return await callAws(
    async (options) => {
      const names: string[] = [];
      for await (const { clusters = [] } of paginateListClusters({ client, pageSize: PAGE }, {}, options)) {
        names.push(...clusters);
      }
      return names;
    },
    signal,
    (awsCode) =>
      awsError('ListClustersError', `could not list the EKS clusters of ${where}`, awsCode, {
        service: 'eks',
        region: 'that region',
        ifDenied: 'Allow eks:ListClusters on * to the identity that the function uses there.',
        otherwise: 'Check that the region is enabled in that account; the next run retries transient errors.',
      }),
  );
}

/** Whether a cluster that was found is a listed one, which its item names by its id. */
function isListed({ aws, settings }: RunContext, { discovery }: Location, arn: string): boolean {
  const [, , , foundRegion, foundAccount, resource] = arn.split(':');
  return listedClusters(settings).some(({ name, region = aws.region, accountId, roleArn }) => {
    const account = roleArn?.split(':')[4] ?? accountId;
    // without a role both are of the function's own account
    const isOfAccount = account === undefined ? !discovery.roleName : account === foundAccount;
    return resource === `cluster/${name}` && foundRegion === region && isOfAccount;
  });
}

/** The result of the run for one cluster. */
export interface FleetResult {
  /** The id or ARN of the cluster. */
  readonly id: string;
  /** Whether its refresh succeeded. */
  readonly ok: boolean;
  /** Why it failed. */
  readonly reason?: string | undefined;
}

/** What a summarize returns where no cluster failed; else it throws. */
export interface FleetSummary extends RunTimes {
  /** Whether there were clusters, and all were refreshed. */
  readonly ok: boolean;
  readonly action: 'summarize';
  /** How many clusters the run had. */
  readonly clusters: number;
  /** The clusters that were not refreshed. */
  readonly failed: readonly FleetResult[];
}

/** A Step Functions cause takes 32 KiB; so many with reasons of 300 characters stay well under it. */
const MOST_NAMED = 50;
const LONGEST_REASON = 300;

/** Summarizes the results of a whole fleet. */
export async function summarize(ctx: RunContext): Promise<FleetSummary> {
  const { results = [] } = ctx.request;
  const failed = results.filter(({ ok }) => !ok);
  return {
    ok: results.length > 0 && failed.length === 0,
    action: 'summarize',
    ...timesOf(ctx),
    clusters: results.length,
    failed,
  };
}

/** The error of a fleet's run: names the clusters that were not refreshed, in one line. */
export function fleetFailedError({ clusters, failed }: FleetSummary): HelperError {
  const causes = failed.map(({ id, reason = '' }) => {
    const shown = reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)} …` : reason;
    return shown ? `${id}: ${shown}` : id;
  });
  const more = causes.length > MOST_NAMED ? `; and ${causes.length - MOST_NAMED} more` : '';
  const problem =
    clusters === 0
      ? 'found no cluster of the fleet'
      : `${failed.length} of ${clusters} clusters were not refreshed: ${causes.slice(0, MOST_NAMED).join('; ')}${more}`;
  const fix = 'The report of each run in the log says what failed and how to fix it.';
  return new HelperError('FleetFailedError', problem, fix);
}

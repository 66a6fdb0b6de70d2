import { partition } from '@aws-sdk/util-endpoints';
import { NotCoveredError } from '../errors.ts';
import { matchesAny } from '../glob.ts';
import { type ClusterSettings, clusterId, type Settings } from '../settings.ts';
import { entriesOf } from './coverage.ts';
import { type Discovery, discoveriesOf, listedClusters } from './fleet-settings.ts';
import { type AccessRole, accessRole, type Place } from './places.ts';

// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html
const ARN = /^arn:([a-z-]+):eks:([a-z0-9-]+):(\d{12}):cluster\/([0-9A-Za-z][\w-]{0,99})$/;

/**
 * The cluster that an event names: a listed one by its id, or by its ARN one that a `discover` of the settings
 * covers. Where that asks for a tag, it goes with the cluster, to be checked when EKS describes it.
 * @throws NotCoveredError saying what does not fit
 */
export function coveredCluster(settings: Settings, id: string): ClusterSettings {
  const listed = listedClusters(settings);
  const known = listed.find((cluster) => clusterId(cluster) === id);
  if (known) return known;
  const [, partitionOfIt, region = '', accountId = '', name = ''] = ARN.exec(id) ?? [];
  const discoveries = discoveriesOf(settings);
  if (discoveries.length === 0 || partitionOfIt === undefined) {
    const found = discoveries.length > 0 ? ['by its ARN what a discover covers'] : [];
    const ids = [...listed.map(clusterId), ...found].join(', ');
    throw new NotCoveredError('cluster', id, `known are ${ids}`);
  }
  const refuse = (what: string) => new NotCoveredError('cluster', id, what);
  if (partition(region).name !== partitionOfIt) throw refuse(`${region} is not in ${partitionOfIt}`);
  const own = settings.accountId ?? accountId;
  let covering = discoveries.filter(({ accounts = [own] }) => accounts.includes(accountId));
  if (covering.length === 0) throw refuse(`no discover names the account ${accountId}`);
  covering = covering.filter(({ regions }) => regions?.includes(region));
  if (covering.length === 0) throw refuse(`no discover of its account names the region ${region}`);
  covering = covering.filter(({ names }) => matchesAny(names ?? ['*'], name));
  if (covering.length === 0) throw refuse(`no discover of its account and region covers the name ${name}`);
  if (entriesOf(settings, id).length === 0) throw refuse(`no entry of secrets is for the name ${name}`);
  const tags = covering.flatMap(({ tag }) => tag ?? []);
  return {
    id,
    name,
    region,
    accountId,
    ...roleIn(settings, covering, { accountId, region }),
    ...(tags.length === covering.length && { tags }),
  };
}

/** The role that a discovery uses in an account and region; undefined is the function's own. */
export function discoveryRole(
  settings: Settings,
  { roleName }: Pick<Discovery, 'roleName'>,
  { accountId, region }: { readonly accountId: string | undefined; readonly region: string },
): AccessRole | undefined {
  if (!accountId) return undefined;
  const { name } = partition(region);
  if (!roleName) return accessRole(settings, { accountId, region }, name);
  return { roleArn: `arn:${name}:iam::${accountId}:role/${roleName}` };
}

/** One account has one role, but for a discovery that names no account, which is of the function's own. */
function roleIn(settings: Settings, covering: readonly Discovery[], place: Place): AccessRole | undefined {
  const [first] = covering.toSorted((one, other) => Number(!one.accounts) - Number(!other.accounts));
  return first && discoveryRole(settings, first, place);
}

import { partition } from '@aws-sdk/util-endpoints';
import type { EndpointKinds } from '../aws.ts';

const HOST = /^(\d{12})\.dkr([.-])ecr(?:-fips)?\.([a-z]{2,4}(?:-[a-z]+)+-\d{1,2})\.([a-z0-9.-]+)$/;

/** A private registry of ECR. */
export interface EcrPlace {
  readonly accountId: string;
  readonly region: string;
}

/** The account and region of a registry of ECR by its host, of the region's partition; undefined for any other host. */
export function readEcrHost(host: string): EcrPlace | undefined {
  const [, accountId, kind, region, suffix] = HOST.exec(host) ?? [];
  if (!accountId || !region) return undefined;
  const known = suffixes(region);
  return suffix === (kind === '.' ? known.classic : known.dualStack) ? { accountId, region } : undefined;
}

/**
 * The hosts that a registry has for the kinds of endpoints, the classic one first; none where no kind is asked for.
 * https://docs.aws.amazon.com/general/latest/gr/ecr.html#ecr_region
 */
export function furtherHosts(
  { accountId, region }: EcrPlace,
  { fips = false, dualStack = false }: EndpointKinds,
): string[] {
  const known = suffixes(region);
  const host = (service: string, suffix: string) => `${accountId}.${service}.${region}.${suffix}`;
  return [
    ...(fips || dualStack ? [host('dkr.ecr', known.classic)] : []),
    ...(fips ? [host('dkr.ecr-fips', known.classic)] : []),
    ...(dualStack ? [host('dkr-ecr', known.dualStack)] : []),
    ...(fips && dualStack ? [host('dkr-ecr-fips', known.dualStack)] : []),
  ];
}

/** What the registry hosts of a region end with: those of IPv6 are `on.` where the API's are `api.`. */
function suffixes(region: string): { readonly classic: string; readonly dualStack: string } {
  const { dnsSuffix, dualStackDnsSuffix } = partition(region);
  return { classic: dnsSuffix, dualStack: dualStackDnsSuffix.replace(/^api\./, 'on.') };
}

import type { Place } from './locations.ts';
import type { EcrRegistry, RegistrySettings, Settings } from './schema.ts';

/** The account and region of the function, as far as they are known. */
export type Home = Pick<Settings, 'accountId' | 'region'>;

/** Where images of ECR Public are pulled from. */
export const PUBLIC_HOST = 'public.ecr.aws';

/**
 * What the registry hosts of a partition end with, classic and dual-stack, by how its regions begin. A table, as CDK
 * apps that import the construct do not have the SDK; a test compares it with the SDK's.
 */
const SUFFIXES: readonly (readonly [region: string, classic: string, dualStack: string])[] = [
  ['cn-', 'amazonaws.com.cn', 'on.amazonwebservices.com.cn'],
  ['us-iso-', 'c2s.ic.gov', 'on.aws.ic.gov'],
  ['us-isob-', 'sc2s.sgov.gov', 'on.aws.scloud'],
  ['eu-isoe-', 'cloud.adc-e.uk', 'on.cloud-aws.adc-e.uk'],
  ['us-isof-', 'csp.hci.ic.gov', 'on.aws.hci.ic.gov'],
  ['eusc-', 'amazonaws.eu', 'on.amazonwebservices.eu'],
  ['', 'amazonaws.com', 'on.aws'],
];

function suffixes(region: string): { readonly classic: string; readonly dualStack: string } {
  const [, classic = '', dualStack = ''] = SUFFIXES.find(([start]) => region.startsWith(start)) ?? [];
  return { classic, dualStack };
}

/** The host of another account's registry beside a known one, which carries region and partition. */
export function hostOfAccount(host: string, accountId: string | undefined): string {
  return accountId ? host.replace(/^\d{12}/, accountId) : host;
}

const HOST = /^(\d{12})\.dkr([.-])ecr(?:-fips)?\.([a-z]{2,4}(?:-[a-z]+)+-\d{1,2})\.([a-z0-9.-]+)$/;

/** The account and region of a registry of ECR by its host, of the region's partition; undefined for any other host. */
export function readEcrHost(host: string): Place | undefined {
  const [, accountId, kind, region, suffix] = HOST.exec(host) ?? [];
  if (!accountId || !region) return undefined;
  const known = suffixes(region);
  return suffix === (kind === '.' ? known.classic : known.dualStack) ? { accountId, region } : undefined;
}

/** Whether a host is named like a registry of ECR and is not one of AWS, as that of an emulator is. */
export function isLikeEcrHost(host: string): boolean {
  return /^\d{12}\.dkr[.-]ecr\b/.test(host) && !readEcrHost(host);
}

/**
 * The hosts that a registry has for the kinds of endpoints, the classic one first.
 * https://docs.aws.amazon.com/general/latest/gr/ecr.html#ecr_region
 */
export function ecrHosts(
  { accountId, region }: Place,
  { fips = false, dualStack = false }: Pick<EcrRegistry, 'fips' | 'dualStack'>,
): string[] {
  const known = suffixes(region);
  const host = (service: string, suffix: string) => `${accountId}.${service}.${region}.${suffix}`;
  return [
    host('dkr.ecr', known.classic),
    ...(fips ? [host('dkr.ecr-fips', known.classic)] : []),
    ...(dualStack ? [host('dkr-ecr', known.dualStack)] : []),
    ...(fips && dualStack ? [host('dkr-ecr-fips', known.dualStack)] : []),
  ];
}

/**
 * The account and region of a registry, as far as the settings tell them. They are found as for the credentials: of the
 * registry, the static keys, the role, the function.
 */
export function ecrPlace(registry: EcrRegistry, home: Home): Partial<Place> {
  const { keysSecretId, roleArn } = registry;
  const ofRole = roleArn ? roleArn.split(':')[4] : home.accountId;
  const accountId = registry.accountId ?? (keysSecretId ? undefined : ofRole);
  const region = registry.region ?? (keysSecretId ? undefined : home.region);
  return { ...(accountId && { accountId }), ...(region && { region }) };
}

/** The hosts that a registry has in the pull secret; undefined where only a run finds them. */
export function knownHosts(registry: RegistrySettings, home: Home): string[] | undefined {
  if (registry.type === 'ecr-public') return [PUBLIC_HOST];
  if (registry.type === 'stored') return undefined;
  const { accountId, region } = ecrPlace(registry, home);
  if (!accountId || !region) return undefined;
  return [...new Set([...ecrHosts({ accountId, region }, registry), ...(registry.hosts ?? [])])];
}

/** What a registry serves, in a text that is equal for the same registry, also where its place is unknown. */
export function describeRegistry(registry: RegistrySettings, home: Home): string {
  if (registry.type === 'ecr-public') return PUBLIC_HOST;
  if (registry.type === 'ecr') return describeEcr(registry, home);
  // its name in the function's account and region, also where it is given by its ARN
  const [, , , region, accountId, , name = ''] = registry.secretId.split(':');
  const isAtHome = region && region === home.region && accountId === home.accountId;
  return `what is in the Secrets Manager secret ${isAtHome ? name.slice(0, -7) : registry.secretId}`;
}

/** The account and region where they are known, else in words that are equal for the same ones. */
function describeEcr(registry: EcrRegistry, home: Home): string {
  const { keysSecretId, roleArn } = registry;
  const keys = keysSecretId && (roleArn ? `${keysSecretId} as ${roleArn}` : keysSecretId);
  const identity = keys ?? roleArn;
  const {
    accountId = identity ? `the account of ${identity}` : "the function's account",
    region = keys ? `the region of ${keys}` : "the function's region",
  } = ecrPlace(registry, home);
  return ecrOf(accountId, region);
}

/** A host of ECR that is neither of FIPS nor of IPv6. */
const ECR_HOST = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z.-]+$/;

/** A host in the words of `describeRegistry`. */
export function describeHost(host: string): string {
  const [, account, region] = ECR_HOST.exec(host) ?? [];
  return account && region ? ecrOf(account, region) : host;
}

const ecrOf = (account: string, region: string) => `ECR of ${account} in ${region}`;

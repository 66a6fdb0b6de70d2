import { Arn, ArnFormat, type Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { discoveriesOf, listedClusters } from '../lambda/fleet-settings.ts';
import { accessPlaces, accessRoleName, ownReach } from '../lambda/places.ts';
import type { ClusterSettings, EcrRegistry, RegistrySettings, Settings } from '../lambda/settings.ts';
import { findingRights } from './finding-rights.ts';
import { cacheGlobs, cacheRights, IMPORT, publicRights } from './registry-rights.ts';
import { addRights, type Right } from './rights.ts';

/** What a client that pulls needs of a repository: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-pull.html */
export const PULL = ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability'];

/** What Lambda does to attach a function: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html */
const ATTACH = [
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

/** What the function has beside its settings. */
interface Surroundings {
  readonly inVpc: boolean;
  readonly ruleName: string;
  /** The ARNs of the roles of entries with `repositories`. */
  readonly pullRoles: string[];
}

/** Gives the function's role what the settings need, and forbids it every other use of ECR. */
export function grantRights(
  role: iam.Role,
  stack: Stack,
  settings: Settings,
  surroundings: Surroundings,
): void {
  addRights(role, rightsOf(stack, settings, surroundings));
}

function rightsOf(stack: Stack, settings: Settings, { inVpc, ruleName, pullRoles }: Surroundings): Right[] {
  const clusters = listedClusters(settings);
  const registries = settings.secrets.flatMap((entry) => entry.registries);
  const secrets = [...registries, ...clusters].flatMap(namedSecrets);
  const own = settings.secrets
    .filter(({ repositories }) => !repositories)
    .flatMap((entry) => entry.registries)
    .filter(
      (registry): registry is EcrRegistry =>
        registry.type === 'ecr' && !registry.roleArn && !registry.keysSecretId,
    );
  const caches = unique(own.flatMap((one) => repositoryArns(stack, one, cacheGlobs(one))));
  const assumed = [...clusters, ...registries.filter((registry) => !readsKeys(registry))].flatMap((one) =>
    'roleArn' in one && one.roleArn ? [one.roleArn] : [],
  );
  return [
    {
      sid: 'FetchToken',
      why: 'GetAuthorizationToken knows no resources',
      actions: ['ecr:GetAuthorizationToken'],
      resources: own.length > 0 ? ['*'] : [],
    },
    {
      sid: 'PullWithToken',
      why: 'whoever holds the token pulls with the rights of this role; the settings choose the repositories',
      actions: PULL,
      resources: unique(own.flatMap((one) => repositoryArns(stack, one, one.repositories))),
    },
    {
      sid: 'NothingElseInRepositories',
      why: "the token goes to every namespace, and a repository's policy could let this role push",
      effect: iam.Effect.DENY,
      notActions: ['ecr:GetAuthorizationToken', ...PULL, ...(caches.length > 0 ? IMPORT : [])],
      resources: [stack.formatArn({ service: 'ecr', region: '*', account: '*', resource: '*' })],
    },
    ...cacheRights(caches),
    ...publicRights(stack, registries),
    {
      sid: 'NothingElseInRegistries',
      why: 'the actions of a whole registry have no resource, so the statement above does not reach them',
      effect: iam.Effect.DENY,
      actions: [
        'ecr:*Registry*',
        'ecr:*Replication*',
        'ecr:*PullThroughCache*',
        'ecr:*CreationTemplate*',
        'ecr:*AccountSetting*',
        'ecr:*SigningConfiguration*',
        'ecr:*PullTimeUpdate*',
      ],
      resources: ['*'],
    },
    ...findingRights(stack, ownReach(settings)),
    {
      sid: 'AssumeNamedRoles',
      why: 'clusters and registries of other accounts',
      actions: ['sts:AssumeRole'],
      resources: unique([...assumed, ...rolesElsewhere(stack, settings)]),
    },
    {
      sid: 'AssumePullRoles',
      why: 'each opens only the repositories of one entry',
      actions: ['sts:AssumeRole'],
      resources: pullRoles,
    },
    {
      sid: 'ReadNamedSecrets',
      why: 'registry credentials, keys and kubeconfigs that the settings name',
      actions: ['secretsmanager:GetSecretValue'],
      resources: unique(secrets.flatMap(({ id }) => secretArns(stack, id))),
    },
    ...decryptions(stack, secrets),
    {
      sid: 'SeeSchedule',
      why: 'doctor says whether the rule is enabled',
      actions: ['events:DescribeRule'],
      resources: [stack.formatArn({ service: 'events', resource: 'rule', resourceName: ruleName })],
    },
    {
      sid: 'AttachToVpc',
      why: "Lambda makes the function's network interfaces with this role, before their ids are known",
      actions: ATTACH,
      resources: inVpc ? ['*'] : [],
    },
    {
      sid: 'NoVpcByCode',
      why: 'that is for Lambda to do; what runs in a function carries this key',
      effect: iam.Effect.DENY,
      actions: ATTACH,
      resources: inVpc ? ['*'] : [],
      conditions: {
        ArnLike: {
          'lambda:SourceFunctionArn': stack.formatArn({
            service: 'lambda',
            resource: 'function',
            resourceName: '*',
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        },
      },
    },
  ];
}

/** The roles of access stacks, and those that a discover names in its accounts. */
function rolesElsewhere(stack: Stack, settings: Settings): string[] {
  const arnOf = (account: string, resourceName: string) =>
    stack.formatArn({ service: 'iam', resource: 'role', resourceName, region: '', account });
  return [
    ...accessPlaces(settings).map((place) =>
      arnOf(place.accountId, accessRoleName(settings.name, place.region)),
    ),
    ...discoveriesOf(settings).flatMap(({ roleName, accounts = [] }) =>
      roleName ? accounts.map((account) => arnOf(account, roleName)) : [],
    ),
  ];
}

/** The repositories of a registry by globs, in which `*` is what it is to IAM: any characters, `/` too. */
export function repositoryArns(
  stack: Stack,
  { region, accountId }: Pick<EcrRegistry, 'region' | 'accountId'>,
  globs: readonly string[],
): string[] {
  return globs.map((glob) =>
    stack.formatArn({
      service: 'ecr',
      resource: 'repository',
      resourceName: glob,
      ...place(stack, region, accountId),
    }),
  );
}

function place(stack: Stack, region: string | undefined, account: string | undefined) {
  return { region: region ?? stack.region, account: account ?? stack.account };
}

/** Whether a registry's token is fetched with keys of Secrets Manager: then a role is assumed with those. */
function readsKeys(registry: RegistrySettings): boolean {
  return registry.type === 'ecr' && registry.keysSecretId !== undefined;
}

/** A secret that the function reads, and the key of one's own that it lies under. */
interface NamedSecret {
  readonly id: string;
  readonly kmsKeyArn: string | undefined;
}

/** What a registry or a cluster names of Secrets Manager: none or one. */
function namedSecrets(one: RegistrySettings | ClusterSettings): NamedSecret[] {
  const { kmsKeyArn, secretId, keysSecretId, kubeconfigSecretId } = one as Partial<Record<string, string>>;
  const id = secretId ?? keysSecretId ?? kubeconfigSecretId;
  return id === undefined ? [] : [{ id, kmsKeyArn }];
}

/** A token (in somebody's app) is taken as an ARN; a name is completed by Secrets Manager with six characters. */
function secretArns(stack: Stack, id: string): string[] {
  if (Token.isUnresolved(id) || id.startsWith('arn:')) return [id];
  return [
    stack.formatArn({
      service: 'secretsmanager',
      resource: 'secret',
      resourceName: `${id}-??????`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    }),
  ];
}

function decryptions(stack: Stack, secrets: NamedSecret[]): Right[] {
  const keys = secrets.flatMap(({ kmsKeyArn }) => kmsKeyArn ?? []);
  return unique(keys).map((key, at) => {
    const region = Arn.split(key, ArnFormat.SLASH_RESOURCE_NAME).region ?? stack.region;
    return {
      sid: `DecryptNamedSecrets${at || ''}`,
      why: 'secrets under a key of your own, and only by way of Secrets Manager',
      actions: ['kms:Decrypt'],
      resources: [key],
      conditions: {
        StringEquals: { 'kms:ViaService': `secretsmanager.${region}.${stack.urlSuffix}` },
      },
    };
  });
}

function unique(values: string[]): string[] {
  return [...new Set(values)];
}

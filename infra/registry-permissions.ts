import { createHash } from 'node:crypto';
import { Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import { accessRoleName, credentialsRoleName } from '../lambda/settings/locations.ts';
import {
  type EcrRegistry,
  NO_PREFIX,
  type RegistrySettings,
  type SecretEntry,
  type Settings,
} from '../lambda/settings/schema.ts';
import { pullRoleKey } from '../lambda/settings/selection.ts';
import {
  acknowledgeWildcards,
  addPermissions,
  listRegistries,
  type Permission,
  roleArn,
  secretPermissions,
} from './permissions.ts';

/**
 * What a client needs to pull, and to list tags as Argo CD Image Updater and Flux image automation do.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-pull.html
 */
const PULL = [
  'ecr:BatchGetImage',
  'ecr:GetDownloadUrlForLayer',
  'ecr:BatchCheckLayerAvailability',
  'ecr:ListImages',
];
/** What a pull through a cache needs: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html */
const IMPORT = ['ecr:BatchImportUpstreamImage', 'ecr:CreateRepository'];
const FETCH_TOKEN = {
  sid: 'FetchToken',
  reason: 'GetAuthorizationToken takes no resource',
  actions: ['ecr:GetAuthorizationToken'],
};

/**
 * What a role needs to read all registries but the stored ones, and the denial of every other use of ECR: a token
 * carries the permissions of the role that fetched it.
 * @param pullRoles the ARNs of the roles of entries with `repositories`
 */
export function registryPermissions(stack: Stack, settings: Settings, pullRoles: string[]): Permission[] {
  const registries = listRegistries(settings);
  // with keys of Secrets Manager, their user assumes the role
  const roles = registries.flatMap((one) =>
    one.type === 'ecr' && one.roleArn && !one.keysSecretId ? [one.roleArn] : [],
  );
  const own = settings.secrets
    .filter(({ repositories }) => !repositories)
    .flatMap((entry) => entry.registries)
    .flatMap((one) => (one.type === 'ecr' && !one.roleArn && !one.keysSecretId ? [one] : []));
  const repositories = own.flatMap((one) => repositoryArns(stack, one, one.repositories));
  const caches = [...new Set(own.flatMap((one) => repositoryArns(stack, one, cacheGlobs(one))))];
  return [
    { ...FETCH_TOKEN, resources: own.length > 0 ? ['*'] : [] },
    {
      sid: 'PullWithToken',
      reason:
        'whoever holds the token pulls with the permissions of this role; the settings name the repositories',
      actions: PULL,
      resources: [...new Set(repositories)],
    },
    {
      sid: 'NothingElseInRepositories',
      reason: "the token goes to every namespace, and a repository's policy could allow this role to push",
      effect: iam.Effect.DENY,
      notActions: [...FETCH_TOKEN.actions, ...PULL, ...(caches.length > 0 ? IMPORT : [])],
      resources: [`arn:${stack.partition}:ecr:*:*:*`],
    },
    {
      sid: 'FillPullThroughCache',
      reason:
        'the first pull of an image imports it into a repository that it creates under a prefix of the settings',
      actions: IMPORT,
      resources: caches,
    },
    {
      sid: 'FillNothingElse',
      reason: 'the policy of a repository or registry could allow this role to import elsewhere',
      effect: iam.Effect.DENY,
      actions: caches.length > 0 ? IMPORT : [],
      notResources: caches,
    },
    ...ecrPublicPermissions(stack, registries),
    {
      sid: 'NothingElseInRegistries',
      reason: 'actions on a whole registry have no resource, so the statement above does not cover them',
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
    {
      sid: 'AssumeRegistryRoles',
      reason: 'registries of other accounts',
      actions: ['sts:AssumeRole'],
      resources: [...new Set(roles)],
    },
    {
      sid: 'AssumePullRoles',
      reason: 'each can pull only the repositories of one entry',
      actions: ['sts:AssumeRole'],
      resources: pullRoles,
    },
  ];
}

/** The repositories of a registry by globs, in which `*` means what it means to IAM: any characters, also `/`. */
function repositoryArns(stack: Stack, registry: EcrRegistry, globs: readonly string[]): string[] {
  const { region = stack.region, accountId = stack.account } = registry;
  return globs.map((glob) => `arn:${stack.partition}:ecr:${region}:${accountId}:repository/${glob}`);
}

/** The prefixes of pull-through caches as globs of repositories; a rule without a prefix is for all of the settings. */
function cacheGlobs({ pullThroughCache = [], repositories }: EcrRegistry): string[] {
  return pullThroughCache.flatMap((prefix) => (prefix === NO_PREFIX ? repositories : [`${prefix}/*`]));
}

/**
 * The token of ECR Public: https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html
 * @throws SettingsError in a stack of another partition, which has no ECR Public
 */
function ecrPublicPermissions({ partition }: Stack, registries: readonly RegistrySettings[]): Permission[] {
  if (!registries.some(({ type }) => type === 'ecr-public')) return [];
  if (!Token.isUnresolved(partition) && partition !== 'aws') {
    throw new SettingsError(
      `registries: ecr-public exists only in the partition aws, and the stack is in ${partition}; use "stored"`,
    );
  }
  return [
    {
      sid: 'FetchPublicToken',
      reason: 'GetAuthorizationToken of ECR Public takes no resource',
      actions: ['ecr-public:GetAuthorizationToken'],
      resources: ['*'],
    },
    {
      sid: 'BearPublicToken',
      reason: 'ECR Public gets its token from STS, whose action takes no resource',
      actions: ['sts:GetServiceBearerToken'],
      resources: ['*'],
      conditions: { StringEquals: { 'sts:AWSServiceName': 'ecr-public.amazonaws.com' } },
    },
    {
      sid: 'NothingElseInPublic',
      reason: 'the token goes to every namespace, and anybody can pull from ECR Public without permissions',
      effect: iam.Effect.DENY,
      notActions: ['ecr-public:GetAuthorizationToken'],
      resources: [`arn:${partition}:ecr-public:*:*:*`],
    },
  ];
}

/**
 * Makes the role with which VPC functions read registries, and can do nothing else: with the role of the main function,
 * whoever administers one of their accounts could reach every cluster.
 * @param pullRoles the ARNs of the roles of entries with `repositories`
 */
export function makeCredentialsRole(scope: Construct, settings: Settings, pullRoles: string[]): void {
  const stack = Stack.of(scope);
  const vpcStacks = settings.accessStacks.filter(({ vpc }) => vpc);
  const trusted = vpcStacks.map(({ accountId, region }) =>
    new iam.AccountPrincipal(accountId).withConditions({
      ArnEquals: { 'aws:PrincipalArn': roleArn(stack, accountId, accessRoleName(settings.name, region)) },
    }),
  );
  const role = new iam.Role(scope, 'CredentialsRole', {
    roleName: credentialsRoleName(settings.name, stack.region),
    description: 'Reads registries for the functions in the VPCs of access stacks',
    assumedBy: new iam.CompositePrincipal(...trusted),
  });
  addPermissions(role, [
    ...registryPermissions(stack, settings, pullRoles),
    ...secretPermissions(stack, listRegistries(settings)),
  ]);
}

/** Of the 10,240 characters of inline policy that IAM takes; the ARNs are in it twice, and the rest needs some. */
const LARGEST_LIST = 4_500;

/**
 * A role for each entry with `repositories`, whose tokens can pull these and nothing else, also where the policy of a
 * repository allows more. The function knows the prefix of their names.
 * @throws SettingsError when a field that the name comes from is a token, or the repositories do not fit in a policy
 */
export class PullRoles extends Construct {
  readonly arns: string[];

  /** @param readers ARNs of the roles that may assume them: that of the main function and, with VPC functions, the credentials role */
  constructor(scope: Construct, id: string, settings: Settings, readers: readonly string[]) {
    super(scope, id);
    const stack = Stack.of(this);
    this.arns = [...settings.secrets.entries()].flatMap(([at, entry]) => {
      if (!entry.repositories) return [];
      checkKnown(at, entry);
      const key = pullRoleKey(entry);
      const roleName = pullRolePrefix(settings.name, stack.region) + key;
      const permissions = pullRolePermissions(collectArns(stack, at, entry));
      const statements = permissions.map((one) => new iam.PolicyStatement(one));
      const role = new iam.Role(this, `Role-${key}`, {
        roleName,
        description: 'Pulls the repositories of one entry of the settings',
        // by ARN and not by unique id, so that the function's role can be re-created
        assumedBy: new iam.AccountRootPrincipal().withConditions({
          ArnEquals: { 'aws:PrincipalArn': readers.length === 1 ? readers[0] : readers },
        }),
        inlinePolicies: { pull: new iam.PolicyDocument({ statements }) },
      });
      acknowledgeWildcards(role, permissions);
      return [roleArn(stack, stack.account, roleName)];
    });
  }
}

function pullRolePermissions(repositories: string[]): Permission[] {
  const reason = 'the settings choose the repositories of this entry by globs';
  return [
    { ...FETCH_TOKEN, resources: ['*'] },
    { sid: 'PullWithToken', reason, actions: PULL, resources: repositories },
    {
      sid: 'NoOtherRepository',
      reason: 'the policy of a repository could allow this role to pull it',
      effect: iam.Effect.DENY,
      actions: PULL,
      notResources: repositories,
    },
    {
      sid: 'NothingElse',
      reason: 'the policy of another resource could allow this role to use it',
      effect: iam.Effect.DENY,
      notActions: [...FETCH_TOKEN.actions, ...PULL],
      resources: ['*'],
    },
  ];
}

/** IAM takes 64 characters, of which the key of an entry has 8, and two are "-". */
const LONGEST_NAME_AND_REGION = 54;

/** The prefix of the names of a deployment's pull roles; the end of a name that is too long is replaced by a hash. */
export function pullRolePrefix(deployment: string, region: string): string {
  const excess = deployment.length + region.length - LONGEST_NAME_AND_REGION;
  if (excess <= 0 || [deployment, region].some((text) => Token.isUnresolved(text))) {
    return `${deployment}-${region}-`;
  }
  const hash = createHash('sha256').update(deployment).digest('hex').slice(0, 8);
  return `${deployment.slice(0, -excess - '-'.length - hash.length)}-${hash}-${region}-`;
}

/** @throws SettingsError naming what makes the list too long for a policy */
function collectArns(stack: Stack, at: number, { repositories = [], registries }: SecretEntry): string[] {
  // with the length of the longest region, as the region may be known only at deployment
  const length = registries.length * repositories.reduce((sum, glob) => sum + glob.length + 55, 0);
  if (length > LARGEST_LIST) {
    throw new SettingsError(
      `secrets[${at}].repositories: ${repositories.length} repositories in ${registries.length} registries do not fit in the policy of one role; use globs, or several entries`,
    );
  }
  const arns = registries.flatMap((registry) =>
    registry.type === 'ecr' ? repositoryArns(stack, registry, repositories) : [],
  );
  return [...new Set(arns)];
}

/** @throws SettingsError naming the field that is a token */
function checkKnown(at: number, { name, namespaces, clusters }: SecretEntry): void {
  for (const [field, value] of Object.entries({ name, clusters, ...namespaces })) {
    if (!Token.isUnresolved(JSON.stringify(value))) continue;
    throw new SettingsError(
      `secrets[${at}].${field in namespaces ? 'namespaces.' : ''}${field}: must be known at synth, as it is part of the name of the pull role`,
    );
  }
}

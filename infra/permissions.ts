import { Arn, ArnFormat, Stack, Token, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import {
  type AccessPlace,
  accessPlaces,
  accessRoleName,
  credentialsRoleName,
  discoveriesOf,
  listedClusters,
  ownReach,
  type Place,
} from '../lambda/settings/locations.ts';
import {
  audienceOf,
  type ClusterSettings,
  type RegistrySettings,
  type Settings,
  WEB_IDENTITY,
} from '../lambda/settings/schema.ts';

/** One statement of a role's policy. */
export interface Permission extends iam.PolicyStatementProps {
  readonly sid: string;
  /** Why the role needs it; cdk-nag gets it as the explanation of a wildcard. */
  readonly reason: string;
}

/** What Lambda calls to attach a function: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html */
const ATTACH_TO_VPC = [
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

/** Adds statements to the policy of a role, without those that have no resource, and explains their wildcards. */
export function addPermissions(role: iam.Role, permissions: readonly Permission[]): void {
  const needed = permissions.filter(
    ({ resources = [], notResources = [] }) => resources.length + notResources.length > 0,
  );
  for (const permission of needed) role.addToPolicy(new iam.PolicyStatement(permission));
  acknowledgeWildcards(role, needed);
}

/** Gives cdk-nag the reasons of the statements that allow resources by a wildcard. */
export function acknowledgeWildcards(role: iam.Role, permissions: readonly Permission[]): void {
  const reasons = new Map<string, string[]>();
  for (const { effect, resources = [], reason } of permissions) {
    if (effect === iam.Effect.DENY) continue;
    for (const resource of resources.map((arn) => findingText(Stack.of(role).resolve(arn)))) {
      if (resource.includes('*')) reasons.set(resource, [...(reasons.get(resource) ?? []), reason]);
    }
  }
  for (const [resource, all] of reasons) {
    const id = `AwsSolutions-IAM5[Resource::${resource}]`;
    Validations.of(role).acknowledge({ id, reason: all.join('; ') });
  }
}

/** A resolved ARN as cdk-nag writes it in the id of a finding: `<Ref>` for what only the deployment knows. */
export function findingText(part: unknown): string {
  if (typeof part === 'string') return part;
  const { Ref: ref, 'Fn::Join': join, 'Fn::GetAtt': attribute } = part as Record<string, unknown>;
  if (typeof ref === 'string') return `<${ref}>`;
  if (Array.isArray(attribute)) return `<${attribute.join('.')}>`;
  if (Array.isArray(join)) return (join[1] as unknown[]).map(findingText).join(String(join[0]));
  return JSON.stringify(part);
}

/**
 * What the role of the main function needs beside its registries.
 * @param logGroupNames the log groups that invoke it
 */
export function functionPermissions(stack: Stack, settings: Settings, logGroupNames: string[]): Permission[] {
  const { partition, region, account } = stack;
  return [
    ...clusterPermissions(stack, ownReach(settings)),
    {
      sid: 'AssumeClusterRoles',
      reason: 'clusters of other accounts and regions',
      actions: ['sts:AssumeRole'],
      resources: [...new Set(clusterRoles(stack, settings))],
    },
    ...secretPermissions(stack, [...listRegistries(settings), ...listedClusters(settings)]),
    ...webIdentityPermissions(settings),
    {
      sid: 'SeeSchedule',
      reason: 'doctor checks that the rule is enabled',
      actions: ['events:DescribeRule'],
      resources: [`arn:${partition}:events:${region}:${account}:rule/${settings.name}`],
    },
    {
      sid: 'SeeSubscriptions',
      reason:
        'doctor checks that the logs invoke the function; CloudWatch Logs authorizes this call on what is in the group',
      actions: ['logs:DescribeSubscriptionFilters'],
      resources: logGroupNames.map(
        (name) => `arn:${partition}:logs:${region}:${account}:log-group:${name}:*`,
      ),
    },
  ];
}

/** The roles of listed clusters, of access stacks, and those that a `discover` names in its accounts. */
function clusterRoles(stack: Stack, settings: Settings): string[] {
  return [
    ...listedClusters(settings).flatMap((cluster) => cluster.roleArn ?? []),
    ...accessPlaces(settings).map(({ accountId, region }) =>
      roleArn(stack, accountId, accessRoleName(settings.name, region)),
    ),
    ...discoveriesOf(settings).flatMap(({ roleName, accounts = [] }) =>
      roleName ? accounts.map((account) => roleArn(stack, account, roleName)) : [],
    ),
  ];
}

/** Gets tokens for the audiences of the clusters that know the role by its web identity, as the function requests them. */
function webIdentityPermissions(settings: Settings): Permission[] {
  const clusters = listedClusters(settings).filter(({ webIdentity }) => webIdentity);
  return [
    {
      sid: 'GetWebIdentityTokens',
      reason: 'clusters that know the role by its web identity; the call takes no resource',
      actions: ['sts:GetWebIdentityToken'],
      resources: clusters.length > 0 ? ['*'] : [],
      conditions: {
        'ForAllValues:StringEquals': {
          'sts:IdentityTokenAudience': clusters.map((cluster) => audienceOf(settings, cluster)),
        },
        StringEquals: { 'sts:SigningAlgorithm': WEB_IDENTITY.algorithm },
        NumericLessThanEquals: { 'sts:DurationSeconds': WEB_IDENTITY.seconds },
      },
    },
  ];
}

/** Reads the parameters with the settings of a deployment. */
export function settingsPermissions({ partition, region, account }: Stack, name: string): Permission[] {
  return [
    {
      sid: 'ReadSettings',
      reason: 'settings that are too long for the environment, also while a deployment replaces them',
      actions: ['ssm:GetParametersByPath'],
      resources: [`arn:${partition}:ssm:${region}:${account}:parameter/ecr-registry-helper/${name}/*`],
    },
  ];
}

/** Describes the listed clusters, and finds and describes what discoveries cover. */
export function clusterPermissions(
  { partition, region: own, account }: Stack,
  { clusters, discoveries }: Pick<AccessPlace, 'clusters' | 'discoveries'>,
): Permission[] {
  const covered = discoveries.flatMap(({ names = ['*'], accounts = [account], regions = [own] }) =>
    accounts.flatMap((accountId) =>
      regions.flatMap((region) => names.map((name) => ({ name, region, accountId }))),
    ),
  );
  const regions = new Set(covered.map(({ region }) => region));
  const arns = [...clusters, ...covered].map(
    ({ name, region = own, accountId = account }) =>
      `arn:${partition}:eks:${region}:${accountId}:cluster/${name}`,
  );
  return [
    {
      sid: 'FindClusters',
      reason: 'the address and the certificate authority of the API server',
      actions: ['eks:DescribeCluster'],
      resources: [...new Set(arns)],
    },
    {
      sid: 'ListClusters',
      reason: 'a discover finds clusters; ListClusters takes no resource',
      actions: ['eks:ListClusters'],
      resources: discoveries.length > 0 ? ['*'] : [],
      conditions: { StringEquals: { 'aws:RequestedRegion': [...regions] } },
    },
  ];
}

/** Reads the secrets that registries and clusters name, and decrypts those under a customer key. */
export function secretPermissions(
  stack: Stack,
  sources: readonly (RegistrySettings | ClusterSettings)[],
): Permission[] {
  const secrets = sources.flatMap((source) => {
    const { kmsKeyArn, ...ids } = source as Partial<Record<string, string>>;
    const id = ids.secretId ?? ids.keysSecretId ?? ids.kubeconfigSecretId;
    return id === undefined ? [] : [{ arn: secretArn(stack, id, '??????'), kmsKeyArn }];
  });
  const keys = new Set(secrets.flatMap(({ kmsKeyArn }) => kmsKeyArn ?? []));
  return [
    {
      sid: 'ReadNamedSecrets',
      reason: 'registry credentials, keys and kubeconfigs that the settings name',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [...new Set(secrets.map(({ arn }) => arn))],
    },
    ...[...keys].map((key, at) => {
      const region = Arn.split(key, ArnFormat.SLASH_RESOURCE_NAME).region ?? stack.region;
      return {
        sid: `DecryptNamedSecrets${at || ''}`,
        reason: 'secrets under a customer key, only through Secrets Manager',
        actions: ['kms:Decrypt'],
        resources: [key],
        conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${region}.${stack.urlSuffix}` } },
      };
    }),
  ];
}

/**
 * The ARN of a secret by its name or ARN; a CDK token is taken as an ARN.
 * @param suffix in place of the six characters that Secrets Manager adds to a name
 */
export function secretArn({ partition, region, account }: Stack, id: string, suffix: string): string {
  return isArn(id) ? id : `arn:${partition}:secretsmanager:${region}:${account}:secret:${id}-${suffix}`;
}

export function isArn(id: string): boolean {
  return Token.isUnresolved(id) || id.startsWith('arn:');
}

export function listRegistries({ secrets }: Pick<Settings, 'secrets'>): RegistrySettings[] {
  return secrets.flatMap((entry) => entry.registries);
}

/** What Lambda needs of a function's role to attach it to a VPC, denied to the code in the function. */
export function vpcPermissions({ partition, region, account }: Stack): Permission[] {
  const functions = `arn:${partition}:lambda:${region}:${account}:function:*`;
  return [
    {
      sid: 'AttachToVpc',
      reason: 'Lambda creates network interfaces with this role, before their ids are known',
      actions: ATTACH_TO_VPC,
      resources: ['*'],
    },
    {
      sid: 'NoVpcByCode',
      reason: 'only Lambda itself needs it; requests of the code in a function have this condition key',
      effect: iam.Effect.DENY,
      actions: ATTACH_TO_VPC,
      resources: ['*'],
      conditions: { ArnLike: { 'lambda:SourceFunctionArn': functions } },
    },
  ];
}

/** What the access role needs for the VPC function, which runs as it; the main function assumes it too. */
export function vpcFunctionPermissions(stack: Stack, { name }: Settings, main: Place): Permission[] {
  const { partition, region, account } = stack;
  return [
    ...vpcPermissions(stack),
    {
      sid: 'InvokeHere',
      reason: 'the main function hands over the clusters of this VPC',
      actions: ['lambda:InvokeFunction'],
      resources: [`arn:${partition}:lambda:${region}:${account}:function:${accessRoleName(name, region)}`],
    },
    {
      sid: 'ReadRegistries',
      reason: 'with a role beside the main function that can only read registries',
      actions: ['sts:AssumeRole'],
      resources: [roleArn(stack, main.accountId, credentialsRoleName(name, main.region))],
    },
  ];
}

/** The ARN of a role by its account and name. */
export function roleArn({ partition }: Stack, accountId: string, roleName: string): string {
  return `arn:${partition}:iam::${accountId}:role/${roleName}`;
}

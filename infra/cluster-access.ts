import { readFileSync } from 'node:fs';
import { KubectlV36Layer } from '@aws-cdk/lambda-layer-kubectl-v36';
import { Annotations, Stack, Token, TokenComparison, Validations } from 'aws-cdk-lib';
import * as eks from 'aws-cdk-lib/aws-eks-v2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import { clusterRights, UNKNOWN_VERSION } from '../lambda/kubernetes/rbac.ts';
import {
  accessPlaces,
  discoveriesOf,
  homeOf,
  isFleet,
  listedClusters,
  type Place,
} from '../lambda/settings/locations.ts';
import { type ClusterSettings, clusterId, isEks, type Settings } from '../lambda/settings/schema.ts';
import { APP_FLAGS } from './function.ts';
import type { Network } from './network.ts';
import { type LogOptions, ownLog } from './options.ts';
import { addPermissions, findingText } from './permissions.ts';

export interface ClusterAccessProps {
  readonly settings: Settings;
  /** All in the account and region of the stack. */
  readonly clusters: readonly ClusterSettings[];
  /** Of the same stack, as an access entry is valid only for that very role. */
  readonly role: iam.IRole;
  readonly network: Network | undefined;
  readonly logs: LogOptions;
}

/** For each cluster the access entry of a role, and its RBAC and admission policy. */
export class ClusterAccess extends Construct {
  /** @throws SettingsError for a cluster that is listed twice */
  constructor(scope: Construct, id: string, props: ClusterAccessProps) {
    super(scope, id);
    const { settings, clusters, role } = props;
    if (clusters.length === 0) return;
    const names = clusters.map(({ name }) => name);
    const kubectl = makeKubectl(this, names[0] ?? '', props);
    const isUnknown = Token.isUnresolved(JSON.stringify([settings.name, settings.secrets]));
    const version = isUnknown ? UNKNOWN_VERSION : undefined;
    for (const [at, cluster] of clusters.entries()) {
      const { name } = cluster;
      if (names.indexOf(name) !== at) {
        throw new SettingsError(
          `clusters: ${name} is listed twice with rbac "apply", and EKS takes one access entry for a role; set rbac "manual" for one of them, or list it once`,
        );
      }
      // by its name, so that the entry is kept when the id changes
      const inner = clusterScope(this, name, at);
      new eks.CfnAccessEntry(inner, 'Entry', {
        clusterName: name,
        principalArn: role.roleArn,
        kubernetesGroups: [settings.name],
      });
      applyManifest(inner, kubectl, name, clusterRights(settings, cluster, version));
    }
  }
}

/** Makes CDK's function that runs kubectl, with our code: one for all clusters, and admin in each of them. */
function makeKubectl(parent: Construct, clusterName: string, { network, logs }: ClusterAccessProps) {
  const scope = new Construct(parent, 'Kubectl');
  const provider = new eks.KubectlProvider(scope, 'Provider', {
    cluster: eks.Cluster.fromClusterAttributes(scope, 'Cluster', { clusterName, vpc: network?.vpc }),
    kubectlLayer: new KubectlV36Layer(scope, 'Layer'),
    privateSubnets: network?.subnets,
    securityGroups: network?.securityGroups,
  });
  const { partition, region, account } = Stack.of(scope);
  addPermissions(provider.role as iam.Role, [
    {
      sid: 'FindClusters',
      reason: 'kubectl deletes the RBAC also in a cluster that is no longer in the settings',
      actions: ['eks:DescribeCluster'],
      resources: [`arn:${partition}:eks:${region}:${account}:cluster/*`],
    },
  ]);
  const handler = provider.node.findChild('Handler') as lambda.Function;
  (handler.node.defaultChild as lambda.CfnFunction).code = {
    zipFile: readFileSync(new URL('./kubectl.py', import.meta.url), 'utf8'),
  };
  ownLog(scope, 'Log', provider, logs);
  acknowledgeKubectl(provider, handler);
  Annotations.of(scope).addInfoV2(
    'ecr-registry-helper:kubectl',
    'CDK\'s kubectl function applies the RBAC. It is admin of these clusters, and it stays in the stack. With "rbac": "manual" there is none, and you apply the RBAC yourself',
  );
  if (network) return provider;
  Annotations.of(scope).addInfoV2(
    'ecr-registry-helper:public-endpoint',
    "CDK's kubectl function is in no VPC: the deployment fails where publicAccessCidrs of a cluster does not allow every address, unless you set vpc (in an access stack accessStacks[].vpc)",
  );
  return provider;
}

/** Explains to cdk-nag what CDK itself makes of the provider. */
function acknowledgeKubectl(provider: eks.KubectlProvider, handler: lambda.Function): void {
  const resolve = (value: unknown) => Stack.of(provider).resolve(value);
  const managed = provider.node
    .findAll()
    .filter((node) => node instanceof iam.CfnRole)
    .flatMap((role) => resolve(role.managedPolicyArns) as unknown[])
    .map((arn) => `AwsSolutions-IAM4[Policy::${findingText(arn)}]`);
  const invokes = `AwsSolutions-IAM5[Resource::${findingText(resolve(handler.functionArn))}:*]`;
  for (const id of new Set([...managed, invokes, 'AwsSolutions-L1'])) {
    const reason = 'made by aws-cdk-lib; rbac "manual" has none of it';
    Validations.of(provider).acknowledge({ id, reason });
  }
}

/** Applies objects in a cluster by kubectl, now and whenever they change. */
function applyManifest(
  scope: Construct,
  kubectlProvider: eks.KubectlProvider,
  clusterName: string,
  manifest: readonly object[],
): void {
  const policyArn = `arn:${Stack.of(scope).partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy`;
  const entry = new eks.CfnAccessEntry(scope, 'KubectlEntry', {
    clusterName,
    principalArn: (kubectlProvider.role as iam.Role).roleArn,
    accessPolicies: [{ policyArn, accessScope: { type: 'cluster' } }],
  });
  const applied = new eks.KubernetesManifest(scope, 'Rights', {
    cluster: eks.Cluster.fromClusterAttributes(scope, 'Cluster', { clusterName, kubectlProvider }),
    // a copy, as CDK adds the label in place
    manifest: structuredClone([...manifest]),
    // labels the objects, by which the handler knows those that nobody else has applied since
    prune: true,
  });
  // also keeps the permission to delete until the manifest is deleted
  applied.node.addDependency(entry);
}

/**
 * The clusters whose access entry and RBAC the main stack makes: by default all that it can.
 * @throws SettingsError for a cluster with rbac "apply" where it cannot, or that the function can never reach
 */
export function listAppliedClusters(scope: Construct, settings: Settings): ClusterSettings[] {
  const { account } = Stack.of(scope);
  for (const { accounts: [accountId] = [], roleName } of discoveriesOf(settings)) {
    if (roleName || homeOf(settings) || isDifferent(accountId, account) !== true) continue;
    throw new SettingsError(
      `clusters: a discover is for account ${accountId}, and the stack is in ${account}; set its roleName, or set accountId and region in the settings, and CDK makes the roles`,
    );
  }
  const ofAccessStacks = new Set(accessPlaces(settings).flatMap(({ clusters }) => clusters));
  return listedClusters(settings).filter(
    (cluster) => !ofAccessStacks.has(cluster) && isApplied(scope, cluster),
  );
}

/** CloudFormation takes 500 a stack, and all else here is less than 60. */
const MOST_RESOURCES = 440;

/**
 * Checks that the resources fit in one stack that each cluster and each entry with `repositories` has.
 * @param applied clusters whose access entries and RBAC the stack applies
 * @throws SettingsError where they do not
 */
export function checkResources(settings: Settings, applied: number): void {
  const { length: listed } = listedClusters(settings);
  const alarms = isFleet(settings) ? 0 : 2 * listed;
  const pullRoles = settings.secrets.filter(({ repositories }) => repositories).length;
  const needed = alarms + 3 * applied + pullRoles;
  if (needed <= MOST_RESOURCES) return;
  throw new SettingsError(
    `clusters: ${listed} clusters and ${pullRoles} entries with repositories take ${needed} resources, and ${MOST_RESOURCES} fit in the stack; set "fleet": true, rbac "manual", or make several deployments`,
  );
}

function isApplied(scope: Construct, cluster: ClusterSettings): boolean {
  // neither an access entry nor CDK's kubectl works there
  if (!isEks(cluster)) return false;
  const { account } = Stack.of(scope);
  const id = clusterId(cluster);
  if (!cluster.roleArn && isDifferent(cluster.accountId, account) === true) {
    throw new SettingsError(
      `clusters: ${id} is in account ${cluster.accountId}, and the stack is in ${account}; give it a roleArn of ${cluster.accountId}, or set accountId and region in the settings, and CDK makes an access stack`,
    );
  }
  if (cluster.rbac === 'manual') return false;
  const obstacle =
    differenceFromStack(scope, cluster) ??
    (cluster.roleArn ? 'the function uses a role there that this stack does not make' : undefined);
  if (!obstacle) return true;
  if (cluster.rbac === 'apply') {
    throw new SettingsError(
      `clusters: ${id} cannot have rbac "apply": ${obstacle}; set "manual", and apply the RBAC yourself: ${applyRbac(scope, id)}`,
    );
  }
  Annotations.of(scope).addInfoV2(
    `ecr-registry-helper:manual:${id}`,
    `the cluster ${id} has rbac "manual", as ${obstacle}. Apply the RBAC yourself: ${applyRbac(scope, id)}`,
  );
  return false;
}

/** How to apply the RBAC of one cluster: by the command line, or for the app of another by the construct's manifests. */
function applyRbac(scope: Construct, id: string): string {
  const flags = scope.node.tryGetContext(APP_FLAGS);
  return flags
    ? `npm run -s rbac -- ${flags} --cluster ${id} | kubectl apply -f -`
    : 'the manifests that clusterRights returns';
}

/** A construct for the parts of one cluster, by its name or id, or by its index where only the deployment knows these. */
export function clusterScope(scope: Construct, id: string, at: number): Construct {
  return new Construct(scope, Token.isUnresolved(id) ? `Cluster${at}` : `Cluster-${id}`);
}

/** Why a cluster is not, or may not be, in the account and region of the stack; undefined when it is. */
export function differenceFromStack(scope: Construct, place: Partial<Place>): string | undefined {
  const stack = Stack.of(scope);
  for (const [field, wanted, actual] of [
    ['region', place.region, stack.region],
    ['account', place.accountId, stack.account],
  ] as const) {
    const different = isDifferent(wanted, actual);
    if (different) return `its ${field} is ${wanted}, and that of the stack is ${actual}`;
    if (different === undefined) {
      return `its ${field} is set, and that of the stack is not known at synth (set it by accountId and region of the settings, -c ${field}=, or env of the stack)`;
    }
  }
  return undefined;
}

/** Whether an account or region differs from that of a stack; undefined when only the deployment knows it. */
export function isDifferent(wanted: string | undefined, actual: string): boolean | undefined {
  if (wanted === undefined) return false;
  const compared = Token.compareStrings(wanted, actual);
  if (compared === TokenComparison.DIFFERENT) return true;
  return compared === TokenComparison.SAME ? false : undefined;
}

/** @throws SettingsError where the settings name another account or region than that of the main stack */
export function checkMainPlace(scope: Construct, settings: Settings): void {
  const main = homeOf(settings);
  const { account, region } = Stack.of(scope);
  if (!main || !differenceFromStack(scope, main)) return;
  const known = !Token.isUnresolved(account) && !Token.isUnresolved(region);
  throw new SettingsError(
    `accountId, region: the settings name ${main.accountId}, ${main.region}, and those of the stack are ${known ? `${account}, ${region}` : 'not known at synth'}; set env of the stack to them`,
  );
}

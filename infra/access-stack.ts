import { Annotations, CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import {
  type AccessPlace,
  accessPlaces,
  accessRoleName,
  credentialsRoleName,
  homeOf,
  homeRoleName,
  isSamePlace,
  type Place,
} from '../lambda/settings/locations.ts';
import { checkSettings } from '../lambda/settings/rules.ts';
import { clusterId, type Settings, type SettingsInput } from '../lambda/settings/schema.ts';
import { ClusterAccess } from './cluster-access.ts';
import { RefreshFunction } from './function.ts';
import { resolveNetwork } from './network.ts';
import { applyOptions, type HelperStackProps, readOptions } from './options.ts';
import { addPermissions, clusterPermissions, roleArn, vpcFunctionPermissions } from './permissions.ts';

export interface EcrRegistryHelperAccessProps {
  /** Those of the function, with its `accountId` and `region`. */
  readonly settings: SettingsInput;
  /** Of all roles that the construct makes. @default - that of `settings.permissionsBoundary`, or none */
  readonly permissionsBoundary?: iam.IManagedPolicy;
}

/**
 * What the function needs in another account or region: a role that it may assume, for the listed clusters with
 * `rbac: "apply"` the access entry and the RBAC, and with `accessStacks[].vpc` the VPC function.
 * @throws SettingsError for wrong settings, or when they name no cluster of this account and region
 */
export class EcrRegistryHelperAccess extends Construct {
  /** The role that the function assumes. */
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: EcrRegistryHelperAccessProps) {
    super(scope, id);
    const settings = checkSettings(props.settings);
    const { name } = settings;
    const stack = Stack.of(this);
    const place = findAccessPlace(stack, settings);
    const main = homeOf(settings) ?? place;
    const { externalId, vpc, kmsKeyArn } = settings.accessStacks.find((one) => isSamePlace(one, place)) ?? {};
    const { key, logs } = readOptions(this, settings, kmsKeyArn);
    applyOptions(this, settings, props.permissionsBoundary);
    const network = resolveNetwork(this, {}, vpc);
    const roleName = accessRoleName(name, stack.region);
    const mainFunction = trustMainFunction(stack, name, main, externalId);
    const role = new iam.Role(this, 'Role', {
      roleName,
      description: `Reaches the clusters of ${stack.region} for ${name} in ${main.accountId}`,
      // the VPC function runs as this role too
      assumedBy: network
        ? new iam.CompositePrincipal(mainFunction, new iam.ServicePrincipal('lambda.amazonaws.com'))
        : mainFunction,
    });
    this.role = role;
    addPermissions(role, [
      ...clusterPermissions(stack, place),
      ...(network ? vpcFunctionPermissions(stack, settings, main) : []),
    ]);
    if (network) {
      new RefreshFunction(new Construct(this, 'Private'), 'Function', {
        ...{ settings, input: props.settings, main, role, network, logOptions: logs },
        environmentEncryption: key,
        // the main function derives it from the settings, as it reads nothing of this stack
        functionName: roleName,
        description: 'Refreshes the ECR pull secrets of the clusters that are reached from this VPC',
        // less than that of the main function, which waits for this one
        timeout: Duration.minutes(14),
        environment: {
          ACCESS_ROLE_ARN: roleArn(stack, stack.account, roleName),
          CREDENTIALS_ROLE_ARN: roleArn(stack, main.accountId, credentialsRoleName(name, main.region)),
        },
      });
    }
    const clusters = place.clusters.filter(({ rbac }) => rbac !== 'manual');
    new ClusterAccess(this, 'Access', { settings, clusters, role, network, logs });
    const manual = [
      ...place.clusters.filter((cluster) => !clusters.includes(cluster)).map(clusterId),
      ...(place.discoveries.length > 0 ? ['clusters that a discover finds'] : []),
    ];
    if (manual.length === 0) return;
    Annotations.of(this).addInfoV2(
      'ecr-registry-helper:manual',
      `${manual.join(', ')}: create the access entry of ${roleName} and apply the RBAC yourself (docs/guides/access-stacks.md)`,
    );
  }
}

/** The stack that `cdk deploy` makes for each other account and region than that of the main function. */
export class EcrRegistryHelperAccessStack extends Stack {
  readonly access: EcrRegistryHelperAccess;

  constructor(scope: Construct, id: string, { settings, ...props }: HelperStackProps) {
    super(scope, id, {
      description:
        'Allows a function in another account or region to refresh the ECR pull secrets of these clusters',
      ...props,
    });
    this.access = new EcrRegistryHelperAccess(this, 'Helper', { settings });
    new CfnOutput(this, 'AccessRoleArn', {
      value: this.access.role.roleArn,
      description: 'The role in the access entries of the clusters',
    });
  }
}

/**
 * The role of the main function, by name and not by unique id, so that either stack can be deployed first.
 * @throws SettingsError for a main function in another partition
 */
function trustMainFunction(stack: Stack, name: string, main: Place, externalId?: string): iam.PrincipalBase {
  const { accountId, region } = main;
  if (RegionInfo.get(region).partition !== RegionInfo.get(stack.region).partition) {
    throw new SettingsError(
      `clusters: ${stack.region} is in another AWS partition than ${region}, where the function is; deploy a second function there, with settings of its own`,
    );
  }
  return new iam.AccountPrincipal(accountId).withConditions({
    ArnEquals: { 'aws:PrincipalArn': roleArn(stack, accountId, homeRoleName(name, region)) },
    ...(externalId && { StringEquals: { 'sts:ExternalId': externalId } }),
  });
}

function findAccessPlace({ account: accountId, region, stackName }: Stack, settings: Settings): AccessPlace {
  const places = accessPlaces(settings);
  const place = places.find((one) => isSamePlace(one, { accountId, region }));
  if (place) return place;
  const known = places.map((one) => `${one.accountId}, ${one.region}`).join('; ');
  throw new SettingsError(
    `clusters: none needs an access stack in the account and region of ${stackName}; access stacks are needed in ${known || 'no other account or region'}`,
  );
}

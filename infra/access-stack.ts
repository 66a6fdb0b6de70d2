import { Annotations, CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import {
  type AccessPlace,
  accessPlaces,
  accessRoleName,
  homeOf,
  homeRoleName,
  isSamePlace,
  type Place,
} from '../lambda/places.ts';
import { checkSettings, clusterId, type Settings, type SettingsInput } from '../lambda/settings.ts';
import { Access } from './access.ts';
import { findingRights } from './finding-rights.ts';
import { addRights } from './rights.ts';

export interface EcrRegistryHelperAccessProps {
  /** Those of the function, with its `accountId` and `region`. */
  readonly settings: SettingsInput;
  /** @default - none */
  readonly permissionsBoundary?: iam.IManagedPolicy;
}

/**
 * What a function elsewhere needs in the account and region of this stack: a role that it may assume, and for the
 * listed clusters with `rbac: "apply"` the access entry and the rights.
 * @throws SettingsError for settings that are wrong, or that name no cluster of this place
 */
export class EcrRegistryHelperAccess extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: EcrRegistryHelperAccessProps) {
    super(scope, id);
    const settings = checkSettings(props.settings);
    const place = placeOf(Stack.of(this), settings);
    this.role = accessRoleOf(this, settings, place, props.permissionsBoundary);
    addRights(this.role, findingRights(Stack.of(this), place));
    const clusters = place.clusters.filter(({ rbac }) => rbac !== 'manual');
    new Access(this, 'Access', { settings, clusters, role: this.role, network: undefined });
    const manual = [
      ...place.clusters.filter((cluster) => !clusters.includes(cluster)).map(clusterId),
      ...(place.discoveries.length > 0 ? ['what a discover finds'] : []),
    ];
    if (manual.length === 0) return;
    Annotations.of(this).addInfoV2(
      'ecr-registry-helper:manual',
      `${manual.join(', ')}: let ${accessRoleName(settings.name, place.region)} in and apply the rights yourself, as npm run -s rbac prints it`,
    );
  }
}

/** The stack that `cdk deploy` makes for each account and region other than the function's. */
export class EcrRegistryHelperAccessStack extends Stack {
  readonly access: EcrRegistryHelperAccess;

  constructor(
    scope: Construct,
    id: string,
    { settings, ...props }: StackProps & Pick<EcrRegistryHelperAccessProps, 'settings'>,
  ) {
    super(scope, id, {
      description: 'Lets a function elsewhere keep the ECR image-pull secrets of these clusters fresh',
      ...props,
    });
    this.access = new EcrRegistryHelperAccess(this, 'Helper', { settings });
    new CfnOutput(this, 'AccessRoleArn', {
      value: this.access.role.roleArn,
      description: 'The role that the access entries of the clusters name',
    });
  }
}

function placeOf({ account: accountId, region, stackName }: Stack, settings: Settings): AccessPlace {
  const places = accessPlaces(settings);
  const place = places.find((one) => isSamePlace(one, { accountId, region }));
  if (place) return place;
  const known = places.map((one) => `${one.accountId}, ${one.region}`).join('; ') || 'none';
  throw new SettingsError(
    `clusters: none is reached by the role of an access stack in the place of ${stackName}; such places are ${known}`,
  );
}

/** It trusts the name of the function's role and not its unique id, so neither has to be there first. */
function accessRoleOf(
  scope: Construct,
  settings: Settings,
  place: Place,
  permissionsBoundary: iam.IManagedPolicy | undefined,
): iam.Role {
  const home = homeOf(settings) ?? place;
  const stack = Stack.of(scope);
  const partition = RegionInfo.get(home.region).partition;
  if (partition !== RegionInfo.get(place.region).partition) {
    throw new SettingsError(
      `clusters: ${place.region} is of another partition of AWS than ${home.region}, where the function is; take a deployment of its own for it`,
    );
  }
  const { externalId } = settings.accessStacks.find((one) => isSamePlace(one, place)) ?? {};
  return new iam.Role(scope, 'Role', {
    roleName: accessRoleName(settings.name, place.region),
    description: `Reaches the clusters of ${place.region} for ${settings.name} in ${home.accountId}`,
    assumedBy: new iam.AccountPrincipal(home.accountId).withConditions({
      ArnEquals: {
        'aws:PrincipalArn': stack.formatArn({
          service: 'iam',
          region: '',
          account: home.accountId,
          resource: 'role',
          resourceName: homeRoleName(settings.name, home.region),
        }),
      },
      ...(externalId && { StringEquals: { 'sts:ExternalId': externalId } }),
    }),
    ...(permissionsBoundary && { permissionsBoundary }),
  });
}

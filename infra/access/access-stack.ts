import { Annotations, CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { SettingsError } from '../../lambda/errors.ts';
import {
  type AccessPlace,
  accessPlaces,
  accessRoleName,
  homeOf,
  isSamePlace,
} from '../../lambda/settings/places.ts';
import { checkSettings, clusterId, type Settings, type SettingsInput } from '../../lambda/settings.ts';
import { networkOf } from '../network.ts';
import { PrivateFunction } from '../private-function.ts';
import { findingRights } from '../rights/finding-rights.ts';
import { addRights } from '../rights/rights.ts';
import { vpcRights } from '../rights/vpc-rights.ts';
import { Access } from './access.ts';
import { makeAccessRole, privateRights } from './access-role.ts';

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
    const stack = Stack.of(this);
    const home = homeOf(settings) ?? place;
    const { externalId, vpc } = settings.accessStacks.find((one) => isSamePlace(one, place)) ?? {};
    const network = networkOf(this, {}, vpc);
    this.role = makeAccessRole(this, settings, home, {
      ...props,
      externalId,
      isFunctions: network !== undefined,
    });
    addRights(this.role, [
      ...findingRights(stack, place),
      ...(network ? [...vpcRights(stack), ...privateRights(stack, settings, home)] : []),
    ]);
    if (network) {
      new PrivateFunction(this, 'Private', {
        settings,
        input: props.settings,
        home,
        role: this.role,
        network,
      });
    }
    const clusters = place.clusters.filter(({ rbac }) => rbac !== 'manual');
    new Access(this, 'Access', { settings, clusters, role: this.role, network });
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

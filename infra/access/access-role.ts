import { ArnFormat, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import type { Construct } from 'constructs';
import { SettingsError } from '../../lambda/errors.ts';
import {
  accessRoleName,
  credentialsRoleName,
  homeRoleName,
  type Place,
} from '../../lambda/settings/places.ts';
import type { Settings } from '../../lambda/settings.ts';
import { roleArn } from '../rights/credentials-role.ts';
import type { Right } from '../rights/rights.ts';

/**
 * A role that trusts the name of the function's and not its unique id, so neither has to be there first.
 * @throws SettingsError for a place of another partition
 */
export function makeAccessRole(
  scope: Construct,
  { name }: Settings,
  home: Place,
  {
    externalId,
    isFunctions,
    permissionsBoundary,
  }: {
    readonly externalId: string | undefined;
    /** Whether a function here runs as it too. */
    readonly isFunctions: boolean;
    readonly permissionsBoundary?: iam.IManagedPolicy;
  },
): iam.Role {
  const stack = Stack.of(scope);
  if (RegionInfo.get(home.region).partition !== RegionInfo.get(stack.region).partition) {
    throw new SettingsError(
      `clusters: ${stack.region} is of another partition of AWS than ${home.region}, where the function is; take a deployment of its own for it`,
    );
  }
  const byFunction = new iam.AccountPrincipal(home.accountId).withConditions({
    ArnEquals: { 'aws:PrincipalArn': roleArn(stack, home.accountId, homeRoleName(name, home.region)) },
    ...(externalId && { StringEquals: { 'sts:ExternalId': externalId } }),
  });
  return new iam.Role(scope, 'Role', {
    roleName: accessRoleName(name, stack.region),
    description: `Reaches the clusters of ${stack.region} for ${name} in ${home.accountId}`,
    assumedBy: isFunctions
      ? new iam.CompositePrincipal(byFunction, new iam.ServicePrincipal('lambda.amazonaws.com'))
      : byFunction,
    ...(permissionsBoundary && { permissionsBoundary }),
  });
}

/** What the function in a VPC needs of home, and the one at home of it, which assumes the same role. */
export function privateRights(stack: Stack, { name }: Settings, home: Place): Right[] {
  return [
    {
      sid: 'InvokeHere',
      why: 'the function at home hands over what is for the clusters of this VPC',
      actions: ['lambda:InvokeFunction'],
      resources: [
        stack.formatArn({
          service: 'lambda',
          resource: 'function',
          resourceName: accessRoleName(name, stack.region),
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
      ],
    },
    {
      sid: 'ReadRegistries',
      why: 'as a role of home that reads the registries of the settings and does nothing else',
      actions: ['sts:AssumeRole'],
      resources: [roleArn(stack, home.accountId, credentialsRoleName(name, home.region))],
    },
  ];
}

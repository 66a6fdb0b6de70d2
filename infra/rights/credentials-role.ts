import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { accessRoleName, credentialsRoleName, type Place } from '../../lambda/settings/places.ts';
import type { Settings } from '../../lambda/settings.ts';
import { credentialRights, registriesOf } from './credential-rights.ts';
import { addRights } from './rights.ts';
import { secretRights } from './secret-rights.ts';

/** The places whose clusters are reached by a function of their own, in a VPC there. */
export function vpcPlaces({ accessStacks }: Pick<Settings, 'accessStacks'>): Place[] {
  return accessStacks.filter(({ vpc }) => vpc !== undefined);
}

/**
 * The role by which the functions in other places read the registries of the settings, and do nothing else: to be
 * the function itself would open every cluster to whoever administers one of these accounts.
 * @param pullRoles the ARNs of the roles of entries with `repositories`
 */
export function makeCredentialsRole(
  scope: Construct,
  settings: Settings,
  pullRoles: string[],
  permissionsBoundary: iam.IManagedPolicy | undefined,
): iam.Role {
  const stack = Stack.of(scope);
  const trusted = vpcPlaces(settings).map(({ accountId, region }) =>
    new iam.AccountPrincipal(accountId).withConditions({
      ArnEquals: { 'aws:PrincipalArn': roleArn(stack, accountId, accessRoleName(settings.name, region)) },
    }),
  );
  const role = new iam.Role(scope, 'CredentialsRole', {
    roleName: credentialsRoleName(settings.name, stack.region),
    description: 'Reads registries for the functions in the VPCs of access stacks',
    assumedBy: new iam.CompositePrincipal(...trusted),
    ...(permissionsBoundary && { permissionsBoundary }),
  });
  addRights(role, [
    ...credentialRights(stack, settings, pullRoles),
    ...secretRights(stack, registriesOf(settings)),
  ]);
  return role;
}

/** The ARN of a role of another account, by its name. */
export function roleArn(stack: Stack, account: string, resourceName: string): string {
  return stack.formatArn({ service: 'iam', region: '', account, resource: 'role', resourceName });
}

import { ArnFormat, type Stack } from 'aws-cdk-lib';
import { discoveriesOf, listedClusters } from '../../lambda/settings/fleet-settings.ts';
import { accessPlaces, accessRoleName, ownReach } from '../../lambda/settings/places.ts';
import type { Settings } from '../../lambda/settings.ts';
import { subscribedLogs } from '../new-namespaces.ts';
import { credentialRights, registriesOf } from './credential-rights.ts';
import { findingRights } from './finding-rights.ts';
import type { Right } from './rights.ts';
import { secretRights } from './secret-rights.ts';
import { vpcRights } from './vpc-rights.ts';

/** What the function has beside its settings. */
interface Surroundings {
  readonly inVpc: boolean;
  readonly ruleName: string;
  /** The ARNs of the roles of entries with `repositories`. */
  readonly pullRoles: string[];
}

/** What the function's role needs for its settings, and the denial of every other use of ECR. */
export function functionRights(
  stack: Stack,
  settings: Settings,
  { inVpc, ruleName, pullRoles }: Surroundings,
): Right[] {
  return [
    ...credentialRights(stack, settings, pullRoles),
    ...findingRights(stack, ownReach(settings)),
    {
      sid: 'AssumeClusterRoles',
      why: 'clusters of other accounts and regions',
      actions: ['sts:AssumeRole'],
      resources: [...new Set(clusterRoles(stack, settings))],
    },
    ...secretRights(stack, [...registriesOf(settings), ...listedClusters(settings)]),
    {
      sid: 'SeeSchedule',
      why: 'doctor says whether the rule is enabled',
      actions: ['events:DescribeRule'],
      resources: [stack.formatArn({ service: 'events', resource: 'rule', resourceName: ruleName })],
    },
    {
      sid: 'SeeSubscriptions',
      why: "doctor says whether the logs tell the function of new namespaces; CloudWatch Logs names a group's own calls by what is in it",
      actions: ['logs:DescribeSubscriptionFilters'],
      resources: subscribedLogs(settings).map((name) =>
        stack.formatArn({
          service: 'logs',
          resource: 'log-group',
          resourceName: `${name}:*`,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
      ),
    },
    ...(inVpc ? vpcRights(stack) : []),
  ];
}

/** The roles of listed clusters, of access stacks, and those that a discover names in its accounts. */
function clusterRoles(stack: Stack, settings: Settings): string[] {
  const arnOf = (account: string, resourceName: string) =>
    stack.formatArn({ service: 'iam', resource: 'role', resourceName, region: '', account });
  return [
    ...listedClusters(settings).flatMap(({ roleArn }) => roleArn ?? []),
    ...accessPlaces(settings).map((place) =>
      arnOf(place.accountId, accessRoleName(settings.name, place.region)),
    ),
    ...discoveriesOf(settings).flatMap(({ roleName, accounts = [] }) =>
      roleName ? accounts.map((account) => arnOf(account, roleName)) : [],
    ),
  ];
}

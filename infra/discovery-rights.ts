import type { Stack } from 'aws-cdk-lib';
import type { Discovery } from '../lambda/fleet-settings.ts';

/** What the function's own role needs for what a discovery finds: the rest is for the roles that it assumes. */
export interface DiscoveryRights {
  /** In which it lists clusters itself. */
  readonly regions: string[];
  /** ARNs, with the globs of the settings, of what it describes itself. */
  readonly clusters: string[];
  /** ARNs of what it assumes instead. */
  readonly roles: string[];
}

/** Says by resource what the discoveries of the settings take. */
export function discoveryRights(stack: Stack, discoveries: readonly Discovery[]): DiscoveryRights {
  const own = discoveries.filter(({ roleName }) => !roleName);
  const regionsOf = ({ regions = [stack.region] }: Discovery) => regions;
  return {
    regions: [...new Set(own.flatMap(regionsOf))],
    clusters: own.flatMap((discovery) => {
      const { names = ['*'], accounts = [stack.account] } = discovery;
      return accounts.flatMap((account) =>
        regionsOf(discovery).flatMap((region) =>
          names.map((resourceName) =>
            stack.formatArn({ service: 'eks', resource: 'cluster', resourceName, region, account }),
          ),
        ),
      );
    }),
    roles: discoveries.flatMap(({ roleName, accounts = [] }) =>
      accounts.flatMap((account) =>
        roleName
          ? stack.formatArn({ service: 'iam', resource: 'role', resourceName: roleName, region: '', account })
          : [],
      ),
    ),
  };
}

import type { Mutant } from './mutate.ts';

/** Defects of the discovery of clusters and of the runs of a fleet, each for one cluster. */
export const ofFleets: readonly Mutant[] = [
  {
    name: 'believe the tag of the time of discovery',
    in: 'describeCluster',
    replace: 'tags && !',
    by: 'tags && tags.length === 0 && !',
    harm: 'an item names any cluster of a covered account and gives it the token',
    caughtBy: ['test/integration/fleet.test.ts'],
  },
  {
    name: 'serve a cluster of any name',
    in: 'findCoveredCluster',
    always: 'matchesAny(',
    harm: 'an item widens the settings',
    caughtBy: ['test/integration/fleet.test.ts'],
  },
  {
    name: 'take what could not be looked through for empty',
    in: 'findClusters',
    remove: 'report(where',
    harm: 'the clusters of an account go stale and nobody is told',
    caughtBy: ['test/integration/fleet.test.ts'],
  },
  {
    name: 'measure each cluster of a fleet',
    in: 'runMetrics',
    always: '!inFleet',
    harm: 'a fleet of 1,000 clusters pays for 8,000 metrics',
    caughtBy: ['test/unit/metrics.test.ts', 'test/integration/fleet.test.ts'],
  },
  {
    name: 'call a fleet fresh of which one cluster is not',
    in: 'summarize',
    remove: 'failed.length',
    harm: 'a cluster goes stale and the state machine succeeds',
    caughtBy: ['test/unit/fleet-summary.test.ts'],
  },
  {
    name: 'take a place from the item where the settings name none',
    in: 'findCoveredCluster',
    remove: 'settings.accountId',
    harm: 'an item names an account, and the function tries a role there',
    caughtBy: ['test/unit/settings/places.test.ts'],
  },
  {
    name: 'forget the external id',
    in: 'accessRole',
    remove: 'externalId &&',
    harm: 'the clusters of an access stack that asks for it are never reached',
    caughtBy: ['test/unit/settings/places.test.ts', 'test/integration/access-stacks.test.ts'],
  },
  {
    name: 'reach every cluster from home',
    in: 'findVpcFunction',
    always: 'roleArn === own',
    harm: 'the clusters of a VPC elsewhere are never reached',
    caughtBy: ['test/integration/private-clusters.test.ts'],
  },
  {
    name: 'believe any answer of the function in a VPC',
    in: 'vpc-function: invoke',
    replace: "typeof ok !== 'boolean' || action !== request.action",
    by: 'false',
    harm: 'what is no report is taken for one',
    caughtBy: ['test/integration/private-clusters.test.ts'],
  },
  {
    name: 'read registries as the role of the place',
    in: 'AwsClients.#credentialsRole',
    set: 'return',
    to: 'undefined',
    harm: 'the function in a VPC has no token, or one that pulls nothing',
    caughtBy: ['test/integration/private-clusters.test.ts'],
  },
];

import type { Mutant } from './mutate.ts';

/** Defects of what finds the clusters of a fleet and lets an item name one. */
export const ofFleets: readonly Mutant[] = [
  {
    name: 'believe the tag of the time of discovery',
    file: 'lambda/cluster/eks.ts',
    find: 'if (tags && !tags.some(',
    replace: 'if (tags && tags.length === 0 && !tags.some(',
    harm: 'an item names any cluster of a covered account and gives it the token',
    caughtBy: ['test/integration/fleet.test.ts'],
  },
  {
    name: 'serve a cluster of any name',
    file: 'lambda/covered-cluster.ts',
    find: "matchesAny(names ?? ['*'], name)",
    replace: "matchesAny(names ?? ['*'], name) || name !== ''",
    harm: 'an item widens the settings',
    caughtBy: ['test/integration/fleet.test.ts'],
  },
  {
    name: 'take what could not be looked through for empty',
    file: 'lambda/discover.ts',
    find: '    tell(where, fault);\n    return undefined;',
    replace: '    return undefined;',
    harm: 'the clusters of an account go stale and nobody is told',
    caughtBy: ['test/integration/fleet.test.ts'],
  },
  {
    name: 'measure each cluster of a fleet',
    file: 'lambda/measure.ts',
    find: "if (!inFleet) metrics.addDimension('cluster', cluster.id);",
    replace: "metrics.addDimension('cluster', cluster.id);",
    harm: 'a fleet of 1,000 clusters pays for 8,000 metrics',
    caughtBy: ['test/unit/measure.test.ts', 'test/integration/fleet.test.ts'],
  },
  {
    name: 'call a fleet fresh of which one cluster is not',
    file: 'lambda/fleet-summary.ts',
    find: 'ok: results.length > 0 && failed.length === 0 &&',
    replace: 'ok: results.length > 0 &&',
    harm: 'a cluster goes stale and the state machine succeeds',
    caughtBy: ['test/unit/fleet-summary.test.ts'],
  },
  {
    name: 'take a place from the item where the settings name none',
    file: 'lambda/covered-cluster.ts',
    find: 'const own = settings.accountId ?? accountId;',
    replace: 'const own = accountId;',
    harm: 'an item names an account, and the function tries a role there',
    caughtBy: ['test/unit/places.test.ts'],
  },
  {
    name: 'forget the external id',
    file: 'lambda/places.ts',
    find: '...(externalId && { externalId }),',
    replace: '',
    harm: 'the clusters of an access stack that asks for it are never reached',
    caughtBy: ['test/unit/places.test.ts', 'test/integration/access-stacks.test.ts'],
  },
];

import type { Mutant } from './mutate.ts';
import { ofActions } from './of-actions.ts';
import { ofClusters } from './of-clusters.ts';
import { ofDoctor } from './of-doctor.ts';
import { ofFleets } from './of-fleets.ts';
import { ofRegistries } from './of-registries.ts';
import { ofReports } from './of-reports.ts';
import { ofWrites } from './of-writes.ts';

/** Every defect that is kept, in the way of the data. */
export const mutants: readonly Mutant[] = [
  ...ofFleets,
  ...ofRegistries,
  ...ofClusters,
  ...ofWrites,
  ...ofReports,
  ...ofActions,
  ...ofDoctor,
];

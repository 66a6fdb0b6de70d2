import type { Mutant } from './mutate.ts';
import { ofActions } from './of-actions.ts';
import { ofArgocd } from './of-argocd.ts';
import { ofClusters } from './of-clusters.ts';
import { ofDoctor } from './of-doctor.ts';
import { ofFleets } from './of-fleets.ts';
import { ofNeighbours } from './of-neighbours.ts';
import { ofRegistries } from './of-registries.ts';
import { ofReports } from './of-reports.ts';
import { ofRetries } from './of-retries.ts';
import { ofSettings } from './of-settings.ts';
import { ofWrites } from './of-writes.ts';

/** All mutants, in the order of the data flow. */
export const mutants: readonly Mutant[] = [
  ...ofFleets,
  ...ofRegistries,
  ...ofClusters,
  ...ofWrites,
  ...ofNeighbours,
  ...ofReports,
  ...ofRetries,
  ...ofActions,
  ...ofArgocd,
  ...ofDoctor,
  ...ofSettings,
];

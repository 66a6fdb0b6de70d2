import { partition } from '@aws-sdk/util-endpoints';
import type { Settings } from '../settings.ts';
import { withAccessRole } from './places.ts';

/**
 * The same settings where all that is left out of places is filled in: each discovery says its regions, and where the
 * function's own place is known each listed cluster says its own and the role by which it is reached there.
 * @param region in which the function runs
 */
export function located(settings: Settings, region: string): Settings {
  const own = settings.region ?? region;
  const clusters = settings.clusters.map((element) =>
    'discover' in element
      ? { ...element, discover: { ...element.discover, regions: element.discover.regions ?? [own] } }
      : withAccessRole(settings, element, partition(own).name),
  );
  return { ...settings, clusters };
}

import type { Settings } from './fields.ts';
import { isFleet } from './fleet-settings.ts';
import { accessPlaces, homeOf, isSamePlace } from './places.ts';

/** What must fit together of the function's place and the access stacks. */
export function checkPlaces(settings: Settings, say: (path: PropertyKey[], message: string) => void): void {
  const { accountId, region, accessStacks } = settings;
  const home = homeOf(settings);
  if (!home && (accountId ?? region)) {
    say(
      [accountId ? 'region' : 'accountId'],
      'is missing; the place of the function is both, account and region',
    );
  }
  const places = accessPlaces(settings);
  for (const [at, stack] of accessStacks.entries()) {
    const where = `${stack.accountId}, ${stack.region}`;
    const fault = !home
      ? 'accountId and region of the function must be given for access stacks'
      : isSamePlace(stack, home)
        ? `${where} is the place of the function itself, which needs no access stack`
        : !places.some((place) => isSamePlace(place, stack))
          ? `no cluster and no discover without a role of its own is in ${where}`
          : accessStacks.findIndex((other) => isSamePlace(other, stack)) !== at
            ? `${where} is there already`
            : stack.vpc && !isFleet(settings)
              ? 'vpc: needs "fleet": true, as one run reaches the clusters of one VPC'
              : undefined;
    if (fault) say(['accessStacks', at], fault);
  }
}

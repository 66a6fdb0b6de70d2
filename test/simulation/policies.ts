import type { Phase, Witness } from './witness.ts';

/** The admission policy is in force all the time: no run says otherwise, and one that nothing disturbs says that it is. */
export function alarmsOfNoPolicy({ troubled, retry, after }: Witness): string[] {
  const disturbed = [troubled, ...(retry ? [retry] : [])].flatMap(clustersOf);
  const undisturbed = clustersOf(after).filter(
    ({ policy, created, refreshed, unchanged }) => !policy && created + refreshed + unchanged > 0,
  );
  return [
    ...[...disturbed, ...clustersOf(after)].flatMap(({ id, policy }) =>
      policy && policy.state !== 'in force' ? [`${id}: its policy is said to be ${policy.state}`] : [],
    ),
    ...(after.plan || after.narrowed ? [] : undisturbed).map(({ id }) => `${id}: its policy was not tried`),
  ];
}

function clustersOf({ endings }: Phase) {
  return endings.flatMap((ending) => ending?.report?.clusters ?? []);
}

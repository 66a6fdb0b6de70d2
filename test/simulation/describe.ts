import type { Fault, Schedule } from './schedule.ts';

/** Says a schedule so that a person can follow it: settings, clusters, faults. */
export function describe({
  settings,
  event,
  namespaces,
  faults,
  deadline,
  heldAt,
  attempts,
  retried,
}: Schedule): string {
  const found = namespaces.map(({ cluster, name, labels, terminating, holds, guard }) => {
    const marks = [
      holds,
      ...Object.entries(labels).map(([key, value]) => `${key}=${value}`),
      ...(terminating ? ['terminating'] : []),
      ...(guard === 'none' ? [] : [`behind a ${guard}`]),
    ];
    return `  ${cluster}/${name}: ${marks.join(', ')}`;
  });
  const entries = (settings.secrets ?? []).map((entry) => `  ${JSON.stringify(entry)}`);
  return [
    `clusters ${settings.clusters.map((cluster) => ('name' in cluster ? cluster.name : 'found')).join(', ')}, concurrency ${settings.concurrency}, entries`,
    ...entries,
    'namespaces',
    ...found,
    `a ${event} run with ${'ms' in deadline ? `${deadline.ms} ms` : `time until request ${deadline.atRequest}`}, ${attempts} tries of the SDK${retried ? ', and a retry' : ''}`,
    ...(heldAt
      ? [`  overlapped by another while its write to ${heldAt.cluster}/${heldAt.namespace} is held`]
      : []),
    faults.length === 0 ? 'no faults' : 'faults',
    ...faults.map((fault) => `  ${describeFault(fault)}`),
  ].join('\n');
}

function describeFault(fault: Fault): string {
  const often = (from: number, times: number) =>
    `from the ${from}. on, ${times === 99 ? 'for ever' : `${times} times`}`;
  switch (fault.on) {
    case 'cluster':
      return `${fault.cluster}: ${fault.what}`;
    case 'world':
      return `${fault.cluster}/${fault.namespace}: ${fault.what} at write ${fault.atWrite}`;
    case 'aws':
      return `${fault.operation}: ${fault.what} ${often(fault.from, fault.times)}`;
    case 'api': {
      const { cluster, namespace, verb, what, retryAfter, offset } = fault;
      const more = what.startsWith('broken')
        ? ` at ${offset}`
        : retryAfter === undefined
          ? ''
          : ` Retry-After ${retryAfter}`;
      return `${cluster}/${namespace ?? '*'}: ${verb} ${what}${more} ${often(fault.from, fault.times)}`;
    }
  }
}

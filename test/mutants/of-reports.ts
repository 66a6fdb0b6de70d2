import { type Mutant, SIMULATION } from './mutate.ts';

/** Defects of what keeps a run together and tells of it. */
export const ofReports: readonly Mutant[] = [
  {
    name: 'swallow a failure',
    file: 'lambda/cluster/refresh-cluster.ts',
    find: 'tally.counts.failed === 0 && ',
    replace: '',
    harm: 'a run that did not do its work is ok, and nobody is told',
    caughtBy: ['test/integration/writes.test.ts', SIMULATION],
  },
  {
    name: 'an entry that was not read is ok',
    file: 'lambda/cluster/refresh-cluster.ts',
    find: ' && run.entries.every(isRead)',
    replace: '',
    harm: 'ClusterFresh is sent of a cluster that has nothing fresh',
    caughtBy: ['test/integration/bad-input.test.ts'],
  },
  {
    name: 'leave connections open',
    file: 'lambda/cluster/visit.ts',
    find: 'await cluster?.close();',
    replace: '',
    harm: 'the function is frozen with sockets that are dead when it wakes',
    caughtBy: ['test/integration/refresh.test.ts'],
  },
  {
    name: 'one namespace stops the rest',
    file: 'lambda/cluster/refresh-cluster.ts',
    find: 'tally.add(namespace.name, settings.name, judged);',
    replace: `tally.add(namespace.name, settings.name, judged);
    if (judged.outcome === 'failed') throw new Error('stop');`,
    harm: 'all that comes after one broken namespace goes stale',
    caughtBy: ['test/integration/writes.test.ts'],
  },
  {
    name: 'one cluster stops the rest',
    file: 'lambda/cluster/visit.ts',
    find: `    fault = caught;
  } finally {`,
    replace: `    throw caught;
  } finally {`,
    harm: 'one cluster that is away keeps all others from being done',
    caughtBy: ['test/integration/bad-input.test.ts', SIMULATION],
  },
  {
    name: 'a deadline that never comes',
    file: 'lambda/clock.ts',
    find: '() => due.abort(),',
    replace: '() => undefined,',
    harm: 'a server that stalls ends the function without a report',
    caughtBy: ['test/unit/clock.test.ts'],
  },
  {
    name: 'one cluster after the other',
    file: 'lambda/refresh.ts',
    find: 'const CLUSTERS_AT_ONCE = 10;',
    replace: 'const CLUSTERS_AT_ONCE = 1;',
    harm: 'a cluster that stalls takes the time of all others',
    caughtBy: ['test/integration/clusters.test.ts'],
  },
  {
    name: 'leave the timer of the deadline',
    file: 'lambda/handler.ts',
    find: 'deadline.stop();',
    replace: '',
    harm: 'the function does not come to rest, and the timer fires in a later run',
    caughtBy: [SIMULATION],
  },
  {
    name: 'ClusterFresh of a narrowed run',
    file: 'lambda/measure.ts',
    find: 'const narrowed = invocation.namespaces !== undefined;',
    replace: 'const narrowed = false;',
    harm: 'the alarm stays silent while most namespaces go stale',
    caughtBy: ['test/unit/measure.test.ts'],
  },
  {
    name: 'a queued run that failed does not throw',
    file: 'lambda/handler.ts',
    find: "if (!answer.ok && invocation.origin !== 'manual')",
    replace: "if (!answer.ok && invocation.origin === 'scheduled')",
    harm: 'a failed refresh is tried again once and then forgotten',
    caughtBy: ['test/integration/events.test.ts'],
  },
  {
    name: 'an event may widen the settings',
    file: 'lambda/event.ts',
    find: 'if (!entries.some((entry) => coversNamespace(entry, name)))',
    replace: 'if (entries.length === 0)',
    harm: 'a namespace that is not covered is asked for and reported as done',
    caughtBy: ['test/integration/bad-input.test.ts'],
  },
];

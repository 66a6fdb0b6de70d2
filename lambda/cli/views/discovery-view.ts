import type { DiscoveryReport } from '../../fleet/discovery-report.ts';
import { duration } from './durations.ts';
import { paragraphs, remedies, table } from './table.ts';
import { verdict } from './verdict.ts';

/** The clusters that a discover found, for people. */
export function discoveryView({ ok, durationMs, items, problems, moreProblems }: DiscoveryReport): string {
  return paragraphs(
    `${verdict(ok)}: discover, ${items.length} clusters, in ${duration(durationMs)}`,
    table(
      ['CLUSTER'],
      items.map(({ clusters }) => [...clusters]),
    ),
    table(
      ['WHERE', 'PROBLEM'],
      problems.map(({ where, reason }) => [where, reason]),
    ),
    moreProblems ? `and ${moreProblems} more` : '',
    remedies(problems.map(({ where, remedy }) => ({ about: where, remedy }))),
  );
}

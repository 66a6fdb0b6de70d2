import type { Answer } from '../answers.ts';
import type { Condition } from '../status-report.ts';

/** What the command line ends with; 130 when it was interrupted. */
export const EXIT = { ok: 0, failed: 1, usage: 2, stale: 3, blocked: 4 } as const;

/** The conditions in which a pull may fail although nothing stands in the way of the next refresh. */
const STALE: readonly Condition[] = ['missing', 'expired', 'stale', 'foreign'];

/** The worst that an answer tells: what failed before what is stale, and that before what is blocked. */
export function exitCodeOf(answer: Answer): number {
  switch (answer.action) {
    case 'status': {
      const has = (...conditions: readonly Condition[]) =>
        answer.clusters.some(({ counts }) => conditions.some((condition) => counts[condition] > 0));
      if (answer.clusters.some(({ error }) => error)) return EXIT.failed;
      if (has(...STALE)) return EXIT.stale;
      if (has('blocked')) return EXIT.blocked;
      break;
    }
    case 'refresh':
    case 'plan':
      if (answer.ok && answer.clusters.some(({ blocked }) => blocked > 0)) return EXIT.blocked;
  }
  return answer.ok ? EXIT.ok : EXIT.failed;
}

import type { CleanupReport } from '../../cleanup-report.ts';
import { duration } from './durations.ts';
import { paint, paragraphs, remedies, table } from './table.ts';
import { count, verdict } from './verdict.ts';

/** What was removed, or would be, for people. */
export function cleanupView(report: CleanupReport): string {
  const { ok, cluster, dryRun, durationMs, removed, kept, ignored, failed, removals, moreRemovals, error } =
    report;
  const gone = dryRun ? 'would be removed' : 'removed';
  return paragraphs(
    `${verdict(ok)}: cleanup of ${cluster}${dryRun ? ' (dry run)' : ''}, in ${duration(durationMs)}`,
    `${removed} ${gone}, ${kept} kept, ${ignored} ignored, ${count(failed, 'red')} failed`,
    error ? `${paint('red', 'failed')}: ${error.reason}` : '',
    table(
      ['NAMESPACE', 'OBJECT', 'OUTCOME', 'WHY'],
      removals.map(({ namespace, object, outcome, reason }) => [
        namespace,
        object,
        outcome === 'failed' ? paint('red', outcome) : gone,
        reason ?? '',
      ]),
    ),
    moreRemovals ? `and ${moreRemovals} more` : '',
    remedies([
      ...removals.map(({ namespace, remedy }) => ({ about: namespace, remedy })),
      ...(error ? [{ about: `cluster ${cluster}`, remedy: error.remedy }] : []),
    ]),
  );
}

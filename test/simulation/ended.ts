import type { Phase, Witness } from './witness.ts';

/** It ends before its deadline with a report, and leaves no open socket or timer. */
export function endedInTime({ troubled, retry, after }: Witness): string[] {
  return [
    ...wrongWith(troubled, 'the run'),
    ...(retry ? wrongWith(retry, 'its retry') : []),
    ...wrongWith(after, 'the run after it'),
  ];
}

function wrongWith({ endings, endsAt, remains, narrowed }: Phase, run: string): string[] {
  const late = endings.flatMap((ending) => {
    if (!ending) return [`${run} did not end`];
    if (ending.endedAt >= endsAt) return [`${run} ended ${ending.endedAt - endsAt} ms too late`];
    const wasRefused = narrowed && (ending.error as Error | undefined)?.name === 'NotCoveredError';
    return ending.report || wasRefused ? [] : [`${run} has no report: ${String(ending.error)}`];
  });
  const left = Object.entries(remains).flatMap(([what, count]) =>
    count > 0 ? [`${run} left ${count} ${what} behind`] : [],
  );
  return [...late, ...left];
}

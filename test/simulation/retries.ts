import type { Held } from './held.ts';
import type { Witness } from './witness.ts';

/** A retry of the same event writes nothing that its run has written and nobody has touched since. */
export function writesNothingTwice({ troubled, retry }: Witness): string[] {
  if (!retry || troubled.plan) return [];
  const written = new Map<string, Held | undefined>(
    troubled.journal
      .filter(({ dryRun, operation }) => !dryRun && operation !== 'DELETE')
      .map(({ cluster, namespace, secret, after }) => [`${cluster}/${namespace}/${secret}`, after] as const),
  );
  return retry.journal.flatMap(({ cluster, namespace, secret }) => {
    const key = `${cluster}/${namespace}/${secret}`;
    const last = written.get(key);
    const now = retry.before.secrets.get(key);
    const isUntouched =
      last?.expiresAt === now?.expiresAt &&
      last?.fetchedAt === now?.fetchedAt &&
      now?.applied &&
      now.others.length === 0 &&
      now.expiryOwner === undefined;
    return last && isUntouched ? [`${key} was written again`] : [];
  });
}

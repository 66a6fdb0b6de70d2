import type { Report } from '../../lambda/refresh/report.ts';
import type { Settings } from '../../lambda/settings/schema.ts';
import { type Expected, isFresh, isWritten } from './expected.ts';
import type { Phase } from './witness.ts';

/** When the token ends that a report has of an entry, in milliseconds since the epoch. */
export function expiryOf(
  report: Report | undefined,
  { entry }: Pick<Expected, 'entry'>,
  { secrets }: Settings,
): number | undefined {
  const said = report?.secrets[secrets.indexOf(entry)]?.expiresAt;
  return said === undefined ? undefined : Date.parse(said);
}

/** Whether a secret is as good after a phase as this token makes it, or as the run made it that the phase repeats. */
export function isFreshAfter(
  { before, after, due }: Phase,
  { key, entry }: Expected,
  expiresAt: number | undefined,
): boolean {
  const held = after.secrets.get(key);
  if (isFresh(held, entry, expiresAt)) return true;
  const was = before.secrets.get(key);
  return (
    was !== undefined &&
    isWritten(was, { expiresAt, due }) &&
    was.uid === held?.uid &&
    was.expiresAt === held.expiresAt
  );
}

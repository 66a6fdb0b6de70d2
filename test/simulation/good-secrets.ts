import { SECRET_TYPE } from '../../lambda/kubernetes/pull-secret.ts';
import type { SecretEntry } from '../../lambda/settings/schema.ts';
import { expectedIn, hostsOf, isLater } from './expected.ts';
import type { Entry } from './journal.ts';
import type { Phase, Witness } from './witness.ts';

/**
 * A good secret is never absent but between delete and apply of `recreate`, never replaced by less or by an
 * earlier expiry, never written when a registry of its entry failed.
 */
export function changedNothingGood(witness: Witness): string[] {
  const { troubled, retry, after } = witness;
  return [troubled, ...(retry ? [retry] : []), after].flatMap((phase) => [
    ...phase.journal.flatMap((entry) => wrongIn(entry, witness, phase)),
    ...lost(phase),
  ]);
}

function wrongIn(entry: Entry, witness: Witness, phase: Phase): string[] {
  const { before, after, operation, dryRun } = entry;
  const key = `${entry.cluster}/${entry.namespace}/${entry.secret}`;
  if (dryRun) return [];
  if (phase.plan) return [`a plan wrote ${key}`];
  const decides = decidersOf(entry, witness, phase);
  if (decides.length === 0) return [`${key} was written though no entry covers it`];
  if (operation === 'DELETE') {
    const isGood = before?.type === SECRET_TYPE && !before.immutable;
    if (isGood) return [`the good secret ${key} was deleted`];
    return decides.some(({ recreate }) => recreate) ? [] : [`${key} was deleted without recreate`];
  }
  const wrong: string[] = [];
  if (after?.type !== SECRET_TYPE || !after.auths) return [`${key} was written as ${after?.type}`];
  // a date that is later by more than an hour is no token's
  if (before && isLater(before, after.expiresAt)) wrong.push(`${key} got a token that ends earlier`);
  const hosts = JSON.stringify(Object.keys(after.auths).sort());
  const whole = decides.filter((decider) => JSON.stringify(hostsOf(decider)) === hosts);
  if (whole.length === 0) wrong.push(`${key} was written with ${hosts} alone`);
  else if (!whole.some((decider) => wasRead(decider, after.expiresAt, witness, phase)))
    wrong.push(`${key} was written though a registry of its entry failed`);
  return wrong;
}

/** The entries that may have decided: a namespace may have changed meanwhile. */
function decidersOf(
  { cluster, namespace, secret }: Entry,
  { settings }: Witness,
  phase: Phase,
): SecretEntry[] {
  const scenes = [phase.before, phase.after].map(({ namespaces }) => namespaces.get(cluster) ?? new Map());
  const deciders = scenes.flatMap((namespaces) => expectedIn(settings, cluster, namespaces));
  const found = deciders.filter((one) => one.namespace === namespace && one.secret === secret);
  return [...new Set(found.map(({ entry }) => entry))];
}

/** Whether one of the runs says that it had this token for the entry. */
function wasRead(
  entry: SecretEntry,
  expiresAt: number | undefined,
  { settings }: Witness,
  phase: Phase,
): boolean {
  return phase.endings.some((ending) => {
    const report = ending?.report;
    if (!report) return false;
    const at = phase.narrowed ? undefined : settings.secrets.indexOf(entry);
    return report.secrets.some((read, index) => {
      if (read.error || read.name !== entry.name || (at !== undefined && index !== at)) return false;
      const ends =
        read.expiresAt === undefined ? undefined : Math.floor(Date.parse(read.expiresAt) / 1_000) * 1_000;
      return ends === undefined || ends === expiresAt;
    });
  });
}

/** Secrets that are gone though neither somebody else took them away nor were they to be made anew. */
function lost({ before, after, journal, hits }: Phase): string[] {
  const deleted = new Set(
    journal
      .filter(({ operation, dryRun }) => operation === 'DELETE' && !dryRun)
      .map(({ cluster, namespace, secret }) => `${cluster}/${namespace}/${secret}`),
  );
  return [...before.secrets.keys()].flatMap((key) => {
    const [cluster, namespace] = key.split('/');
    const isOthersDoing = hits.some(
      (hit) => hit.fault.on === 'world' && hit.cluster === cluster && hit.namespace === namespace,
    );
    return after.secrets.has(key) || isOthersDoing || deleted.has(key) ? [] : [`${key} is gone`];
  });
}

import { SECRET_TYPE } from '../../../lambda/kubernetes/pull-secret.ts';
import type { Settings } from '../../../lambda/settings/schema.ts';
import { findSecrets } from '../../sandbox/aws/canary.ts';
import { type Expected, ownersOf } from '../expected.ts';
import { HUB_HOST } from '../holdings.ts';
import type { Entry } from '../journal.ts';
import type { Ledger } from './ledger.ts';
import { HOUR_MS } from './plan.ts';

/** A token lives 12 hours; clocks may differ by some minutes. */
const FRESH_MS = 11.5 * HOUR_MS;

/** One invocation, as it was played. Times in milliseconds since the year began. */
export interface PlayedRun {
  readonly startedAt: number;
  readonly endedAt: number;
  /** When Lambda would have ended it. */
  readonly endsAt: number;
  /** Undefined for one that did not end. */
  readonly error: unknown;
  readonly hasEnded: boolean;
  readonly output: string;
  /** What it wrote and deleted. */
  readonly journal: readonly Entry[];
  /** What the settings covered when it began and when it ended. */
  readonly covered: readonly Expected[];
  readonly settings: Settings;
  readonly hadFault: boolean;
  /** When what it has to make fresh was due; undefined for a run that is not for all. */
  readonly dueAt: number | undefined;
}

/** It ends in time, shows no secret, and fails only for a fault. */
export function endsWell({ hasEnded, endedAt, endsAt, error, output, hadFault }: PlayedRun): string[] {
  return [
    ...(hasEnded ? [] : ['a run did not end']),
    ...(endedAt < endsAt ? [] : [`a run ended ${endedAt - endsAt} ms too late`]),
    ...(error === undefined || hadFault ? [] : [`a run failed without a fault: ${String(error)}`]),
    ...findSecrets(output).map((mark) => `the log shows ${mark}`),
  ];
}

/** Where a run for all ended well. */
export interface Afterwards {
  readonly ledger: Ledger;
  /** When the stored docker config last got another password. */
  readonly rotatedAt: number;
  /** The pull secrets of a service account. */
  readonly linkedBy: (target: Expected, account: string) => readonly string[];
}

/** A run for all that ends well leaves nothing stale or unlinked: what fails is never silent. */
export function failsAloud(run: PlayedRun, { ledger, rotatedAt, linkedBy }: Afterwards): string[] {
  const { error, hasEnded, dueAt, startedAt, endedAt } = run;
  if (error !== undefined || !hasEnded || dueAt === undefined) return [];
  const obligations = [...ledger.obligations()];
  // what has changed since it was due is left to the next
  const stale = obligations.filter(({ changedAt, validUntil, host }) => {
    const isOld =
      validUntil < dueAt + FRESH_MS || (host === HUB_HOST && validUntil !== Infinity && rotatedAt <= dueAt);
    return changedAt <= dueAt && isOld;
  });
  // others may have changed an account while it ran
  const linked = startedAt === endedAt ? obligations : [];
  return [
    ...stale.map(
      ({ target: { key }, host }) => `${key} has no new credentials for ${host}, and the run did not fail`,
    ),
    ...linked.flatMap(({ target }) =>
      target.entry.serviceAccounts
        .filter((account) => !linkedBy(target, account).includes(target.secret))
        .map((account) => `${target.key} is not in the account ${account}, and the run did not fail`),
    ),
  ];
}

/** Only what the settings cover is written, and nothing of others is changed. */
export function changesNothingOfOthers({ journal, covered }: PlayedRun): string[] {
  return journal.flatMap(({ cluster, namespace, secret, operation, dryRun, before, after }) => {
    if (dryRun) return [];
    const key = `${cluster}/${namespace}/${secret}`;
    const targets = covered.filter((target) => target.key === key);
    if (targets.length === 0) return [`${key} was written though no entry covers it`];
    if (operation === 'DELETE') {
      const isGood = before?.type === SECRET_TYPE && !before.immutable;
      return isGood || targets.every(({ entry }) => !entry.recreate)
        ? [`${key} was deleted by a refresh`]
        : [];
    }
    if (!before || before.marked) return [];
    const owners = ownersOf(before, after?.expiresAt);
    const isAdopted = targets.some(({ entry: { adoptFrom } }) =>
      owners.every((owner) => adoptFrom.includes('*') || adoptFrom.includes(owner)),
    );
    return isAdopted ? [] : [`${key} of ${owners.join(', ')} was written`];
  });
}

/** A cleanup deletes only what the deployment has applied, and without `all` nothing that the settings cover. */
export function cleansUpOwnSecrets({ journal, covered }: PlayedRun, all: boolean): string[] {
  return journal.flatMap(({ cluster, namespace, secret, operation, dryRun, before }) => {
    if (dryRun) return [];
    const key = `${cluster}/${namespace}/${secret}`;
    if (operation !== 'DELETE') return [`a cleanup wrote ${key}`];
    if (!before?.applied) return [`a cleanup deleted ${key} of somebody else`];
    return !all && covered.some((target) => target.key === key) ? [`a cleanup deleted ${key}`] : [];
  });
}

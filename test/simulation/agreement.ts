import type { ClusterReport, Outcome, Report } from '../../lambda/refresh/report.ts';
import type { Condition } from '../../lambda/status.ts';
import { type Expected, expectedIn, holdsStored } from './expected.ts';
import type { Held } from './held.ts';
import { expiryOf } from './outcomes.ts';
import type { ClusterName } from './schedule.ts';
import { conditionOf, isHidden } from './statuses.ts';
import type { Witness } from './witness.ts';

const OUTCOMES: readonly Outcome[] = ['created', 'refreshed', 'unchanged', 'skipped', 'blocked', 'failed'];

/** Status, plan and refresh say the same of a secret when nothing goes wrong. */
export function neverDisagree({ settings, looks, after: phase }: Witness): string[] {
  const report = phase.endings[0]?.report;
  const { before, plan, after } = looks;
  if (!report) return [];
  if (!before || !plan || !after) return ['status or plan has no report'];
  return report.clusters.flatMap((cluster) => {
    const namespaces = phase.before.namespaces.get(cluster.id as ClusterName) ?? new Map();
    const all = expectedIn(settings, cluster.id as ClusterName, namespaces);
    // a plan has placeholders for passwords, so it cannot know that immutable data stays the same
    const hidesFromPlan = ({ key, entry }: Expected) => {
      const held = phase.before.secrets.get(key);
      return held?.immutable === true && holdsStored(held, entry);
    };
    return [
      ...(all.some(hidesFromPlan) ? [] : planWrong(plan, cluster)),
      ...all.flatMap((expected) =>
        statusWrong(expected, {
          was: conditionOf(before, expected),
          is: conditionOf(after, expected),
          outcome: outcomeOf(expected, cluster),
          held: phase.before.secrets.get(expected.key),
          expiresAt: expiryOf(report, expected, settings),
        }),
      ),
    ];
  });
}

function planWrong({ clusters }: Report, refreshed: ClusterReport): string[] {
  const planned = clusters.find(({ id }) => id === refreshed.id);
  return OUTCOMES.filter((outcome) => planned?.[outcome] !== refreshed[outcome]).map(
    (outcome) => `${refreshed.id}: ${planned?.[outcome]} ${outcome} planned, and ${refreshed[outcome]} were`,
  );
}

interface Said {
  readonly was: Condition | undefined;
  readonly is: Condition | undefined;
  readonly outcome: 'blocked' | 'failed' | 'done';
  readonly held: Held | undefined;
  /** The new token's. */
  readonly expiresAt: number | undefined;
}

function statusWrong({ key, skipped }: Expected, { was, is, outcome, held, expiresAt }: Said): string[] {
  const hides = held !== undefined && isHidden(held, expiresAt);
  const wrong = (text: string) => [`${key}: status says ${text}`];
  if (skipped)
    return was === 'skipped' && is === 'skipped' ? [] : wrong(`${was}, then ${is}, of one to skip`);
  if (outcome === 'failed') return wrong(`${was}, and a refresh fails`);
  if (!held && was !== 'missing') return wrong(`${was} where there is none`);
  if (was === 'blocked' && outcome !== 'blocked') return wrong('blocked, and a refresh writes it');
  if (outcome === 'blocked' && was !== 'blocked' && !hides) return wrong(`${was}, and a refresh is blocked`);
  if (outcome === 'done' && is !== 'fresh' && !hides) return wrong(`${is} after a refresh`);
  return [];
}

function outcomeOf({ namespace, secret }: Expected, { problems }: ClusterReport): Said['outcome'] {
  return problems.find((one) => one.namespace === namespace && one.secret === secret)?.outcome ?? 'done';
}

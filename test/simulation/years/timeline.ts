import { checkSettings } from '../../../lambda/settings/rules.ts';
import { longestGapMinutes } from '../../../lambda/settings/schedule.ts';
import type { Settings, SettingsInput } from '../../../lambda/settings/schema.ts';
import { CLUSTERS, type ClusterName } from '../schedule.ts';
import { clusterNames, namesIn } from './leftovers.ts';
import {
  DAY_MS,
  type Delivery,
  type DeploymentPlan,
  type FaultPlan,
  HOUR_MS,
  MINUTE_MS,
  YEAR_MS,
  type YearPlan,
} from './plan.ts';

/** What an operator does: deploys, or cleans a cluster up. Times in milliseconds since the year began. */
export type Step = { readonly at: number } & (
  | {
      readonly does: 'deploy';
      readonly input: SettingsInput;
      readonly settings: Settings;
      /** Whether the operator has cleaned up before, where the docs say so. */
      readonly isCareful: boolean;
    }
  | { readonly does: 'cleanup'; readonly cluster: ClusterName; readonly all: boolean }
  /** From then on nothing may be left in these clusters that the settings do not cover. */
  | { readonly does: 'inspect'; readonly clusters: readonly ClusterName[] }
);

/** A scheduled run, or the first run of a deployment. */
export interface DueRun {
  readonly at: number;
  readonly kind: 'scheduled' | 'deployed';
  /** How long until the next at most, by its schedule. */
  readonly gap: number;
  /** What becomes of its event, if not what should. */
  readonly delivery?: Delivery;
}

/** How long an operator takes from one step to the next. */
const STEP_MS = 5 * MINUTE_MS;
const LONGEST_LEAD_MS = 10 * MINUTE_MS;

/** All deployments of a year with what the docs tell an operator to do around them, in order. */
export function stepsOf({ settings, deployments }: YearPlan): Step[] {
  const steps: Step[] = [deploy(0, settings)];
  let before = settings;
  for (const deployment of deployments) {
    if (deployment.at < DAY_MS) continue;
    steps.push(
      ...(deployment.isCareful
        ? carefulSteps(before, deployment)
        : [deploy(deployment.at, deployment.settings, false)]),
    );
    before = deployment.settings;
  }
  return steps;
}

/**
 * docs/upgrade.md: before a secret's name or a cluster leaves the settings, clean up first (docs/uninstall.md): suspend,
 * allow cleanup, remove all. Where only namespaces leave them, cleanup removes their secrets afterwards.
 */
function carefulSteps(before: SettingsInput, { at, settings: after }: DeploymentPlan): Step[] {
  const emptied = CLUSTERS.filter((cluster) => loses(cluster, checkSettings(before), checkSettings(after)));
  const first: Step[] =
    emptied.length === 0
      ? []
      : [
          deploy(at, { ...before, enabled: false, cleanup: true }),
          ...emptied.map((cluster): Step => ({ at: at + STEP_MS, does: 'cleanup', cluster, all: true })),
        ];
  const deployedAt = first.length > 0 ? at + 2 * STEP_MS : at;
  const cleanedAt = deployedAt + DAY_MS;
  const left = clusterNames(checkSettings(after)) as ClusterName[];
  return [
    ...first,
    deploy(deployedAt, { ...after, cleanup: true }),
    // when a run of the new settings was whole
    ...left.map((cluster): Step => ({ at: cleanedAt, does: 'cleanup', cluster, all: false })),
    { at: cleanedAt + STEP_MS, does: 'inspect', clusters: [...new Set([...emptied, ...left])] },
    deploy(cleanedAt + STEP_MS, after),
  ];
}

/** Whether a name of a secret, or all of a cluster, is in these settings and not in the next. */
function loses(cluster: ClusterName, before: Settings, after: Settings): boolean {
  const left = namesIn(after, cluster);
  return [...namesIn(before, cluster)].some((name) => !left.has(name));
}

function deploy(at: number, input: SettingsInput, isCareful = true): Step {
  return { at, does: 'deploy', input, settings: checkSettings(input), isCareful };
}

/** When the rule starts the function, what becomes of its events, and the first runs of deployments. */
export function dueRuns(steps: readonly Step[], deliveries: readonly Delivery[]): DueRun[] {
  const runs = runsOf(steps);
  for (const delivery of deliveries) {
    const at = runs.findIndex((run) => run.kind === 'scheduled' && run.at >= delivery.at);
    const run = runs[at];
    if (run) runs[at] = { ...run, delivery };
  }
  return runs;
}

function runsOf(steps: readonly Step[]): DueRun[] {
  const deployments = steps.flatMap((step) => (step.does === 'deploy' ? [step] : []));
  const runs: DueRun[] = [];
  let startedAt = 0;
  let running: string | undefined;
  for (const [index, { at, settings }] of deployments.entries()) {
    const { schedule, enabled } = settings;
    if (!enabled) {
      running = undefined;
      continue;
    }
    // an update that does not change a rule does not restart its period
    if (schedule !== running) startedAt = at;
    running = schedule;
    const until = deployments[index + 1]?.at ?? YEAR_MS;
    const gap = (longestGapMinutes(schedule) ?? 0) * MINUTE_MS;
    runs.push({ at, kind: 'deployed', gap });
    for (const due of timesOf(schedule, startedAt)) {
      if (due >= until) break;
      if (due > at) runs.push({ at: due, kind: 'scheduled', gap });
    }
  }
  return runs;
}

function* timesOf(schedule: string, startedAt: number): Generator<number> {
  const [, hours] = /^rate\((\d+) hours\)$/.exec(schedule) ?? [];
  const [, minute, first, step] = /^cron\((\d+) (\d+)\/(\d+) \* \* \? \*\)$/.exec(schedule) ?? [];
  if (hours) {
    for (let at = startedAt + Number(hours) * HOUR_MS; ; at += Number(hours) * HOUR_MS) yield at;
  } else if (minute && first && step) {
    for (let day = Math.floor(startedAt / DAY_MS); ; day += 1) {
      for (let hour = Number(first); hour < 24; hour += Number(step)) {
        yield day * DAY_MS + hour * HOUR_MS + Number(minute) * MINUTE_MS;
      }
    }
  } else throw new TypeError(`${schedule} is not played`);
}

/** When faults begin, in order: those that are to hit a run come up to ten minutes before it. */
export function placeFaults(faults: readonly FaultPlan[], runs: readonly DueRun[]): FaultPlan[] {
  const placed = faults.map((fault) => {
    const run = fault.hitsRun ? runs.find(({ at }) => at >= fault.at && at > LONGEST_LEAD_MS) : undefined;
    return run ? { ...fault, at: run.at - (fault.at % LONGEST_LEAD_MS) } : fault;
  });
  return placed.toSorted((one, other) => one.at - other.at);
}

import { judgeFailure } from '../kubernetes/api-error.ts';
import type { RunTimes } from '../refresh/report.ts';
import type { ClusterStatus } from '../status.ts';

/** The steps of a refresh that are checked, in their order. */
export const STEPS = [
  'settings',
  'identity',
  'schedule',
  'token',
  'registry',
  'pull',
  'new namespaces',
  'cluster',
  'bearer token',
  'endpoint',
  'authentication',
  'right',
  'admission policy',
  'namespaces',
  'apply',
] as const;
export type Step = (typeof STEPS)[number];

/** The result of one check. */
export interface Finding {
  /** What was checked. */
  readonly step: Step;
  /** What it is about: a registry's host, `cluster prod`, `patch secrets/ecr-docker-creds`. */
  readonly object: string;
  /** `unknown`: it could not be found out, or was skipped. */
  readonly result: 'pass' | 'fail' | 'unknown';
  /** What the check found. */
  readonly reason?: string;
  /** How to fix it, with the command to run; of a failure always, of a pass how to see it. */
  readonly remedy?: string;
}

/** What a doctor returns. */
export interface DoctorReport extends RunTimes {
  /** Whether no check failed. */
  readonly ok: boolean;
  readonly action: 'doctor';
  /** Whose permissions were checked: an ARN. */
  readonly identity?: string;
  /** The results of the checks, in the order of a refresh. */
  readonly findings: readonly Finding[];
  /** The state of the secrets, as `status` counts them, of each cluster where they could be listed. */
  readonly secrets?: readonly Pick<ClusterStatus, 'id' | 'counts'>[];
}

/** One check, or some of the same step. */
export interface Check<State> {
  readonly step: Step;
  /** The steps without which it makes no sense: it is skipped where one of them threw. */
  readonly needs?: readonly Step[];
  /** Whether there is anything to check. @default always */
  readonly applies?: (state: State) => boolean;
  /** Throws what keeps the checks that need it from running. */
  readonly run: (state: State) => Promise<readonly Finding[]> | readonly Finding[];
  /** What it checks, for findings where it threw or was skipped. @default the object of {@link runChecks} */
  readonly object?: (state: State) => string;
  /** The command to run beside the fix of what was thrown. */
  readonly hint?: (state: State) => string;
}

/**
 * Runs checks one after the other. One that throws is failed, and those that need it are skipped. Does not throw.
 * @param fallback the object of checks that name none
 * @returns the findings in the order of {@link STEPS}
 */
export async function runChecks<State>(
  checks: readonly Check<State>[],
  state: State,
  fallback: string,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  /** By step, the step that threw, which kept it from running. */
  const causes = new Map<Step, Step>();
  for (const { step, needs = [], applies, run, hint, object = () => fallback } of checks) {
    const cause = needs.map((need) => causes.get(need)).find((one) => one !== undefined);
    if (applies && !applies(state)) continue;
    if (cause) {
      causes.set(step, cause);
      findings.push(skipped(step, object(state), cause));
      continue;
    }
    try {
      findings.push(...(await run(state)));
    } catch (fault) {
      causes.set(step, step);
      findings.push(failedBy(step, object(state), fault, hint?.(state)));
    }
  }
  return findings.sort((one, other) => STEPS.indexOf(one.step) - STEPS.indexOf(other.step));
}

/** @param reason where it is worth knowing */
export function passed(step: Step, object: string, reason?: string): Finding {
  return { step, object, result: 'pass', ...(reason && { reason }) };
}

/** Something keeps refreshes from working, or from being safe. */
export function failed(step: Step, object: string, reason: string, remedy: string): Finding {
  return { step, object, result: 'fail', reason, remedy };
}

/** It could not be found out. */
export function unknown(step: Step, object: string, reason: string, remedy: string): Finding {
  return { step, object, result: 'unknown', reason, remedy };
}

/** @param command to run beside the fix of the error */
export function failedBy(step: Step, object: string, fault: unknown, command?: string): Finding {
  const { reason = '', remedy = '' } = judgeFailure(fault, object);
  return failed(step, object, reason, command ? `${remedy.replace(/\.$/, '')}. ${command}` : remedy);
}

/** @param cause the step that failed before */
export function skipped(step: Step, object: string, cause: Step): Finding {
  return unknown(
    step,
    object,
    `skipped, as the check "${cause}" failed`,
    'Fix that first, then run the command again.',
  );
}

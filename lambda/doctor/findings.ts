import { failureVerdict } from '../cluster/verdict.ts';
import { type Finding, STEPS, type Step } from './doctor-report.ts';

/** What brings the deployment in line with its settings. */
export const DEPLOY = 'npx cdk deploy --all -c settings=FILE';

/** Something is as it has to be; `reason` says what was seen, where that is worth knowing. */
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

/**
 * A failure by what was thrown.
 * @param command what to run beside the remedy that the error names
 */
export function failedBy(step: Step, object: string, fault: unknown, command?: string): Finding {
  const { reason = '', remedy = '' } = failureVerdict(fault, object);
  return failed(step, object, reason, command ? `${remedy} ${command}` : remedy);
}

/** The steps on an object that nobody could look at, as one that they stand on failed. */
export function notLookedAt(steps: readonly Step[], object: string, stoodOn: Step): Finding[] {
  const reason = `not looked at, as the step "${stoodOn}" failed`;
  return steps.map((step) => unknown(step, object, reason, 'Mend that first, then run doctor again.'));
}

/** The steps that come after one. */
export function stepsAfter(step: Step): readonly Step[] {
  return STEPS.slice(STEPS.indexOf(step) + 1);
}

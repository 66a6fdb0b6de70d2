import type { Answer } from '../answers.ts';
import type { AwsAccess } from '../aws.ts';
import type { Clock, Deadline } from '../clock.ts';
import type { DoctorReport } from '../doctor/doctor-report.ts';
import { failedBy } from '../doctor/findings.ts';
import { examineRule } from '../doctor/schedule.ts';
import { HelperError } from '../errors.ts';
import type { Invocation } from '../event.ts';
import { type Report, Tally } from '../report.ts';
import type { AccessStackSettings, Settings } from '../settings.ts';
import { relay } from './relay.ts';

/** Where this function itself is. */
interface Surroundings {
  readonly clock: Clock;
  readonly deadline: Deadline;
  readonly ruleName?: string | undefined;
}

/**
 * What the function in a VPC answers, with what only this one can say. A function that cannot be asked fails the
 * clusters of a refresh, a plan and a doctor, as anything else does that keeps from them.
 * @throws RelayError, AssumeRoleError, DeadlineError for a status and a cleanup
 */
export async function relayed(
  aws: AwsAccess,
  settings: Settings,
  stack: AccessStackSettings,
  invocation: Invocation,
  { clock, deadline, ruleName }: Surroundings,
): Promise<Answer> {
  const { action, clusters: ids = [] } = invocation;
  const startedAt = clock.now();
  let answer: Answer | undefined;
  let fault: HelperError | undefined;
  try {
    answer = await relay(aws, settings, stack, invocation, deadline.signal);
  } catch (caught) {
    if (!(caught instanceof HelperError)) throw caught;
    fault = caught;
  }
  const took = { startedAt: new Date(startedAt).toISOString(), durationMs: clock.now() - startedAt };
  if (action === 'doctor') {
    const rule = await examineRule(aws, ruleName, settings, deadline.signal);
    const seen = answer as DoctorReport | undefined;
    const findings = seen?.findings ?? ids.map((id) => failedBy('cluster', `cluster ${id}`, fault));
    const ok = rule.result !== 'fail' && seen?.ok === true;
    return {
      ...took,
      action,
      ok,
      ...(seen?.identity && { identity: seen.identity }),
      findings: [rule, ...findings],
    };
  }
  if (answer) return answer;
  if (action === 'refresh' || action === 'plan')
    return { ...took, action, ok: false, secrets: [], clusters: ids.map((id) => unreached(id, fault)) };
  throw fault;
}

function unreached(id: string, fault: HelperError | undefined): Report['clusters'][number] {
  const { problem: reason = '', remedy = '' } = fault ?? {};
  return { id, ok: false, ...new Tally().result(), durationMs: 0, error: { reason, remedy } };
}

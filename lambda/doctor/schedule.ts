import { DescribeRuleCommand } from '@aws-sdk/client-eventbridge';
import type { AwsAccess } from '../aws.ts';
import { codeOf } from '../errors.ts';
import type { PullCredentials } from '../registry/credentials.ts';
import { longestGapMinutes } from '../settings/schedule.ts';
import type { Settings } from '../settings.ts';
import type { Finding } from './doctor-report.ts';
import { DEPLOY, failed, passed, unknown } from './findings.ts';

/** The object of {@link examineRoom}. */
export const ROOM = 'room for retries';
/** What a token must live longer than the longest gap, so that a failed run can be tried again. */
const ROOM_MINUTES = 60;

/**
 * Looks at what starts the function: whether the settings want it, and how its rule stands.
 * @param ruleName of the deployed rule; undefined where the function runs outside of its deployment
 */
export async function examineRule(
  aws: AwsAccess,
  ruleName: string | undefined,
  settings: Pick<Settings, 'enabled' | 'schedule'>,
  signal: AbortSignal,
): Promise<Finding> {
  if (!settings.enabled) {
    const reason = 'the settings say "enabled": false, so nothing refreshes by itself';
    return failed('schedule', 'settings', reason, `Set "enabled": true, then: ${DEPLOY}`);
  }
  if (!ruleName) {
    const reason = 'it is not known here which rule starts the function';
    return unknown('schedule', 'rule', reason, 'Send { "action": "doctor" } to the deployed function.');
  }
  const object = `rule ${ruleName}`;
  try {
    const command = new DescribeRuleCommand({ Name: ruleName });
    const { State, ScheduleExpression } = await aws.eventBridge().send(command, { abortSignal: signal });
    if (State === 'DISABLED') {
      const remedy = `Enable it: aws events enable-rule --region ${aws.region} --name ${ruleName}`;
      return failed('schedule', object, 'it is disabled, so nothing refreshes by itself', remedy);
    }
    if (ScheduleExpression !== settings.schedule) {
      const reason = `it runs at ${ScheduleExpression}, and the settings say ${settings.schedule}`;
      return failed('schedule', object, reason, `Deploy the settings again: ${DEPLOY}`);
    }
    return passed('schedule', object, `enabled, ${settings.schedule}`);
  } catch (fault) {
    const code = codeOf(fault);
    const remedy = `Deploy it again: ${DEPLOY}`;
    if (code === 'ResourceNotFoundException') return failed('schedule', object, 'it is not there', remedy);
    return unknown('schedule', object, `EventBridge did not describe it (${code})`, remedy);
  }
}

/** Whether every token outlives the longest gap between two runs by an hour; nothing without a token of ECR. */
export function examineRoom(
  { schedule }: Pick<Settings, 'schedule'>,
  credentials: Iterable<PullCredentials>,
): Finding[] {
  const lives = [...credentials].flatMap(({ token }) =>
    token ? [(token.expiresAt.getTime() - token.fetchedAt.getTime()) / 60_000] : [],
  );
  if (lives.length === 0) return [];
  const life = Math.min(...lives);
  const gap = longestGapMinutes(schedule) ?? Number.POSITIVE_INFINITY;
  const reason = `a token lives ${hours(life)}, and up to ${hours(gap)} lie between two runs`;
  if (life > gap + ROOM_MINUTES) return [passed('schedule', ROOM, reason)];
  const remedy = `Set a schedule whose gaps are under ${hours(life - ROOM_MINUTES)}, then: ${DEPLOY}`;
  return [failed('schedule', ROOM, reason, remedy)];
}

function hours(minutes: number): string {
  return `${Math.floor(Math.max(0, minutes) / 6) / 10} h`;
}

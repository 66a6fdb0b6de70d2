import { AwsClients } from '../../lambda/aws.ts';
import { systemClock } from '../../lambda/context.ts';
import { settingsOf } from './factories.ts';

/** The AWS clients of a run in a region, which ends when the signal aborts. */
export function awsClientsOf(region: string, signal = new AbortController().signal): AwsClients {
  const environment = { region, deployCommand: '', rbacCommand: '' };
  const deadline = { at: Number.POSITIVE_INFINITY, signal };
  return new AwsClients({ settings: settingsOf(), environment, clock: systemClock, deadline });
}

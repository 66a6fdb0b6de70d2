import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { type FleetMetric, METRICS_NAMESPACE } from '../../lambda/metrics.ts';
import { staleAfterHours } from '../../lambda/settings/schedule.ts';
import type { Settings } from '../../lambda/settings.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { heartbeatAlarm } from './heartbeat.ts';

const HOUR = Duration.hours(1);
const AT_LEAST_ONE = { threshold: 1, evaluationPeriods: 1 };
const { IGNORE, NOT_BREACHING } = cloudwatch.TreatMissingData;

/** One metric of the fleet of a deployment. */
export function fleetMetric({ name }: Settings, metricName: FleetMetric, label?: string): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: { service: name },
    statistic: 'Maximum',
    period: HOUR,
    label,
  });
}

/** The alarms of a fleet, in place of two for each cluster. */
export function fleetAlarms(scope: Construct, settings: Settings, fleet: Fleet): cloudwatch.Alarm[] {
  const after = Duration.hours(staleAfterHours(settings.schedule));
  const failing = [
    new cloudwatch.Alarm(scope, 'FailedClusters', {
      alarmDescription: described(
        'In the last run of the fleet clusters failed. Each is tried again for six hours.',
        '#alarm-failed-clusters',
      ),
      metric: fleetMetric(settings, 'FailedClusters'),
      ...AT_LEAST_ONE,
      // between two runs nothing is known, so nothing changes
      treatMissingData: IGNORE,
    }),
    new cloudwatch.Alarm(scope, 'FailedFleet', {
      alarmDescription: described(
        'A run of the fleet failed within the last hour: clusters failed, or not all could be found.',
        '#alarm-failed-fleet',
      ),
      metric: fleet.stateMachine.metricFailed({ statistic: 'Sum', period: HOUR }),
      ...AT_LEAST_ONE,
      treatMissingData: NOT_BREACHING,
    }),
  ];
  // while suspended nothing beats
  if (!settings.enabled) return failing;
  const silent = heartbeatAlarm(scope, 'SilentFleet', {
    alarmDescription: described(
      `No run of the fleet found a cluster for ${after.toHours()} hours; the token of a secret ends 12 hours after it was fetched.`,
      '#alarm-silent-fleet',
    ),
    beat: fleetMetric(settings, 'DiscoveredClusters'),
    label: 'discovered clusters',
    after,
  });
  return [silent, ...failing];
}

function described(what: string, anchor: `#alarm-${string}`): string {
  return `${what} What to do: docs/operations.md${anchor}`;
}

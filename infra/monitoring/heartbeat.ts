import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';

/** A first run takes 15 minutes at most, and its metrics some more. */
const WARM_UP_MINUTES = 30;

/** What tells when a metric that is sent only after a success was not sent for so long. */
export interface HeartbeatProps {
  readonly beat: cloudwatch.IMetric;
  readonly label: string;
  readonly after: Duration;
  readonly alarmDescription: string;
}

/** An alarm for silence: no beat in any of the last hours, which is also what a function says that never ran. */
export function heartbeatAlarm(
  scope: Construct,
  id: string,
  { beat, label, after, alarmDescription }: HeartbeatProps,
): cloudwatch.Alarm {
  const alarm = new cloudwatch.Alarm(scope, id, {
    alarmDescription,
    // without FILL CloudWatch looks further back for points that are missing, and one old beat holds it for days
    metric: new cloudwatch.MathExpression({
      expression: 'FILL(beat, 0)',
      usingMetrics: { beat },
      label,
      period: Duration.hours(1),
    }),
    comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
    threshold: 1,
    evaluationPeriods: after.toHours(),
    treatMissingData: cloudwatch.TreatMissingData.BREACHING,
  });
  // else a new one is in alarm until the metrics of the first refresh are there
  (alarm.node.defaultChild as cloudwatch.CfnAlarm).warmUpConfiguration = {
    warmUpPeriodDurationInMinutes: WARM_UP_MINUTES,
    onlyStartEvaluatingAfterWarmUpPeriodEnds: true,
  };
  return alarm;
}

import type { Duration } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { SettingsInput } from '../lambda/settings.ts';
import type { AlarmTopicProps } from './monitoring/alarm-topic.ts';
import type { NetworkProps } from './network.ts';

export interface EcrRegistryHelperProps extends NetworkProps, AlarmTopicProps {
  /**
   * Clusters, secrets and schedule: the same document as the settings file. Texts may be tokens; the id of a
   * Secrets Manager secret that is one must be its ARN.
   */
  readonly settings: SettingsInput;
  /**
   * A role of the same stack that Lambda may assume, since an access entry holds only as long as the very role
   * that it was made for.
   * @default - one of its own
   */
  readonly role?: iam.Role;
  /** @default - none; boundaries of the whole stack are set by `iam.PermissionsBoundary.of(stack)` */
  readonly permissionsBoundary?: iam.IManagedPolicy;
  /** MiB. @default 512 */
  readonly memorySize?: number;
  /** At most 15 minutes. @default Duration.minutes(15) */
  readonly timeout?: Duration;
  /** Clusters at once when the settings say `fleet`, 2 to 1,000: one run of the function each. @default 20 */
  readonly fleetConcurrency?: number;
  /** @default RetentionDays.THREE_MONTHS */
  readonly logRetention?: logs.RetentionDays;
  /** Of the log; its policy must allow CloudWatch Logs. @default - the key of CloudWatch Logs */
  readonly logKey?: kms.IKey;
  /** Of the queues of failed runs. @default - the key of SQS */
  readonly queueKey?: kms.IKey;
  /** Of the function's environment. @default - the key of Lambda */
  readonly environmentKey?: kms.IKey;
}

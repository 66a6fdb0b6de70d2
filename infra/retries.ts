import { Duration } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

const TRIES_BY_QUEUE = 12;

/**
 * What becomes of a run that failed: Lambda repeats it twice within minutes, then this queue gives it back to the
 * function every half hour, for six hours in all; then it stays in the dead-letter queue.
 */
export class Retries extends Construct {
  readonly failedQueue: sqs.Queue;
  readonly deadLetterQueue: sqs.Queue;

  /** @param props `role` is the function's, as which Lambda speaks to the queue */
  constructor(scope: Construct, id: string, { key, role }: { key: kms.IKey | undefined; role: iam.Role }) {
    super(scope, id);
    const protection: sqs.QueueProps = {
      ...(key
        ? { encryption: sqs.QueueEncryption.KMS, encryptionMasterKey: key }
        : { encryption: sqs.QueueEncryption.SQS_MANAGED }),
      enforceSSL: true,
    };
    this.deadLetterQueue = new sqs.Queue(this, 'DeadLetterQueue', {
      ...protection,
      retentionPeriod: Duration.days(14),
    });
    this.failedQueue = new sqs.Queue(this, 'FailedQueue', {
      ...protection,
      // Lambda has tried just now; 15 minutes is the longest delay that SQS knows
      deliveryDelay: Duration.minutes(15),
      visibilityTimeout: Duration.minutes(30),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: TRIES_BY_QUEUE },
    });
    // what Lambda asks for of a destination and of a source; the grants of CDK's own classes give more
    this.failedQueue.grant(
      role,
      'sqs:SendMessage',
      'sqs:ReceiveMessage',
      'sqs:DeleteMessage',
      'sqs:GetQueueAttributes',
    );
    key?.grant(role, 'kms:GenerateDataKey', 'kms:Decrypt');
  }

  /** How an asynchronous run of the function or of a version of it is tried again. */
  asynchronous(): lambda.EventInvokeConfigOptions {
    return {
      retryAttempts: 2,
      // enough for three runs of 15 minutes and the pauses between them
      maxEventAge: Duration.hours(1),
      onFailure: { bind: () => ({ destination: this.failedQueue.queueArn }) },
    };
  }

  /**
   * Gives failed runs back to the function, one at a time; while `enabled` is false they wait (four days).
   * @param maxConcurrency of a fleet, of which many clusters may have failed at once
   */
  feed(handler: lambda.Function, enabled: boolean, maxConcurrency?: number): void {
    handler.addEventSourceMapping('Failed', {
      eventSourceArn: this.failedQueue.queueArn,
      batchSize: 1,
      enabled,
      maxConcurrency,
    });
  }
}

/** What the state machine calls, as ARNs and a URL. */
export interface FleetParts {
  readonly partition: string;
  readonly functionArn: string;
  /** Of failed runs: it gives them back to the function every half hour. */
  readonly failedQueueUrl: string;
  /** How many clusters at once. */
  readonly concurrency: number;
}

/**
 * Of a reason in a result. 1,000 clusters that all failed must fit in the 256 KiB that a state takes:
 * https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
const REASON = 60;
/** Longer than Lambda lets a function run. */
const TASK_SECONDS = 960;
/** Faults of Lambda itself: https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html */
const BY_LAMBDA = {
  ErrorEquals: [
    'Lambda.ServiceException',
    'Lambda.AWSLambdaException',
    'Lambda.SdkClientException',
    'Lambda.ClientExecutionTimeoutException',
    'Lambda.TooManyRequestsException',
  ],
  IntervalSeconds: 2,
  BackoffRate: 2,
  MaxDelaySeconds: 60,
  MaxAttempts: 8,
  JitterStrategy: 'FULL',
};
/** The errors of a discovery, by their names, that only other settings mend. */
const FOR_A_PERSON = { ErrorEquals: ['FleetTooLargeError', 'SettingsError'], MaxAttempts: 0 };
/** How often it is looked for clusters while not all could be found, within an hour and a half. */
const LOOKS = 4;
const LOOK_AGAIN_SECONDS = 1800;
const OF_CLUSTER = '$states.result.Payload.clusters[0]';
const ERROR = `${OF_CLUSTER}.error.reason`;
const PROBLEM = `${OF_CLUSTER}.problems[outcome = "failed"][0].reason`;
const WHY = `${ERROR} ? ${ERROR} : ${PROBLEM} ? ${PROBLEM} : "its report is in the log"`;

/**
 * The state machine of a fleet in the Amazon States Language. A cluster that failed goes to the queue of failed runs and
 * does not stop the others. Where not all could be found it begins again after a while; in the end the execution fails
 * when any failed or not all could be found.
 */
export function fleetDefinition({ partition, functionArn, failedQueueUrl, concurrency }: FleetParts): object {
  const invoke = (payload: unknown) => ({
    Type: 'Task',
    Resource: `arn:${partition}:states:::lambda:invoke`,
    Arguments: { FunctionName: functionArn, Payload: payload },
    TimeoutSeconds: TASK_SECONDS,
  });
  const ofOne = {
    Refresh: {
      ...invoke(expression('$states.input')),
      Retry: [BY_LAMBDA],
      Output: expression(
        `$states.result.Payload.ok ? { "id": $states.input.clusters[0], "ok": true } : ${failed(WHY)}`,
      ),
      // one that nothing catches would end the executions of all other clusters
      Catch: [caught('States.DataLimitExceeded'), caught('States.ALL')],
      Next: 'Refreshed',
    },
    Refreshed: choice('$states.input.ok', 'Done', 'TryAgainLater'),
    // as the record of a failed run, which is what the function takes from that queue
    TryAgainLater: {
      Type: 'Task',
      Resource: `arn:${partition}:states:::sqs:sendMessage`,
      Arguments: {
        QueueUrl: failedQueueUrl,
        MessageBody: expression(
          '$string({ "requestPayload": { "action": "refresh", "clusters": [$states.input.id] } })',
        ),
      },
      Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 2, BackoffRate: 2, MaxAttempts: 6 }],
      Output: expression('$states.input'),
      Catch: [{ ErrorEquals: ['States.ALL'], Output: expression('$states.input'), Next: 'Done' }],
      Next: 'Done',
    },
    Done: { Type: 'Succeed' },
  };
  return {
    Comment: 'Refreshes the ECR pull secrets of each cluster of a fleet by itself',
    QueryLanguage: 'JSONata',
    StartAt: 'Begin',
    States: {
      Begin: { Type: 'Pass', Assign: { looks: 1, error: '', cause: '' }, Next: 'Discover' },
      Discover: {
        ...invoke({ action: 'discover' }),
        Retry: [
          BY_LAMBDA,
          FOR_A_PERSON,
          // within two and a half hours, so that a fault is mended well before tokens end
          {
            ErrorEquals: ['States.ALL'],
            IntervalSeconds: 60,
            BackoffRate: 2,
            MaxDelaySeconds: 1800,
            MaxAttempts: 9,
          },
        ],
        Assign: {
          complete: expression('$states.result.Payload.ok'),
          problems: expression('$states.result.Payload.problems'),
        },
        Output: expression('$states.result.Payload.items'),
        Next: 'AnyFound',
      },
      AnyFound: choice('$exists($states.input[0])', 'RefreshAll', 'LookAgain'),
      RefreshAll: {
        Type: 'Map',
        Label: 'Clusters',
        Items: expression('$states.input'),
        MaxConcurrency: concurrency,
        ItemProcessor: {
          // an express child would end after five minutes
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'Refresh',
          States: ofOne,
        },
        Next: 'Summarize',
      },
      Summarize: {
        ...invoke({ action: 'summarize', results: expression('$states.input') }),
        Retry: [BY_LAMBDA],
        Output: expression('$states.result.Payload'),
        Assign: { error: '', cause: '' },
        Catch: [
          {
            ErrorEquals: ['States.ALL'],
            Assign: {
              error: expression('$states.errorOutput.Error'),
              cause: expression('$states.errorOutput.Cause ? $states.errorOutput.Cause : ""'),
            },
            Next: 'AllFound',
          },
        ],
        Next: 'AllFound',
      },
      AllFound: choice('$complete', 'AllFresh', 'LookAgain'),
      AllFresh: choice('$error = ""', 'Fresh', 'NotAllFresh'),
      Fresh: { Type: 'Succeed' },
      // an account or region that throttles or is away for a while must not wait for the next scheduled run
      LookAgain: choice(`$looks < ${LOOKS}`, 'Wait', 'WhatFailed'),
      Wait: {
        Type: 'Wait',
        Seconds: LOOK_AGAIN_SECONDS,
        Assign: { looks: expression('$looks + 1') },
        Next: 'Discover',
      },
      WhatFailed: choice('$error = ""', 'NotAllFound', 'NotAllFresh'),
      NotAllFresh: { Type: 'Fail', Error: expression('$error'), Cause: expression('$cause') },
      NotAllFound: {
        Type: 'Fail',
        Error: 'NotAllFound',
        Cause: expression('$substring($string($problems), 0, 1000)'),
      },
    },
  };
}

/** In JSONata, kept to what test/infra/jsonata.ts can read as JavaScript. */
function expression(text: string): string {
  return `{% ${text} %}`;
}

function failed(reason: string): string {
  return `{ "id": $states.input.clusters[0], "ok": false, "reason": $substring(${reason}, 0, ${REASON}) }`;
}

/**
 * What becomes of a cluster whose invocation failed. The error's name tells why: its text comes with a stack, and is in
 * the log. `States.ALL` is not for `States.DataLimitExceeded`:
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
function caught(error: string): object {
  return {
    ErrorEquals: [error],
    Output: expression(failed('$states.errorOutput.Error')),
    Next: 'Refreshed',
  };
}

function choice(condition: string, yes: string, no: string): object {
  return { Type: 'Choice', Choices: [{ Condition: expression(condition), Next: yes }], Default: no };
}

/** What the state machine calls, as ARNs and a URL. */
export interface FleetParts {
  readonly partition: string;
  readonly functionArn: string;
  /** Of the queue of failed runs, which retries them every half hour. */
  readonly failedQueueUrl: string;
  /** Clusters at once. */
  readonly concurrency: number;
}

/**
 * Characters of a reason in a result: 1,000 clusters that all failed must fit in the 256 KiB that a state takes.
 * https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
const LONGEST_REASON = 60;
/** Longer than a function may run. */
const TASK_SECONDS = 960;
/** Transient errors of Lambda itself: https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html */
const RETRY_LAMBDA = {
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
const RETRY_ALL = { ErrorEquals: ['States.ALL'], IntervalSeconds: 2, BackoffRate: 2 };
/** The errors of a discovery, by their names, that a person has to fix in the settings. */
const NO_RETRY = { ErrorEquals: ['FleetTooLargeError', 'SettingsError'], MaxAttempts: 0 };
/** Discoveries of an execution while not all clusters could be found, within an hour and a half. */
const DISCOVERIES = 4;
const PAUSE_SECONDS = 1800;
const CLUSTER = '$states.result.Payload.clusters[0]';
const ERROR = `${CLUSTER}.error.reason`;
const PROBLEM = `${CLUSTER}.problems[outcome = "failed"][0].reason`;
const REASON = `${ERROR} ? ${ERROR} : ${PROBLEM} ? ${PROBLEM} : "its report is in the log"`;
const PROBLEMS = '$substring($string($problems), 0, 1000)';
/** In a variable, as a result has no room for it. */
const KEEP_START = { startedAt: expression('$states.input.startedAt') };
/** The error of a step, for the state that fails with it. */
const KEEP_ERROR = {
  error: expression('$states.errorOutput.Error'),
  cause: expression('$states.errorOutput.Cause ? $states.errorOutput.Cause : ""'),
};

/**
 * The state machine of a fleet in the Amazon States Language. A cluster that failed goes to the queue of failed runs and
 * does not stop the others. Where not all clusters could be found, it starts again after a pause. In the end the execution
 * fails if a cluster failed or could not be found.
 */
export function fleetDefinition({ partition, functionArn, failedQueueUrl, concurrency }: FleetParts): object {
  const invoke = (payload: unknown) => ({
    Type: 'Task',
    Resource: `arn:${partition}:states:::lambda:invoke`,
    Arguments: { FunctionName: functionArn, Payload: payload },
    TimeoutSeconds: TASK_SECONDS,
  });
  const clusterStates = {
    Refresh: {
      ...invoke(expression('$states.input')),
      Retry: [RETRY_LAMBDA],
      Assign: KEEP_START,
      Output: expression(
        `$states.result.Payload.ok ? { "id": $states.input.clusters[0], "ok": true } : ${failedResult(REASON)}`,
      ),
      // an error that nothing catches ends the executions of all other clusters
      Catch: [catchAsResult('States.DataLimitExceeded'), catchAsResult('States.ALL')],
      Next: 'Refreshed',
    },
    Refreshed: choice('$states.input.ok', 'Done', 'TryAgainLater'),
    // in the form of Lambda's record of a failed run, as the function expects it; the retries write only what is left
    TryAgainLater: {
      Type: 'Task',
      Resource: `arn:${partition}:states:::sqs:sendMessage`,
      Arguments: {
        QueueUrl: failedQueueUrl,
        MessageBody: expression(
          '$string({ "requestPayload": { "action": "refresh", "clusters": [$states.input.id], "startedAt": $startedAt } })',
        ),
      },
      Retry: [{ ...RETRY_ALL, MaxAttempts: 6 }],
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
          RETRY_LAMBDA,
          NO_RETRY,
          // within two and a half hours, well before tokens expire
          { ...RETRY_ALL, IntervalSeconds: 60, MaxDelaySeconds: 1800, MaxAttempts: 9 },
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
        // with the start of the execution, so that its later rounds write only what is left
        ItemSelector: {
          action: 'refresh',
          clusters: [expression('$states.context.Map.Item.Value.clusters[0]')],
          startedAt: expression('$states.context.Execution.StartTime'),
        },
        MaxConcurrency: concurrency,
        ItemProcessor: {
          // an express execution ends after five minutes
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'Refresh',
          States: clusterStates,
        },
        Next: 'Summarize',
      },
      Summarize: {
        ...invoke({ action: 'summarize', results: expression('$states.input') }),
        Retry: [RETRY_LAMBDA],
        Output: expression('$states.result.Payload'),
        Assign: { error: '', cause: '' },
        Catch: [{ ErrorEquals: ['States.ALL'], Assign: KEEP_ERROR, Next: 'AllFound' }],
        Next: 'AllFound',
      },
      AllFound: choice('$complete', 'AllFresh', 'LookAgain'),
      AllFresh: choice('$error = ""', 'Fresh', 'NotAllFresh'),
      Fresh: { Type: 'Succeed' },
      // a transient error of an account or region must not wait for the next scheduled run
      LookAgain: choice(`$looks < ${DISCOVERIES}`, 'Wait', 'WhatFailed'),
      Wait: {
        Type: 'Wait',
        Seconds: PAUSE_SECONDS,
        Assign: { looks: expression('$looks + 1') },
        Next: 'Discover',
      },
      WhatFailed: choice('$error = ""', 'NotAllFound', 'NotAllFresh'),
      NotAllFresh: { Type: 'Fail', Error: expression('$error'), Cause: expression('$cause') },
      NotAllFound: { Type: 'Fail', Error: 'NotAllFound', Cause: expression(PROBLEMS) },
    },
  };
}

/** An expression of JSONata. */
function expression(text: string): string {
  return `{% ${text} %}`;
}

function failedResult(reason: string): string {
  return `{ "id": $states.input.clusters[0], "ok": false, "reason": $substring(${reason}, 0, ${LONGEST_REASON}) }`;
}

/**
 * A catcher that turns a failed invocation into a result. Its reason is the name of the error, as the message contains a
 * stack, and is in the log. `States.ALL` does not include `States.DataLimitExceeded`:
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
function catchAsResult(error: string): object {
  return {
    ErrorEquals: [error],
    Assign: KEEP_START,
    Output: expression(failedResult('$states.errorOutput.Error')),
    Next: 'Refreshed',
  };
}

function choice(condition: string, yes: string, no: string): object {
  return { Type: 'Choice', Choices: [{ Condition: expression(condition), Next: yes }], Default: no };
}

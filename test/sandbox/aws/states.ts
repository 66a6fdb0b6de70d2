import { readJsonOperation, type Service, ServiceError } from './service.ts';

/** What an execution of a state machine does: its output; what it throws is its error. It says how many items are done. */
export type StateMachineCode = (progress: (done: number, total: number) => void) => Promise<unknown>;

interface Execution {
  readonly startDate: number;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED';
  output?: string;
  error?: string;
  cause?: string;
  /** Of its Distributed Map, once that has begun. */
  items?: { readonly done: number; readonly total: number };
}

/** AWS Step Functions: StartExecution, DescribeExecution, and the progress of a Distributed Map. @param machines by ARN */
export function createStates(machines: ReadonlyMap<string, StateMachineCode>): Service {
  const executions = new Map<string, Execution>();
  const found = (arn: unknown): Execution => {
    const execution = executions.get(String(arn).replace(/:map$/, ''));
    if (execution) return execution;
    throw new ServiceError('ExecutionDoesNotExist', 400, `Execution Does Not Exist: '${arn}'`);
  };
  const start = (stateMachineArn: string, now: Date): string => {
    const code = machines.get(stateMachineArn);
    if (!code) {
      throw new ServiceError(
        'StateMachineDoesNotExist',
        400,
        `State Machine Does Not Exist: '${stateMachineArn}'`,
      );
    }
    const arn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${executions.size + 1}`;
    const execution: Execution = { status: 'RUNNING', startDate: now.getTime() / 1_000 };
    executions.set(arn, execution);
    void code((done, total) => {
      execution.items = { done, total };
    }).then(
      (output) => Object.assign(execution, { status: 'SUCCEEDED', output: JSON.stringify(output) }),
      ({ name, message }: Error) => {
        const cause = JSON.stringify({ errorType: name, errorMessage: message, trace: [] });
        Object.assign(execution, { status: 'FAILED', error: name, cause });
      },
    );
    return arn;
  };
  return {
    name: 'states',
    signingName: 'states',
    protocol: 'json',
    read: (request) => readJsonOperation(request, 'stateMachineArn'),
    answer({ name, input }, { now }) {
      switch (name) {
        case 'StartExecution': {
          const executionArn = start(String(input.stateMachineArn), now);
          return JSON.stringify({ executionArn, startDate: now.getTime() / 1_000 });
        }
        case 'DescribeExecution': {
          const { items: _, ...execution } = found(input.executionArn);
          return JSON.stringify({ executionArn: input.executionArn, ...execution });
        }
        case 'ListMapRuns': {
          const { items, startDate } = found(input.executionArn);
          const mapRunArn = `${input.executionArn}:map`;
          return JSON.stringify({ mapRuns: items ? [{ mapRunArn, startDate }] : [] });
        }
        case 'DescribeMapRun': {
          const { items = { done: 0, total: 0 }, startDate } = found(input.mapRunArn);
          const { done, total } = items;
          const none = { failed: 0, timedOut: 0, aborted: 0, resultsWritten: 0 };
          const itemCounts = { ...none, pending: 0, running: total - done, succeeded: done, total };
          return JSON.stringify({ mapRunArn: input.mapRunArn, status: 'RUNNING', startDate, itemCounts });
        }
        default:
          throw new ServiceError('UnknownOperationException', 400, '');
      }
    },
  };
}

import type { Definition, Handler, State } from './definition.ts';
import { evaluated } from './jsonata.ts';

/** An error by the name that states catch it by. */
export class StateError extends Error {
  constructor(name: string, message = '') {
    super(message);
    this.name = name;
  }
}

/** Does what a task asks for: the last part of its resource, and its arguments. */
export type Port = (task: string, given: never) => Promise<unknown>;

const LARGEST = 256 * 1024;

/**
 * Runs an execution to its end without waiting between tries.
 * @returns its output
 * @throws {StateError} of a state that failed and was not caught, or of one that was given or gave too much
 */
export async function execute(definition: Definition, input: unknown, port: Port): Promise<unknown> {
  const variables: Record<string, unknown> = {};
  let name: string | undefined = definition.StartAt;
  let data = input;
  while (name !== undefined) {
    const state: State | undefined = definition.States[name];
    if (!state) throw new Error(`there is no state ${name}`);
    [name, data] = await enter(state, limited(data), variables, port);
  }
  return limited(data);
}

type Left = [next: string | undefined, output: unknown];

async function enter(
  state: State,
  input: unknown,
  variables: Record<string, unknown>,
  port: Port,
): Promise<Left> {
  const values = (result: object) => ({ ...variables, $states: { input, ...result } });
  const tries = new Map<Handler, number>();
  for (;;) {
    try {
      const result = await resultOf(state, input, values({}), port);
      const next = state.Choices?.find(({ Condition }) => evaluated(Condition, values({})) === true)?.Next;
      const output = state.Output === undefined ? result : evaluated(state.Output, values({ result }));
      assign(state, values({ result }), variables);
      return [next ?? state.Default ?? state.Next, output];
    } catch (fault) {
      if (!(fault instanceof StateError)) throw fault;
      // https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
      const isTerminal = fault.name === 'States.DataLimitExceeded';
      const fits = ({ ErrorEquals }: Handler) =>
        ErrorEquals.some((one) => one === fault.name || (one === 'States.ALL' && !isTerminal));
      const retrier = state.Retry?.find(fits);
      const tried = retrier ? (tries.get(retrier) ?? 0) : 0;
      if (retrier && tried < (retrier.MaxAttempts ?? 3)) {
        tries.set(retrier, tried + 1);
        continue;
      }
      const catcher = state.Catch?.find(fits);
      if (!catcher) throw fault;
      const errorOutput = { Error: fault.name, Cause: fault.message };
      assign(catcher, values({ errorOutput }), variables);
      const output =
        catcher.Output === undefined ? errorOutput : evaluated(catcher.Output, values({ errorOutput }));
      return [catcher.Next, output];
    }
  }
}

function assign(
  { Assign = {} }: Pick<State, 'Assign'>,
  values: Readonly<Record<string, unknown>>,
  variables: Record<string, unknown>,
): void {
  const assigned = Object.entries(Assign).map(([key, value]) => [`$${key}`, evaluated(value, values)]);
  Object.assign(variables, Object.fromEntries(assigned));
}

async function resultOf(
  state: State,
  input: unknown,
  values: Readonly<Record<string, unknown>>,
  port: Port,
): Promise<unknown> {
  switch (state.Type) {
    case 'Task': {
      const given = limited(evaluated(state.Arguments, values));
      return limited(await port(state.Resource?.split(':::')[1] ?? '', given as never));
    }
    case 'Map': {
      const { ItemProcessor: child, MaxConcurrency: atOnce = 0 } = state;
      if (!child || atOnce < 1) throw new Error('a map without a bound');
      const items = evaluated(state.Items, values) as unknown[];
      const results: unknown[] = new Array(items.length);
      let at = 0;
      const work = async () => {
        for (let nth = at++; nth < items.length; nth = at++)
          results[nth] = await execute(child, items[nth], port);
      };
      await Promise.all(Array.from({ length: atOnce }, work));
      return results;
    }
    case 'Fail':
      throw new StateError(String(evaluated(state.Error, values)), String(evaluated(state.Cause, values)));
    case 'Choice':
    case 'Pass':
    case 'Wait':
    case 'Succeed':
      return input;
    default:
      throw new Error(`nobody has said what ${state.Type} does`);
  }
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
function limited<T>(data: T): T {
  const bytes = Buffer.byteLength(JSON.stringify(data));
  if (bytes > LARGEST) throw new StateError('States.DataLimitExceeded', `${bytes} bytes`);
  return data;
}

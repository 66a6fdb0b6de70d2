import type { Template } from 'aws-cdk-lib/assertions';
import jsonata from 'jsonata';
import { resource } from './synth.ts';

/** A retrier or a catcher. */
export interface Handler {
  readonly ErrorEquals: string[];
  readonly MaxAttempts?: number;
  readonly Assign?: Readonly<Record<string, unknown>>;
  readonly Output?: unknown;
  readonly Next?: string;
}

export interface State {
  readonly Type: string;
  readonly Resource?: string;
  readonly Arguments?: unknown;
  readonly Items?: unknown;
  readonly ItemSelector?: unknown;
  readonly MaxConcurrency?: number;
  readonly ItemProcessor?: Definition & { readonly ProcessorConfig: unknown };
  readonly Choices?: readonly { Condition: string; Next: string }[];
  readonly Default?: string;
  readonly Assign?: Readonly<Record<string, unknown>>;
  readonly Output?: unknown;
  readonly Retry?: readonly Handler[];
  readonly Catch?: readonly Handler[];
  readonly Error?: string;
  readonly Cause?: string;
  readonly Next?: string;
}

export interface Definition {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

/** The definition of the fleet's state machine; what only the deployment knows is `<LogicalId>` in it. */
export function definitionOf(template: Template): Definition {
  const { DefinitionString } = resource(template, 'AWS::StepFunctions::StateMachine').properties;
  const idOf = (part: unknown) => {
    const { Ref: ref, 'Fn::GetAtt': attribute } = part as { Ref?: string; 'Fn::GetAtt'?: string[] };
    return ref ?? attribute?.[0];
  };
  return JSON.parse(
    DefinitionString['Fn::Join'][1]
      .map((part: unknown) => (typeof part === 'string' ? part : `<${idOf(part)}>`))
      .join(''),
  );
}

/** An error by the name that states catch it by. */
export class StateError extends Error {
  constructor(name: string, message = '') {
    super(message);
    this.name = name;
  }
}

/** Runs a task: the last part of its resource, and its arguments. */
export type RunTask = (task: string, given: never) => Promise<unknown>;

/** The start of an execution, and that of its children. */
export const STARTED = '2026-11-24T08:00:00.123Z';
const CHILD_STARTED = '2026-11-24T08:01:00.456Z';

/** Bytes. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
const LARGEST = 256 * 1024;

/**
 * Runs an execution to its end, without the pauses between retries.
 * @returns its output
 * @throws {StateError} of a state that failed and was not caught, or whose input or output is too large
 */
export async function execute(
  definition: Definition,
  input: unknown,
  runTask: RunTask,
  StartTime = STARTED,
): Promise<unknown> {
  const context = { Execution: { StartTime } };
  const variables: Record<string, unknown> = {};
  let name: string | undefined = definition.StartAt;
  let data = input;
  while (name !== undefined) {
    const state: State | undefined = definition.States[name];
    if (!state) throw new Error(`there is no state ${name}`);
    [name, data] = await enter(state, checkSize(data), { variables, context }, runTask);
  }
  return checkSize(data);
}

/** The variables of an expression, without their "$". */
type Variables = Readonly<Record<string, unknown>> & { readonly states: { readonly context: object } };

async function enter(
  state: State,
  input: unknown,
  { variables, context }: { variables: Record<string, unknown>; context: object },
  runTask: RunTask,
): Promise<[next: string | undefined, output: unknown]> {
  const known = (more: object) => ({ ...variables, states: { input, context, ...more } });
  const tries = new Map<Handler, number>();
  for (;;) {
    try {
      const result = await resultOf(state, input, known({}), runTask);
      const next = await chosen(state, known({}));
      const output = state.Output === undefined ? result : await evaluate(state.Output, known({ result }));
      // all of them are evaluated with the values of before
      Object.assign(variables, await evaluate(state.Assign ?? {}, known({ result })));
      return [next ?? state.Default ?? state.Next, output];
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      // https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
      const isTerminal = error.name === 'States.DataLimitExceeded';
      const fits = ({ ErrorEquals }: Handler) =>
        ErrorEquals.some((one) => one === error.name || (one === 'States.ALL' && !isTerminal));
      const retrier = state.Retry?.find(fits);
      const tried = retrier ? (tries.get(retrier) ?? 0) : 0;
      if (retrier && tried < (retrier.MaxAttempts ?? 3)) {
        tries.set(retrier, tried + 1);
        continue;
      }
      const catcher = state.Catch?.find(fits);
      if (!catcher) throw error;
      const errorOutput = { Error: error.name, Cause: error.message };
      const output =
        catcher.Output === undefined ? errorOutput : await evaluate(catcher.Output, known({ errorOutput }));
      Object.assign(variables, await evaluate(catcher.Assign ?? {}, known({ errorOutput })));
      return [catcher.Next, output];
    }
  }
}

async function chosen({ Choices = [] }: State, variables: Variables): Promise<string | undefined> {
  for (const { Condition, Next } of Choices) {
    const isMet = await evaluate(Condition, variables);
    if (typeof isMet !== 'boolean') throw new Error(`not a boolean: ${Condition}`);
    if (isMet) return Next;
  }
  return undefined;
}

async function resultOf(
  state: State,
  input: unknown,
  variables: Variables,
  runTask: RunTask,
): Promise<unknown> {
  switch (state.Type) {
    case 'Task': {
      const given = checkSize(await evaluate(state.Arguments, variables));
      return checkSize(await runTask(state.Resource?.split(':::')[1] ?? '', given as never));
    }
    case 'Map': {
      const { ItemProcessor: child, MaxConcurrency: atOnce = 0 } = state;
      if (!child || atOnce < 1) throw new Error('a map without a bound');
      const values = (await evaluate(state.Items, variables)) as unknown[];
      const items = await Promise.all(values.map((value) => itemOf(state, value, variables)));
      const results: unknown[] = new Array(items.length);
      let at = 0;
      const work = async () => {
        for (let nth = at++; nth < items.length; nth = at++)
          results[nth] = await execute(child, items[nth], runTask, CHILD_STARTED);
      };
      await Promise.all(Array.from({ length: atOnce }, work));
      return results;
    }
    case 'Fail':
      throw new StateError(
        String(await evaluate(state.Error, variables)),
        String(await evaluate(state.Cause, variables)),
      );
    case 'Choice':
    case 'Pass':
    case 'Wait':
    case 'Succeed':
      return input;
    default:
      throw new Error(`the interpreter has no state ${state.Type}`);
  }
}

async function itemOf({ ItemSelector }: State, item: unknown, variables: Variables): Promise<unknown> {
  if (ItemSelector === undefined) return item;
  const { states } = variables;
  const context = { ...states.context, Map: { Item: { Value: item } } };
  return evaluate(ItemSelector, { ...variables, states: { ...states, context } });
}

/**
 * Evaluates the JSONata in `{% %}`, in a value or in a part of it.
 * @throws {Error} for an expression without a value, as Step Functions does
 */
async function evaluate(value: unknown, variables: Variables): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((part) => evaluate(part, variables)));
  if (typeof value === 'object' && value !== null) {
    const parts = Object.entries(value).map(async ([key, part]) => [key, await evaluate(part, variables)]);
    return Object.fromEntries(await Promise.all(parts));
  }
  const text = typeof value === 'string' && /^\{% (.*) %\}$/s.exec(value)?.[1];
  if (!text) return value;
  // there is no input beside $states
  const result = await expressionOf(text).evaluate(undefined, variables);
  if (result === undefined) throw new Error(`no value: ${text}`);
  // a plain copy, as the sequences of JSONata have properties of their own
  return JSON.parse(JSON.stringify(result));
}

const expressions = new Map<string, jsonata.Expression>();

/** Parses each expression once, as a fleet evaluates the same few thousands of times. */
function expressionOf(text: string): jsonata.Expression {
  const known = expressions.get(text);
  if (known) return known;
  const expression = jsonata(text);
  // https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
  expression.registerFunction('eval', () => {
    throw new Error('Step Functions has no $eval');
  });
  expressions.set(text, expression);
  return expression;
}

function checkSize<T>(data: T): T {
  const bytes = Buffer.byteLength(JSON.stringify(data));
  if (bytes > LARGEST) throw new StateError('States.DataLimitExceeded', `${bytes} bytes`);
  return data;
}

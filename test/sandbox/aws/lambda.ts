import { type Caller, type Operation, type Reply, type Service, ServiceError } from './service.ts';

/** What a function does with an event; what it throws is its error. */
export type FunctionCode = (event: unknown) => Promise<unknown>;

/** AWS Lambda's Invoke, of type RequestResponse. `functions` is keyed by name. */
export function createLambda(functions: ReadonlyMap<string, FunctionCode>): Service {
  return {
    name: 'lambda',
    signingName: 'lambda',
    protocol: 'rest',
    read(request) {
      const name = /\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(request.path)?.[1];
      if (name === undefined || request.method !== 'POST') return undefined;
      // IAM's name for it, by which it is denied
      const input = { payload: request.body.toString() };
      return { name: 'InvokeFunction', input, detail: decodeURIComponent(name) };
    },
    answer: (operation, caller) => invoke(operation, caller, functions),
  };
}

async function invoke(
  { input, detail = '' }: Operation,
  { principal, region }: Caller,
  functions: ReadonlyMap<string, FunctionCode>,
): Promise<Reply> {
  const name = detail.replace(/^.*:function:/, '');
  const code = functions.get(name);
  if (!code) {
    const arn = `arn:aws:lambda:${region}:${principal.accountId}:function:${name}`;
    throw new ServiceError('ResourceNotFoundException', 404, `Function not found: ${arn}`);
  }
  const headers = { 'X-Amz-Executed-Version': '$LATEST' };
  try {
    const value = await code(JSON.parse(String(input.payload) || '{}'));
    return { body: JSON.stringify(value) ?? 'null', headers };
  } catch (fault) {
    const { name: errorType, message: errorMessage } = fault as Error;
    const body = JSON.stringify({ errorType, errorMessage, trace: [] });
    return { body, headers: { ...headers, 'X-Amz-Function-Error': 'Unhandled' } };
  }
}

import { type Caller, type Operation, type Reply, type Service, ServiceError } from './service.ts';

/** What a function does with an event; what it throws is its error. */
export type FunctionCode = (event: unknown) => Promise<unknown>;

/**
 * AWS Lambda's Invoke, of type RequestResponse, and GetFunctionConfiguration.
 * @param functions by name
 * @param variables of the environment of functions, by name
 */
export function createLambda(
  functions: ReadonlyMap<string, FunctionCode>,
  variables: ReadonlyMap<string, Readonly<Record<string, string>>>,
): Service {
  return {
    name: 'lambda',
    signingName: 'lambda',
    protocol: 'rest',
    read(request) {
      const [, name, resource] =
        /\/2015-03-31\/functions\/([^/]+)\/(invocations|configuration)$/.exec(request.path) ?? [];
      if (name === undefined) return undefined;
      if (resource === 'configuration') {
        return { name: 'GetFunctionConfiguration', input: {}, detail: decodeURIComponent(name) };
      }
      if (request.method !== 'POST') return undefined;
      // IAM's name for it, by which it is denied
      const input = { payload: request.body.toString() };
      return { name: 'InvokeFunction', input, detail: decodeURIComponent(name) };
    },
    answer: async (operation, caller) => {
      if (operation.name === 'InvokeFunction') return invoke(operation, caller, functions);
      const { detail = '' } = operation;
      if (!variables.has(detail)) throw notFound(detail, caller);
      const configuration = { FunctionName: detail, Environment: { Variables: variables.get(detail) } };
      return { body: JSON.stringify(configuration), headers: {} };
    },
  };
}

function notFound(name: string, { principal, region }: Caller): ServiceError {
  const arn = `arn:aws:lambda:${region}:${principal.accountId}:function:${name}`;
  return new ServiceError('ResourceNotFoundException', 404, `Function not found: ${arn}`);
}

async function invoke(
  { input, detail = '' }: Operation,
  caller: Caller,
  functions: ReadonlyMap<string, FunctionCode>,
): Promise<Reply> {
  const name = detail.replace(/^.*:function:/, '');
  const code = functions.get(name);
  if (!code) throw notFound(name, caller);
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

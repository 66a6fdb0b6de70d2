import { readJsonOperation, type Service, ServiceError } from './service.ts';

/** As many as AWS gives in one page. */
const PAGE = 10;

/** AWS Systems Manager's GetParametersByPath. `parameters` has their values by name. */
export function createSsm(parameters: ReadonlyMap<string, string>): Service {
  return {
    name: 'ssm',
    signingName: 'ssm',
    protocol: 'json',
    read: (request) => readJsonOperation(request, 'Path'),
    answer({ name, input }) {
      if (name !== 'GetParametersByPath') throw new ServiceError('UnknownOperationException', 400, '');
      const { Path: path, NextToken: token = '0' } = input;
      const found = [...parameters].filter(([one]) => one.slice(0, one.lastIndexOf('/')) === path);
      const from = Number(token);
      return JSON.stringify({
        // in no order that may be counted on
        Parameters: found
          .slice(from, from + PAGE)
          .reverse()
          .map(([Name, Value]) => ({ Name, Value, Type: 'String', DataType: 'text', Version: 1 })),
        ...(found.length > from + PAGE && { NextToken: String(from + PAGE) }),
      });
    },
  };
}

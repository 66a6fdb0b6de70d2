import { readJsonOperation, type Service, ServiceError } from './service.ts';

/** A subscription filter of a log group. */
export interface SubscriptionFilter {
  name: string;
  destinationArn: string;
}

/** Amazon CloudWatch Logs' DescribeSubscriptionFilters. `filters` is keyed by log group; all are of the caller's own account and region. */
export function createLogs(filters: ReadonlyMap<string, readonly SubscriptionFilter[]>): Service {
  return {
    name: 'logs',
    signingName: 'logs',
    protocol: 'json',
    read: (request) => readJsonOperation(request, 'logGroupName'),
    answer(operation) {
      if (operation.name !== 'DescribeSubscriptionFilters') {
        throw new ServiceError('UnknownOperationException', 400, '');
      }
      const logGroupName = String(operation.input.logGroupName);
      const found = filters.get(logGroupName);
      if (!found) {
        throw new ServiceError('ResourceNotFoundException', 400, 'The specified log group does not exist.');
      }
      const subscriptionFilters = found.map(({ name: filterName, destinationArn }) => ({
        filterName,
        logGroupName,
        filterPattern: '',
        destinationArn,
        distribution: 'ByLogStream',
        applyOnTransformedLogs: false,
        creationTime: Date.UTC(2026, 0, 1),
      }));
      return JSON.stringify({ subscriptionFilters });
    },
  };
}

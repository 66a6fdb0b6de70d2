import { readJsonOperation, type Service, ServiceError } from './service.ts';

/** A rule of the default event bus that starts something by a schedule. */
export interface Rule {
  schedule: string;
  state: 'ENABLED' | 'DISABLED';
}

/** Amazon EventBridge's DescribeRule and EnableRule. `rules` is keyed by name; all are of the caller's own account and region. */
export function createEventBridge(rules: Map<string, Rule>): Service {
  return {
    name: 'events',
    signingName: 'events',
    protocol: 'json',
    read: (request) => readJsonOperation(request, 'Name'),
    answer(operation, { principal, region }) {
      if (operation.name !== 'DescribeRule' && operation.name !== 'EnableRule') {
        throw new ServiceError('UnknownOperationException', 400, '');
      }
      const name = String(operation.input.Name);
      const rule = rules.get(name);
      if (!rule) {
        const message = `Rule ${name} does not exist on EventBus default.`;
        throw new ServiceError('ResourceNotFoundException', 400, message);
      }
      if (operation.name === 'EnableRule') {
        rules.set(name, { ...rule, state: 'ENABLED' });
        return '';
      }
      return JSON.stringify({
        Arn: `arn:aws:events:${region}:${principal.accountId}:rule/${name}`,
        CreatedBy: principal.accountId,
        EventBusName: 'default',
        Name: name,
        ScheduleExpression: rule.schedule,
        State: rule.state,
      });
    },
  };
}

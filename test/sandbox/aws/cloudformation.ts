import { type Caller, type Operation, type Service, ServiceError, xmlText } from './service.ts';

const namespace = 'http://cloudformation.amazonaws.com/doc/2010-05-15/';

/** AWS CloudFormation's DescribeStacks of one stack. `stacks` has the outputs of each, by its name. */
export function createCloudFormation(stacks: ReadonlyMap<string, Readonly<Record<string, string>>>): Service {
  return {
    name: 'cloudformation',
    signingName: 'cloudformation',
    protocol: 'query',
    read(request) {
      const input = Object.fromEntries(new URLSearchParams(request.body.toString()));
      if (input.Action !== 'DescribeStacks') return undefined;
      return { name: input.Action, input, ...(input.StackName !== undefined && { detail: input.StackName }) };
    },
    answer: (operation, caller) => describe(operation, caller, stacks),
  };
}

function describe(
  { detail: name = '' }: Operation,
  { principal, region }: Caller,
  stacks: ReadonlyMap<string, Readonly<Record<string, string>>>,
): string {
  const outputs = stacks.get(name);
  if (!outputs) throw new ServiceError('ValidationError', 400, `Stack with id ${name} does not exist`);
  const members = Object.entries(outputs).map(
    ([key, value]) =>
      `<member><OutputKey>${key}</OutputKey><OutputValue>${xmlText(value)}</OutputValue></member>`,
  );
  const id = `arn:aws:cloudformation:${region}:${principal.accountId}:stack/${name}/1`;
  return (
    `<DescribeStacksResponse xmlns="${namespace}"><DescribeStacksResult><Stacks><member>` +
    `<StackId>${id}</StackId><StackName>${xmlText(name)}</StackName><StackStatus>CREATE_COMPLETE</StackStatus>` +
    `<CreationTime>2026-01-01T00:00:00Z</CreationTime><Outputs>${members.join('')}</Outputs>` +
    `</member></Stacks></DescribeStacksResult></DescribeStacksResponse>`
  );
}

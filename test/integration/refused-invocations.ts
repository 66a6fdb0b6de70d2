import { secretKeyCanary } from '../sandbox/aws/canary.ts';

/** An invocation that is refused before anything is called. */
export interface RefusedInvocation {
  readonly title: string;
  /** What differs in the function's environment; undefined for a variable that is missing. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly event?: unknown;
  readonly expected: string;
  /** Whether a person sent it, who gets the error as an answer; else the invocation fails. */
  readonly isAnswered?: boolean;
  /** What the message says of the fault. */
  readonly problem: string;
}

const settings = (title: string, value: object | string | undefined, problem: string): RefusedInvocation => ({
  title,
  env: { SETTINGS: typeof value === 'object' ? JSON.stringify(value) : value },
  expected: 'SettingsError',
  problem,
});
const event = (title: string, sent: unknown, problem: string, expected: RefusedInvocation['expected']) => ({
  title,
  event: sent,
  expected,
  problem,
  isAnswered: !title.includes('queued'),
});

const clusters = [{ name: 'demo' }];
const roleArn = 'arn:aws:iam::444455556666:role/deployer';

/** Every way in which settings and events are wrong. */
export const refusedInvocations: readonly RefusedInvocation[] = [
  settings('settings are missing', undefined, 'the environment variable SETTINGS is missing'),
  settings('settings are empty', '', 'the environment variable SETTINGS is missing'),
  settings(
    'settings are no JSON',
    `{"a":"${secretKeyCanary}`,
    'the environment variable SETTINGS is not JSON',
  ),
  settings('settings have no cluster', { clusters: [] }, 'clusters: '),
  settings(
    'settings have an unknown field',
    { clusters, cluster: 'x' },
    'unknown field "cluster"; known are name',
  ),
  settings(
    'settings have a field of another registry',
    { clusters, secrets: [{ registries: [{ type: 'stored', secretId: 'hub', roleArn }] }] },
    'secrets[0].registries[0]: unknown field "roleArn"; known are type, secretId, kmsKeyArn',
  ),
  settings(
    'settings have a wrong glob',
    { clusters, secrets: [{ namespaces: { include: ['Team-?'] } }] },
    'secrets[0].namespaces.include[0]: "Team-?" is not a namespace name or a glob',
  ),
  settings(
    'settings have a wrong selector',
    { clusters, secrets: [{ namespaces: { selector: 'team=' + 'x y' } }] },
    'secrets[0].namespaces.selector: "team=x y" is not a label selector',
  ),
  settings(
    'settings have a wrong ARN',
    { clusters: [{ name: 'demo', roleArn: 'arn:aws:iam::1:user/me' }] },
    'clusters[0].roleArn: "arn:aws:iam::1:user/me" is not the ARN of a role',
  ),
  settings(
    'settings have a role of another account',
    { clusters: [{ name: 'demo', roleArn, accountId: '111122223333' }] },
    'clusters[0].roleArn: is a role of 444455556666, but accountId is 111122223333',
  ),
  settings(
    'settings use an id twice',
    { clusters: [...clusters, { name: 'demo', region: 'us-east-1' }] },
    'clusters[1].id: "demo" is used twice',
  ),
  settings(
    'settings have an entry for a cluster that is not there',
    { clusters, secrets: [{}, { clusters: ['prod-*'] }] },
    'secrets[1].clusters[0]: "prod-*" matches none of demo',
  ),
  settings(
    'settings leave too long a gap',
    { clusters, schedule: 'rate(11 hours)' },
    'schedule: "rate(11 hours)"',
  ),
  {
    title: 'the region is missing',
    env: { AWS_REGION: undefined },
    expected: 'SettingsError',
    problem: 'the environment variable AWS_REGION is missing',
  },
  event(
    'the action is unknown',
    { action: 'rotate' },
    'action: unknown action "rotate"; expected one of refresh, plan',
    'EventError',
  ),
  event(
    'a field is unknown',
    { cluster: 'demo' },
    'unknown field "cluster"; known are action, ',
    'EventError',
  ),
  event('clusters are no list', { clusters: 'demo' }, 'clusters: ', 'EventError'),
  event('namespaces are none', { namespaces: [] }, 'namespaces: ', 'EventError'),
  event(
    'a namespace is a path',
    { namespaces: ['../secrets'] },
    'namespaces[0]: "../secrets" is not a namespace name',
    'EventError',
  ),
  event('the event is a text', 'refresh', 'top level: ', 'EventError'),
  event(
    'the queued record is no JSON',
    { Records: [{ eventSource: 'aws:sqs', body: secretKeyCanary }] },
    'Records[0].body is not JSON',
    'EventError',
  ),
  event(
    'the queued record is not of a failed run',
    { Records: [{ eventSource: 'aws:sqs', body: '{"action":"refresh"}' }] },
    'Records[0].body is not the record of a failed run (it has no requestPayload)',
    'EventError',
  ),
  event(
    'two records are queued',
    { Records: ['{}', '{}'].map((body) => ({ eventSource: 'aws:sqs', body })) },
    '2 queued records; expected exactly one',
    'EventError',
  ),
  event(
    'a cluster is not in the settings',
    { clusters: ['demo', 'other'] },
    'the settings cover no cluster "other"; known are demo',
    'NotCoveredError',
  ),
  event(
    'a namespace is not in the settings',
    { namespaces: ['default', 'shop'] },
    'the settings cover no namespace "shop"; covered are kube-*; default, less what they exclude',
    'NotCoveredError',
  ),
];

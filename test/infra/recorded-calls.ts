import { handler } from '../../lambda/handler.ts';
import { listedClusters } from '../../lambda/settings/locations.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import { type ClusterSettings, clusterId, type SettingsInput } from '../../lambda/settings/schema.ts';
import { captured } from '../integration/capture.ts';
import { searched } from '../integration/searched.ts';
import type { AwsCall } from '../sandbox/aws/faults.ts';
import { created, logBatch } from '../sandbox/aws/log-batch.ts';
import { secretArn } from '../sandbox/aws/secrets-manager.ts';
import { invocationContext } from '../sandbox/bundle.ts';
import { startWorld, type World } from '../sandbox/world.ts';
import type { Call } from './iam.ts';

const SCHEDULED = { source: 'aws.events', 'detail-type': 'Scheduled Event' };

/** How the function is invoked: by hand, by the schedule, and with what a failed run has left in the queue. */
const EVENTS = [
  { action: 'plan' },
  { action: 'doctor' },
  { action: 'refresh', namespaces: ['default'] },
  SCHEDULED,
  { Records: [{ eventSource: 'aws:sqs', body: JSON.stringify({ requestPayload: SCHEDULED }) }] },
];

/** How the state machine of a fleet invokes it, and a person. */
function fleetEvents(ids: readonly string[]): object[] {
  const items = ids.map((id) => ({ action: 'refresh', clusters: [id] }));
  const results = ids.map((id) => ({ id, ok: true }));
  return [
    { action: 'discover' },
    ...items,
    { action: 'summarize', results },
    { action: 'doctor', clusters: ids },
  ];
}

/** What the emulated account has beside the listed clusters. */
export interface Account {
  /** Clusters that a discover finds: a fleet is invoked item by item. */
  readonly found?: readonly ClusterSettings[];
  /** Values of Secrets Manager's secrets by name, and the customer key that each lies under. */
  readonly secrets?: Record<string, { value: unknown; region?: string; kmsKeyArn?: string }>;
  /** Roles that the function assumes. */
  readonly roles?: string[];
  /** The user whose static keys lie in a secret. */
  readonly user?: { arn: string; accessKeyId: string; secretAccessKey: string };
}

/**
 * Runs the real handler against the emulators of a deployment, by every way in which it is invoked, and gives
 * back what its role called of AWS: also what Secrets Manager decrypts in its name.
 * @param ruleName of the rule that starts it
 * @throws {Error} if a run was not ok
 */
export async function recordedCalls(
  settings: SettingsInput,
  ruleName: string,
  account: Account = {},
): Promise<Call[]> {
  const world = await startWorld(settings, account.found ? { found: account.found } : {});
  world.aws.rules.set(ruleName, { schedule: 'rate(8 hours)', state: 'ENABLED' });
  world.env.RULE_NAME = ruleName;
  try {
    const secrets = new Map<string, { arn: string; kmsKeyArn: string | undefined }>();
    for (const [name, { value, kmsKeyArn, ...place }] of Object.entries(account.secrets ?? {})) {
      const arn = world.aws.addSecret({ name, value: JSON.stringify(value), ...place });
      for (const id of [name, arn]) secrets.set(id, { arn, kmsKeyArn });
    }
    for (const { kubeconfigSecretId: name, kmsKeyArn } of listedClusters(checkSettings(settings))) {
      const { accountId, region } = world.aws;
      if (name) secrets.set(name, { arn: secretArn({ name, accountId, region }), kmsKeyArn });
    }
    for (const arn of account.roles ?? []) world.aws.addRole({ arn, trusts: ['*'] });
    const { user } = account;
    if (user) world.aws.addUser(user.arn, user);
    const logged = settings.newNamespaces ? [logBatch([created('default')])] : [];
    const ids = account.found?.map(clusterId);
    for (const event of ids ? fleetEvents(ids) : [...logged, ...EVENTS]) await invoke(world, event);
    const calls = world.aws.calls.filter(({ principalArn }) => principalArn === world.aws.principal.arn);
    return distinct(calls.flatMap((call) => iamCalls(call, world.aws.accountId, secrets)));
  } finally {
    await world.close();
  }
}

async function invoke(world: World, event: object): Promise<void> {
  const run = searched(await captured(world.env, () => handler(event, invocationContext())));
  if (!run.value?.ok) throw new Error(`a run was not ok: ${JSON.stringify(run.value)}`, { cause: run.error });
}

/** A call of the SDK as IAM sees it. */
function iamCalls(
  { service, operation, region, detail = '' }: AwsCall,
  accountId: string,
  secrets: ReadonlyMap<string, { arn: string; kmsKeyArn: string | undefined }>,
): Call[] {
  const action = `${service}:${operation}`;
  switch (action) {
    case 'ecr:GetAuthorizationToken':
      return [{ action, resource: '*' }];
    case 'ecr-public:GetAuthorizationToken': {
      const context = { 'sts:AWSServiceName': 'ecr-public.amazonaws.com' };
      return [
        { action, resource: '*' },
        { action: 'sts:GetServiceBearerToken', resource: '*', context },
      ];
    }
    case 'events:DescribeRule':
      return [{ action, resource: `arn:aws:events:${region}:${accountId}:rule/${detail}` }];
    case 'logs:DescribeSubscriptionFilters':
      return [{ action, resource: `arn:aws:logs:${region}:${accountId}:log-group:${detail}:log-stream:` }];
    // needs no permission
    case 'sts:GetCallerIdentity':
      return [];
    case 'eks:DescribeCluster':
      return [{ action, resource: `arn:aws:eks:${region}:${accountId}:cluster/${detail}` }];
    case 'eks:ListClusters':
      return [{ action, resource: '*', context: { 'aws:RequestedRegion': region } }];
    case 'sts:AssumeRole':
      return [{ action, resource: detail }];
    case 'secretsmanager:GetSecretValue': {
      const secret = secrets.get(detail);
      if (!secret) throw new Error(`the account has no secret ${detail}`);
      const { arn, kmsKeyArn } = secret;
      const context = { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` };
      return [
        { action, resource: arn },
        ...(kmsKeyArn ? [{ action: 'kms:Decrypt', resource: kmsKeyArn, context }] : []),
      ];
    }
    default:
      throw new Error(`no permission is defined here for ${action}`);
  }
}

function distinct(calls: Call[]): Call[] {
  return [...new Map(calls.map((call) => [JSON.stringify(call), call])).values()];
}

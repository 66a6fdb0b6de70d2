import { DescribeRuleCommand } from '@aws-sdk/client-eventbridge';
import { type AwsClients, principalOf, regionOfSecret } from '../aws.ts';
import type { RunContext } from '../context.ts';
import { codeOf, hasCode } from '../errors.ts';
import type { Scope } from '../request.ts';
import { longestGapMinutes } from '../settings/schedule.ts';
import { isEks, type RegistrySettings, type SecretEntry, storedSecretId } from '../settings/schema.ts';
import type { DoctorState } from './doctor.ts';
import { type Finding, failed, failedBy, passed, skipped, unknown } from './report.ts';

/** The actions of each kind of call that AWS can deny, by the code of its error. */
const ACTIONS: Readonly<Record<string, string>> = {
  EcrCallError: 'ecr:GetAuthorizationToken',
  EcrPublicCallError: 'ecr-public:GetAuthorizationToken sts:GetServiceBearerToken',
  AssumeRoleError: 'sts:AssumeRole',
  SecretCallError: 'secretsmanager:GetSecretValue',
};

/** The object of {@link checkHeadroom}. */
const HEADROOM = 'time for retries';
/** How much longer than the longest gap a token must live, so that a failed run can be retried. */
const HEADROOM_MINUTES = 60;

type IdentityState = Pick<DoctorState, 'arn' | 'principal'> & { readonly ctx: Pick<RunContext, 'aws'> };

/** Gets the caller's identity from STS, which needs no permission; no other check needs the answer. */
export async function checkIdentity(state: IdentityState): Promise<Finding[]> {
  const { aws } = state.ctx;
  const object = 'caller identity';
  try {
    const arn = await aws.callerArn();
    if (!arn) throw new Error('no ARN');
    state.arn = arn;
    state.principal = principalOf(arn);
    return [passed('identity', object, arn)];
  } catch (fault) {
    const remedy = `Check credentials and the connection to STS: aws sts get-caller-identity --region ${aws.region}`;
    return [unknown('identity', object, `could not get it from STS (${codeOf(fault)})`, remedy)];
  }
}

/** Checks the rule that starts the function: whether the settings want it, and whether it is as they say. */
export async function checkRule({ aws, environment, settings }: RunContext): Promise<Finding> {
  if (!settings.enabled) {
    const reason = 'the settings say "enabled": false, so nothing refreshes by itself';
    const remedy = `Set "enabled": true, then deploy: ${environment.deployCommand}`;
    return failed('schedule', 'settings', reason, remedy);
  }
  const { ruleName } = environment;
  if (!ruleName) {
    const reason = 'the rule that starts the function is unknown here';
    return unknown('schedule', 'rule', reason, 'Send { "action": "doctor" } to the deployed function.');
  }
  const object = `rule ${ruleName}`;
  try {
    const command = new DescribeRuleCommand({ Name: ruleName });
    const { State, ScheduleExpression } = await aws.eventBridge().send(command, { abortSignal: aws.signal });
    if (State === 'DISABLED') {
      const remedy = `Enable it: aws events enable-rule --region ${aws.region} --name ${ruleName}`;
      return failed('schedule', object, 'it is disabled, so nothing refreshes by itself', remedy);
    }
    if (ScheduleExpression !== settings.schedule) {
      const reason = `it runs at ${ScheduleExpression}, and the settings say ${settings.schedule}`;
      return failed('schedule', object, reason, `Deploy the settings again: ${environment.deployCommand}`);
    }
    return passed('schedule', object, `enabled, ${settings.schedule}`);
  } catch (fault) {
    const code = codeOf(fault);
    const remedy = `Deploy it again: ${environment.deployCommand}`;
    if (code === 'ResourceNotFoundException') return failed('schedule', object, 'it does not exist', remedy);
    return unknown('schedule', object, `EventBridge did not describe it (${code})`, remedy);
  }
}

/** Checks that every token outlives the longest gap between two runs by an hour; nothing without an ECR token. */
export function checkHeadroom({ ctx, credentials }: DoctorState): Finding[] {
  if (credentials.size < ctx.scope.entries.length) return [skipped('schedule', HEADROOM, 'token')];
  const lives = [...credentials.values()].flatMap(({ token }) =>
    token ? [(token.expiresAt.getTime() - token.fetchedAt.getTime()) / 60_000] : [],
  );
  if (lives.length === 0) return [];
  const life = Math.min(...lives);
  const gap = longestGapMinutes(ctx.settings.schedule) ?? Number.POSITIVE_INFINITY;
  const reason = `a token lives ${hours(life)}, and two runs are up to ${hours(gap)} apart`;
  if (life > gap + HEADROOM_MINUTES) return [passed('schedule', HEADROOM, reason)];
  const remedy = `Set a schedule whose gaps are under ${hours(life - HEADROOM_MINUTES)}, then deploy: ${ctx.environment.deployCommand}`;
  return [failed('schedule', HEADROOM, reason, remedy)];
}

function hours(minutes: number): string {
  return `${Math.floor(Math.max(0, minutes) / 6) / 10} h`;
}

/** Reads each registry of each entry by itself, so that one that fails hides no other. */
export async function checkTokens(state: DoctorState): Promise<Finding[]> {
  const { ctx, credentials } = state;
  const findings: Finding[] = [];
  for (const entry of ctx.scope.entries) {
    const ofRegistries = await Promise.all(
      entry.registries.map((registry) => checkRegistry(state, entry, registry)),
    );
    findings.push(...ofRegistries);
    if (ofRegistries.some(({ result }) => result === 'fail')) continue;
    try {
      credentials.set(entry, await ctx.readCredentials(entry));
    } catch (fault) {
      findings.push(failedBy('token', `secret ${entry.name}`, fault));
    }
  }
  return findings;
}

async function checkRegistry(
  { ctx, principal }: DoctorState,
  entry: SecretEntry,
  registry: RegistrySettings,
): Promise<Finding> {
  const object = `${nameOf(registry)} for ${entry.name}`;
  try {
    const { auths, token } = await ctx.readCredentials({ ...entry, registries: [registry] });
    const until = token ? `, expires ${token.expiresAt.toISOString()}` : '';
    return passed('token', object, `${[...auths.keys()].join(', ')}${until}`);
  } catch (fault) {
    const caller = ctx.aws.vpcRoles?.credentialsRoleArn ?? principal;
    return failedBy('token', object, fault, denialCommand(ctx, fault, registry, caller));
  }
}

function nameOf(registry: RegistrySettings): string {
  if (registry.type === 'stored') return `stored ${registry.secretId}`;
  if (registry.type === 'ecr-public') return 'ECR Public';
  const { accountId, region } = registry;
  return `ecr${accountId ? ` of ${accountId}` : ''}${region ? ` in ${region}` : ''}`;
}

/** What to run where AWS denied a call: it names the action and the caller. */
function denialCommand(
  { aws, environment }: RunContext,
  fault: unknown,
  registry: RegistrySettings,
  principal: string | undefined,
): string | undefined {
  if (!hasCode(fault, ...Object.keys(ACTIONS)) || !fault.problem.includes('(AccessDenied')) return undefined;
  const action = ACTIONS[fault.code];
  const { roleArn = undefined, keysSecretId = undefined } = registry.type === 'ecr' ? registry : {};
  const isByRole = hasCode(fault, 'EcrCallError') && roleArn !== undefined;
  const isSecret = hasCode(fault, 'SecretCallError');
  if (keysSecretId && !isByRole && !isSecret) {
    return `Allow ${action} to the user whose keys are in ${keysSecretId}.`;
  }
  const secretId = isSecret ? storedSecretId(registry) : undefined;
  // only the call for a token has no resource
  const resource = hasCode(fault, 'AssumeRoleError')
    ? roleArn
    : secretId && secretArn(aws, secretId, principal);
  const simulate = (who: string) =>
    `See what denies it: aws iam simulate-principal-policy --policy-source-arn ${who} --action-names ${action}${resource ? ` --resource-arns ${resource}` : ''}`;
  if (isByRole) return simulate(roleArn);
  const deploy = `The stack grants this permission to its role: ${environment.deployCommand}`;
  return principal ? `${deploy}. ${simulate(principal)}` : deploy;
}

/** The ARN of a secret. Its last six characters are unknown where only the name is given; policies match any. */
function secretArn({ homeRegion }: AwsClients, secretId: string, principal = ''): string {
  if (secretId.startsWith('arn:')) return secretId;
  const [, partition, , , account] = principal.split(':');
  return `arn:${partition}:secretsmanager:${homeRegion}:${account}:secret:${secretId}-AAAAAA`;
}

/**
 * The interface endpoints that the function needs in a VPC without a NAT, as `SERVICE of REGION`, sorted. A refresh signs
 * bearer tokens without a call of STS.
 */
export function neededEndpoints(
  { region, homeRegion, vpcRoles }: Pick<AwsClients, 'region' | 'homeRegion' | 'vpcRoles'>,
  { entries, ...scope }: Scope,
  { settingsPath }: Pick<RunContext['environment'], 'settingsPath'>,
): string[] {
  const clusters = scope.clusters.map(({ cluster }) => cluster);
  const registries = entries.flatMap((entry) => entry.registries);
  const secretIds = [
    ...clusters.flatMap(({ kubeconfigSecretId }) => kubeconfigSecretId ?? []),
    ...registries.flatMap((registry) => storedSecretId(registry) ?? []),
  ];
  const isStsCalled =
    vpcRoles !== undefined ||
    clusters.some(({ roleArn, webIdentity }) => roleArn !== undefined || webIdentity !== undefined) ||
    entries.some(({ repositories }) => repositories !== undefined) ||
    registries.some((registry) => registry.type === 'ecr' && registry.roleArn !== undefined);
  const all = [
    ...clusters.flatMap((one) => (isEks(one) ? [['eks', one.region ?? region]] : [])),
    ...registries.flatMap((one) => (one.type === 'ecr' ? [['ecr.api', one.region ?? homeRegion]] : [])),
    ...secretIds.map((id) => ['secretsmanager', regionOfSecret(id) ?? homeRegion]),
    ...(isStsCalled ? [['sts', region]] : []),
    ...(settingsPath ? [['ssm', region]] : []),
  ];
  return [...new Set(all.map(([service, where]) => `${service} of ${where}`))].sort();
}

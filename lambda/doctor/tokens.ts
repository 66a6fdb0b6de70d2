import { AssumeRoleError, HelperError } from '../errors.ts';
import type { PullCredentials } from '../registry/credentials.ts';
import { EcrCallError, EcrPublicCallError, SecretCallError } from '../registry/errors.ts';
import type { RegistrySettings, SecretEntry } from '../settings.ts';
import type { Finding } from './doctor-report.ts';
import { DEPLOY, failedBy, passed } from './findings.ts';

/** What each kind of call that AWS can deny asks for. */
const ACTIONS = [
  [EcrCallError, 'ecr:GetAuthorizationToken'],
  [EcrPublicCallError, 'ecr-public:GetAuthorizationToken sts:GetServiceBearerToken'],
  [AssumeRoleError, 'sts:AssumeRole'],
  [SecretCallError, 'secretsmanager:GetSecretValue'],
] as const;

/** What the registries of entries gave, and what there is to say of it. */
export interface ExaminedTokens {
  readonly findings: readonly Finding[];
  /** Of the entries that could be read. */
  readonly credentials: ReadonlyMap<SecretEntry, PullCredentials>;
}

/**
 * Reads each registry of each entry by itself, so that one that fails hides no other. Does not throw.
 * @param principal who asks where a registry has no identity of its own: the ARN of a role or user
 */
export async function examineTokens(
  entries: readonly SecretEntry[],
  read: (entry: SecretEntry) => Promise<PullCredentials>,
  principal: string | undefined,
): Promise<ExaminedTokens> {
  const findings: Finding[] = [];
  const credentials = new Map<SecretEntry, PullCredentials>();
  for (const entry of entries) {
    const ofRegistries = await Promise.all(
      entry.registries.map((registry) => examineRegistry(entry, registry, read, principal)),
    );
    findings.push(...ofRegistries);
    if (ofRegistries.some(({ result }) => result === 'fail')) continue;
    try {
      credentials.set(entry, await read(entry));
    } catch (fault) {
      findings.push(failedBy('token', `secret ${entry.name}`, fault));
    }
  }
  return { findings, credentials };
}

async function examineRegistry(
  entry: SecretEntry,
  registry: RegistrySettings,
  read: (entry: SecretEntry) => Promise<PullCredentials>,
  principal: string | undefined,
): Promise<Finding> {
  const object = `${nameOf(registry)} for ${entry.name}`;
  try {
    const { auths, token } = await read({ ...entry, registries: [registry] });
    const until = token ? `, good until ${token.expiresAt.toISOString()}` : '';
    return passed('token', object, `${[...auths.keys()].join(', ')}${until}`);
  } catch (fault) {
    return failedBy('token', object, fault, commandFor(fault, registry, principal));
  }
}

function nameOf(registry: RegistrySettings): string {
  if (registry.type === 'stored') return `stored ${registry.secretId}`;
  if (registry.type === 'ecr-public') return 'ECR Public';
  const { accountId, region } = registry;
  return `ecr${accountId ? ` of ${accountId}` : ''}${region ? ` in ${region}` : ''}`;
}

/** What to run where AWS denied a call: it names the action and who asked. */
function commandFor(
  fault: unknown,
  registry: RegistrySettings,
  principal = 'FUNCTION_ROLE_ARN',
): string | undefined {
  const action = ACTIONS.find(([kind]) => fault instanceof kind)?.[1];
  if (!action || !(fault instanceof HelperError) || !fault.problem.includes('(AccessDenied'))
    return undefined;
  const { roleArn = undefined, keysSecretId = undefined } = registry.type === 'ecr' ? registry : {};
  const isByRole = fault instanceof EcrCallError && roleArn !== undefined;
  if (keysSecretId && !isByRole && !(fault instanceof SecretCallError)) {
    return `${action} was asked by the user whose keys are in ${keysSecretId}: aws iam list-attached-user-policies --user-name USER`;
  }
  // only the call for a token has no resource
  const resource =
    fault instanceof AssumeRoleError ? roleArn : fault instanceof SecretCallError ? 'SECRET_ARN' : undefined;
  const simulate = (who: string) =>
    `See what denies it: aws iam simulate-principal-policy --policy-source-arn ${who} --action-names ${action}${resource ? ` --resource-arns ${resource}` : ''}`;
  if (isByRole) return simulate(roleArn);
  return `The stack gives this right to its role: ${DEPLOY}. ${simulate(principal)}`;
}

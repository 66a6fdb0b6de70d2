import { runSimulation, runUnsafeSimulation, type Simulation } from '@cloud-copilot/iam-simulate';
import type { Template } from 'aws-cdk-lib/assertions';
import { HOME, resource } from './synth.ts';

export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: unknown;
  readonly Action?: string | string[];
  readonly NotAction?: string | string[];
  readonly Resource?: string | string[];
  readonly Condition?: unknown;
}

/** A call as IAM sees it. What has no resource has the resource `*`. */
export interface Call {
  readonly action: string;
  readonly resource: string;
  /** Condition keys of the request. */
  readonly context?: Readonly<Record<string, string>>;
}

/** `denied` is an explicit Deny, which no other policy can lift. */
export type Verdict = 'allowed' | 'denied' | 'not allowed';

/** The function's role in the account of {@link HOME}. */
export const ROLE = `arn:aws:iam::${HOME.account}:role/ecr-registry-helper`;

const VERDICTS = { Allowed: 'allowed', ExplicitlyDenied: 'denied', ImplicitlyDenied: 'not allowed' } as const;

/** The statements of the policy of a role, the function's if no other is named, as they are once CloudFormation has deployed them. */
export function statements(template: Template, region = HOME.region ?? '', role = 'HelperRole'): Statement[] {
  const policy = resource(template, 'AWS::IAM::Policy', role).properties.PolicyDocument;
  return deployed(template, region)(policy.Statement) as Statement[];
}

/** A role that the construct makes for an entry of the settings. */
export interface PullRole {
  readonly arn: string;
  readonly policy: Statement[];
  readonly trust: Statement[];
}

/** The roles of entries with `repositories`, in no order. */
export function pullRoles(template: Template): PullRole[] {
  return Object.entries(template.findResources('AWS::IAM::Role'))
    .filter(([id]) => id.startsWith('HelperPullRoles'))
    .map(([, { Properties }]) => {
      const { RoleName, Policies, AssumeRolePolicyDocument } = deployed(
        template,
        HOME.region ?? '',
      )(Properties) as {
        RoleName: string;
        Policies: { PolicyDocument: { Statement: Statement[] } }[];
        AssumeRolePolicyDocument: { Statement: Statement[] };
      };
      return {
        arn: `arn:aws:iam::${HOME.account}:role/${RoleName}`,
        policy: Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement),
        trust: AssumeRolePolicyDocument.Statement,
      };
    });
}

/** A resource's policy that leaves it to the function's account who of it may do what. */
export const DELEGATED: Statement[] = [
  { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${HOME.account}:root` }, Action: '*', Resource: '*' },
];

/**
 * What IAM says to a call of a role (by default the function's), by its own policy and that of the resource.
 * @throws {Error} for an action that AWS does not know, or a resource that is none of the action's
 */
export async function verdict(
  policy: Statement[],
  call: Call,
  ofResource = DELEGATED,
  principal = ROLE,
): Promise<Verdict> {
  const answer = await runSimulation(simulationOf(policy, call, ofResource, principal), {});
  if (answer.resultType === 'error') {
    throw new Error(`${call.action} on ${call.resource}: ${JSON.stringify(answer.errors)}`);
  }
  return VERDICTS[answer.overallResult];
}

/** The same by the role's own policy alone, for actions and condition keys that the simulator does not know. */
export function verdictOnUnknown(policy: Statement[], call: Call): Verdict {
  const { resourcePolicy: _, ...simulation } = simulationOf(policy, call, DELEGATED);
  return VERDICTS[runUnsafeSimulation(simulation, {})];
}

/** One element of a policy, which may be a list, as a list. */
export function list(value: string | string[] | undefined): string[] {
  return [value ?? []].flat();
}

/** One action on one resource that a statement allows. */
interface Permission {
  readonly name: string;
  readonly statement: Statement;
}

/** The permissions of a policy that none of the calls needs, by name: `STATEMENT: ACTION on RESOURCE`. */
export async function unusedPermissions(policy: Statement[], calls: Call[]): Promise<string[]> {
  const unused: string[] = [];
  for (const { name, statement } of permissions(policy)) {
    const needed = calls.filter(({ action }) => list(statement.Action).includes(action));
    const verdicts = await Promise.all(needed.map((call) => verdict([statement], call)));
    if (!verdicts.includes('allowed')) unused.push(name);
  }
  return unused;
}

/** @throws {Error} for an action with a wildcard, which would allow more than this checks */
function permissions(policy: Statement[]): Permission[] {
  return policy
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap((statement) => {
      const actions = list(statement.Action);
      if (statement.NotAction !== undefined || actions.some((action) => action.includes('*'))) {
        throw new Error(`${statement.Sid} allows more actions than it names`);
      }
      return actions.flatMap((Action) =>
        list(statement.Resource).map((Resource) => ({
          name: `${statement.Sid ?? 'grant'}: ${Action} on ${Resource}`,
          statement: { ...statement, Action, Resource },
        })),
      );
    });
}

function simulationOf(
  policy: Statement[],
  { action, resource, context = {} }: Call,
  ofResource: Statement[],
  principal = ROLE,
) {
  const Version = '2012-10-17';
  const simulation: Simulation = {
    request: {
      principal,
      action,
      resource: { resource, accountId: resource.split(':')[4] || (HOME.account ?? '') },
      contextVariables: { ...context },
    },
    identityPolicies: [{ name: 'role', policy: { Version, Statement: policy } }],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: { Version, Statement: ofResource },
  };
  return simulation;
}

/** Resolves what the function's policy refers to: pseudo parameters, its own log group and queue. */
function deployed(template: Template, region: string): (value: unknown) => unknown {
  const [partition, suffix] = region.startsWith('cn-')
    ? ['aws-cn', 'amazonaws.com.cn']
    : ['aws', 'amazonaws.com'];
  const pseudo: Record<string, string> = { 'AWS::Partition': partition, 'AWS::URLSuffix': suffix };
  const arns: Record<string, (id: string) => string> = {
    'AWS::Logs::LogGroup': (id) => `arn:${partition}:logs:${region}:${HOME.account}:log-group:${id}:*`,
    // the function's, as the others name none but it
    'AWS::IAM::Role': () => ROLE,
    'AWS::SQS::Queue': (id) => `arn:${partition}:sqs:${region}:${HOME.account}:${id}`,
    'AWS::Lambda::Function': (id) => `arn:${partition}:lambda:${region}:${HOME.account}:function:${id}`,
    'AWS::KMS::Key': (id) => `arn:${partition}:kms:${region}:${HOME.account}:key/${id}`,
  };
  const resources = template.toJSON().Resources as Record<string, { Type: string }>;
  const resolved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolved);
    if (typeof value !== 'object' || value === null) return value;
    const { Ref: ref, 'Fn::Join': join, 'Fn::GetAtt': attribute } = value as Record<string, unknown>;
    if (Array.isArray(join))
      return (join[1] as unknown[]).map((part) => resolved(part)).join(String(join[0]));
    const [id, name] = Array.isArray(attribute) ? (attribute as string[]) : [String(ref)];
    const found = name === 'Arn' ? arns[resources[id ?? '']?.Type ?? '']?.(id ?? '') : pseudo[id ?? ''];
    if (found !== undefined) return found;
    if (ref !== undefined || attribute !== undefined) throw new Error(`unknown: ${JSON.stringify(value)}`);
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, resolved(part)]));
  };
  return resolved;
}

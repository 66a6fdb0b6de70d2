import { Stack, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';

/** Tells cdk-nag why the statements of a role's policy that name resources by a wildcard are meant so. */
export function acknowledgeWildcards(
  role: iam.Role,
  rights: readonly { readonly resources: string[]; readonly why: string }[],
): void {
  const reasons = new Map<string, string[]>();
  for (const { resources, why } of rights) {
    for (const resource of resources.map((arn) => flat(Stack.of(role).resolve(arn)))) {
      if (resource.includes('*')) reasons.set(resource, [...(reasons.get(resource) ?? []), why]);
    }
  }
  for (const [resource, why] of reasons) {
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${resource}]`,
      reason: why.join('; '),
    });
  }
}

/** An ARN as cdk-nag writes it in the id of a finding: `<Ref>` for what is known only at deployment. */
function flat(part: unknown): string {
  if (typeof part === 'string') return part;
  const { Ref: ref, 'Fn::Join': join, 'Fn::GetAtt': attribute } = part as Record<string, unknown>;
  if (typeof ref === 'string') return `<${ref}>`;
  if (Array.isArray(attribute)) return `<${attribute.join('.')}>`;
  if (Array.isArray(join)) return (join[1] as unknown[]).map(flat).join(String(join[0]));
  return JSON.stringify(part);
}

/** The kubectl provider of CDK is as CDK makes it; who wants none of it takes `rbac: "manual"`. */
export function acknowledgeKubectl(provider: Construct, handler: lambda.IFunction, clusters: string): void {
  const resolved = (value: unknown) => Stack.of(provider).resolve(value);
  const reason = 'made by aws-cdk-lib; rbac "manual" has none of it';
  const managed = provider.node
    .findAll()
    .filter((node) => node instanceof iam.CfnRole)
    .flatMap((role) => resolved(role.managedPolicyArns) as unknown[])
    .map((arn) => `AwsSolutions-IAM4[Policy::${flat(arn)}]`);
  const invokes = `AwsSolutions-IAM5[Resource::${flat(resolved(handler.functionArn))}:*]`;
  for (const id of new Set([...managed, invokes, 'AwsSolutions-L1'])) {
    Validations.of(provider).acknowledge({ id, reason });
  }
  Validations.of(provider).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${flat(resolved(clusters))}]`,
    reason: 'a cluster that leaves the settings must still be found when its rights are taken away',
  });
}

/** CDK warns of any function that has both a version and a permission. */
export function acknowledgeVersion(refresher: lambda.Function): void {
  Validations.of(refresher).acknowledge({
    id: '@aws-cdk/aws-lambda:addPermissionsToVersionOrAlias',
    reason: 'the rule invokes the function itself; the trigger has the right to its versions by its own role',
  });
}

/** A state machine that neither logs nor traces: both would need rights on every log group or trace of the account. */
export function acknowledgeNoDelivery(stateMachine: Construct): void {
  Validations.of(stateMachine).acknowledge(
    {
      id: 'AwsSolutions-SF1',
      reason:
        'Step Functions keeps the history of each execution for 90 days, and the function logs each run',
    },
    { id: 'AwsSolutions-SF2', reason: 'the history tells the time of each step' },
  );
}

/** CDK warns of subnets whose routes it does not know. */
export function acknowledgeKnownVpc(vpc: Construct): void {
  Validations.of(vpc).acknowledge({
    id: '@aws-cdk/aws-ec2:noSubnetRouteTableId',
    reason: 'a function is attached to subnets and leaves their routes alone',
  });
}

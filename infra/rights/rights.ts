import * as iam from 'aws-cdk-lib/aws-iam';
import { acknowledgeWildcards } from '../acknowledgements.ts';

/** One statement of a role's policy, and why it is there. */
export interface Right extends iam.PolicyStatementProps {
  readonly sid: string;
  readonly resources?: string[];
  readonly why: string;
}

/** Gives a role those rights that are on something, and tells cdk-nag why their wildcards are meant so. */
export function addRights(role: iam.Role, all: readonly Right[]): void {
  const rights = all.filter(
    ({ resources = [], notResources = [] }) => resources.length + notResources.length > 0,
  );
  for (const { why: _, ...statement } of rights) role.addToPolicy(new iam.PolicyStatement(statement));
  acknowledgeWildcards(
    role,
    rights.flatMap(({ effect, resources = [], why }) =>
      effect === iam.Effect.DENY ? [] : [{ resources, why }],
    ),
  );
}

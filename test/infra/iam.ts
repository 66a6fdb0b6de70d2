import type { Template } from 'aws-cdk-lib/assertions';
import { resource } from './synth.ts';

interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action?: string | string[];
  readonly NotAction?: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

export type Verdict = 'allowed' | 'denied' | 'not allowed';

/** The statements of the policy of the function's role. */
export function statements(template: Template): Statement[] {
  return resource(template, 'AWS::IAM::Policy', 'HelperRole').properties.PolicyDocument.Statement;
}

/**
 * What IAM says to a call by identity policy alone: `denied` is an explicit Deny, which no other policy can
 * lift. A call whose action knows no resource has the resource `*`. Conditions are not looked at.
 */
export function verdict(policy: Statement[], action: string, arn: string): Verdict {
  const hits = policy.filter((statement) => {
    const named = list(statement.Action ?? statement.NotAction).some((glob) =>
      like(glob, action.toLowerCase()),
    );
    return (
      named === (statement.Action !== undefined) && list(statement.Resource).some((glob) => like(glob, arn))
    );
  });
  if (hits.some(({ Effect }) => Effect === 'Deny')) return 'denied';
  return hits.length > 0 ? 'allowed' : 'not allowed';
}

function list(value: unknown): string[] {
  return [value].flat().map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
}

function like(glob: string, text: string): boolean {
  const pattern = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${pattern}$`, 'i').test(text);
}

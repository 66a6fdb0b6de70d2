import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { AwsAccess } from '../aws.ts';
import { codeOf } from '../errors.ts';
import type { Finding } from './doctor-report.ts';
import { passed, unknown } from './findings.ts';

/** Whose rights are tested. */
export interface Identity {
  readonly finding: Finding;
  /** As STS knows it: of a session where a role is used. */
  readonly arn?: string | undefined;
  /** As policies and access entries name it. */
  readonly principal?: string | undefined;
}

/** Asks STS who we are, which needs no right. Does not throw: nothing else needs the answer. */
export async function examineIdentity(aws: AwsAccess, signal: AbortSignal): Promise<Identity> {
  const object = 'caller identity';
  try {
    const { Arn: arn } = await aws.sts().send(new GetCallerIdentityCommand({}), { abortSignal: signal });
    if (!arn) throw new Error('no ARN');
    return { finding: passed('identity', object, arn), arn, principal: principalOf(arn) };
  } catch (fault) {
    const remedy = 'Check credentials and the way to STS: aws sts get-caller-identity';
    return { finding: unknown('identity', object, `STS did not say who we are (${codeOf(fault)})`, remedy) };
  }
}

/**
 * The role of a session, or the user as it is. A session's ARN leaves out the path of its role:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
 */
function principalOf(arn: string): string {
  return arn.replace(/^(arn:[\w-]+):sts:(:\d+):assumed-role\/([^/]+)\/.*$/, '$1:iam:$2:role/$3');
}

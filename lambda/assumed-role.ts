import { AssumeRoleCommand, STSClient, type STSClientConfig } from '@aws-sdk/client-sts';
import { AssumeRoleError, codeOf, DeadlineError, HelperError } from './errors.ts';

/** Keys of a session, which the SDK keeps until they are about to end. */
export interface SessionKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

export type AssumedRole = () => Promise<SessionKeys>;

export interface AssumeOptions {
  readonly roleArn: string;
  /** What the role's trust policy asks for. */
  readonly externalId?: string | undefined;
  readonly sessionName: string;
  /** Of the STS endpoint that is asked, and who asks: the function's own role where it names no credentials. */
  readonly client: Pick<STSClientConfig, 'region' | 'requestHandler'> & {
    readonly credentials?: SessionKeys | AssumedRole;
  };
  /** Aborts at the deadline. The SDK's own `fromTemporaryCredentials` cannot be stopped, and goes on after a run. */
  readonly signal: AbortSignal;
}

/**
 * A provider of credentials for an SDK client, by `sts:AssumeRole`. It throws AssumeRoleError, DeadlineError, and what
 * the credentials of the one who asks throw.
 */
export function assumedRole({
  roleArn,
  externalId,
  sessionName,
  client,
  signal,
}: AssumeOptions): AssumedRole {
  const command = new AssumeRoleCommand({
    RoleArn: roleArn,
    RoleSessionName: sessionName,
    ...(externalId && { ExternalId: externalId }),
  });
  return async () => {
    const sts = new STSClient(client);
    try {
      const { Credentials: keys } = await sts.send(command, { abortSignal: signal });
      if (!keys?.AccessKeyId || !keys.SecretAccessKey) throw new AssumeRoleError(roleArn, 'no credentials');
      return {
        accessKeyId: keys.AccessKeyId,
        secretAccessKey: keys.SecretAccessKey,
        ...(keys.SessionToken && { sessionToken: keys.SessionToken }),
        ...(keys.Expiration && { expiration: keys.Expiration }),
      };
    } catch (fault) {
      if (fault instanceof HelperError) throw fault;
      if (signal.aborted) throw new DeadlineError();
      throw new AssumeRoleError(roleArn, codeOf(fault));
    } finally {
      sts.destroy();
    }
  };
}

import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { codeOf, DeadlineError, HelperError } from '../errors.ts';
import { SecretBinaryError, SecretCallError, SecretMissingError, SecretNotJsonError } from './errors.ts';

const jsonObject = z.record(z.string(), z.unknown());

/** The JSON object that a Secrets Manager secret holds. Nothing of it may be printed but its keys. */
export type SecretValue = z.output<typeof jsonObject>;

/** @throws SecretMissingError, SecretCallError, SecretBinaryError, SecretNotJsonError, AssumeRoleError, DeadlineError */
export async function readSecretValue(
  client: SecretsManagerClient,
  secretId: string,
  signal: AbortSignal,
): Promise<SecretValue> {
  const answer = await ask(client, secretId, signal);
  if (answer.SecretBinary) throw new SecretBinaryError(secretId);
  let value: unknown;
  try {
    value = JSON.parse(answer.SecretString ?? '');
  } catch {
    throw new SecretNotJsonError(secretId);
  }
  const checked = jsonObject.safeParse(value);
  if (!checked.success) throw new SecretNotJsonError(secretId);
  return checked.data;
}

async function ask(client: SecretsManagerClient, secretId: string, signal: AbortSignal) {
  try {
    return await client.send(new GetSecretValueCommand({ SecretId: secretId }), { abortSignal: signal });
  } catch (fault) {
    if (fault instanceof HelperError) throw fault;
    if (signal.aborted) throw new DeadlineError();
    const code = codeOf(fault);
    if (code === 'ResourceNotFoundException') throw new SecretMissingError(secretId);
    throw new SecretCallError(secretId, code);
  }
}

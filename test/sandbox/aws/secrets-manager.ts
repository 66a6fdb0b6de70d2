import { createHash } from 'node:crypto';
import { type Caller, readJsonOperation, type Service, ServiceError } from './service.ts';

/** A secret that GetSecretValue knows: text becomes its SecretString, bytes its SecretBinary. */
export interface SecretOptions {
  name: string;
  accountId: string;
  region: string;
  value: string | Uint8Array;
  /** The key that encrypts it may not be used by anybody: its reader is refused by KMS. */
  kmsDenied?: boolean;
}

/** AWS Secrets Manager's GetSecretValue. `secrets` is keyed by {@link secretArn}. */
export function createSecretsManager(secrets: ReadonlyMap<string, SecretOptions>): Service {
  return {
    name: 'secretsmanager',
    signingName: 'secretsmanager',
    protocol: 'json',
    read: (request) => readJsonOperation(request, 'SecretId'),
    answer(operation, caller) {
      if (operation.name !== 'GetSecretValue') throw new ServiceError('UnknownOperationException', 400, '');
      const { arn, secret } = find(secrets, String(operation.input.SecretId), caller);
      if (secret.kmsDenied)
        throw new ServiceError('AccessDeniedException', 400, 'Access to KMS is not allowed');
      return JSON.stringify({
        ARN: arn,
        Name: secret.name,
        VersionId: '11111111-2222-4333-8444-555555555555',
        VersionStages: ['AWSCURRENT'],
        CreatedDate: Date.UTC(2026, 0, 1) / 1_000,
        ...(typeof secret.value === 'string'
          ? { SecretString: secret.value }
          : { SecretBinary: Buffer.from(secret.value).toString('base64') }),
      });
    },
  };
}

/** The full ARN of a secret: its name with the six characters that Secrets Manager adds. */
export function secretArn({
  name,
  accountId,
  region,
}: Pick<SecretOptions, 'name' | 'accountId' | 'region'>): string {
  const partition = region.startsWith('cn-') ? 'aws-cn' : 'aws';
  const suffix = createHash('sha256').update(name).digest('hex').slice(0, 6);
  return `arn:${partition}:secretsmanager:${region}:${accountId}:secret:${name}-${suffix}`;
}

/** By name it is looked for with the caller, by ARN (whole, or without the six characters) where the ARN says. */
function find(secrets: ReadonlyMap<string, SecretOptions>, id: string, { principal, region }: Caller) {
  for (const [arn, secret] of secrets) {
    if (secret.region !== region) continue;
    const isOwn = secret.accountId === principal.accountId;
    if (arn === id || arn.slice(0, -7) === id) {
      if (isOwn) return { arn, secret };
      const action = `secretsmanager:GetSecretValue on resource: ${id}`;
      const why = 'because no resource-based policy allows the secretsmanager:GetSecretValue action';
      const text = `User: ${principal.arn} is not authorized to perform: ${action} ${why}`;
      throw new ServiceError('AccessDeniedException', 400, text);
    }
    if (isOwn && secret.name === id) return { arn, secret };
  }
  throw new ServiceError(
    'ResourceNotFoundException',
    400,
    "Secrets Manager can't find the specified secret.",
  );
}

import { Arn, ArnFormat, type Stack, Token } from 'aws-cdk-lib';
import type { ClusterSettings, RegistrySettings } from '../../lambda/settings.ts';
import type { Right } from './rights.ts';

/** The right to read what registries and clusters name of Secrets Manager, also under keys of your own. */
export function secretRights(stack: Stack, naming: readonly (RegistrySettings | ClusterSettings)[]): Right[] {
  const secrets = naming.flatMap(namedSecrets);
  return [
    {
      sid: 'ReadNamedSecrets',
      why: 'registry credentials, keys and kubeconfigs that the settings name',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [...new Set(secrets.flatMap(({ id }) => secretArns(stack, id)))],
    },
    ...decryptions(stack, secrets),
  ];
}

/** A secret that the function reads, and the key of one's own that it lies under. */
interface NamedSecret {
  readonly id: string;
  readonly kmsKeyArn: string | undefined;
}

/** What a registry or a cluster names of Secrets Manager: none or one. */
function namedSecrets(one: RegistrySettings | ClusterSettings): NamedSecret[] {
  const { kmsKeyArn, secretId, keysSecretId, kubeconfigSecretId } = one as Partial<Record<string, string>>;
  const id = secretId ?? keysSecretId ?? kubeconfigSecretId;
  return id === undefined ? [] : [{ id, kmsKeyArn }];
}

/** A token (in somebody's app) is taken as an ARN; a name is completed by Secrets Manager with six characters. */
function secretArns(stack: Stack, id: string): string[] {
  if (Token.isUnresolved(id) || id.startsWith('arn:')) return [id];
  return [
    stack.formatArn({
      service: 'secretsmanager',
      resource: 'secret',
      resourceName: `${id}-??????`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    }),
  ];
}

function decryptions(stack: Stack, secrets: NamedSecret[]): Right[] {
  const keys = secrets.flatMap(({ kmsKeyArn }) => kmsKeyArn ?? []);
  return [...new Set(keys)].map((key, at) => {
    const region = Arn.split(key, ArnFormat.SLASH_RESOURCE_NAME).region ?? stack.region;
    return {
      sid: `DecryptNamedSecrets${at || ''}`,
      why: 'secrets under a key of your own, and only by way of Secrets Manager',
      actions: ['kms:Decrypt'],
      resources: [key],
      conditions: {
        StringEquals: { 'kms:ViaService': `secretsmanager.${region}.${stack.urlSuffix}` },
      },
    };
  });
}

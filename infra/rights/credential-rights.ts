import type { Stack } from 'aws-cdk-lib';
import type { RegistrySettings, Settings } from '../../lambda/settings.ts';
import { ecrRights } from './ecr-rights.ts';
import type { Right } from './rights.ts';

/**
 * The rights to read all registries of the settings but for the secrets that they name.
 * @param pullRoles the ARNs of the roles of entries with `repositories`
 */
export function credentialRights(stack: Stack, settings: Settings, pullRoles: string[]): Right[] {
  return [
    ...ecrRights(stack, settings),
    {
      sid: 'AssumeRegistryRoles',
      why: 'registries of other accounts',
      actions: ['sts:AssumeRole'],
      resources: [...new Set(registriesOf(settings).flatMap(roleOf))],
    },
    {
      sid: 'AssumePullRoles',
      why: 'each opens only the repositories of one entry',
      actions: ['sts:AssumeRole'],
      resources: pullRoles,
    },
  ];
}

export function registriesOf({ secrets }: Pick<Settings, 'secrets'>): RegistrySettings[] {
  return secrets.flatMap((entry) => entry.registries);
}

/** None where the token is fetched with keys of Secrets Manager: then a role is assumed with those. */
function roleOf(registry: RegistrySettings): string[] {
  return registry.type === 'ecr' && registry.roleArn && !registry.keysSecretId ? [registry.roleArn] : [];
}

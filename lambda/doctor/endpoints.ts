import { type AwsAccess, regionOfSecret } from '../aws.ts';
import type { ClusterSettings, SecretEntry, Settings } from '../settings.ts';
import type { Finding } from './doctor-report.ts';
import { passed } from './findings.ts';

const DOCS = 'docs/guides/private-clusters.md';

/** Names the interface endpoints that the function needs where its VPC has no NAT; nothing outside of a VPC. */
export function listEndpoints(
  { vpc }: Pick<Settings, 'vpc'>,
  aws: AwsAccess,
  clusters: readonly ClusterSettings[],
  entries: readonly SecretEntry[],
): Finding[] {
  if (!vpc && !aws.inPlace) return [];
  const needed = neededEndpoints(aws, clusters, entries).join(', ');
  return [
    passed(
      'settings',
      'VPC',
      `without a NAT it needs the interface endpoints ${needed}, with private DNS: ${DOCS}`,
    ),
  ];
}

/** As `SERVICE of REGION`, in their order. A refresh signs bearer tokens without a call to STS. */
export function neededEndpoints(
  { region, homeRegion, inPlace }: Pick<AwsAccess, 'region' | 'homeRegion' | 'inPlace'>,
  clusters: readonly ClusterSettings[],
  entries: readonly SecretEntry[],
): string[] {
  const registries = entries.flatMap((entry) => entry.registries);
  const secretIds = [
    ...clusters.flatMap(({ kubeconfigSecretId }) => kubeconfigSecretId ?? []),
    ...registries.flatMap((registry) => {
      if (registry.type === 'stored') return registry.secretId;
      return registry.type === 'ecr' ? (registry.keysSecretId ?? []) : [];
    }),
  ];
  const isRoleAssumed =
    inPlace !== undefined ||
    clusters.some(({ roleArn }) => roleArn !== undefined) ||
    entries.some(({ repositories }) => repositories !== undefined) ||
    registries.some((registry) => registry.type === 'ecr' && registry.roleArn !== undefined);
  const all = [
    ...clusters.flatMap((one) => (one.kubeconfigSecretId ? [] : [['eks', one.region ?? region]])),
    ...registries.flatMap((one) => (one.type === 'ecr' ? [['ecr.api', one.region ?? homeRegion]] : [])),
    ...secretIds.map((id) => ['secretsmanager', regionOfSecret(id) ?? homeRegion]),
    ...(isRoleAssumed ? [['sts', region]] : []),
  ];
  return [...new Set(all.map(([service, where]) => `${service} of ${where}`))].sort();
}

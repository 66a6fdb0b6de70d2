import { discoveriesOf, listedClusters } from '../../settings/fleet-settings.ts';
import { located } from '../../settings/located.ts';
import { homeOf } from '../../settings/places.ts';
import { clusterId, type RegistrySettings, type Settings } from '../../settings.ts';
import { paragraphs, table } from './table.ts';

/** What checked settings mean, for people. */
export function settingsView(settings: Settings, bytes: number, most: number): string {
  const { name, schedule, enabled, concurrency, cleanup } = settings;
  const placed = located(settings, 'own');
  return paragraphs(
    `ok: ${name}, ${schedule}${enabled ? '' : ' (not enabled)'}, ${concurrency} writes at once, cleanup ${cleanup ? 'allowed' : 'off'}; ${bytes} of ${most} bytes`,
    table(
      ['CLUSTER', 'NAME', 'REGION', 'ACCOUNT', 'RBAC', 'ROLE'],
      listedClusters(placed).map((cluster) => [
        clusterId(cluster),
        cluster.name,
        cluster.region ?? 'own',
        cluster.accountId ?? cluster.roleArn?.split(':')[4] ?? 'own',
        cluster.rbac ?? 'apply where the stack can',
        cluster.roleArn ?? "the function's",
      ]),
    ),
    table(
      ['DISCOVER', 'TAG', 'REGIONS', 'ACCOUNTS', 'ROLE'],
      discoveriesOf(placed).map(({ names = ['*'], tag, regions = ['own'], accounts = ['own'], roleName }) => [
        names.join(', '),
        tag ? `${tag.key}=${tag.value}` : '',
        regions.join(', '),
        accounts.join(', '),
        roleName ?? (homeOf(settings) ? 'of its access stack' : "the function's"),
      ]),
    ),
    table(
      ['SECRET', 'CLUSTERS', 'SERVICE ACCOUNTS', 'REGISTRIES', 'NAMESPACES'],
      settings.secrets.map(({ name: secret, clusters, serviceAccounts, registries, namespaces }) => [
        secret,
        clusters.join(', '),
        serviceAccounts.join(', ') || '-',
        registries.map(registryName).join(', '),
        [
          namespaces.include.join(', '),
          ...(namespaces.exclude.length > 0 ? [`without ${namespaces.exclude.join(', ')}`] : []),
          ...(namespaces.selector ? [`labelled ${namespaces.selector}`] : []),
        ].join('; '),
      ]),
    ),
  );
}

function registryName(registry: RegistrySettings): string {
  if (registry.type === 'stored') return `stored ${registry.secretId}`;
  if (registry.type === 'ecr-public') return 'ECR Public';
  const { accountId = 'own account', region = 'own region', repositories } = registry;
  return `ecr ${accountId} ${region} (${repositories.join(', ')})`;
}

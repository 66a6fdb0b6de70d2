import type * as z from 'zod';
import { matchesAny } from '../glob.ts';
import { clusterId, type EcrRegistry, type Settings } from './fields.ts';
import { discoveriesOf, discoveryFaults } from './fleet-settings.ts';
import { checkPlaces } from './place-rules.ts';
import { homeOf } from './places.ts';
import { checkPullRoles } from './pull-role-rules.ts';

/** What a cluster that is reached by a kubeconfig has not. */
const OF_EKS = ['region', 'accountId', 'roleArn', 'rbac'] as const;

/** What the fields of the settings must be to each other: ids unique, every glob of something, every cluster covered. */
export function checkTogether(settings: Settings, check: z.core.$RefinementCtx): void {
  if (settings.clusters.length === 0) return;
  const ids = settings.clusters.map((cluster) => ('discover' in cluster ? '' : clusterId(cluster)));
  const discoveries = discoveriesOf(settings);
  const isPlaced = homeOf(settings) !== undefined;
  const say = (path: PropertyKey[], message: string) => check.addIssue({ code: 'custom', path, message });
  if (settings.alarmTopic && settings.alarmEmail) {
    say(['alarmEmail'], 'alarmTopic is a topic of yours; subscribe the address to it yourself');
  }
  for (const [at, cluster] of settings.clusters.entries()) {
    if ('discover' in cluster) {
      const before = discoveries.slice(0, discoveries.indexOf(cluster.discover));
      for (const [field, fault] of discoveryFaults(cluster.discover, before, isPlaced)) {
        say(['clusters', at, 'discover', field], fault);
      }
      continue;
    }
    const id = ids[at] ?? '';
    if (ids.indexOf(id) !== at) {
      say(['clusters', at, 'id'], `${JSON.stringify(id)} is used twice; give each cluster an id of its own`);
    }
    for (const field of cluster.kubeconfigSecretId ? OF_EKS : []) {
      if (cluster[field] === undefined || cluster[field] === 'manual') continue;
      say(
        ['clusters', at, field],
        `${JSON.stringify(cluster[field])} is for a cluster of EKS; one with kubeconfigSecretId has no ${field === 'rbac' ? 'rbac but "manual"' : field}`,
      );
    }
    if (cluster.kmsKeyArn && !cluster.kubeconfigSecretId) {
      say(['clusters', at, 'kmsKeyArn'], 'is for the secret of kubeconfigSecretId, which is missing');
    }
    const roleAccount = cluster.roleArn?.split(':')[4];
    if (roleAccount && cluster.accountId && roleAccount !== cluster.accountId) {
      say(['clusters', at, 'roleArn'], `is a role of ${roleAccount}, but accountId is ${cluster.accountId}`);
    }
    if (!settings.secrets.some((entry) => matchesAny(entry.clusters, id))) {
      say(['clusters', at], `no entry of secrets covers the cluster ${JSON.stringify(id)}`);
    }
  }
  checkPlaces(settings, say);
  checkPullRoles(settings.secrets, say);
  for (const [at, entry] of settings.secrets.entries()) {
    for (const [nth, registry] of entry.registries.entries()) {
      if (registry.type === 'ecr' && registry.kmsKeyArn && !registry.keysSecretId) {
        say(
          ['secrets', at, 'registries', nth, 'kmsKeyArn'],
          'is for the secret of keysSecretId, which is missing',
        );
      }
    }
    for (const [nth, registry] of entry.registries.entries()) {
      const problem = registry.type === 'ecr' ? cacheProblem(registry) : undefined;
      if (problem) say(['secrets', at, 'registries', nth, 'pullThroughCache'], problem);
    }
    for (const [nth, name] of entry.serviceAccounts.entries()) {
      if (entry.serviceAccounts.indexOf(name) !== nth) {
        say(['secrets', at, 'serviceAccounts', nth], `${JSON.stringify(name)} is named twice`);
      }
    }
    for (const [nth, name] of entry.namespaces.include.entries()) {
      if (!name.includes('*') && matchesAny(entry.namespaces.exclude, name)) {
        say(['secrets', at, 'namespaces', 'include', nth], `${JSON.stringify(name)} is excluded as well`);
      }
    }
    for (const [nth, glob] of entry.clusters.entries()) {
      // what a discover finds is not known yet
      if (discoveries.length === 0 && !ids.some((id) => matchesAny([glob], id))) {
        say(['secrets', at, 'clusters', nth], `${JSON.stringify(glob)} matches none of ${ids.join(', ')}`);
      }
    }
  }
}

/** The rights of a pull-through cache are the function's role's, and worth nothing without that to pull. */
function cacheProblem({ pullThroughCache = [], repositories, roleArn, keysSecretId }: EcrRegistry) {
  if (pullThroughCache.length === 0) return undefined;
  if (roleArn ?? keysSecretId) {
    return 'is for a token of the function itself; with roleArn or keysSecretId give that identity the rights';
  }
  const bare = pullThroughCache.find((prefix) => !matchesAny(repositories, `${prefix}/x`));
  return bare && `${JSON.stringify(bare)}: repositories must cover ${JSON.stringify(`${bare}/*`)} as well`;
}

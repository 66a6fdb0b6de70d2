import { clusterRights, rightsVersion } from '../../lambda/kubernetes/rbac.ts';
import { pullRoleArn } from '../../lambda/registries/credentials.ts';
import { withResolvedLocations } from '../../lambda/request.ts';
import { accessPlaces, accessRole, listedClusters } from '../../lambda/settings/locations.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import {
  audienceOf,
  type ClusterSettings,
  clusterId,
  type SettingsInput,
} from '../../lambda/settings/schema.ts';
import { entriesOf, repositoriesOf } from '../../lambda/settings/selection.ts';
import { mintSessionToken } from './aws/canary.ts';
import { type AwsEmulator, type AwsOptions, startAws } from './aws/server.ts';
import { toRegistries } from './aws/to-registries.ts';
import { kubeconfigJson, kubeconfigParts } from './kubeconfig.ts';
import type { User } from './kubernetes/authorization.ts';
import { pullSecretPolicy } from './kubernetes/pull-secret-policy.ts';
import { type KubernetesEmulator, startKubernetes } from './kubernetes/server.ts';
import { serviceAccountPolicy } from './kubernetes/service-account-policy.ts';

/** The name of the function. */
export const FUNCTION = 'ecr-registry-helper-Refresher';

/** An emulated account with an emulated cluster for each one of the settings, deployed as CDK would. */
export interface World {
  readonly aws: AwsEmulator;
  /** By cluster id. */
  readonly clusters: ReadonlyMap<string, KubernetesEmulator>;
  /** The environment of the function. */
  readonly env: Record<string, string>;
  close(): Promise<void>;
}

export interface WorldOptions extends AwsOptions {
  /** Clusters that are there beside the listed ones, with their tags. */
  found?: readonly ClusterSettings[];
  /** How the clusters wait for webhooks; the request tells by its endpoint of which cluster it is. */
  sleep?: (ms: number, request: { method: string; path: string; origin: string }) => Promise<unknown>;
}

/**
 * Starts AWS and the clusters of the settings on loopback, with the access entry, the rights and the
 * admission policy of each.
 */
export async function startWorld(input: SettingsInput, options: WorldOptions = {}): Promise<World> {
  const settings = checkSettings(input);
  const aws = await startAws(options);
  toRegistries(aws.origin);
  const RULE_NAME = `${settings.name}-schedule`;
  aws.rules.set(RULE_NAME, {
    schedule: settings.schedule,
    state: settings.enabled ? 'ENABLED' : 'DISABLED',
  });
  const AWS_LAMBDA_FUNCTION_NAME = FUNCTION;
  const PULL_ROLE_PREFIX = `arn:aws:iam::${aws.accountId}:role/${settings.name}-${aws.region}-`;
  for (const entry of settings.secrets) {
    const arn = pullRoleArn(entry, PULL_ROLE_PREFIX);
    if (arn) aws.addRole({ arn, trusts: [aws.principal.arn] });
  }
  const clusters = new Map<string, KubernetesEmulator>();
  /** Where the API servers of the settings really are. */
  const servers = new Map<string, object>();
  for (const role of accessPlaces(settings).map((place) => accessRole(settings, place, 'aws'))) {
    if (role) aws.addRole({ arn: role.roleArn, trusts: [aws.principal.arn], ...role });
  }
  const listed = listedClusters(withResolvedLocations(settings, aws.region));
  for (const { tags, ...cluster } of [...listed, ...(options.found ?? [])]) {
    const region = cluster.region ?? aws.region;
    const accountId = cluster.roleArn?.split(':')[4] ?? aws.accountId;
    const roleArn = cluster.roleArn ?? `arn:aws:iam::${aws.accountId}:role/ecr-registry-helper`;
    const user = { username: 'ecr-registry-helper', groups: [settings.name] };
    const token = mintSessionToken(`token of ${clusterId(cluster)}`);
    const { sleep } = options;
    const kubernetes: KubernetesEmulator = await startKubernetes({
      clusterName: cluster.name,
      region,
      principals: aws.principals,
      ...(cluster.webIdentity
        ? { authenticateToken: trusting(aws, audienceOf(settings, cluster), { ...user, roleArn }) }
        : cluster.kubeconfigSecretId
          ? { tokens: new Map([[token, user]]) }
          : { accessEntries: [{ principalArn: roleArn, ...user }] }),
      manifest: clusterRights(settings, cluster),
      ...(options.now && { now: options.now }),
      ...(sleep && {
        sleep: (ms, _signal, { method, path }) => sleep(ms, { method, path, origin: kubernetes.endpoint }),
      }),
    });
    const entries = entriesOf(settings, clusterId(cluster));
    const version = rightsVersion(settings, cluster);
    const repositories = repositoriesOf(settings, clusterId(cluster));
    kubernetes.admission.push(pullSecretPolicy({ name: settings.name, version, entries, repositories }));
    const linked = entries.filter((entry) => entry.serviceAccounts.length > 0);
    const names = [...new Set(linked.map((entry) => entry.name))];
    if (names.length > 0) {
      kubernetes.serviceAccounts.admission.push(serviceAccountPolicy(settings.name, names));
    }
    const { endpoint, caPem, accessEntries } = kubernetes;
    if (cluster.kubeconfigSecretId) {
      const parts = kubeconfigParts(kubernetes, token);
      const value = JSON.stringify(kubeconfigJson(cluster.webIdentity ? { ...parts, user: {} } : parts));
      aws.addSecret({ name: cluster.kubeconfigSecretId, value });
    } else if (cluster.server) {
      const caData = Buffer.from(caPem).toString('base64');
      servers.set(cluster.name, { server: endpoint, ...(cluster.caData && { caData }) });
    } else {
      const tagged = tags && { tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])) };
      const audited = settings.newNamespaces !== undefined;
      const description = { name: cluster.name, region, accountId, endpoint, caPem, accessEntries, audited };
      aws.addCluster({ ...description, ...tagged });
      if (audited) subscribe(aws, cluster.name);
    }
    clusters.set(clusterId(cluster), kubernetes);
  }
  return {
    aws,
    clusters,
    env: {
      ...aws.env,
      SETTINGS: JSON.stringify({
        ...input,
        clusters: input.clusters.map((one) => ({ ...one, ...('name' in one && servers.get(one.name)) })),
      }),
      RULE_NAME,
      PULL_ROLE_PREFIX,
      DEPLOYED_BY: '-c settings=settings.json',
      AWS_LAMBDA_FUNCTION_NAME,
    },
    close: async () => {
      await Promise.all([aws.close(), ...[...clusters.values()].map((cluster) => cluster.close())]);
    },
  };
}

/** The structured authentication of a cluster that trusts one role. */
function trusting(
  { issuer, now }: AwsEmulator,
  audience: string,
  { roleArn, ...user }: User & { roleArn: string },
) {
  return (token: string): User | undefined =>
    issuer.verify(token, audience, now())?.sub === roleArn ? user : undefined;
}

/** Has the audit log of a cluster tell the function of new namespaces. */
function subscribe({ subscriptions, region, accountId }: AwsEmulator, clusterName: string): void {
  const destinationArn = `arn:aws:lambda:${region}:${accountId}:function:${FUNCTION}`;
  subscriptions.set(`/aws/eks/${clusterName}/cluster`, [{ name: 'ours', destinationArn }]);
}

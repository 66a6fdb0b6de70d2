import type { AwsAccess } from '../aws.ts';
import type { Clock, Deadline } from '../clock.ts';
import { DeadlineError } from '../errors.ts';
import { SecretNotJsonError } from '../registry/errors.ts';
import { readSecretValue } from '../registry/secret-value.ts';
import type { ClusterSettings, Settings } from '../settings.ts';
import { VERSION } from '../version.ts';
import { type KubernetesClient, kubernetesClient } from './client.ts';
import { type ClusterEndpoint, describeCluster } from './eks.ts';
import { UnauthorizedError } from './errors.ts';
import { type Kubeconfig, readKubeconfig } from './kubeconfig.ts';
import { KubeconfigNotJsonError, KubeconfigUnauthorizedError } from './kubeconfig-errors.ts';
import type { OpenCluster } from './refresh-cluster.ts';
import { BearerTokens, stsSigner } from './token.ts';
import type { ApiEndpoint, TokenSource } from './way-in.ts';

/** Which cluster, for which deployment, by whom. */
export interface Opening {
  readonly cluster: ClusterSettings;
  readonly settings: Pick<Settings, 'name' | 'concurrency'>;
  readonly aws: AwsAccess;
  readonly clock: Clock;
  readonly deadline: Deadline;
  /** The function's own role, for the command that lets it in, where that is known. */
  readonly principal?: string | undefined;
}

/** Where a cluster is, and what shows it who we are. */
export interface FoundCluster {
  readonly endpoint: ApiEndpoint;
  readonly tokens: TokenSource;
  /** The error of a request that the API server answers with 401. */
  readonly unauthorized: () => Error;
  /** What told it: EKS, or a kubeconfig. */
  readonly source: ClusterEndpoint | Kubeconfig;
}

/**
 * Finds a cluster's API server and signs in to it with the role that is used there, or as its kubeconfig says.
 * @throws the errors of findCluster; those of the API server come with its first request
 */
export async function openCluster(opening: Opening): Promise<OpenCluster> {
  const found = await findCluster(opening);
  const { source } = found;
  return { ...('arn' in source && { arn: source.arn }), ...connect(found, opening) };
}

/**
 * Asks EKS where a cluster is, or reads its kubeconfig; its API server is not asked yet.
 * @throws the errors of describeCluster, readSecretValue and readKubeconfig, KubeconfigNotJsonError
 */
export async function findCluster(opening: Opening): Promise<FoundCluster> {
  if (opening.deadline.signal.aborted) throw new DeadlineError();
  const { kubeconfigSecretId } = opening.cluster;
  return kubeconfigSecretId ? await findByKubeconfig(kubeconfigSecretId, opening) : await findInEks(opening);
}

async function findInEks(opening: Opening): Promise<FoundCluster> {
  const { cluster, settings, aws, clock, deadline, principal = 'FUNCTION_ROLE_ARN' } = opening;
  const { name, roleArn, externalId, accountId, tags } = cluster;
  const region = cluster.region ?? aws.region;
  const eks = aws.eks(region, { roleArn, externalId });
  const endpoint = await describeCluster(eks, { name, region, accountId, tags }, deadline.signal);
  const tokens = new BearerTokens(name, region, stsSigner(region, eks.config.credentials), clock);
  const unauthorized = () =>
    new UnauthorizedError(name, region, roleArn ?? principal, settings.name, endpoint.authenticationMode);
  return { endpoint, tokens, unauthorized, source: endpoint };
}

/** No IAM token goes to such a cluster: it could be replayed by whoever has the kubeconfig written. */
async function findByKubeconfig(secretId: string, opening: Opening): Promise<FoundCluster> {
  const { cluster, settings, aws, clock, deadline } = opening;
  const source = readKubeconfig(secretId, await readJson(secretId, aws, deadline), clock.now());
  const { endpoint, token } = source;
  const unauthorized = () => new KubeconfigUnauthorizedError(cluster.name, secretId, settings.name);
  return { endpoint, tokens: { current: async () => token }, unauthorized, source };
}

async function readJson(secretId: string, aws: AwsAccess, { signal }: Deadline) {
  try {
    return await readSecretValue(aws.secretsManager(secretId), secretId, signal);
  } catch (fault) {
    throw fault instanceof SecretNotJsonError ? new KubeconfigNotJsonError(secretId) : fault;
  }
}

/** A client of a cluster that was found. */
export function connect(
  { endpoint, tokens, unauthorized }: FoundCluster,
  { settings, clock, deadline }: Pick<Opening, 'settings' | 'clock' | 'deadline'>,
): KubernetesClient {
  return kubernetesClient({
    endpoint,
    tokens,
    connections: settings.concurrency,
    userAgent: `ecr-registry-helper/${VERSION} (${settings.name})`,
    clock,
    deadline,
    unauthorized,
  });
}

import type { AwsAccess } from '../aws.ts';
import type { Clock, Deadline } from '../clock.ts';
import { DeadlineError, UnauthorizedError } from '../errors.ts';
import type { ClusterSettings, Settings } from '../settings.ts';
import { VERSION } from '../version.ts';
import { type KubernetesClient, kubernetesClient } from './client.ts';
import { type ClusterEndpoint, describeCluster } from './eks.ts';
import type { OpenCluster } from './refresh-cluster.ts';
import { BearerTokens, stsSigner } from './token.ts';

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
  readonly endpoint: ClusterEndpoint;
  readonly tokens: BearerTokens;
}

/**
 * Finds a cluster's API server and signs in to it with the role that is used there.
 * @throws the errors of describeCluster; those of the API server come with its first request
 */
export async function openCluster(opening: Opening): Promise<OpenCluster> {
  const found = await findCluster(opening);
  return { arn: found.endpoint.arn, ...connect(found, opening) };
}

/**
 * Asks EKS where a cluster is; its API server is not asked yet.
 * @throws the errors of describeCluster
 */
export async function findCluster({ cluster, aws, clock, deadline }: Opening): Promise<FoundCluster> {
  if (deadline.signal.aborted) throw new DeadlineError();
  const { name, roleArn, accountId } = cluster;
  const region = cluster.region ?? aws.region;
  const eks = aws.eks(region, { roleArn });
  const endpoint = await describeCluster(eks, { name, region, accountId }, deadline.signal);
  const tokens = new BearerTokens(name, region, stsSigner(region, eks.config.credentials), clock);
  return { endpoint, tokens };
}

/** A client of a cluster that was found. */
export function connect(
  { endpoint, tokens }: FoundCluster,
  { cluster, settings, aws, clock, deadline, principal = 'FUNCTION_ROLE_ARN' }: Opening,
): KubernetesClient {
  const { name, roleArn, region = aws.region } = cluster;
  const { authenticationMode } = endpoint;
  const unauthorized = () =>
    new UnauthorizedError(name, region, roleArn ?? principal, settings.name, authenticationMode);
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

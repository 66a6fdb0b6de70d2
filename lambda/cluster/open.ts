import type { AwsAccess } from '../aws.ts';
import type { Clock, Deadline } from '../clock.ts';
import { DeadlineError, UnauthorizedError } from '../errors.ts';
import type { ClusterSettings, Settings } from '../settings.ts';
import { VERSION } from '../version.ts';
import { kubernetesClient } from './client.ts';
import { describeCluster } from './eks.ts';
import type { OpenCluster } from './refresh-cluster.ts';
import { BearerTokens, stsSigner } from './token.ts';

/**
 * Finds a cluster's API server and signs in to it with the role that is used there.
 * @throws the errors of describeCluster; those of the API server come with its first request
 */
export async function openCluster({
  cluster,
  settings,
  aws,
  clock,
  deadline,
}: {
  cluster: ClusterSettings;
  settings: Pick<Settings, 'name' | 'concurrency'>;
  aws: AwsAccess;
  clock: Clock;
  deadline: Deadline;
}): Promise<OpenCluster> {
  if (deadline.signal.aborted) throw new DeadlineError();
  const { name, roleArn, accountId } = cluster;
  const region = cluster.region ?? aws.region;
  const eks = aws.eks(region, { roleArn });
  const endpoint = await describeCluster(eks, { name, region, accountId }, deadline.signal);
  const principal = roleArn ?? 'FUNCTION_ROLE_ARN';
  const client = kubernetesClient({
    endpoint,
    tokens: new BearerTokens(name, region, stsSigner(region, eks.config.credentials), clock),
    connections: settings.concurrency,
    userAgent: `ecr-registry-helper/${VERSION} (${settings.name})`,
    clock,
    deadline,
    unauthorized: () => new UnauthorizedError(name, region, principal, settings.name),
  });
  return { arn: endpoint.arn, ...client };
}

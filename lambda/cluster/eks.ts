import { X509Certificate } from 'node:crypto';
import { DescribeClusterCommand, type EKSClient } from '@aws-sdk/client-eks';
import { codeOf, DeadlineError, HelperError, NotCoveredError } from '../errors.ts';
import type { ClusterSettings } from '../settings.ts';
import {
  ClusterAccountError,
  ClusterCaError,
  ClusterCallError,
  ClusterNotFoundError,
  ClusterNotReadyError,
} from './errors.ts';

/** Where a cluster's API server is and how it proves itself. */
export interface ClusterEndpoint {
  readonly arn: string;
  /** `https://…` without a path. */
  readonly url: string;
  readonly caPem: string;
  /** As EKS names it: ACTIVE, UPDATING … */
  readonly status: string;
  /** API, API_AND_CONFIG_MAP or CONFIG_MAP; the last knows no access entries. */
  readonly authenticationMode: string | undefined;
  /** Whether its API server can be reached from inside its VPC only. */
  readonly isPrivate: boolean;
  /** Whether its audit log goes to CloudWatch Logs. */
  readonly isAudited: boolean;
}

/**
 * Describes an EKS cluster with the client's region and identity.
 * @throws ClusterNotFoundError, ClusterCallError, ClusterNotReadyError, ClusterCaError, ClusterAccountError,
 *   AssumeRoleError, NotCoveredError for one without a tag that it must have
 */
export async function describeCluster(
  client: EKSClient,
  {
    name,
    region,
    accountId,
    tags,
  }: Pick<ClusterSettings, 'name' | 'accountId' | 'tags'> & { region: string },
  signal: AbortSignal,
): Promise<ClusterEndpoint> {
  const { cluster } = await askForCluster(client, name, region, signal);
  if (!cluster?.arn) throw new ClusterNotFoundError(name, region);
  const account = cluster.arn.split(':')[4] ?? '';
  if (accountId && account !== accountId) throw new ClusterAccountError(name, account, accountId);
  if (tags && !tags.some(({ key, value }) => cluster.tags?.[key] === value)) {
    const wanted = tags.map(({ key, value }) => `${key}=${value}`).join(' or ');
    throw new NotCoveredError('cluster', cluster.arn, `it has not the tag ${wanted}`);
  }
  const status = cluster.status ?? 'unknown';
  if (!cluster.endpoint) throw new ClusterNotReadyError(name, status, 'endpoint');
  const url = URL.parse(cluster.endpoint);
  if (url?.protocol !== 'https:') throw new ClusterNotReadyError(name, status, 'https endpoint');
  const encoded = cluster.certificateAuthority?.data;
  if (!encoded) throw new ClusterCaError(name, 'is missing');
  const caPem = Buffer.from(encoded, 'base64').toString('utf8');
  if (!isCertificate(caPem)) throw new ClusterCaError(name, 'is no certificate in PEM');
  return {
    arn: cluster.arn,
    url: url.origin,
    caPem,
    status,
    authenticationMode: cluster.accessConfig?.authenticationMode,
    isPrivate: cluster.resourcesVpcConfig?.endpointPublicAccess === false,
    isAudited:
      cluster.logging?.clusterLogging?.some(({ enabled, types }) => enabled && types?.includes('audit')) ??
      false,
  };
}

/**
 * What EKS says of a cluster.
 * @throws ClusterNotFoundError, ClusterCallError, AssumeRoleError, DeadlineError
 */
export async function askForCluster(client: EKSClient, name: string, region: string, signal: AbortSignal) {
  try {
    return await client.send(new DescribeClusterCommand({ name }), { abortSignal: signal });
  } catch (fault) {
    if (fault instanceof HelperError) throw fault;
    if (signal.aborted) throw new DeadlineError();
    const code = codeOf(fault);
    if (code === 'ResourceNotFoundException') throw new ClusterNotFoundError(name, region);
    throw new ClusterCallError(name, region, code);
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== '';
  } catch {
    return false;
  }
}

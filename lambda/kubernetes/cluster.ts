import { applyRbacCommand, type RunContext, VERSION } from '../context.ts';
import { HelperError } from '../errors.ts';
import type { ClusterReport } from '../refresh/report.ts';
import type { ClusterSettings } from '../settings/schema.ts';
import { ApiError, judgeFailure } from './api-error.ts';
import { type OpenCluster, openCluster } from './client.ts';
import { describeCluster, type EksCluster, eksTokens, mapRoleCommand, stsSigner } from './eks.ts';
import type { Kubeconfig } from './kubeconfig.ts';
import type { ApiAccess } from './transport.ts';
import type { WebIdentity } from './web-identity.ts';

/** How to reach a cluster, and what was read for it. */
export interface FoundCluster extends ApiAccess {
  readonly source: EksCluster | Kubeconfig | WebIdentity;
}

/**
 * Finds an EKS cluster, without a request to its API server.
 * @throws HelperError of describeCluster
 */
export async function findByEks(
  ctx: RunContext,
  { name, roleArn, externalId, accountId, tags, ...cluster }: ClusterSettings,
): Promise<FoundCluster> {
  const { settings, aws, clock, deadline } = ctx;
  const region = cluster.region ?? aws.region;
  const eks = aws.eks(region, { roleArn, externalId });
  const source = await describeCluster(eks, { name, region, accountId, tags }, deadline.signal);
  const signer = stsSigner(region, eks.config.credentials);
  const unauthorized = async () => {
    const { authenticationMode } = source;
    const role = roleArn ?? (await aws.principal());
    const command = mapRoleCommand(
      { cluster: { name, region }, roleArn: role, group: settings.name, authenticationMode },
      'create',
    );
    return new HelperError(
      'UnauthorizedError',
      `EKS cluster ${name} rejected the function's IAM role (401 Unauthorized)`,
      authenticationMode === 'CONFIG_MAP'
        ? `Check that it is the right cluster. Authentication mode CONFIG_MAP has no access entries, so map the role: ${command}`
        : `Check that it is the right cluster, then give the role an access entry: ${command}`,
    );
  };
  // they do not matter to a function in a VPC: it may use the private endpoint, or one of these addresses
  const publicCidrs = isInVpc(ctx) ? undefined : source.publicCidrs;
  return {
    endpoint: { url: source.url, caPem: source.caPem, publicCidrs },
    tokens: eksTokens(source.authenticatorId, region, signer, clock),
    unauthorized,
    source,
  };
}

/** Whether the function runs in a VPC. */
export function isInVpc({ settings, aws }: RunContext): boolean {
  return settings.vpc !== undefined || aws.vpcRoles !== undefined;
}

/**
 * Connects to a cluster that was found; errors of its API server come with the first request.
 * @param id as in the settings
 */
export function connect(
  { settings, environment, clock, deadline }: RunContext,
  id: string,
  { source, ...access }: FoundCluster,
): OpenCluster {
  const client = openCluster({
    ...access,
    concurrency: settings.concurrency,
    deployment: { name: settings.name, applyRbac: applyRbacCommand(environment, id) },
    userAgent: `ecr-registry-helper/${VERSION} (${settings.name})`,
    clock,
    deadline,
  });
  return { ...('arn' in source && { arn: source.arn }), ...client };
}

/**
 * Opens a cluster, does `work` with it and closes it in any case. Does not throw.
 * @returns what a report says of it: its ARN, and why it could not be opened or `work` ended early
 */
export async function withCluster(
  { openCluster: open }: RunContext,
  settings: ClusterSettings,
  work: (cluster: OpenCluster) => Promise<void>,
): Promise<Pick<ClusterReport, 'arn' | 'error'>> {
  let cluster: OpenCluster | undefined;
  let fault: unknown;
  try {
    cluster = await open(settings);
    await work(cluster);
  } catch (caught) {
    fault = caught;
  } finally {
    await cluster?.close();
  }
  const arn = cluster?.arn ? { arn: cluster.arn } : undefined;
  if (fault === undefined) return { ...arn };
  const object = fault instanceof ApiError && fault.kind !== '' ? fault.kind : 'namespaces';
  const { code = '', reason = '', remedy = '' } = judgeFailure(fault, object);
  return { ...arn, error: { code, reason, remedy } };
}

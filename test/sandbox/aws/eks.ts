import type { AccessEntry } from '../kubernetes/authentication.ts';
import { type Operation, type Service, ServiceError } from './service.ts';

/** A cluster that DescribeCluster knows. One that is still `CREATING` has no endpoint and no CA yet. */
export interface ClusterOptions {
  name: string;
  /** Only local clusters on Outposts have one; their authenticator knows them by it. */
  id?: string;
  accountId: string;
  region: string;
  /** `https://HOST:PORT` of its API server. */
  endpoint?: string;
  /** The PEM of the CA that signed the API server's certificate. */
  caPem?: string;
  status?: 'CREATING' | 'ACTIVE' | 'DELETING' | 'FAILED' | 'UPDATING' | 'PENDING';
  authenticationMode?: 'API' | 'API_AND_CONFIG_MAP' | 'CONFIG_MAP';
  version?: string;
  /** Whether its endpoint is reached from outside of its VPC. Default true. */
  publicAccess?: boolean;
  /** From which addresses it is reached there. Default: from all. */
  publicAccessCidrs?: string[];
  tags?: Record<string, string>;
  /** Whether its audit log goes to CloudWatch Logs. Default false. */
  audited?: boolean;
  /** Whom its authenticator maps. Default: nobody, and no entry can be made. */
  accessEntries?: AccessEntry[];
}

/** As many as AWS gives in one page when it is not asked for fewer. */
const PAGE = 100;

/** Amazon EKS's DescribeCluster, ListClusters, CreateAccessEntry and UpdateAccessEntry. `clusters` is keyed by {@link clusterKey}. */
export function createEks(clusters: ReadonlyMap<string, ClusterOptions>): Service {
  return {
    name: 'eks',
    signingName: 'eks',
    protocol: 'rest',
    read(request) {
      if (/^(?:\/eks)?\/clusters$/.test(request.path) && request.method === 'GET') {
        const input = Object.fromEntries(new URLSearchParams(request.query));
        return { name: 'ListClusters', input };
      }
      const path = /^(?:\/eks)?\/clusters\/([^/]+)(\/access-entries(?:\/(.+))?)?$/.exec(request.path);
      if (path?.[1] === undefined || (request.method === 'GET') === (path[2] !== undefined)) return undefined;
      const name = decodeURIComponent(path[1]);
      if (path[2] === undefined) return { name: 'DescribeCluster', input: { name }, detail: name };
      const input = { name, ...JSON.parse(request.body.toString()) };
      if (path[3] === undefined) return { name: 'CreateAccessEntry', input, detail: name };
      const principalArn = decodeURIComponent(path[3]);
      return { name: 'UpdateAccessEntry', input: { ...input, principalArn }, detail: name };
    },
    answer(operation, { principal, region }) {
      if (operation.name === 'ListClusters') {
        return listPage(clusters, principal.accountId, region, operation.input);
      }
      const name = String(operation.input.name);
      const cluster = clusters.get(clusterKey({ accountId: principal.accountId, region, name }));
      if (cluster === undefined) {
        const fields = { clusterName: name, nodegroupName: null, fargateProfileName: null, addonName: null };
        throw new ServiceError(
          'ResourceNotFoundException',
          404,
          `No cluster found for name: ${name}.`,
          fields,
        );
      }
      if (operation.name === 'DescribeCluster') return JSON.stringify({ cluster: toDescription(cluster) });
      return JSON.stringify({ accessEntry: mapPrincipal(operation, cluster.accessEntries) });
    },
  };
}

function mapPrincipal({ name, input }: Operation, entries: AccessEntry[] = []): object {
  const { principalArn, kubernetesGroups = [] } = input as {
    principalArn: string;
    kubernetesGroups?: string[];
  };
  const at = entries.findIndex((entry) => entry.principalArn === principalArn);
  if (name === 'CreateAccessEntry' && at >= 0) {
    throw new ServiceError(
      'ResourceInUseException',
      409,
      'The specified access entry resource is already in use.',
    );
  }
  if (name === 'UpdateAccessEntry' && at < 0) {
    throw new ServiceError(
      'ResourceNotFoundException',
      404,
      'The specified principalArn could not be found.',
    );
  }
  entries.splice(at < 0 ? entries.length : at, 1, { principalArn, groups: kubernetesGroups });
  return { principalArn, kubernetesGroups };
}

function listPage(
  clusters: ReadonlyMap<string, ClusterOptions>,
  accountId: string,
  region: string,
  { maxResults = PAGE, nextToken = 0 }: Record<string, unknown>,
): string {
  const names = [...clusters.values()]
    .filter((cluster) => cluster.accountId === accountId && cluster.region === region)
    .map(({ name }) => name)
    .sort();
  const end = Number(nextToken) + Number(maxResults);
  return JSON.stringify({
    clusters: names.slice(Number(nextToken), end),
    nextToken: end < names.length ? String(end) : null,
  });
}

/** A cluster's name is unique in its account and region. */
export function clusterKey(cluster: Pick<ClusterOptions, 'accountId' | 'region' | 'name'>): string {
  return `${cluster.accountId}/${cluster.region}/${cluster.name}`;
}

function toDescription(cluster: ClusterOptions) {
  const { name, id, accountId, region, endpoint, caPem } = cluster;
  const partition = region.startsWith('cn-') ? 'aws-cn' : 'aws';
  return {
    name,
    ...(id !== undefined && { id }),
    arn: `arn:${partition}:eks:${region}:${accountId}:cluster/${name}`,
    status: cluster.status ?? 'ACTIVE',
    version: cluster.version ?? '1.36',
    platformVersion: 'eks.1',
    createdAt: Date.UTC(2026, 0, 1) / 1_000,
    roleArn: `arn:${partition}:iam::${accountId}:role/cluster-${name}`,
    ...(endpoint !== undefined && { endpoint }),
    ...(caPem !== undefined && { certificateAuthority: { data: Buffer.from(caPem).toString('base64') } }),
    accessConfig: { authenticationMode: cluster.authenticationMode ?? 'API' },
    resourcesVpcConfig: {
      subnetIds: [],
      securityGroupIds: [],
      vpcId: 'vpc-0123456789abcdef0',
      endpointPublicAccess: cluster.publicAccess ?? true,
      endpointPrivateAccess: true,
      publicAccessCidrs: cluster.publicAccessCidrs ?? ['0.0.0.0/0'],
    },
    logging: {
      clusterLogging: [
        { types: ['audit'], enabled: cluster.audited ?? false },
        { types: ['api', 'authenticator', 'controllerManager', 'scheduler'], enabled: false },
      ],
    },
    tags: cluster.tags ?? {},
  };
}

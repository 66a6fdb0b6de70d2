import { X509Certificate } from 'node:crypto';
import { DescribeClusterCommand, type EKSClient } from '@aws-sdk/client-eks';
import { partition } from '@aws-sdk/util-endpoints';
import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';
import { awsError, callAws } from '../aws.ts';
import type { Clock } from '../context.ts';
import { HelperError, NotCoveredError, Redacted } from '../errors.ts';
import type { ClusterSettings } from '../settings/schema.ts';

/** The endpoint of an EKS cluster, and what else EKS says of it. */
export type EksCluster = Awaited<ReturnType<typeof describeCluster>>;

type EksName = Pick<ClusterSettings, 'name'> & { readonly region: string };

/**
 * Describes an EKS cluster with the client's region and identity.
 * @throws HelperError: ClusterNotFoundError, ClusterCallError, ClusterNotReadyError, ClusterCaError, ClusterAccountError,
 *   AssumeRoleError, DeadlineError, NotCoveredError for one without a required tag
 */
export async function describeCluster(
  client: EKSClient,
  { name, region, accountId, tags }: EksName & Pick<ClusterSettings, 'accountId' | 'tags'>,
  signal: AbortSignal,
) {
  const cluster = await callDescribeCluster(client, { name, region }, signal);
  // EKS answers with an error where there is none; an answer without one is broken
  if (!cluster?.arn) throw callError({ name, region }, 'BrokenAnswer');
  const account = cluster.arn.split(':')[4] ?? '';
  if (accountId && account !== accountId) {
    throw new HelperError(
      'ClusterAccountError',
      `the EKS cluster ${name} is in account ${account}, but the settings say ${accountId}`,
      `Give the cluster a roleArn of ${accountId}, or correct its accountId.`,
    );
  }
  if (tags && !tags.some(({ key, value }) => cluster.tags?.[key] === value)) {
    const wanted = tags.map(({ key, value }) => `${key}=${value}`).join(' or ');
    throw new NotCoveredError('cluster', cluster.arn, `it is not tagged ${wanted}`);
  }
  const status = cluster.status ?? 'unknown';
  const notReady = (lack: string) =>
    new HelperError(
      'ClusterNotReadyError',
      `the EKS cluster ${name} has no ${lack} (its status is ${status})`,
      'Wait until the cluster is ACTIVE; the next run includes it.',
    );
  const untrusted = (problem: string) =>
    new HelperError(
      'ClusterCaError',
      `the certificate authority of the EKS cluster ${name} ${problem}`,
      `Without it the API server cannot be trusted. Check the cluster: aws eks describe-cluster --region ${region} --name ${name}`,
    );
  if (!cluster.endpoint) throw notReady('endpoint');
  const url = URL.parse(cluster.endpoint);
  if (url?.protocol !== 'https:') throw notReady('https endpoint');
  const encoded = cluster.certificateAuthority?.data;
  if (!encoded) throw untrusted('is missing');
  const caPem = Buffer.from(encoded, 'base64').toString('utf8');
  if (!isCertificate(caPem)) throw untrusted('is not a certificate in PEM');
  const { endpointPublicAccess, publicAccessCidrs = [] } = cluster.resourcesVpcConfig ?? {};
  const isPrivate = endpointPublicAccess === false;
  // the function's own address outside of a VPC is one of IPv4
  const isOpen = publicAccessCidrs.length === 0 || publicAccessCidrs.includes('0.0.0.0/0');
  const logging = cluster.logging?.clusterLogging ?? [];
  return {
    arn: cluster.arn,
    /** Its own name, or the id that only local clusters on Outposts have: https://docs.aws.amazon.com/cli/latest/reference/eks/get-token.html */
    authenticatorId: cluster.id ?? name,
    /** Without a path. */
    url: url.origin,
    caPem,
    /** As EKS names it: ACTIVE, UPDATING … */
    status,
    /** API, API_AND_CONFIG_MAP or CONFIG_MAP; the last has no access entries. */
    authenticationMode: cluster.accessConfig?.authenticationMode,
    /** Whether its API server can be reached from inside its VPC only. */
    isPrivate,
    /** The only addresses that reach its public endpoint; undefined where all do, or there is none. */
    publicCidrs: isPrivate || isOpen ? undefined : publicAccessCidrs,
    /** Whether its audit log goes to CloudWatch Logs. */
    isAudited: logging.some(({ enabled, types }) => enabled && types?.includes('audit')),
  };
}

/**
 * The answer of EKS for one cluster.
 * @throws HelperError: ClusterNotFoundError, ClusterCallError, AssumeRoleError, DeadlineError
 */
export async function callDescribeCluster(client: EKSClient, { name, region }: EksName, signal: AbortSignal) {
  const { cluster } = await callAws(
    (options) => client.send(new DescribeClusterCommand({ name }), options),
    signal,
    (awsCode) =>
      awsCode === 'ResourceNotFoundException'
        ? new HelperError(
            'ClusterNotFoundError',
            `there is no EKS cluster ${name} in ${region}`,
            `Correct name, region or roleArn of the cluster in the settings. See the clusters there: aws eks list-clusters --region ${region}`,
          )
        : callError({ name, region }, awsCode),
  );
  return cluster;
}

function callError({ name, region }: EksName, awsCode: string): HelperError {
  return awsError('ClusterCallError', `could not describe the EKS cluster ${name} in ${region}`, awsCode, {
    service: 'eks',
    region,
    ifDenied: 'Allow eks:DescribeCluster on it to the identity that the function uses there.',
    otherwise: `Check that ${region} is enabled for this identity; the next run retries transient errors.`,
  });
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== '';
  } catch {
    return false;
  }
}

// Limits of the server side: https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/token/token.go
const PREFIX = 'k8s-aws-v1.';
export const LONGEST_TOKEN = 4096;
/** From its signing. */
const LIFE_MS = 15 * 60_000;
/** A request may take one of these minutes. */
const RENEW_BEFORE_MS = 2 * 60_000;

type Signer = Pick<SignatureV4, 'presign'>;

/**
 * A signer of the STS call that authenticates us to EKS.
 * @param credentials AWS credentials, renewed before they expire
 */
export function stsSigner(
  region: string,
  credentials: ConstructorParameters<typeof SignatureV4>[0]['credentials'],
): Signer {
  return new SignatureV4({ service: 'sts', region, credentials, sha256: Hash.bind(null, 'sha256') });
}

/**
 * The bearer tokens for one EKS cluster: presigned GetCallerIdentity URLs that name the cluster, signed by
 * the role that is used there, for the STS host of the cluster's region. `current` throws BearerTokenTooLongError and
 * AssumeRoleError.
 * @param cluster its name for the authenticator
 */
export function eksTokens(cluster: string, region: string, signer: Signer, clock: Clock) {
  return renewedTokens(clock, async (now) => ({
    token: await presignToken(cluster, region, signer, now),
    expiresAt: now + LIFE_MS,
  }));
}

async function presignToken(cluster: string, region: string, signer: Signer, now: number): Promise<Redacted> {
  const host = `sts.${region}.${partition(region).dnsSuffix}`;
  const request = {
    method: 'GET',
    protocol: 'https:',
    hostname: host,
    path: '/',
    query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
    headers: { host, 'x-k8s-aws-id': cluster },
  };
  const { query = {} } = await signer.presign(request, {
    expiresIn: 60,
    signingDate: new Date(now),
    unhoistableHeaders: new Set(['x-k8s-aws-id']),
    signableHeaders: new Set(['host', 'x-k8s-aws-id']),
  });
  const search = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`);
  const url = `https://${host}/?${search.join('&')}`;
  const token = PREFIX + Buffer.from(url).toString('base64url');
  if (token.length <= LONGEST_TOKEN) return new Redacted(token);
  throw new HelperError(
    'BearerTokenTooLongError',
    `the bearer token for ${cluster} has ${token.length} characters and EKS accepts ${LONGEST_TOKEN}: the session token of this identity is too long`,
    'Use a role with fewer session tags and a shorter session policy.',
  );
}

/**
 * Tokens that are made again two minutes before they expire, or after the server rejected one; requests at the same time
 * share one.
 * @param make makes a token, at a time and with an end in milliseconds since the epoch
 */
export function renewedTokens(
  clock: Clock,
  make: (now: number) => Promise<{ readonly token: Redacted; readonly expiresAt: number }>,
) {
  let making: Promise<Redacted> | undefined;
  let made: Redacted | undefined;
  let renewAt = 0;
  return {
    async current(): Promise<Redacted> {
      const now = clock.now();
      if (!making || now >= renewAt) {
        renewAt = Number.POSITIVE_INFINITY;
        making = make(now).then(({ token, expiresAt }) => {
          renewAt = expiresAt - RENEW_BEFORE_MS;
          made = token;
          return token;
        });
      }
      try {
        return await making;
      } catch (fault) {
        making = undefined;
        throw fault;
      }
    },
    /** Has the next call make another; many requests that were rejected with one token make one. */
    forget(token: Redacted): void {
      if (made !== token) return;
      made = undefined;
      making = undefined;
    },
  };
}

/** A role in an EKS cluster, by its access entry or, in mode CONFIG_MAP, by the ConfigMap aws-auth. */
interface RoleMapping {
  readonly cluster: Pick<ClusterSettings, 'name' | 'region'>;
  readonly roleArn: string;
  readonly group: string;
  readonly authenticationMode: string | undefined;
}

/** The command that maps a role to a group; `update` changes an access entry that exists. */
export function mapRoleCommand(
  { cluster: { name, region }, roleArn, group, authenticationMode }: RoleMapping,
  verb: 'create' | 'update',
): string {
  // without its path: https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html
  const bareArn = roleArn.replace(/:role\/.*\//, ':role/');
  const at = region ? ` --region ${region}` : '';
  return authenticationMode === 'CONFIG_MAP'
    ? `eksctl create iamidentitymapping${at} --cluster ${name} --arn ${bareArn} --group ${group} --username ${group} --no-duplicate-arns`
    : `aws eks ${verb}-access-entry${at} --cluster-name ${name} --principal-arn ${roleArn} --kubernetes-groups ${group}`;
}

import { DescribeSubscriptionFiltersCommand } from '@aws-sdk/client-cloudwatch-logs';
import { codeOf, type HelperError, hasCode } from '../errors.ts';
import { ApiError } from '../kubernetes/api-error.ts';
import type { OpenCluster } from '../kubernetes/client.ts';
import { connect, type FoundCluster, isInVpc } from '../kubernetes/cluster.ts';
import { type EksCluster, LONGEST_TOKEN, mapRoleCommand } from '../kubernetes/eks.ts';
import type { Kubeconfig } from '../kubernetes/kubeconfig.ts';
import { isTransient, shortenCidrs } from '../kubernetes/transport.ts';
import type { ClusterScope } from '../request.ts';
import { countSecrets } from '../status.ts';
import type { DoctorState } from './doctor.ts';
import {
  checkApplies,
  checkNamespaces,
  checkPermissions,
  checkPolicies,
  type Matched,
  review,
} from './permission-checks.ts';
import { type Check, type Finding, failed, passed, runChecks, unknown } from './report.ts';

/** The limit of the first request: a refresh waits for minutes until an API server is back, a diagnosis does not. */
const TIMEOUT_MS = 5_000;
/** When a client certificate expires soon. */
const SOON_MS = 14 * 24 * 3_600_000;
/** Subscription filters of a log group: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html */
const MOST_FILTERS = 2;
/** The errors of a 401. */
const UNAUTHORIZED = [
  'UnauthorizedError',
  'KubeconfigUnauthorizedError',
  'WebIdentityUnauthorizedError',
  'ClockSkewError',
];

/** What the checks of one cluster have found out. */
export interface ClusterState extends DoctorState, ClusterScope {
  /** The cluster as a person would name it. */
  readonly where: string;
  readonly region: string;
  found?: FoundCluster;
  client?: OpenCluster;
  /** The error of a 401. */
  unauthorized?: HelperError;
  /** Whether the function is outside of the group that permissions and admission policies are for. */
  isOutsideGroup?: boolean;
  /** What the entries match, once the namespaces were listed. */
  matched?: readonly Matched[];
}

/** The checks of one cluster, each of which needs those before it. */
const CHECKS: readonly Check<ClusterState>[] = [
  { step: 'new namespaces', applies: watchesNamespaces, run: checkSubscription },
  { step: 'cluster', run: checkEndpoint },
  {
    step: 'new namespaces',
    needs: ['cluster'],
    applies: (state) => watchesNamespaces(state) && eksCluster(state) !== undefined,
    run: checkAuditLog,
  },
  { step: 'bearer token', needs: ['cluster'], run: checkBearerToken, hint: tagsCommand },
  { step: 'endpoint', needs: ['bearer token'], run: connectAndCheck, hint: endpointCommand },
  { step: 'authentication', needs: ['endpoint'], run: checkAuthentication },
  { step: 'right', needs: ['authentication'], run: checkPermissions },
  {
    step: 'namespaces',
    needs: ['authentication'],
    run: checkNamespaces,
    object: ({ where }) => `namespaces of ${where}`,
  },
  { step: 'admission policy', needs: ['namespaces'], run: checkPolicies },
  { step: 'apply', needs: ['namespaces'], run: checkApplies },
];

/** Checks every step of a refresh of one cluster. Writes nothing and does not throw. */
export async function checkCluster(state: DoctorState, scope: ClusterScope): Promise<Finding[]> {
  const where = `cluster ${scope.id}`;
  const region = scope.cluster.region ?? state.ctx.aws.region;
  const clusterState: ClusterState = { ...state, ...scope, where, region };
  try {
    const findings = await runChecks(CHECKS, clusterState, where);
    const { client, matched } = clusterState;
    // what keeps them from being listed is a finding already
    const counts = client && matched && (await countSecrets(state.ctx, scope, client).catch(() => undefined));
    if (counts) state.secrets.set(scope.id, counts);
    return findings;
  } finally {
    await clusterState.client?.close();
  }
}

function watchesNamespaces({ ctx: { settings } }: ClusterState): boolean {
  return settings.newNamespaces !== undefined && settings.enabled;
}

function eksCluster({ found }: ClusterState): EksCluster | undefined {
  return found && 'arn' in found.source ? found.source : undefined;
}

function describeCommand({ cluster: { name }, region }: ClusterState): string {
  return `aws eks describe-cluster --region ${region} --name ${name}`;
}

/** Checks that the log group of a cluster sends its records to the function. */
async function checkSubscription({ ctx, cluster: { name } }: ClusterState): Promise<Finding[]> {
  const { aws, environment } = ctx;
  const { functionName } = environment;
  const step = 'new namespaces';
  const logGroupName = `/aws/eks/${name}/cluster`;
  const object = `log group ${logGroupName}`;
  if (!functionName) {
    const reason = 'the function that it should send records to is unknown here';
    return [unknown(step, object, reason, 'Send { "action": "doctor" } to the deployed function.')];
  }
  const look = `aws logs describe-subscription-filters --region ${aws.region} --log-group-name ${logGroupName}`;
  try {
    const command = new DescribeSubscriptionFiltersCommand({ logGroupName });
    const { subscriptionFilters = [] } = await aws.logs().send(command, { abortSignal: aws.signal });
    if (subscriptionFilters.some(({ destinationArn }) => destinationArn?.split(':')[6] === functionName)) {
      return [passed(step, object, 'a subscription filter sends its records to the function')];
    }
    if (subscriptionFilters.length < MOST_FILTERS) {
      const reason = 'no subscription filter sends its records to the function';
      return [failed(step, object, reason, `Deploy it again: ${environment.deployCommand}`)];
    }
    const names = subscriptionFilters.map(({ filterName }) => JSON.stringify(filterName)).join(' and ');
    const remedy = `See what they are for: ${look}. Remove one of them, or let its reader share the other (docs/guides/new-namespaces.md), then deploy: ${environment.deployCommand}`;
    return [failed(step, object, `both of its subscription filters are taken, by ${names}`, remedy)];
  } catch (fault) {
    const code = codeOf(fault);
    if (code === 'ResourceNotFoundException') {
      const remedy = `${enableAuditLog(name, aws.region)}. Then deploy: ${environment.deployCommand}`;
      return [failed(step, object, 'it does not exist', remedy)];
    }
    const reason = `could not describe its subscription filters (${code})`;
    return [unknown(step, object, reason, `See them: ${look}`)];
  }
}

/** Checks that a cluster writes the records that its log group sends. */
function checkAuditLog(state: ClusterState): Finding[] {
  const object = `audit log of ${state.where}`;
  if (eksCluster(state)?.isAudited) return [passed('new namespaces', object, 'it is on')];
  const reason = 'it is off, so the function gets no new namespaces';
  const remedy = enableAuditLog(state.cluster.name, state.region);
  return [failed('new namespaces', object, reason, remedy)];
}

function enableAuditLog(name: string, region: string): string {
  return `Turn the audit log on: aws eks update-cluster-config --region ${region} --name ${name} --logging 'clusterLogging=[{types=[audit],enabled=true}]'`;
}

/** Finds the endpoint of a cluster by EKS, its kubeconfig or the settings. */
async function checkEndpoint(state: ClusterState): Promise<Finding[]> {
  const { ctx, cluster, where } = state;
  state.found = await ctx.findCluster(cluster);
  const { source } = state.found;
  if (!('arn' in source)) {
    const { kubeconfigSecretId: id } = cluster;
    const names = id ? `the kubeconfig in ${id} names` : 'the settings name';
    return [passed('cluster', where, `not an EKS cluster: ${names} ${source.endpoint.url}`)];
  }
  const { status, authenticationMode, isPrivate, publicCidrs, arn } = source;
  if (status !== 'ACTIVE' && status !== 'UPDATING') {
    const remedy = `Wait until it is ACTIVE: ${describeCommand(state)}`;
    return [failed('cluster', where, `its status is ${status}`, remedy)];
  }
  if (isPrivate && !isInVpc(ctx)) {
    const reason = 'its endpoint can be reached from its VPC only, and the settings name no vpc';
    const remedy = `Unless the construct was given one, set vpc to ids of: ${describeCommand(state)} --query cluster.resourcesVpcConfig`;
    return [unknown('cluster', where, reason, remedy)];
  }
  const entries = authenticationMode === 'CONFIG_MAP' ? ', which has no access entries' : '';
  const mode = `authentication mode ${authenticationMode ?? 'unknown'}${entries}`;
  const open = publicCidrs ? `, public for ${shortenCidrs(publicCidrs)} only` : '';
  return [passed('cluster', where, `${arn}, ${status}, ${mode}${open}`)];
}

/** Signs a bearer token, or reads what a kubeconfig has in its place. */
async function checkBearerToken({ ctx, found, where }: ClusterState): Promise<Finding[]> {
  const step = 'bearer token';
  const { source } = found ?? {};
  if (source && 'secretId' in source) return [checkKubeconfig(source, where, ctx.clock.now())];
  const token = await found?.tokens.current();
  return source && 'audience' in source
    ? [passed(step, where, `a web identity token for the audience ${source.audience}`)]
    : [passed(step, where, `${token?.reveal().length} of ${LONGEST_TOKEN} characters`)];
}

function checkKubeconfig({ certificateEnd }: Kubeconfig, where: string, now: number): Finding {
  const step = 'bearer token';
  if (!certificateEnd) {
    return passed(step, where, 'not of IAM: the token of its kubeconfig, whose expiry is unknown here');
  }
  const reason = `not of IAM: a client certificate until ${certificateEnd.toISOString()}`;
  if (certificateEnd.getTime() - now > SOON_MS) return passed(step, where, reason);
  const remedy = 'It expires soon: have a new one signed and store it (docs/guides/kubeconfig-clusters.md).';
  return unknown(step, where, reason, remedy);
}

function tagsCommand({ cluster, principal }: ClusterState): string {
  const role = (cluster.roleArn ?? principal)?.split('/').at(-1);
  return role ? `See the tags that its sessions carry: aws iam list-role-tags --role-name ${role}` : '';
}

function endpointCommand(state: ClusterState): string {
  return eksCluster(state)
    ? `See its address and authority: ${describeCommand(state)} --query 'cluster.[endpoint,certificateAuthority,resourcesVpcConfig]'`
    : `Check the server and its certificate authority in ${state.cluster.kubeconfigSecretId ? `the kubeconfig in ${state.cluster.kubeconfigSecretId}, and its tls-server-name` : 'the settings: server and caData'}.`;
}

/** Connects and asks the API server for our groups, which every authenticated user may. */
async function connectAndCheck(state: ClusterState): Promise<Finding[]> {
  const { ctx, found, where } = state;
  if (!found) throw new TypeError('the cluster was not found');
  state.client = connect(ctx, state.id, found);
  try {
    const attempts = state.client.attempts(TIMEOUT_MS);
    const groups = await readGroups(attempts).catch((fault) => {
      if (!isTransient(fault) || hasCode(fault, 'LateAnswerError')) throw fault;
      return readGroups(attempts);
    });
    state.isOutsideGroup = !groups.includes(ctx.settings.name);
  } catch (fault) {
    if (hasCode(fault, ...UNAUTHORIZED)) state.unauthorized = fault;
    // an authenticated user that may not ask
    else if (!(fault instanceof ApiError && fault.code === 403)) throw fault;
  }
  const authority = found.endpoint.caPem ? 'its' : 'a public';
  return [passed('endpoint', where, `${found.endpoint.url} has a certificate of ${authority} authority`)];
}

/**
 * The groups of the function in a cluster:
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#self-subject-review
 */
async function readGroups(client: Pick<OpenCluster, 'send'>): Promise<readonly string[]> {
  const { userInfo } = await review(client, 'authentication', 'SelfSubjectReview');
  const { groups } = (userInfo ?? {}) as { groups?: unknown };
  return Array.isArray(groups) ? groups : [];
}

async function checkAuthentication(state: ClusterState): Promise<Finding[]> {
  const { ctx, cluster, region, unauthorized, isOutsideGroup, where } = state;
  if (unauthorized) throw unauthorized;
  const step = 'authentication';
  const group = ctx.settings.name;
  if (!isOutsideGroup) return [passed(step, where)];
  const reason = `the function is not in the group ${group}, which the permissions and admission policies are for`;
  const eks = eksCluster(state);
  if (cluster.webIdentity) {
    const remedy = `Have the AuthenticationConfiguration of the API server map the role to it: groups: { expression: "['${group}']" } (docs/guides/web-identity.md).`;
    return [failed(step, where, reason, remedy)];
  }
  if (!eks) {
    const remedy = `Store a kubeconfig in ${cluster.kubeconfigSecretId} whose identity is in it, as by a client certificate with O=${group}.`;
    return [failed(step, where, reason, remedy)];
  }
  const { name, roleArn = await ctx.aws.principal() } = cluster;
  const { authenticationMode } = eks;
  const command = mapRoleCommand({ cluster: { name, region }, roleArn, group, authenticationMode }, 'update');
  return [failed(step, where, reason, `Add the function's role to it: ${command}`)];
}

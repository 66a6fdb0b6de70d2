import type { Cluster } from '@aws-sdk/client-eks';
import pMap from 'p-map';
import type { AwsClients } from '../aws.ts';
import { type RunContext, VERSION } from '../context.ts';
import { hasCode } from '../errors.ts';
import { isInVpc } from '../kubernetes/cluster.ts';
import { callDescribeCluster } from '../kubernetes/eks.ts';
import { shortenCidrs } from '../kubernetes/transport.ts';
import { CLUSTERS_AT_ONCE } from '../refresh/refresh.ts';
import { timesOf } from '../refresh/report.ts';
import type { PullCredentials } from '../registries/credentials.ts';
import type { SecretEntry } from '../settings/schema.ts';
import type { ClusterStatus } from '../status.ts';
import { checkHeadroom, checkIdentity, checkRule, checkTokens, neededEndpoints } from './aws-checks.ts';
import { checkCluster } from './cluster-checks.ts';
import { checkHosts, checkPull } from './registry-checks.ts';
import { type Check, type DoctorReport, type Finding, failed, passed, runChecks, unknown } from './report.ts';

/** What the checks have found out. */
export interface DoctorState {
  readonly ctx: RunContext;
  /** As STS names it: of a session where a role is used. */
  arn?: string;
  /** As policies and access entries name it. */
  principal?: string | undefined;
  /** Of the entries whose registries could be read. */
  readonly credentials: Map<SecretEntry, PullCredentials>;
  /** The state of the secrets, by the id of the cluster. */
  readonly secrets: Map<string, ClusterStatus['counts']>;
}

/** The checks that need no cluster. */
const CHECKS: readonly Check<DoctorState>[] = [
  { step: 'settings', run: checkSettings },
  { step: 'settings', applies: ({ ctx }) => isInVpc(ctx), run: listEndpoints },
  { step: 'identity', run: checkIdentity },
  // the main function checks it for a VPC function
  {
    step: 'schedule',
    applies: ({ ctx }) => !ctx.aws.vpcRoles,
    run: async ({ ctx }) => [await checkRule(ctx)],
  },
  { step: 'token', run: checkTokens },
  { step: 'schedule', run: checkHeadroom },
];

/**
 * Checks every step of a refresh (read-only) and reports fixes.
 * @throws EventError for a repository of a registry that the settings lack
 */
export async function diagnose(ctx: RunContext): Promise<DoctorReport> {
  const { request, scope } = ctx;
  const state: DoctorState = { ctx, credentials: new Map(), secrets: new Map() };
  const general = await runChecks(CHECKS, state, 'function');
  const pull = request.repository ? await checkPull(state, request.repository) : [];
  const hosts = await checkHosts(state);
  const clusters = await pMap(scope.clusters, (cluster) => checkCluster(state, cluster), {
    concurrency: CLUSTERS_AT_ONCE,
  });
  const findings = [...general, ...hosts, ...pull, ...clusters.flat()];
  return {
    ok: findings.every(({ result }) => result !== 'fail'),
    action: 'doctor',
    ...timesOf(ctx),
    ...(state.arn && { identity: state.arn }),
    findings,
    secrets: scope.clusters.flatMap(({ id }) => {
      const counts = state.secrets.get(id);
      return counts ? [{ id, counts }] : [];
    }),
  };
}

function checkSettings({ ctx: { settings } }: DoctorState) {
  const { name, clusters, secrets } = settings;
  const counts = `clusters: ${clusters.length}, secrets: ${secrets.length}`;
  return [passed('settings', name, `valid for version ${VERSION}: ${counts}`)];
}

/** Names the interface endpoints that the function needs where its VPC has no NAT. */
function listEndpoints({ ctx: { aws, scope, environment } }: DoctorState) {
  const needed = neededEndpoints(aws, scope, environment).join(', ');
  const reason = `without a NAT it needs the interface endpoints ${needed}, with private DNS: docs/guides/private-clusters.md`;
  return [passed('settings', 'VPC', reason)];
}

/** What the checks before a deployment have found out. */
interface PreflightState {
  readonly ctx: { readonly aws: AwsClients };
  readonly name: string;
  arn?: string;
  principal?: string | undefined;
  cluster?: Cluster | undefined;
}

/** The first with a ValidatingAdmissionPolicy in v1. */
const LEAST_MINOR = 30;

const PREFLIGHT: readonly Check<PreflightState>[] = [
  { step: 'identity', run: checkIdentity },
  { step: 'cluster', run: findCluster },
  { step: 'endpoint', needs: ['cluster'], run: checkPublicAccess },
  { step: 'authentication', needs: ['cluster'], run: checkAuthenticationMode },
  { step: 'right', needs: ['cluster'], run: checkDeployRole, object: () => 'deployment' },
];

/**
 * Checks an EKS cluster before anything is deployed, with the identity of the caller (read-only), and reports what each
 * value means and its fix.
 */
export async function preflight(aws: AwsClients, name: string): Promise<DoctorReport> {
  const { clock } = aws;
  const startedAt = clock.now();
  const state: PreflightState = { ctx: { aws }, name };
  const findings = await runChecks(PREFLIGHT, state, `cluster ${name}`);
  return {
    ok: findings.every(({ result }) => result !== 'fail'),
    action: 'doctor',
    ...timesOf({ startedAt, clock }),
    ...(state.arn && { identity: state.arn }),
    findings,
  };
}

async function findCluster(state: PreflightState): Promise<Finding[]> {
  const { ctx, name } = state;
  const { aws } = ctx;
  const { region } = aws;
  state.cluster = await callDescribeCluster(aws.eks(region, {}), { name, region }, aws.signal);
  const { status, version = '' } = state.cluster ?? {};
  const object = `cluster ${name}`;
  const wait = `Wait until it is ACTIVE: aws eks wait cluster-active --region ${region} --name ${name}`;
  const needed = `the admission policy needs 1.${LEAST_MINOR} or later`;
  const minor = Number(version.split('.')[1]);
  const upgrade = `Upgrade it, by one minor version at a time: aws eks update-cluster-version --region ${region} --name ${name} --kubernetes-version 1.${minor + 1}`;
  return [
    status === 'ACTIVE' || status === 'UPDATING'
      ? passed('cluster', object, `${status} in ${region}`)
      : failed('cluster', object, `its status is ${status}`, wait),
    minor >= LEAST_MINOR
      ? passed('cluster', object, `Kubernetes ${version}: ${needed}`)
      : failed('cluster', object, `Kubernetes ${version}: ${needed}`, upgrade),
  ];
}

function checkPublicAccess({ ctx, name, cluster }: PreflightState): Finding[] {
  const object = `cluster ${name}`;
  const { endpointPublicAccess, publicAccessCidrs = [], vpcId } = cluster?.resourcesVpcConfig ?? {};
  const isOpen = publicAccessCidrs.length === 0 || publicAccessCidrs.includes('0.0.0.0/0');
  if (endpointPublicAccess !== false && isOpen) {
    return [passed('endpoint', object, 'public for every address: the function needs no VPC')];
  }
  const access =
    endpointPublicAccess === false ? 'private' : `public for ${shortenCidrs(publicAccessCidrs)} only`;
  const reason = `${access}: a function outside of ${vpcId} does not reach it, and with rbac "apply" the deployment fails`;
  const remedy = `Set vpc in the settings to subnets and security groups that reach it (docs/guides/private-clusters.md): aws eks describe-cluster --region ${ctx.aws.region} --name ${name} --query cluster.resourcesVpcConfig`;
  return [failed('endpoint', object, reason, remedy)];
}

function checkAuthenticationMode({ ctx, name, cluster }: PreflightState): Finding[] {
  const object = `cluster ${name}`;
  const mode = cluster?.accessConfig?.authenticationMode ?? 'CONFIG_MAP';
  if (mode !== 'CONFIG_MAP') {
    return [passed('authentication', object, `mode ${mode}: the stack can create access entries`)];
  }
  const reason = `mode ${mode}: the cluster takes no access entries, which the stack creates with rbac "apply"`;
  const remedy = `Allow access entries beside aws-auth; the mode cannot be changed back: aws eks update-cluster-config --region ${ctx.aws.region} --name ${name} --access-config authenticationMode=API_AND_CONFIG_MAP`;
  return [failed('authentication', object, reason, remedy)];
}

/** CDK deploys by a role of its bootstrap stack, and where the caller cannot assume it with the caller's own permissions. */
async function checkDeployRole({ ctx, cluster }: PreflightState): Promise<Finding[]> {
  const { aws } = ctx;
  const [, partition, , region, account] = cluster?.arn?.split(':') ?? [];
  const object = `deployment to ${account}, ${region}`;
  const role = `cdk-hnb659fds-deploy-role-${account}-${region}`;
  try {
    await aws
      .eks(aws.region, { roleArn: `arn:${partition}:iam::${account}:role/${role}` })
      .config.credentials();
    return [
      passed('right', object, `you may assume the role ${role} of CDK; it needs no permission in Kubernetes`),
    ];
  } catch (fault) {
    if (!hasCode(fault, 'AssumeRoleError')) throw fault;
    const reason = `you cannot assume the role ${role}, so CDK deploys with your own permissions, if at all`;
    const remedy = `Bootstrap the account and region once, or have the role allow you to assume it: npx cdk bootstrap aws://${account}/${region}`;
    return [unknown('right', object, reason, remedy)];
  }
}

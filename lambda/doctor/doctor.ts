import pMap from 'p-map';
import { type RunContext, VERSION } from '../context.ts';
import { isInVpc } from '../kubernetes/cluster.ts';
import { CLUSTERS_AT_ONCE } from '../refresh/refresh.ts';
import { timesOf } from '../refresh/report.ts';
import type { PullCredentials } from '../registries/credentials.ts';
import type { SecretEntry } from '../settings/schema.ts';
import type { ClusterStatus } from '../status.ts';
import { checkHeadroom, checkIdentity, checkRule, checkTokens, neededEndpoints } from './aws-checks.ts';
import { checkCluster } from './cluster-checks.ts';
import { checkHosts, checkPull } from './registry-checks.ts';
import { type Check, type DoctorReport, passed, runChecks } from './report.ts';

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
function listEndpoints({ ctx: { aws, scope } }: DoctorState) {
  const needed = neededEndpoints(aws, scope).join(', ');
  const reason = `without a NAT it needs the interface endpoints ${needed}, with private DNS: docs/guides/private-clusters.md`;
  return [passed('settings', 'VPC', reason)];
}

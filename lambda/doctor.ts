import pMap from 'p-map';
import type { AwsAccess } from './aws.ts';
import type { Clock, Deadline } from './clock.ts';
import { examineCluster } from './doctor/cluster.ts';
import type { DoctorReport, Finding } from './doctor/doctor-report.ts';
import { listEndpoints } from './doctor/endpoints.ts';
import { notLookedAt, passed } from './doctor/findings.ts';
import { examineIdentity } from './doctor/identity.ts';
import { examinePull } from './doctor/pull.ts';
import { examineHosts } from './doctor/registries.ts';
import { examineRoom, examineRule, ROOM } from './doctor/schedule.ts';
import { examineTokens } from './doctor/tokens.ts';
import { chosenClusters, chosenEntries, type Invocation } from './event.ts';
import { CLUSTERS_AT_ONCE } from './refresh.ts';
import type { PullCredentials } from './registry/credentials.ts';
import type { SecretEntry, Settings } from './settings.ts';
import { VERSION } from './version.ts';

/** The outside of an examination. */
export interface DoctorPorts {
  readonly aws: AwsAccess;
  readonly clock: Clock;
  readonly deadline: Deadline;
  /** Of the rule that starts the function; undefined where this runs outside of its deployment. */
  readonly ruleName?: string | undefined;
  /** Of the deployed function; undefined where this runs outside of its deployment. */
  readonly functionName?: string | undefined;
  /** @throws HelperError */
  readonly readCredentials: (entry: SecretEntry) => Promise<PullCredentials>;
}

/**
 * Walks the whole way of a refresh without writing and says of each step how it stands. A step that fails keeps
 * only those from being looked at that stand on it.
 * @throws NotCoveredError before anything is read; EventError for a repository of a registry that the settings lack
 */
export async function examine(
  ports: DoctorPorts,
  settings: Settings,
  invocation: Invocation,
): Promise<DoctorReport> {
  const { aws, clock, deadline, ruleName, functionName, readCredentials } = ports;
  const { namespaces, repository } = invocation;
  const { signal } = deadline;
  const startedAt = clock.now();
  const clusters = chosenClusters(settings, invocation);
  const entries = chosenEntries(settings, clusters, invocation);
  const { arn, principal, finding: identity } = await examineIdentity(aws, signal);
  const tokens = await examineTokens(entries, readCredentials, aws.inPlace?.credentialsRoleArn ?? principal);
  const { credentials } = tokens;
  const areAll = credentials.size === entries.length;
  const pull = repository ? await examinePull(repository, credentials.values(), areAll, signal) : [];
  const ofClusters = await pMap(
    clusters,
    (cluster) =>
      examineCluster({
        cluster,
        settings,
        entries,
        credentials,
        namespaces,
        functionName,
        principal,
        aws,
        clock,
        deadline,
      }),
    { concurrency: CLUSTERS_AT_ONCE },
  );
  const findings = [
    read(settings),
    ...listEndpoints(settings, aws, clusters, entries),
    identity,
    // in the VPC of an access stack it is looked at by who relays this
    ...(aws.inPlace ? [] : [await examineRule(aws, ruleName, settings, signal)]),
    ...(areAll ? examineRoom(settings, credentials.values()) : notLookedAt(['schedule'], ROOM, 'token')),
    ...tokens.findings,
    ...(await examineHosts(entries, credentials, signal)),
    ...pull,
    ...ofClusters.flat(),
  ];
  return {
    ok: findings.every(({ result }) => result !== 'fail'),
    action: 'doctor',
    startedAt: new Date(startedAt).toISOString(),
    durationMs: clock.now() - startedAt,
    ...(arn && { identity: arn }),
    findings,
  };
}

function read({ name, clusters, secrets }: Settings): Finding {
  const counts = `clusters: ${clusters.length}, secrets: ${secrets.length}`;
  return passed('settings', name, `read and checked by version ${VERSION}: ${counts}`);
}

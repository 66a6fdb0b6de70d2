import { regionOfSecret } from '../aws.ts';
import type { KubernetesClient } from '../cluster/client.ts';
import type { ClusterEndpoint } from '../cluster/eks.ts';
import { connect, type FoundCluster, findCluster, type Opening } from '../cluster/open.ts';
import { clusterRights } from '../cluster/rights.ts';
import { LONGEST_TOKEN } from '../cluster/token.ts';
import type { PullCredentials } from '../registry/credentials.ts';
import { entriesOf } from '../settings/coverage.ts';
import { clusterId, type SecretEntry, type Settings } from '../settings.ts';
import { examinePolicies } from './admission.ts';
import { examineApplies } from './applies.ts';
import { examineArrival } from './arrival.ts';
import type { Finding } from './doctor-report.ts';
import { failed, failedBy, notLookedAt, passed, stepsAfter, unknown } from './findings.ts';
import { describedByKubeconfig } from './kubeconfig.ts';
import { examineNamespaces } from './namespaces.ts';
import { examineAuditLog, examineSubscription } from './new-namespaces.ts';
import { examineRights } from './rights.ts';

/** One cluster, and what was found out before. */
export interface Patient extends Opening {
  readonly settings: Settings;
  /** Those that the run is about. */
  readonly entries: readonly SecretEntry[];
  readonly credentials: ReadonlyMap<SecretEntry, PullCredentials>;
  /** The namespaces that the run is narrowed to. */
  readonly namespaces: readonly string[] | undefined;
  /** Of the deployed function, where that is known. */
  readonly functionName: string | undefined;
}

/** Walks the way into one cluster and looks at each step. Writes nothing and does not throw. */
export async function examineCluster(patient: Patient): Promise<Finding[]> {
  const { cluster, aws } = patient;
  const where = `cluster ${clusterId(cluster)}`;
  const { name, region = aws.region, kubeconfigSecretId: secretId } = cluster;
  const describe = secretId
    ? `aws secretsmanager describe-secret --region ${regionOfSecret(secretId) ?? region} --secret-id ${secretId}`
    : `aws eks describe-cluster --region ${region} --name ${name}`;
  const isTold = patient.settings.newNamespaces !== undefined && patient.settings.enabled;
  const findings = isTold
    ? [await examineSubscription(aws, cluster, patient.functionName, patient.deadline.signal)]
    : [];
  let found: FoundCluster;
  try {
    found = await findCluster(patient);
  } catch (fault) {
    findings.push(failedBy('cluster', where, fault, `See whether it is there: ${describe}`));
    return [...findings, ...notLookedAt(stepsAfter('cluster'), where, 'cluster')];
  }
  const { source } = found;
  let look = `Look at server, certificate-authority-data and tls-server-name of the kubeconfig in ${secretId}.`;
  if ('arn' in source) {
    const hasVpc = Boolean(patient.settings.vpc ?? aws.inPlace);
    findings.push(describedAs(source, hasVpc, where, describe));
    if (isTold) findings.push(examineAuditLog({ name, region }, source, where));
    const signed = await examineBearerToken(found, patient, where);
    findings.push(...signed);
    if (signed.length > 1) return findings;
    look = `Look at its address and authority: ${describe} --query 'cluster.[endpoint,certificateAuthority,resourcesVpcConfig]'`;
  } else findings.push(...describedByKubeconfig(source, where, patient.clock.now()));
  const arrival = await examineArrival(found, patient, where, look);
  findings.push(...arrival.findings);
  if (!arrival.isIn) return findings;
  const client = connect(found, patient);
  try {
    return [...findings, ...(await examineInside(client, patient, where, arrival.isOutsideGroup))];
  } finally {
    await client.close();
  }
}

/** One finding if it could be signed, else also what was not looked at for that. */
async function examineBearerToken(
  { tokens }: FoundCluster,
  { cluster, principal }: Patient,
  where: string,
): Promise<Finding[]> {
  const step = 'bearer token';
  try {
    const length = (await tokens.current())?.reveal().length;
    return [passed(step, where, `${length} of ${LONGEST_TOKEN} characters`)];
  } catch (fault) {
    const role = (cluster.roleArn ?? principal)?.split('/').at(-1) ?? 'ROLE';
    const command = `Look at the tags that its sessions carry: aws iam list-role-tags --role-name ${role}`;
    return [failedBy(step, where, fault, command), ...notLookedAt(stepsAfter(step), where, step)];
  }
}

function describedAs(
  { status, authenticationMode, isPrivate, arn }: ClusterEndpoint,
  hasVpc: boolean,
  where: string,
  describe: string,
): Finding {
  if (status !== 'ACTIVE' && status !== 'UPDATING') {
    return failed('cluster', where, `its status is ${status}`, `Wait until it is ACTIVE: ${describe}`);
  }
  if (isPrivate && !hasVpc) {
    const reason = 'its endpoint can be reached from its VPC only, and the settings name no vpc';
    const remedy = `Unless the construct was given one, set vpc to ids of: ${describe} --query cluster.resourcesVpcConfig`;
    return unknown('cluster', where, reason, remedy);
  }
  const entries = authenticationMode === 'CONFIG_MAP' ? ', which knows no access entries' : '';
  const mode = `authentication mode ${authenticationMode ?? 'unknown'}${entries}`;
  return passed('cluster', where, `${arn}, ${status}, ${mode}`);
}

async function examineInside(
  client: KubernetesClient,
  patient: Patient,
  where: string,
  isOutsideGroup: boolean,
): Promise<Finding[]> {
  const { settings, cluster, namespaces, credentials, clock } = patient;
  const meant = entriesOf(settings, clusterId(cluster));
  const entries = patient.entries.filter((entry) => meant.includes(entry));
  const { concurrency } = settings;
  const rights = await examineRights(client, clusterRights(settings, cluster), { where, concurrency });
  const { findings, matched, areListed } = await examineNamespaces(client.core, entries, namespaces, where);
  const isNarrowed = namespaces !== undefined;
  if (!areListed) {
    const [policy, apply] = [['admission policy'], ['apply']] as const;
    return [
      ...rights,
      ...notLookedAt(policy, where, 'namespaces'),
      ...findings,
      ...notLookedAt(apply, where, 'namespaces'),
    ];
  }
  return [
    ...rights,
    // of somebody else the policies ask nothing
    ...(isOutsideGroup
      ? notLookedAt(['admission policy'], where, 'authentication')
      : await examinePolicies(client, settings.name, matched, where)),
    ...findings,
    ...(await examineApplies({ client, settings, clock }, { matched, isNarrowed }, credentials, where)),
  ];
}

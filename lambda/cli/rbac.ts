import { stringify } from 'yaml';
import { NotCoveredError } from '../errors.ts';
import { mapRoleCommand } from '../kubernetes/eks.ts';
import { authenticationConfiguration, clusterRights } from '../kubernetes/rbac.ts';
import { findCoveredCluster, withResolvedLocations } from '../request.ts';
import { listedClusters } from '../settings/locations.ts';
import { type ClusterSettings, clusterId, type Settings } from '../settings/schema.ts';
import { invokedAs, shellWord, UsageError } from './io.ts';

/**
 * The permissions of a deployment in its clusters as YAML for `kubectl apply -f -`, with the commands that map the
 * function's role in each of them as comments.
 * @param only the id of one cluster, or the ARN of one that a discover covers; required if their permissions differ
 * @param region of the stack, for the commands; without it they use the default region of the AWS CLI
 * @throws UsageError if the permissions of several clusters differ, or `only` names no covered cluster
 */
export function rbacManifest(
  settings: Settings,
  { only, region }: { only?: string | undefined; region?: string | undefined } = {},
): string {
  const ofArn = only?.startsWith('arn:') ? only.split(':')[3] : undefined;
  const placed = withResolvedLocations(settings, region ?? ofArn ?? '');
  const listed = listedClusters(placed);
  const clusters = only === undefined ? listed : [findCluster(placed, only)];
  const ids = listed.map(clusterId).join(', ');
  const manifests = clusters.map((cluster) => toYaml(clusterRights(settings, cluster)));
  const [manifest] = manifests;
  if (manifest === undefined) {
    throw new UsageError('a discover finds all clusters of the settings; choose one with --cluster ARN');
  }
  if (manifests.some((other) => other !== manifest)) {
    throw new UsageError(`the permissions of ${ids} differ; choose one with --cluster ID`);
  }
  const usesOwnRole = clusters.some(
    ({ roleArn, kubeconfigSecretId, webIdentity }) => webIdentity ?? (!roleArn && !kubeconfigSecretId),
  );
  const comments = [
    `The permissions of ${settings.name} in ${clusters.map(clusterId).join(', ')}, for kubectl apply.`,
    ...(usesOwnRole ? ['', ...roleComments(settings.name, region)] : []),
    ...clusters.flatMap((cluster) => ['', ...accessComments(settings.name, cluster, region)]),
  ];
  return `${comments.map((line) => `# ${line}`.trimEnd()).join('\n')}\n---\n${manifest}`;
}

const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/;

/**
 * The AuthenticationConfiguration, as YAML, of the API server of a cluster with `webIdentity`.
 * @param only the id of the cluster; required if there are several
 * @throws UsageError for another cluster, or without issuer and role
 */
export function authenticationManifest(
  settings: Settings,
  { only, issuer, role: roleArn }: Partial<Record<'only' | 'issuer' | 'role', string | undefined>>,
): string {
  if (!issuer || !roleArn) throw new UsageError('--issuer and --role go together');
  if (!issuer.startsWith('https://')) throw new UsageError(`--issuer ${issuer} is not an https URL`);
  // both become part of expressions
  if (!ROLE_ARN.test(roleArn)) throw new UsageError(`--role ${roleArn} is not the ARN of a role`);
  const clusters = listedClusters(settings).filter(
    (cluster) => cluster.webIdentity && (only === undefined || clusterId(cluster) === only),
  );
  const [cluster, ...others] = clusters;
  if (!cluster || others.length > 0) {
    throw new UsageError('--issuer is for one cluster with webIdentity; choose it with --cluster ID');
  }
  return toYaml([authenticationConfiguration(settings, cluster, { issuer, roleArn })]);
}

/** A listed cluster by its id, or by its ARN one that a discover covers. */
function findCluster(placed: Settings, only: string): ClusterSettings {
  try {
    return findCoveredCluster(placed, only);
  } catch (fault) {
    if (!(fault instanceof NotCoveredError)) throw fault;
    throw new UsageError(fault.problem.replace('event: ', '--cluster: '));
  }
}

function toYaml(objects: readonly object[]): string {
  const options = { lineWidth: 0, aliasDuplicateObjects: false };
  return objects.map((object) => stringify(object, options)).join('---\n');
}

function roleComments(stack: string, region: string | undefined): string[] {
  const ofRegion = region ? ` --region ${region}` : '';
  const query = `--query "Stacks[0].Outputs[?OutputKey=='FunctionRoleArn'].OutputValue" --output text`;
  return [
    "The function's role, for the commands below:",
    `  ROLE_ARN=$(aws cloudformation describe-stacks --stack-name ${stack}${ofRegion} ${query})`,
  ];
}

/** How the function gets access to a cluster: by a kubeconfig, or by its role in either authentication mode. */
function accessComments(group: string, cluster: ClusterSettings, stackRegion: string | undefined): string[] {
  const { name, region = stackRegion, roleArn = '"$ROLE_ARN"', kubeconfigSecretId, webIdentity } = cluster;
  if (webIdentity) {
    const issuer =
      '$(aws iam get-outbound-web-identity-federation-info --query IssuerIdentifier --output text)';
    const again = [invokedAs, ...process.argv.slice(2).map(shellWord)].join(' ');
    return [
      `Have the API server of ${clusterId(cluster)} trust the role: write its configuration, and start it with --authentication-config=FILE (docs/guides/web-identity.md):`,
      `  ${again} --cluster ${clusterId(cluster)} --issuer "${issuer}" --role ${roleArn}`,
    ];
  }
  if (kubeconfigSecretId) {
    return [
      `Who comes to ${clusterId(cluster)} with the kubeconfig in ${kubeconfigSecretId} has to be in the group ${group}, by a client certificate:`,
      `  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${group}.key -out ${group}.csr -subj "/O=${group}/CN=${group}"`,
      'How to have it signed, and to put it into a kubeconfig: docs/guides/kubeconfig-clusters.md',
    ];
  }
  const mapRole = (authenticationMode: string) =>
    mapRoleCommand({ cluster: { name, region }, roleArn, group, authenticationMode }, 'create');
  return [
    `Map the role in ${clusterId(cluster)}, if the authentication mode is API or API_AND_CONFIG_MAP:`,
    `  ${mapRole('API')}`,
    'or if it is CONFIG_MAP:',
    `  ${mapRole('CONFIG_MAP')}`,
  ];
}

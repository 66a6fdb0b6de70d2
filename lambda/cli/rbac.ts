import { stringify } from 'yaml';
import { NotCoveredError } from '../errors.ts';
import { mapRoleCommand } from '../kubernetes/eks.ts';
import { clusterRights, type Manifest } from '../kubernetes/rbac.ts';
import { findCoveredCluster, withResolvedLocations } from '../request.ts';
import { listedClusters } from '../settings/locations.ts';
import { type ClusterSettings, clusterId, type Settings } from '../settings/schema.ts';
import { UsageError } from './io.ts';

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
  const usesOwnRole = clusters.some(({ roleArn, kubeconfigSecretId }) => !roleArn && !kubeconfigSecretId);
  const comments = [
    `The permissions of ${settings.name} in ${clusters.map(clusterId).join(', ')}, for kubectl apply.`,
    ...(usesOwnRole ? ['', ...roleComments(settings.name, region)] : []),
    ...clusters.flatMap((cluster) => ['', ...accessComments(settings.name, cluster, region)]),
  ];
  return `${comments.map((line) => `# ${line}`.trimEnd()).join('\n')}\n---\n${manifest}`;
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

function toYaml(objects: readonly Manifest[]): string {
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
  const { name, region = stackRegion, roleArn = '"$ROLE_ARN"', kubeconfigSecretId } = cluster;
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

import { stringify } from 'yaml';
import { withoutPath } from '../cluster/aws-auth.ts';
import { clusterRights, type Manifest } from '../cluster/rights.ts';
import { NotCoveredError, SettingsError } from '../errors.ts';
import { coveredCluster } from '../settings/covered-cluster.ts';
import { discoveriesOf, listedClusters } from '../settings/fleet-settings.ts';
import { located } from '../settings/located.ts';
import { type ClusterSettings, clusterId, type Settings } from '../settings.ts';

/**
 * The rights of a deployment in its clusters as YAML for `kubectl apply -f -`; comments say how to let the
 * function's role into each of them.
 * @param only the id of one cluster, or the ARN of one that a discover covers; needed when their rights differ
 * @param region of the stack, for the commands; without it they take the CLI's
 * @throws SettingsError when the rights of several clusters differ, or `only` names none
 */
export function rbacManifest(
  settings: Settings,
  { only, region }: { only?: string | undefined; region?: string | undefined } = {},
): string {
  const ofArn = only?.startsWith('arn:') ? only.split(':')[3] : undefined;
  const placed = located(settings, region ?? ofArn ?? '');
  const listed = listedClusters(placed);
  const clusters = only === undefined ? listed : [chosen(placed, only)];
  const ids = listed.map(clusterId).join(', ');
  const manifests = clusters.map((cluster) => documents(clusterRights(settings, cluster)));
  const [manifest] = manifests;
  if (manifest === undefined) {
    throw new SettingsError(
      'clusters: all of them are found by a discover; take one by its ARN with --cluster-id ARN',
    );
  }
  if (manifests.some((other) => other !== manifest)) {
    throw new SettingsError(`the rights of ${ids} differ; take one at a time with --cluster-id ID`);
  }
  const comments = [
    `What ${settings.name} may do in ${clusters.map(clusterId).join(', ')}; kubectl apply takes it from here.`,
    ...(clusters.every(({ roleArn, kubeconfigSecretId }) => roleArn ?? kubeconfigSecretId)
      ? []
      : ['', ...roleCommand(settings.name, region)]),
    ...clusters.flatMap((cluster) => ['', ...wayIn(settings, cluster, region)]),
  ];
  return `${comments.map((line) => `# ${line}`.trimEnd()).join('\n')}\n---\n${manifest}`;
}

/** A listed cluster by its id, or by its ARN one that a discover covers. */
function chosen(placed: Settings, only: string): ClusterSettings {
  try {
    return coveredCluster(placed, only);
  } catch (fault) {
    if (!(fault instanceof NotCoveredError)) throw fault;
    const ids = listedClusters(placed).map(clusterId);
    const arns = discoveriesOf(placed).length > 0 ? ['by its ARN what a discover covers'] : [];
    throw new SettingsError(`there is no cluster ${only}; known are ${[...ids, ...arns].join(', ')}`);
  }
}

function documents(objects: readonly Manifest[]): string {
  return objects
    .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}

function roleCommand(stack: string, region: string | undefined): string[] {
  const query = `--query "Stacks[0].Outputs[?OutputKey=='FunctionRoleArn'].OutputValue" --output text`;
  return [
    "The function's role, for the commands below:",
    `  ROLE_ARN=$(aws cloudformation describe-stacks --stack-name ${stack}${option('region', region)} ${query})`,
  ];
}

function wayIn(settings: Settings, cluster: ClusterSettings, stackRegion: string | undefined): string[] {
  const { name } = settings;
  const { kubeconfigSecretId } = cluster;
  if (!kubeconfigSecretId) return entryCommands(settings, cluster, stackRegion);
  return [
    `Who comes to ${clusterId(cluster)} with the kubeconfig in ${kubeconfigSecretId} has to be in the group ${name}, by a client certificate:`,
    `  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key -out ${name}.csr -subj "/O=${name}/CN=${name}"`,
    'How to have it signed, and to put it into a kubeconfig: docs/guides/kubeconfig-clusters.md',
  ];
}

/** The commands that let the role into a cluster, for either of its authentication modes. */
function entryCommands(
  { name }: Settings,
  cluster: ClusterSettings,
  stackRegion: string | undefined,
): string[] {
  const at = option('region', cluster.region ?? stackRegion);
  const role = cluster.roleArn ?? '"$ROLE_ARN"';
  return [
    `Let it into ${clusterId(cluster)}, if the authentication mode is API or API_AND_CONFIG_MAP:`,
    `  aws eks create-access-entry --cluster-name ${cluster.name}${at} --principal-arn ${role} --kubernetes-groups ${name}`,
    'or if it is CONFIG_MAP:',
    `  eksctl create iamidentitymapping --cluster ${cluster.name}${at} --arn ${withoutPath(role)} --group ${name} --username ${name} --no-duplicate-arns`,
  ];
}

function option(name: string, value: string | undefined): string {
  return value ? ` --${name} ${value}` : '';
}

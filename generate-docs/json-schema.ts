import * as z from 'zod';
import { settingsSchema } from '../lambda/settings/rules.ts';

/**
 * What each field of the settings means. It is not in the schema, as the function's bundle needs no descriptions.
 * The JSON Schema, docs/reference/settings.md and the types of the package are generated from it: `npm run docs:reference`.
 */
export const DESCRIPTIONS: Readonly<Record<string, string>> = {
  name: 'Name of the deployment, unique in its account and region. The stack, the function, its rule, the Kubernetes group, the ClusterRole, the admission policy, the field manager and the metrics have this name; queues, topic, alarms and dashboard begin with it.',
  clusters: 'Clusters to refresh. Each element names one cluster, or finds clusters with `discover`.',
  'clusters[].name': 'Name of the EKS cluster. With `kubeconfigSecretId`, any name for the cluster.',
  'clusters[].id': 'Unique id of the cluster in events, reports and metrics. Default: `name`.',
  'clusters[].region': 'AWS region of the cluster. Default: the region of the function.',
  'clusters[].accountId': 'AWS account of the cluster. Default: the account of the function.',
  'clusters[].roleArn':
    'ARN of your own IAM role, which the function assumes to call the cluster. The access entry is for this role. Default: the role of the access stack; in the account and region of the function, its own role.',
  'clusters[].rbac':
    'Who applies the RBAC: `apply` is the stack, `manual` is you. Default: `apply` where one of the stacks can, else `manual`.',
  'clusters[].kubeconfigSecretId':
    'For a cluster that is not EKS: name or ARN of the Secrets Manager secret with a kubeconfig.',
  'clusters[].kmsKeyArn': 'ARN of the customer managed KMS key of `kubeconfigSecretId`.',
  'clusters[].publicCertificate':
    'With `kubeconfigSecretId` or `server`: the API server has a certificate of a public authority, and neither the kubeconfig nor `caData` names one. Default: `false`.',
  'clusters[].server':
    'For a cluster that is not EKS: URL of its API server, `https://HOST:PORT`. With `webIdentity`.',
  'clusters[].caData':
    'With `server`: the certificate authority of the API server, PEM in base64, as `certificate-authority-data` in a kubeconfig.',
  'clusters[].webIdentity':
    'The API server trusts the role of the function by tokens of AWS STS: nothing is stored. With `server`, or with the `kubeconfigSecretId` of a kubeconfig without credentials.',
  'clusters[].webIdentity.audience':
    'Audience of the tokens, unlike that of any other cluster. Default: the names of deployment and cluster, `NAME/ID`.',
  'clusters[].discover':
    'In place of `name`: finds EKS clusters by name or tag, also in other accounts and regions.',
  'clusters[].discover.accounts': 'AWS accounts to search. Default: the account of the function.',
  'clusters[].discover.regions': 'AWS regions to search. Default: the region of the function.',
  'clusters[].discover.names':
    'Names of clusters, or globs (`*`). At least one of `names` and `tag` is required; with both, a cluster must match both. Default: `["*"]` with `tag`.',
  'clusters[].discover.tag': 'Tag that a cluster must have.',
  'clusters[].discover.tag.key': 'Key of the tag.',
  'clusters[].discover.tag.value': 'Exact value of the tag.',
  'clusters[].discover.roleName':
    'Name of your own IAM role, which the function assumes in each of `accounts`. Default: the role of the access stack; in the account and region of the function, its own role.',
  secrets:
    'Entries: the pull secrets to write, and repository secrets of Argo CD. For each cluster, namespace and name of a pull secret, the first entry that matches applies.',
  'secrets[].name': 'Name of the pull secret.',
  'secrets[].registries': 'Registries whose credentials are in the pull secret.',
  'secrets[].registries[ecr].type': 'A private ECR registry.',
  'secrets[].registries[ecr].region': 'AWS region of the registry. Default: the region of the function.',
  'secrets[].registries[ecr].accountId': 'AWS account of the registry. Default: the account of the function.',
  'secrets[].registries[ecr].repositories':
    'Names or globs (`*`) of the repositories that the IAM policy of the function allows to pull.',
  'secrets[].registries[ecr].roleArn':
    'ARN of an IAM role, which the function assumes to get the token. Default: the role of the function.',
  'secrets[].registries[ecr].keysSecretId':
    'Name or ARN of the Secrets Manager secret with static access keys, with which the function gets the token.',
  'secrets[].registries[ecr].kmsKeyArn': 'ARN of the customer managed KMS key of `keysSecretId`.',
  'secrets[].registries[ecr].fips':
    'Gets the token from a FIPS endpoint, and adds the FIPS host of the registry to the pull secret. Default: `false`.',
  'secrets[].registries[ecr].dualStack':
    'Gets the token from a dual-stack endpoint (IPv4 and IPv6), and adds the dual-stack host of the registry to the pull secret. Default: `false`.',
  'secrets[].registries[ecr].pullThroughCache':
    'Prefixes of pull-through cache rules whose images a first pull may import; `ROOT` for a rule without a prefix.',
  'secrets[].registries[ecr].hosts': 'More hosts that accept the same token. The pull secret has them too.',
  'secrets[].registries[ecr-public].type': 'ECR Public, `public.ecr.aws`.',
  'secrets[].registries[stored].type':
    'A docker config JSON in Secrets Manager. Its `auths` become part of the pull secret.',
  'secrets[].registries[stored].secretId':
    'Name or ARN of the Secrets Manager secret with the docker config JSON.',
  'secrets[].registries[stored].kmsKeyArn': 'ARN of the customer managed KMS key of `secretId`.',
  'secrets[].repositories':
    'Names or globs (`*`) of repositories. The tokens of this entry can pull only these; CDK creates an IAM role for it. Default: the tokens can pull what the function can pull.',
  'secrets[].namespaces': 'Namespaces that get the pull secret.',
  'secrets[].namespaces.include': 'Names or globs (`*`) of namespaces.',
  'secrets[].namespaces.exclude': 'Names or globs (`*`) of namespaces that do not get the pull secret.',
  'secrets[].namespaces.selector':
    'Label selector that a namespace must match too, as for `kubectl get namespaces --selector`. Default: all labels.',
  'secrets[].clusters':
    'Ids or globs (`*`) of clusters that the entry covers. A discovered cluster is matched by its name.',
  'secrets[].adoptFrom':
    'Field managers whose existing secrets of this name the function adopts, by exact name. `*` adopts the secrets of every field manager.',
  'secrets[].recreate': 'Deletes and re-creates a secret of this name that has another type or is immutable.',
  'secrets[].serviceAccounts': 'Names of service accounts that get the pull secret in `imagePullSecrets`.',
  'secrets[].injectPods':
    'Has the API server add the pull secret to the `imagePullSecrets` of new pods with an image of these registries. Needs Kubernetes 1.36.',
  'secrets[].labels':
    'Labels of the pull secret beside those of the function, for policies that demand them. All entries together may have 100 different keys.',
  'secrets[].annotations':
    'Annotations of the pull secret beside those of the function. At most 200,000 bytes; all entries together may have 100 different keys.',
  'secrets[argocd-repository].type':
    'The repository secret of Argo CD. The function fills in `username` and `password`, and nothing else.',
  'secrets[argocd-repository].name': 'Name of the secret, as it is declared.',
  'secrets[argocd-repository].namespace': 'Namespace of the secret.',
  'secrets[argocd-repository].url':
    'The `url` of the secret, exactly as it is declared there. Account and region of the token follow from it, and the repositories that the IAM policy of the function allows to pull: its path, and what is under it. It needs a path: Argo CD takes the url for a prefix, and would send the token to each host whose name begins with a bare host.',
  'secrets[argocd-repository].enableOCI':
    'Whether `enableOCI` of the secret is `"true"`, as for a Helm chart.',
  'secrets[argocd-repository].roleArn':
    'ARN of an IAM role, which the function assumes to get the token. Default: the role of the function.',
  'secrets[argocd-repository].clusters':
    'Ids or globs (`*`) of clusters that have the secret. A discovered cluster is matched by its name.',
  schedule:
    'Schedule of the refresh, an EventBridge expression `rate(...)` or `cron(...)`. It must run every day, with at most 10 hours between two runs.',
  fleet:
    'Refreshes each cluster in an invocation of its own, which a state machine starts. With `discover` it is always `true`.',
  enabled: 'Whether the schedule is enabled; `false` suspends it.',
  cleanup:
    'Allows the `cleanup` action to delete secrets with the label and the `Apply` entry of this deployment, and grants the permission for it.',
  newNamespaces:
    '`audit-log`: the audit log of an EKS cluster starts a refresh of each new namespace. Only for clusters in the account and region of the stack. Default: a new namespace waits for the next run.',
  storedChanges:
    'Starts a refresh as soon as the value of a secret of a registry in Secrets Manager changes.',
  alarmTopic: 'ARN of your own SNS topic for the alarms. Default: the stack creates a topic.',
  alarmEmail: 'Email address that the stack subscribes to the topic that it creates.',
  tags: 'Tags of all resources that take tags, in the stack of the function and in access stacks.',
  'tags[].key': 'Key of the tag.',
  'tags[].value': 'Value of the tag.',
  logRetentionDays:
    'Days that CloudWatch Logs keeps the logs of all functions, also in access stacks: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365 or one of the longer periods that it offers. Default: 90.',
  kmsKeyArn:
    'ARN of the customer managed KMS key of logs, queues, the topic that the stack creates, and the environment of the function. Its policy must allow CloudWatch and CloudWatch Logs. Default: the keys of AWS.',
  permissionsBoundary:
    'Name of the IAM policy, with its path, that is the permissions boundary of all roles. Each account with a stack must have it.',
  stateMachineLogs: 'Logs the executions of the state machine of a fleet, without their data.',
  concurrency: 'Maximum number of concurrent requests to a cluster. More than 24 counts as 24.',
  accountId:
    'AWS account of the function. With `accountId` and `region`, CDK creates an access stack for each other account and region that has clusters.',
  region: 'AWS region of the function. See `accountId`.',
  accessStacks: 'Options of access stacks. An access stack without options needs no element.',
  'accessStacks[].accountId': 'AWS account of the access stack.',
  'accessStacks[].region': 'AWS region of the access stack.',
  'accessStacks[].externalId': 'External id that the trust policy of the access role requires.',
  'accessStacks[].kmsKeyArn':
    'ARN of the customer managed KMS key of logs and of the environment of the VPC function in this account and region.',
  'accessStacks[].vpc':
    'VPC of a function in the account and region of the access stack, which calls the private endpoints of its clusters.',
  vpc: 'VPC of the function, to call private cluster endpoints.',
  'vpc.vpcId': 'Id of the VPC.',
  'vpc.subnetIds': 'Ids of the subnets.',
  'vpc.securityGroupIds': 'Ids of the security groups.',
  'vpc.ipv6': 'Lets the function use IPv6; the subnets must be dual-stack. Default: `false`.',
  $schema: 'URL or path of this JSON Schema, for editors. The function ignores it.',
};

/** Every keyword of JSON Schema that the settings use. */
export interface JsonSchema {
  type?: string;
  const?: string;
  enum?: string[];
  default?: unknown;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  /** Of a map, the values; `false` where unknown fields are errors. */
  additionalProperties?: JsonSchema | false;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
}

/** The JSON Schema of the settings as they are written, with a description of each field. */
export function settingsJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(settingsSchema(), { io: 'input' }) as JsonSchema;
  for (const { path, field } of fieldsOf(schema)) {
    const description = DESCRIPTIONS[path.replace(/^accessStacks\[\]\.vpc\./, 'vpc.')];
    if (description) field.description = description;
  }
  return schema;
}

/** A field of a JSON Schema; the path of an element in a list names its type, such as `registries[ecr]`. */
interface SchemaField {
  /** Of the object that has the field; empty at the top. */
  readonly parent: string;
  readonly path: string;
  readonly name: string;
  readonly field: JsonSchema;
  readonly isRequired: boolean;
}

/** The fields of a schema and of the objects in it, each before those within it. */
export function fieldsOf({ properties = {}, required = [] }: JsonSchema, parent = ''): SchemaField[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = parent ? `${parent}.${name}` : name;
    const { anyOf, oneOf = anyOf ?? [field.items ?? {}] } = field.items ?? {};
    return [
      { parent, path, name, field, isRequired: required.includes(name) },
      ...fieldsOf(field, path),
      ...oneOf.flatMap((element) => fieldsOf(element, `${path}[${element.properties?.type?.const ?? ''}]`)),
    ];
  });
}

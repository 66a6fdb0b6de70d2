import { HelperError } from '../../lambda/errors.ts';
import { mapRoleCommand } from '../../lambda/kubernetes/eks.ts';

const RUN_AGAIN = 'Run it again; if it persists, contact AWS support.';
const endpointFix = (service: string, region: string) =>
  `Check that ${service} of ${region} can be reached from here: a VPC without a NAT needs the interface endpoint ${service}, with private DNS (docs/guides/private-clusters.md). The next run retries transient errors.`;
const enabledFix = (region: string) =>
  `Check that ${region} is enabled for this identity; the next run retries transient errors.`;

/** The errors that runs have to report, as their users read them. */
export const clusterNotFoundError = (cluster: string, region: string) =>
  new HelperError(
    'ClusterNotFoundError',
    `there is no EKS cluster ${cluster} in ${region}`,
    `Correct name, region or roleArn of the cluster in the settings. See the clusters there: aws eks list-clusters --region ${region}`,
  );

export const clusterNotReadyError = (cluster: string, status: string, lack: string) =>
  new HelperError(
    'ClusterNotReadyError',
    `the EKS cluster ${cluster} has no ${lack} (its status is ${status})`,
    'Wait until the cluster is ACTIVE; the next run includes it.',
  );

export const clusterCaError = (cluster: string, problem: string, region = 'eu-west-1') =>
  new HelperError(
    'ClusterCaError',
    `the certificate authority of the EKS cluster ${cluster} ${problem}`,
    `Without it the API server cannot be trusted. Check the cluster: aws eks describe-cluster --region ${region} --name ${cluster}`,
  );

export const clusterAccountError = (cluster: string, found: string, wanted: string) =>
  new HelperError(
    'ClusterAccountError',
    `the EKS cluster ${cluster} is in account ${found}, but the settings say ${wanted}`,
    `Give the cluster a roleArn of ${wanted}, or correct its accountId.`,
  );

export const clusterCallError = (cluster: string, region: string, code: string) =>
  new HelperError(
    'ClusterCallError',
    `could not describe the EKS cluster ${cluster} in ${region} (${code})`,
    code === 'AccessDeniedException'
      ? 'Allow eks:DescribeCluster on it to the identity that the function uses there.'
      : enabledFix(region),
  );

/** @param deployCommand as `DEPLOYED_BY` of the emulated function gives it */
export const assumeRoleError = (
  roleArn: string,
  code: string,
  region = 'eu-west-1',
  deployCommand = 'npx cdk deploy --all -c settings=settings.json',
) =>
  new HelperError(
    'AssumeRoleError',
    `could not assume the role ${roleArn} (${code})`,
    code === 'AccessDenied'
      ? `Allow the function's role in its trust policy, and sts:AssumeRole on it in the function's policy. If it is the role of an access stack, deploy it: ${deployCommand}`
      : endpointFix('sts', region),
  );

export const unauthorizedError = (cluster: string, region: string, roleArn: string, group: string) =>
  new HelperError(
    'UnauthorizedError',
    `EKS cluster ${cluster} rejected the function's IAM role (401 Unauthorized)`,
    `Check that it is the right cluster, then give the role an access entry: ${mapRoleCommand(
      { cluster: { name: cluster, region }, roleArn, group, authenticationMode: 'API' },
      'create',
    )}`,
  );

export const serverBusyError = (code: number) =>
  new HelperError(
    'ServerBusyError',
    `the API server answered ${code} until the end of the run`,
    'Check the health of the control plane; the next run retries transient errors.',
  );

export const unexpectedAnswerError = (code: number, reason: string, fields: readonly string[]) =>
  new HelperError(
    'UnexpectedAnswerError',
    `the API server answered ${code} ${reason}${fields.length > 0 ? ` at ${fields.join(', ')}` : ''}`,
    "Search the API server's audit log for this request.",
  );

export const ecrCallError = (region: string, code: string) =>
  new HelperError(
    'EcrCallError',
    `could not get an ECR authorization token in ${region} (${code})`,
    code === 'AccessDeniedException'
      ? 'Allow ecr:GetAuthorizationToken on * to the identity that this registry uses.'
      : code === 'TimeoutError'
        ? endpointFix('ecr.api', region)
        : enabledFix(region),
  );

export const ecrTokenMissingError = (region: string, lack: string) =>
  new HelperError('EcrTokenMissingError', `the answer of ECR in ${region} has no ${lack}`, RUN_AGAIN);

export const ecrTokenMalformedError = (region: string, problem: string) =>
  new HelperError('EcrTokenMalformedError', `the token of ECR in ${region} ${problem}`, RUN_AGAIN);

export const ecrEndpointError = (region: string, endpoint: string) =>
  new HelperError(
    'EcrEndpointError',
    `the registry endpoint of ECR in ${region} is not an endpoint of AWS: ${endpoint}`,
    'AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_ECR or endpoint_url in the AWS profile point to an emulator of AWS such as LocalStack. Ignore them: export AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true',
  );

export const secretCallError = (secretId: string, code: string) =>
  new HelperError(
    'SecretCallError',
    `could not read the Secrets Manager secret ${secretId} (${code})`,
    'Allow secretsmanager:GetSecretValue on it to the function, and kms:Decrypt if it has a key of your own (kmsKeyArn).',
  );

export const secretMissingError = (secretId: string) =>
  new HelperError(
    'SecretMissingError',
    `the Secrets Manager secret ${secretId} does not exist`,
    'Create it, or correct its id or region in the settings.',
  );

export const secretBinaryError = (secretId: string) =>
  new HelperError(
    'SecretBinaryError',
    `the Secrets Manager secret ${secretId} is binary`,
    'Store its value as a string (SecretString).',
  );

export const secretNotJsonError = (secretId: string) =>
  new HelperError(
    'SecretNotJsonError',
    `the Secrets Manager secret ${secretId} is not a JSON object`,
    'Store a JSON object in it.',
  );

export const hostTakenError = (host: string) =>
  new HelperError(
    'HostTakenError',
    `two registries of this entry serve ${host}`,
    'Remove one of them, or move it to an entry with another name.',
  );

export const hostPathTakenError = (path: string, host: string) =>
  new HelperError(
    'HostPathTakenError',
    `a stored docker config of this entry has ${path}, which kubelet tries before the token for ${host}`,
    `Remove ${path} from that docker config in Secrets Manager.`,
  );

/**
 * The base of every error that a person acts on: `problem` says what is wrong with which object, `remedy` what to
 * do, and the message both. None carries a cause: what a failed call said may echo a secret.
 */
export abstract class HelperError extends Error {
  readonly problem: string;
  readonly remedy: string;

  constructor(problem: string, remedy: string) {
    super(`${problem}. ${remedy}`);
    this.name = new.target.name;
    this.problem = problem;
    this.remedy = remedy;
  }
}

/** The codes of a service that was not reached at all, as Node and the SDK name them. */
const NOT_REACHED =
  /^(?:TimeoutError|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;

/** What to do about a call to AWS: `usual`, but where the service was not reached, what a VPC may lack. */
function remedyOf(code: string, service: string, where: string, usual: string): string {
  if (!NOT_REACHED.test(code)) return usual;
  return `Check that ${service} of ${where} can be reached from here: a VPC without a NAT needs the interface endpoint ${service}, with private DNS (docs/guides/private-clusters.md). Passing faults mend themselves with the next run.`;
}

export class SettingsError extends HelperError {
  constructor(problem: string) {
    super(`settings: ${problem}`, 'Correct the settings and deploy again.');
  }
}

const USUAL_EVENTS = 'Send {} to refresh everything, or { "action": "plan" } to see what it would do.';

export class EventError extends HelperError {
  constructor(problem: string, { remedy = USUAL_EVENTS } = {}) {
    super(`event: ${problem}`, remedy);
  }
}

export class CleanupOffError extends HelperError {
  constructor() {
    super(
      'settings: cleanup is not set, so nothing may be removed',
      'Set "cleanup": true and deploy; where rbac is manual, apply the rights of these settings as well.',
    );
  }
}

/** An entry covers nothing, which may be a typo: what it was for must not be taken for left over. */
export class UnclearCoverageError extends HelperError {
  constructor(problem: string) {
    super(
      `${problem}, so what the settings cover is unclear and nothing was removed`,
      'Correct namespaces of this entry, deploy, and ask again.',
    );
  }
}

/** The event names something that the settings do not cover: it may narrow them and never widen them. */
export class NotCoveredError extends HelperError {
  constructor(what: 'cluster' | 'namespace' | 'log group', name: string, known: string) {
    super(
      `event: the settings cover no ${what} ${JSON.stringify(name)}; ${known}`,
      `Add it to the settings, or leave it out.`,
    );
  }
}

/** One invocation is not for a whole fleet. */
export class FleetEventError extends HelperError {
  constructor(action: string) {
    super(
      `event: the settings are of a fleet, and a ${action} names no clusters`,
      'Start the state machine to refresh all; or name clusters, by id or ARN, in "clusters".',
    );
  }
}

export class FleetTooLargeError extends HelperError {
  constructor(count: number, most: number) {
    super(
      `${count} clusters were found, and a fleet takes ${most}`,
      'Narrow what discover finds, and make a deployment (with a name of its own) for each part.',
    );
  }
}

/** A `discover` finds no cluster at all, which may be a typo. */
export class NothingFoundError extends HelperError {
  constructor() {
    super(
      'no cluster is found by it',
      'Correct its accounts, regions, names or tag, or tag a cluster; one that is being made or deleted does not count.',
    );
  }
}

export class ListClustersError extends HelperError {
  constructor(where: string, code: string) {
    super(
      `the EKS clusters of ${where} could not be listed (${code})`,
      code === 'AccessDeniedException'
        ? 'Allow eks:ListClusters on * to the identity that the function uses there.'
        : remedyOf(
            code,
            'eks',
            'that region',
            'Check that the region is enabled in that account; passing faults mend themselves with the next run.',
          ),
    );
  }
}

/** Some clusters of a fleet were not refreshed, or none was found: thrown so that the state machine fails. */
export class FleetFailedError extends HelperError {
  constructor(summary: string) {
    super(summary, 'The report of each run in the log says what failed and what to do.');
  }
}

export class AssumeRoleError extends HelperError {
  constructor(roleArn: string, code: string) {
    super(
      `the role ${roleArn} could not be assumed (${code})`,
      code === 'AccessDenied'
        ? "If it is the role of an access stack, deploy that: npx cdk deploy --all. Else let its trust policy name the function's role, and the function's policy sts:AssumeRole on it."
        : remedyOf(
            code,
            'sts',
            "the function's own region",
            'Check the role; passing faults mend themselves with the next run.',
          ),
    );
  }
}

/** The function in the VPC of an access stack gave no answer. */
export class RelayError extends HelperError {
  constructor(functionArn: string, code: string) {
    super(
      `the function ${functionArn}, from whose VPC the cluster is reached, gave no answer (${code})`,
      code === 'ResourceNotFoundException' || code === 'AccessDeniedException'
        ? 'Deploy its access stack: npx cdk deploy --all.'
        : 'Its log says why; passing faults mend themselves with the next run.',
    );
  }
}

/** Which role an entry with `repositories` has is told to the deployed function alone, and only that may assume it. */
export class PullRoleUnknownError extends HelperError {
  constructor(secret: string) {
    super(
      `the entry of ${secret} has repositories, and its pull role is not known here`,
      'Ask the deployed function (leave --local out), which alone may assume it; the stack tells it PULL_ROLE_PREFIX.',
    );
  }
}

export class EcrCallError extends HelperError {
  constructor(region: string, code: string) {
    super(
      `ECR in ${region} gave no token (${code})`,
      code === 'AccessDeniedException'
        ? 'Allow ecr:GetAuthorizationToken on * to the identity that this registry uses.'
        : remedyOf(
            code,
            'ecr.api',
            region,
            `Check that this identity is enabled in ${region}; passing faults mend themselves with the next run.`,
          ),
    );
  }
}

export class EcrPublicCallError extends HelperError {
  constructor(code: string) {
    super(
      `ECR Public gave no token (${code})`,
      code === 'AccessDeniedException'
        ? "Allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on * to the function's role."
        : 'It is asked in us-east-1 of the commercial partition, and has no interface endpoint, so a VPC needs a NAT: check that it can be reached; passing faults mend themselves with the next run.',
    );
  }
}

export class EcrTokenMissingError extends HelperError {
  constructor(region: string, lack: string) {
    super(`the answer of ECR in ${region} has no ${lack}`, 'Run it again; if it stays, ask AWS support.');
  }
}

export class EcrTokenMalformedError extends HelperError {
  constructor(region: string, problem: string) {
    super(`the token of ECR in ${region} ${problem}`, 'Run it again; if it stays, ask AWS support.');
  }
}

export class SecretCallError extends HelperError {
  constructor(secretId: string, code: string) {
    super(
      `the Secrets Manager secret ${secretId} could not be read (${code})`,
      remedyOf(
        code,
        'secretsmanager',
        'its region',
        'Allow secretsmanager:GetSecretValue on it to the function, and kms:Decrypt on its key if that is your own (kmsKeyArn).',
      ),
    );
  }
}

export class SecretMissingError extends HelperError {
  constructor(secretId: string) {
    super(
      `there is no Secrets Manager secret ${secretId}`,
      'Create it, or correct its id or region in the settings.',
    );
  }
}

export class SecretBinaryError extends HelperError {
  constructor(secretId: string) {
    super(`the Secrets Manager secret ${secretId} is binary`, 'Store its value as a string (SecretString).');
  }
}

export class SecretNotJsonError extends HelperError {
  constructor(secretId: string) {
    super(`the Secrets Manager secret ${secretId} is not a JSON object`, 'Store a JSON object in it.');
  }
}

export class SecretKeyError extends HelperError {
  constructor(secretId: string, key: string, problem: string) {
    super(`the Secrets Manager secret ${secretId}: ${key} ${problem}`, `Correct ${key} in the secret.`);
  }
}

/** Two registries of one entry serve the same host; which one should win is not for us to guess. */
export class HostTakenError extends HelperError {
  constructor(host: string) {
    super(
      `two registries of this entry serve ${host}`,
      'Remove one of them, or move it to an entry of its own.',
    );
  }
}

export class ClusterNotFoundError extends HelperError {
  constructor(cluster: string, region: string) {
    super(
      `there is no EKS cluster ${cluster} in ${region}`,
      'Correct name, region or roleArn of the cluster in the settings.',
    );
  }
}

export class ClusterCallError extends HelperError {
  constructor(cluster: string, region: string, code: string) {
    super(
      `the EKS cluster ${cluster} in ${region} could not be described (${code})`,
      remedyOf(
        code,
        'eks',
        region,
        'Allow eks:DescribeCluster on it to the identity that the function uses there.',
      ),
    );
  }
}

export class ClusterNotReadyError extends HelperError {
  constructor(cluster: string, status: string, lack: string) {
    super(
      `the EKS cluster ${cluster} has no ${lack} (its status is ${status})`,
      'Wait until the cluster is ACTIVE; the next run takes it.',
    );
  }
}

export class ClusterCaError extends HelperError {
  constructor(cluster: string, problem: string) {
    super(
      `the certificate authority of the EKS cluster ${cluster} ${problem}`,
      'Without it the API server cannot be trusted; check the cluster with aws eks describe-cluster.',
    );
  }
}

export class ClusterAccountError extends HelperError {
  constructor(cluster: string, found: string, wanted: string) {
    super(
      `the EKS cluster ${cluster} that was found is of account ${found}, but the settings say ${wanted}`,
      `Give the cluster a roleArn of ${wanted}, or correct its accountId.`,
    );
  }
}

export class BearerTokenTooLongError extends HelperError {
  constructor(cluster: string, length: number, limit: number) {
    super(
      `the bearer token for ${cluster} has ${length} characters and EKS takes ${limit}: the session token of this identity is too long`,
      'Use a role with fewer session tags and a shorter session policy.',
    );
  }
}

export class UnauthorizedError extends HelperError {
  constructor(
    cluster: string,
    region: string,
    principal: string,
    group: string,
    authenticationMode?: string,
  ) {
    const at = `--region ${region}`;
    const letIn =
      authenticationMode === 'CONFIG_MAP'
        ? `map it, as authentication mode CONFIG_MAP knows no access entries: eksctl create iamidentitymapping ${at} --cluster ${cluster} --arn ${withoutPath(principal)} --group ${group} --username ${group} --no-duplicate-arns`
        : `give it an access entry: aws eks create-access-entry ${at} --cluster-name ${cluster} --principal-arn ${principal} --kubernetes-groups ${group}`;
    super(
      `the EKS cluster ${cluster} does not know who we are (401)`,
      `Check that it is the right cluster, and ${letIn}`,
    );
  }
}

const STORE_KUBECONFIG =
  'Store one that carries all in itself, with a token or a client certificate and nothing that runs or reads files, as kubectl config view --raw --minify --flatten -o json prints it.';

export class KubeconfigNotJsonError extends HelperError {
  constructor(secretId: string) {
    super(`the Secrets Manager secret ${secretId} holds no kubeconfig in JSON`, STORE_KUBECONFIG);
  }
}

export class KubeconfigFieldError extends HelperError {
  constructor(secretId: string, field: string, problem: string) {
    super(`the kubeconfig in the Secrets Manager secret ${secretId}: ${field} ${problem}`, STORE_KUBECONFIG);
  }
}

export class KubeconfigExpiredError extends HelperError {
  constructor(secretId: string, end: string) {
    super(
      `the client certificate of the kubeconfig in the Secrets Manager secret ${secretId} ended at ${end}`,
      'Have a new one signed and store it: docs/guides/kubeconfig-clusters.md.',
    );
  }
}

/** The API server refused the token or certificate of a kubeconfig, which no access entry mends. */
export class KubeconfigUnauthorizedError extends HelperError {
  constructor(cluster: string, secretId: string, group: string) {
    super(
      `the API server of ${cluster} does not know the identity of its kubeconfig (401)`,
      `The token or certificate in the Secrets Manager secret ${secretId} has ended, was revoked or is of another cluster: make a new one for the group ${group} and store it (docs/guides/kubeconfig-clusters.md).`,
    );
  }
}

/** A role's ARN as aws-auth takes it: https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html */
function withoutPath(roleArn: string): string {
  return roleArn.replace(/:role\/.*\//, ':role/');
}

/** The API server denied one of our rights. */
export class ForbiddenError extends HelperError {
  constructor(verb: string, object: string) {
    super(
      `no right to ${verb} ${object} (403)`,
      'Apply the rights of these settings: npm run -s rbac -- -c settings=FILE | kubectl apply -f -',
    );
  }
}

export class UnreachableError extends HelperError {
  /** The server's certificate is not of the cluster's authority: trying again changes nothing. */
  readonly untrusted: boolean;

  constructor(code: string) {
    const untrusted = /CERT|SIGNATURE|ISSUER/.test(code);
    super(
      `the API server could not be reached (${code})`,
      untrusted
        ? 'Something else than the API server of this cluster answers at its endpoint: check DNS and proxies of the VPC.'
        : 'Check that the function may reach its endpoint: a private one needs the vpc setting.',
    );
    this.untrusted = untrusted;
  }
}

/** The API server still answered that it is busy or broken when there was no more time to ask again. */
export class ServerBusyError extends HelperError {
  constructor(code: number) {
    super(
      `the API server answered ${code} until there was no more time`,
      code === 429
        ? 'Lower concurrency, or give the function more seats in API priority and fairness.'
        : 'Check the health of the control plane; passing faults mend themselves with the next run.',
    );
  }
}

/** An answer that is neither expected nor passing. */
export class UnexpectedAnswerError extends HelperError {
  constructor(code: number, reason: string, fields: readonly string[]) {
    const at = fields.length > 0 ? ` at ${fields.join(', ')}` : '';
    super(
      `the API server answered ${code} ${reason}${at}`,
      "Look at the API server's audit log for this request.",
    );
  }
}

/** What the API server sent did not end before it was too much to hold. */
export class AnswerTooLongError extends HelperError {
  constructor(bytes: number) {
    super(
      `the API server sent an answer of more than ${bytes / 2 ** 20} MiB`,
      'Check that the endpoint is the API server itself, and what is in the annotations of namespaces and secrets.',
    );
  }
}

/** Each time a service account was to be changed, somebody else had changed it before. */
export class AccountBusyError extends HelperError {
  constructor() {
    super('others kept changing it', 'Find out who does; the next run tries again.');
  }
}

export class DeadlineError extends HelperError {
  constructor() {
    super('the time of this run was over', 'Give the function more time or memory, or raise concurrency.');
  }
}

/** A run that was not started by hand was not ok: thrown so that AWS tries again and alarms. */
export class RefreshFailedError extends HelperError {
  constructor(summary: string) {
    super(summary, 'The report in the log says what failed and what to do.');
  }
}

/** What is thrown for a fault of our own, of which only name and place may be told. */
export class InternalError extends HelperError {
  constructor(fault: unknown) {
    super(`unexpected ${fault instanceof Error ? codeOf(fault) : typeof fault}`, 'Report it with the stack.');
    const stack = fault instanceof Error ? fault.stack?.replace(fault.message, '') : undefined;
    const frames = stack?.match(/^ {4}at .*$/gm) ?? [];
    this.stack = [`${this.name}: ${this.message}`, ...frames].join('\n');
  }
}

/** The code of a failed AWS call: its name, which AWS defines; its text may echo what was sent. */
export function codeOf(fault: unknown): string {
  const name = fault instanceof Error ? fault.name : '';
  const code = (fault as { code?: unknown } | undefined)?.code;
  const known = [/^(Error|TypeError|AggregateError)$/.test(name) ? undefined : name, code, name];
  return (
    known.find((said): said is string => typeof said === 'string' && /^[\w.#:-]{1,64}$/.test(said)) ?? 'Error'
  );
}

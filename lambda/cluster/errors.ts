import { HelperError, remedyOf } from '../errors.ts';
import { withoutPath } from './aws-auth.ts';

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
      code === 'AccessDeniedException'
        ? 'Allow eks:DescribeCluster on it to the identity that the function uses there.'
        : remedyOf(
            code,
            'eks',
            region,
            `Check that this identity is enabled in ${region}; passing faults mend themselves with the next run.`,
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

/** The API server denied one of our rights. */
export class ForbiddenError extends HelperError {
  constructor(verb: string, object: string) {
    super(
      `no right to ${verb} ${object} (403)`,
      'Apply the rights of these settings: npm run -s rbac -- -c settings=FILE | kubectl apply -f -',
    );
  }
}

const CERTIFICATE_REMEDIES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'Renew the serving certificate of the API server.',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'Something else than the API server answers at its endpoint, or its certificate is for another name: with a kubeconfig, set its tls-server-name; else check DNS and proxies of the VPC.',
};

export class UnreachableError extends HelperError {
  /** The server's certificate is not of the cluster's authority: trying again changes nothing. */
  readonly untrusted: boolean;

  constructor(code: string) {
    const untrusted = /CERT|SIGNATURE|ISSUER/.test(code);
    super(
      `the API server could not be reached (${code})`,
      untrusted
        ? (CERTIFICATE_REMEDIES[code] ??
            'Something else than the API server of this cluster answers at its endpoint: check DNS and proxies of the VPC.')
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

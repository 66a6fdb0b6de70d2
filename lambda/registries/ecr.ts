import { type AuthorizationData, type ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { GetAuthorizationTokenCommand as GetPublicAuthorizationTokenCommand } from '@aws-sdk/client-ecr-public';
import { type AwsClients, awsError, callAws } from '../aws.ts';
import { HelperError, Redacted } from '../errors.ts';
import { PUBLIC_HOST, readEcrHost } from '../settings/hosts.ts';

/** An ECR authorization token. */
export interface PullToken {
  /** `user:password` in base64, as a docker config holds it. */
  readonly auth: Redacted;
  /** Before the call, so that it is never later than AWS counts. */
  readonly fetchedAt: Date;
  readonly expiresAt: Date;
}

const USER = 'AWS';
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const RUN_AGAIN = 'Run it again; if it persists, contact AWS support.';

/**
 * Gets an ECR authorization token with the client's region and identity, for every registry of the region that its
 * principal may read, and the host of the principal's own.
 * https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
 * @throws HelperError: EcrCallError, EcrEndpointError, EcrTokenMissingError, EcrTokenMalformedError, AssumeRoleError, DeadlineError
 */
export async function getEcrToken(
  client: ECRClient,
  region: string,
  { clock, signal }: Pick<AwsClients, 'clock' | 'signal'>,
): Promise<PullToken & { readonly host: string }> {
  const fetchedAt = new Date(clock.now());
  const { authorizationData: [data] = [] } = await callAws(
    (options) => client.send(new GetAuthorizationTokenCommand({}), options),
    signal,
    (awsCode) =>
      awsError('EcrCallError', `could not get an ECR authorization token in ${region}`, awsCode, {
        service: 'ecr.api',
        region,
        ifDenied: 'Allow ecr:GetAuthorizationToken on * to the identity that this registry uses.',
        otherwise: `Check that ${region} is enabled for this identity; the next run retries transient errors.`,
      }),
  );
  const source = `ECR in ${region}`;
  const token = checkToken(data, source, fetchedAt);
  if (!data?.proxyEndpoint) throw missing(source, 'registry endpoint');
  const host = /^https:\/\/(.+)$/.exec(data.proxyEndpoint)?.[1];
  if (!host || !readEcrHost(host)) throw notOfAws(region, data.proxyEndpoint);
  return { ...token, host };
}

/**
 * Gets an authorization token of ECR Public.
 * https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html
 * @throws HelperError: EcrPublicCallError, EcrTokenMissingError, EcrTokenMalformedError, DeadlineError
 */
export async function getPublicToken(aws: AwsClients): Promise<PullToken> {
  const fetchedAt = new Date(aws.clock.now());
  const { authorizationData } = await callAws(
    (options) => aws.ecrPublic().send(new GetPublicAuthorizationTokenCommand({}), options),
    aws.signal,
    (awsCode) =>
      new HelperError(
        'EcrPublicCallError',
        `could not get an ECR Public authorization token (${awsCode})`,
        awsCode === 'AccessDeniedException'
          ? "Allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on * to the function's role."
          : 'Check that ECR Public in us-east-1 can be reached: it exists in the commercial partition only and has no interface endpoint, so a VPC needs a NAT. The next run retries transient errors.',
      ),
  );
  return checkToken(authorizationData, PUBLIC_HOST, fetchedAt);
}

/** @param source of the answer, for a person */
function checkToken(data: AuthorizationData | undefined, source: string, fetchedAt: Date): PullToken {
  const { authorizationToken: token, expiresAt } = data ?? {};
  if (!token) throw missing(source, 'token');
  if (!expiresAt || Number.isNaN(expiresAt.getTime())) throw missing(source, 'expiry');
  const malformed = (problem: string) =>
    new HelperError('EcrTokenMalformedError', `the token of ${source} ${problem}`, RUN_AGAIN);
  if (expiresAt <= fetchedAt) throw malformed('has expired already');
  const decoded = BASE64.test(token) ? Buffer.from(token, 'base64').toString('utf8') : '';
  if (!decoded.startsWith(`${USER}:`) || decoded.length === USER.length + 1) {
    throw malformed(`is not "${USER}:password" in base64`);
  }
  return { auth: new Redacted(token), fetchedAt, expiresAt };
}

function missing(source: string, lack: string): HelperError {
  return new HelperError('EcrTokenMissingError', `the answer of ${source} has no ${lack}`, RUN_AGAIN);
}

/** An emulator of AWS answered, whose token is of no use at AWS. Only a bare URL of a host is printed. */
function notOfAws(region: string, endpoint: string): HelperError {
  const isHost = /^https?:\/\/(?:[a-z0-9-]{1,63}\.){0,9}[a-z0-9-]{1,63}(?::\d{1,5})?$/.test(endpoint);
  return new HelperError(
    'EcrEndpointError',
    `the registry endpoint of ECR in ${region} is not an endpoint of AWS${isHost ? `: ${endpoint}` : ''}`,
    'AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_ECR or endpoint_url in the AWS profile point to an emulator of AWS such as LocalStack. Ignore them: export AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true',
  );
}

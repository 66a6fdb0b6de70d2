import { type ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import type { Clock } from '../clock.ts';
import { codeOf, DeadlineError, HelperError } from '../errors.ts';
import { Redacted } from '../redacted.ts';
import { readEcrHost } from './ecr-hosts.ts';
import { EcrCallError, EcrTokenMalformedError, EcrTokenMissingError } from './errors.ts';

/** A token that pulls. */
export interface PullToken {
  /** `user:password` in base64, as a docker config holds it. */
  readonly auth: Redacted;
  /** Counted from before the call. */
  readonly fetchedAt: Date;
  readonly expiresAt: Date;
}

/** A token that pulls from every registry of a region that its principal may read. */
export interface EcrToken extends PullToken {
  /** The host of the principal's own registry. */
  readonly host: string;
}

const USER = 'AWS';
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Fetches an ECR token with the client's region and identity.
 * https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
 * @throws EcrCallError, EcrTokenMissingError, EcrTokenMalformedError, AssumeRoleError
 */
export async function fetchEcrToken(
  client: ECRClient,
  region: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<EcrToken> {
  const fetchedAt = new Date(clock.now());
  const [data] = await ask(client, region, signal);
  const token = readToken(data, region, fetchedAt);
  const host = /^https:\/\/(.+)$/.exec(data?.proxyEndpoint ?? '')?.[1];
  if (!host || !readEcrHost(host)) throw new EcrTokenMissingError(region, 'registry endpoint');
  return { ...token, host };
}

/**
 * Checks what an answer gave as a token.
 * @param region or host that gave it, for a person
 * @throws EcrTokenMissingError, EcrTokenMalformedError
 */
export function readToken(
  data: { authorizationToken?: string | undefined; expiresAt?: Date | undefined } | undefined,
  region: string,
  fetchedAt: Date,
): PullToken {
  if (!data?.authorizationToken) throw new EcrTokenMissingError(region, 'token');
  if (!data.expiresAt || Number.isNaN(data.expiresAt.getTime()))
    throw new EcrTokenMissingError(region, 'expiry');
  if (data.expiresAt <= fetchedAt) throw new EcrTokenMalformedError(region, 'has expired already');
  return { auth: checked(data.authorizationToken, region), fetchedAt, expiresAt: data.expiresAt };
}

async function ask(client: ECRClient, region: string, signal: AbortSignal) {
  try {
    const answer = await client.send(new GetAuthorizationTokenCommand({}), { abortSignal: signal });
    return answer.authorizationData ?? [];
  } catch (fault) {
    if (fault instanceof HelperError) throw fault;
    if (signal.aborted) throw new DeadlineError();
    throw new EcrCallError(region, codeOf(fault));
  }
}

function checked(token: string, region: string): Redacted {
  const decoded = BASE64.test(token) ? Buffer.from(token, 'base64').toString('utf8') : '';
  if (!decoded.startsWith(`${USER}:`) || decoded.length === USER.length + 1) {
    throw new EcrTokenMalformedError(region, `is not "${USER}:password" in base64`);
  }
  return new Redacted(token);
}

/** The host of another account's registry beside a known one, which carries region and partition. */
export function hostOfAccount(host: string, accountId: string | undefined): string {
  return accountId ? host.replace(/^\d{12}/, accountId) : host;
}

import { canonicalArn } from '../aws/identities.ts';
import { type Principal, whoPresigned } from '../signatures.ts';
import type { User } from './authorization.ts';

/** Whom an AWS role or user is in the cluster. */
export interface AccessEntry {
  /** ARN of a role or user. */
  principalArn: string;
  /** Default for a role, as in EKS: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/{{SessionName}}`. */
  username?: string;
  groups?: string[];
}

export interface AuthenticatorOptions {
  /** The cluster's name, or the id of a local one on Outposts: the authenticator puts it into the header x-k8s-aws-id itself. */
  clusterName: string;
  region: string;
  principals: Iterable<Principal>;
  /** Read anew at every request, so a test can change them. */
  accessEntries: readonly AccessEntry[];
  /** Who comes with a token that the server itself knows. */
  tokens: ReadonlyMap<string, User>;
  /** Who comes with a token that another issuer signed. */
  authenticateToken: (token: string) => User | undefined;
  now: () => Date;
}

const tokenPrefix = 'k8s-aws-v1.';
const maxTokenLength = 4_096;
/** How long a signature that was found good is taken for good: the server's default for webhooks. */
const cacheMs = 2 * 60_000;
const allowedKeys = new Set([
  'action',
  'version',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
]);

/** Says who comes with an Authorization header: undefined if nobody known, or without one, as in EKS since 1.32. */
export type Authenticate = (authorization: string | undefined) => Promise<User | undefined>;

/**
 * EKS's authentication of a bearer token, with the checks of aws-iam-authenticator `pkg/token`: length, allowed
 * query keys, path, host of the region, the cluster's name among the signed headers, life, and the signature.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const verified = new Map<string, { principal: Principal; until: number }>();
  return async (authorization) => {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const known = options.tokens.get(token) ?? options.authenticateToken(token);
    if (known) return { ...known, groups: [...known.groups, 'system:authenticated'] };
    const time = options.now().getTime();
    const before = verified.get(token);
    if (before !== undefined && before.until > time) return toUser(before.principal, options.accessEntries);
    const principal = await verify(token, options);
    if (principal === undefined) return undefined;
    // the oldest come first
    for (const [old, { until }] of verified) {
      if (until > time) break;
      verified.delete(old);
    }
    verified.set(token, { principal, until: time + cacheMs });
    return toUser(principal, options.accessEntries);
  };
}

async function verify(token: string, options: AuthenticatorOptions): Promise<Principal | undefined> {
  if (token.length > maxTokenLength || !token.startsWith(tokenPrefix)) return undefined;
  const encoded = token.slice(tokenPrefix.length);
  // Unpadded base64url and nothing else.
  if (!/^[\w-]+$/.test(encoded)) return undefined;
  const text = Buffer.from(encoded, 'base64url').toString();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !hasAllowedShape(url, options.region)) return undefined;
  return whoPresigned(url, { 'x-k8s-aws-id': options.clusterName }, options.principals, options.now());
}

function hasAllowedShape(url: URL, clusterRegion: string): boolean {
  const keys = [...url.searchParams.keys()].map((key) => key.toLowerCase());
  const get = (key: string) => [...url.searchParams].find(([name]) => name.toLowerCase() === key)?.[1];
  const [suffix, partition] = clusterRegion.startsWith('cn-') ? ['.cn', 'cn'] : ['', '(?!cn)[a-z]{2}'];
  const host = new RegExp(
    `^sts\\.(${partition}(?:-[a-z]+)+-\\d)\\.amazonaws\\.com${suffix.replace('.', '\\.')}$`,
  );
  const region = host.exec(url.host)?.[1];
  const expires = Number(get('x-amz-expires'));
  return (
    url.protocol === 'https:' &&
    url.pathname === '/' &&
    region !== undefined &&
    // STS itself refuses a signature for another region than its own.
    get('x-amz-credential')?.split('/')[2] === region &&
    keys.every((key) => allowedKeys.has(key)) &&
    new Set(keys).size === keys.length &&
    get('action') === 'GetCallerIdentity' &&
    get('x-amz-signedheaders')?.split(';').includes('x-k8s-aws-id') === true &&
    expires >= 0 &&
    expires <= 900
  );
}

function toUser(principal: Principal, entries: readonly AccessEntry[]): User | undefined {
  const arn = canonicalArn(principal.arn);
  const entry = entries.find(({ principalArn }) => canonicalArn(principalArn) === arn);
  if (entry === undefined) return undefined;
  const isSession = principal.arn.includes(':assumed-role/');
  const template =
    entry.username ?? principal.arn.replace(/(:assumed-role\/[^/]+\/).+$/, '$1{{SessionName}}');
  const session = isSession ? (principal.arn.split('/').at(-1) ?? '').replaceAll('@', '-') : '';
  return {
    username: template
      .replaceAll('{{SessionName}}', session)
      .replaceAll('{{AccountID}}', principal.accountId),
    groups: [...(entry.groups ?? []), 'system:authenticated'],
  };
}

import { createHash, timingSafeEqual } from 'node:crypto';
import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';

/** Somebody AWS knows: an identity with a key pair, and a session token if the keys are temporary. */
export interface Principal {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  arn: string;
  accountId: string;
  userId: string;
}

/** An HTTP request as it came in; `path` and `query` as sent (percent-encoded, without `?`). */
export interface SignedRequest {
  method: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  body: Uint8Array | string;
}

/** The credential scope of a signature: `KEY/DATE/REGION/SERVICE/aws4_request`. */
export interface CredentialScope {
  accessKeyId: string;
  date: string;
  region: string;
  service: string;
}

type QueryBag = Record<string, string | string[]>;

class Sha256 extends Hash {
  constructor(secret?: ConstructorParameters<typeof Hash>[1]) {
    super('sha256', secret);
  }
}

const minuteMs = 60_000;
/** How long STS, and so aws-iam-authenticator, takes a presigned GetCallerIdentity after its X-Amz-Date. */
const presignLifeMs = 15 * minuteMs;
/** How far the clock of a caller may be from that of AWS. */
const clockSkewMs = 5 * minuteMs;

/**
 * Who presigned this STS `GetCallerIdentity` URL, or undefined if nobody known did or it is out of its time:
 * 15 minutes from X-Amz-Date, whatever X-Amz-Expires says, which must be there and be 0 to 604,800 seconds.
 * `headers` are those the reader sends along (lower-case names); the URL says which of them are signed.
 */
export async function whoPresigned(
  url: URL,
  headers: Record<string, string>,
  principals: Iterable<Principal>,
  now: Date,
): Promise<Principal | undefined> {
  const query = url.searchParams;
  const scope = parseScope(query.get('X-Amz-Credential') ?? '');
  const signedAt = parseAmzDate(query.get('X-Amz-Date') ?? '');
  const given = query.get('X-Amz-Signature') ?? '';
  if (scope === undefined || signedAt === undefined || scope.service !== 'sts') return undefined;
  if (query.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256' || !isSeconds(query.get('X-Amz-Expires'))) return;
  const age = now.getTime() - signedAt.getTime();
  if (age > presignLifeMs || age < -clockSkewMs) return undefined;

  const principal = findPrincipal(principals, scope.accessKeyId, query.get('X-Amz-Security-Token'));
  const signed = pickHeaders((query.get('X-Amz-SignedHeaders') ?? '').split(';'), {
    host: url.host,
    ...headers,
  });
  if (principal === undefined || signed?.host === undefined) return undefined;
  const bag = toQueryBag(query);
  delete bag['X-Amz-Signature'];
  delete bag['X-Amz-SignedHeaders'];
  const names = new Set(Object.keys(signed));
  const again = await signerFor(principal, scope).presign(
    {
      method: 'GET',
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: bag,
      headers: signed,
    },
    {
      signingDate: signedAt,
      expiresIn: Number(query.get('X-Amz-Expires')),
      unhoistableHeaders: names,
      signableHeaders: names,
    },
  );
  return equal(String(again.query?.['X-Amz-Signature']), given) ? principal : undefined;
}

/**
 * Who signed this request in its Authorization header (SigV4), or undefined if nobody known did, the
 * signature is wrong, or its X-Amz-Date is more than five minutes from `now`. The header's scope says the
 * region and service ({@link scopeOf} reads it).
 */
export async function whoSigned(
  request: SignedRequest,
  principals: Iterable<Principal>,
  now: Date,
): Promise<Principal | undefined> {
  const authorization = parseAuthorization(request.headers.authorization);
  const signedAt = parseAmzDate(request.headers['x-amz-date'] ?? '');
  if (authorization === undefined || signedAt === undefined) return undefined;
  if (Math.abs(now.getTime() - signedAt.getTime()) > clockSkewMs) return undefined;
  const { scope, signedHeaders, signature } = authorization;
  const principal = findPrincipal(
    principals,
    scope.accessKeyId,
    request.headers['x-amz-security-token'] ?? null,
  );
  const signed = pickHeaders(signedHeaders, request.headers);
  if (principal === undefined || signed?.host === undefined) return undefined;

  // The signer would take this header's word for the body's hash.
  const claimed = signed['x-amz-content-sha256'];
  if (claimed !== undefined && claimed !== createHash('sha256').update(request.body).digest('hex')) return;
  const again = await signerFor(principal, scope).sign(
    {
      method: request.method,
      protocol: 'http:',
      hostname: signed.host,
      path: request.path,
      query: toQueryBag(new URLSearchParams(request.query)),
      headers: signed,
      body: request.body.length === 0 ? undefined : request.body,
    },
    { signingDate: signedAt, signableHeaders: new Set(signedHeaders) },
  );
  const recomputed = parseAuthorization(again.headers.authorization);
  // A header that was left out of SignedHeaders, as the session token, would come back in: compare both.
  const sameHeaders = recomputed?.signedHeaders.join(';') === signedHeaders.join(';');
  return sameHeaders && equal(recomputed?.signature ?? '', signature) ? principal : undefined;
}

/** The credential scope of a request's Authorization header; undefined if there is none that is well formed. */
export function scopeOf(headers: Record<string, string>): CredentialScope | undefined {
  return parseAuthorization(headers.authorization)?.scope;
}

function parseAuthorization(value: string | undefined) {
  const parts =
    /^AWS4-HMAC-SHA256 Credential=(\S+?),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/.exec(
      value ?? '',
    );
  const scope = parseScope(parts?.[1] ?? '');
  if (scope === undefined) return undefined;
  return { scope, signedHeaders: (parts?.[2] ?? '').split(';'), signature: parts?.[3] ?? '' };
}

function parseScope(credential: string): CredentialScope | undefined {
  const [accessKeyId, date, region, service, end, ...rest] = credential.split('/');
  if (!accessKeyId || !date || !region || !service || end !== 'aws4_request' || rest.length > 0)
    return undefined;
  return { accessKeyId, date, region, service };
}

function parseAmzDate(value: string): Date | undefined {
  const at = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(value);
  if (at === null) return undefined;
  const date = new Date(`${at[1]}-${at[2]}-${at[3]}T${at[4]}:${at[5]}:${at[6]}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function isSeconds(value: string | null): boolean {
  return value !== null && /^\d{1,6}$/.test(value) && Number(value) <= 604_800;
}

function findPrincipal(
  principals: Iterable<Principal>,
  accessKeyId: string,
  sessionToken: string | null,
): Principal | undefined {
  for (const principal of principals) {
    if (principal.accessKeyId !== accessKeyId) continue;
    return equal(principal.sessionToken ?? '', sessionToken ?? '') ? principal : undefined;
  }
  return undefined;
}

/** The headers that are said to be signed; undefined if one of them is missing, so cannot have been signed. */
function pickHeaders(names: string[], headers: Record<string, string>): Record<string, string> | undefined {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (value === undefined) return undefined;
    picked[name] = value;
  }
  return picked;
}

function toQueryBag(query: URLSearchParams): QueryBag {
  const bag: QueryBag = {};
  for (const key of query.keys()) {
    const values = query.getAll(key);
    bag[key] = values.length === 1 ? (values[0] ?? '') : values;
  }
  return bag;
}

function signerFor(principal: Principal, scope: CredentialScope): SignatureV4 {
  return new SignatureV4({
    service: scope.service,
    region: scope.region,
    credentials: principal,
    sha256: Sha256,
    applyChecksum: false,
  });
}

function equal(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

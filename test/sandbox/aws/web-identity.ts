import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { canonicalArn } from './identities.ts';
import { type Caller, type Operation, ServiceError } from './service.ts';

/** What a web identity token says: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html */
export interface Claims {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly exp: number;
  readonly 'https://sts.amazonaws.com/': { readonly aws_account: string };
}

/** The claims with which a test replaces those of a token. */
type ClaimChanges = Partial<Omit<Claims, 'https://sts.amazonaws.com/'>> & { readonly account?: string };

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The issuer of the web identity tokens of an account, as AWS's outbound identity federation. */
export class WebIdentityIssuer {
  /** Of the account in AWS; a test that serves its keys on loopback puts that URL here. */
  url = 'https://6cd4a3b2-0f3f-4f4e-9d5c-2f7a1f0e5b11.tokens.sts.global.api.aws';
  isEnabled = true;
  /** How long the session of the caller may still last. */
  longestSeconds = 3_600;
  readonly #key = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;

  /** The keys that an API server gets from the issuer. */
  jwks(): object {
    const key = createPublicKey(this.#key).export({ format: 'jwk' });
    return { keys: [{ ...key, kid: 'canary-web-identity', use: 'sig', alg: 'ES384' }] };
  }

  /** A token of a role, with the claims that a test changes; signed by another key than the issuer's if one is given. */
  issue(
    roleArn: string,
    audience: string,
    { exp, account = roleArn.split(':')[4] ?? '', ...changes }: ClaimChanges & { readonly exp: number },
    key: KeyObject = this.#key,
  ): string {
    // the key id first: by it a canary test knows the token
    const header = part({ kid: 'canary-web-identity', alg: 'ES384', typ: 'JWT' });
    const claims = {
      ...{ iss: this.url, aud: audience, sub: roleArn, iat: exp - 900, exp },
      'https://sts.amazonaws.com/': { aws_account: account },
      ...changes,
    };
    const text = `${header}.${part(claims)}`;
    const signature = sign('sha384', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  }

  /** The claims of a token that is of this issuer, for an audience and not expired. */
  verify(token: string, audience: string, now: Date): Claims | undefined {
    const [header = '', payload = '', signature = ''] = token.split('.');
    const key = { key: createPublicKey(this.#key), dsaEncoding: 'ieee-p1363' } as const;
    const text = Buffer.from(`${header}.${payload}`);
    if (!verify('sha384', text, key, Buffer.from(signature, 'base64url'))) return undefined;
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims;
    const isValid = claims.iss === this.url && claims.aud === audience && claims.exp * 1_000 > now.getTime();
    return isValid ? claims : undefined;
  }

  /** STS's GetWebIdentityToken: the fields of its answer. */
  answer({ input }: Operation, { principal, now }: Caller): { WebIdentityToken: string; Expiration: string } {
    const {
      'Audience.member.1': audience = '',
      DurationSeconds: seconds = '300',
      SigningAlgorithm: algorithm,
    } = input as Record<string, string>;
    if (!this.isEnabled) throw new ServiceError('OutboundWebIdentityFederationDisabledException', 403, '');
    if (Number(seconds) > this.longestSeconds) {
      throw new ServiceError('SessionDurationEscalationException', 403, '');
    }
    if (audience === '' || algorithm !== 'ES384') throw new ServiceError('ValidationError', 400, '');
    const exp = Math.floor(now.getTime() / 1_000) + Number(seconds);
    return {
      WebIdentityToken: this.issue(canonicalArn(principal.arn), audience, { exp }),
      Expiration: new Date(exp * 1_000).toISOString(),
    };
  }
}

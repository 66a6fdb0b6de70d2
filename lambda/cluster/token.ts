import { partition } from '@aws-sdk/util-endpoints';
import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Clock } from '../clock.ts';
import { Redacted } from '../redacted.ts';
import { BearerTokenTooLongError } from './errors.ts';

// Limits of the server side: https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/token/token.go
const PREFIX = 'k8s-aws-v1.';
export const LONGEST_TOKEN = 4096;
/** A token is good for 15 minutes from its signing; a request may take one of them. */
const RENEW_AFTER_MS = 13 * 60_000;

type Signer = Pick<SignatureV4, 'presign'>;

/**
 * A signer of the STS call by which EKS learns who we are.
 * @param credentials gives AWS credentials, renewed where they end
 */
export function stsSigner(
  region: string,
  credentials: ConstructorParameters<typeof SignatureV4>[0]['credentials'],
): Signer {
  return new SignatureV4({ service: 'sts', region, credentials, sha256: Hash.bind(null, 'sha256') });
}

/**
 * The bearer tokens for one EKS cluster: presigned GetCallerIdentity URLs that name the cluster, signed by
 * the role that is used there, for the STS host of the cluster's region.
 */
export class BearerTokens {
  readonly #cluster: string;
  readonly #region: string;
  readonly #signer: Signer;
  readonly #clock: Clock;
  #signing: Promise<Redacted> | undefined;
  #signed: Redacted | undefined;
  #signedAt = 0;

  constructor(cluster: string, region: string, signer: Signer, clock: Clock) {
    this.#cluster = cluster;
    this.#region = region;
    this.#signer = signer;
    this.#clock = clock;
  }

  /**
   * A token that is good for at least another minute.
   * @throws BearerTokenTooLongError, AssumeRoleError
   */
  async current(): Promise<Redacted> {
    const now = this.#clock.now();
    if (!this.#signing || now - this.#signedAt >= RENEW_AFTER_MS) {
      this.#signedAt = now;
      this.#signing = this.#sign(now);
    }
    try {
      return await this.#signing;
    } catch (fault) {
      this.#signing = undefined;
      throw fault;
    }
  }

  /** Lets the next call sign anew after the server refused `token`; requests that shared it cause one signing. */
  forget(token: Redacted): void {
    if (this.#signed !== token) return;
    this.#signed = undefined;
    this.#signing = undefined;
  }

  async #sign(now: number): Promise<Redacted> {
    const host = `sts.${this.#region}.${partition(this.#region).dnsSuffix}`;
    const request = {
      method: 'GET',
      protocol: 'https:',
      hostname: host,
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      headers: { host, 'x-k8s-aws-id': this.#cluster },
    };
    const { query = {} } = await this.#signer.presign(request, {
      expiresIn: 60,
      signingDate: new Date(now),
      unhoistableHeaders: new Set(['x-k8s-aws-id']),
      signableHeaders: new Set(['host', 'x-k8s-aws-id']),
    });
    const search = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`);
    const url = `https://${host}/?${search.join('&')}`;
    const token = PREFIX + Buffer.from(url).toString('base64url');
    if (token.length > LONGEST_TOKEN) {
      throw new BearerTokenTooLongError(this.#cluster, token.length, LONGEST_TOKEN);
    }
    this.#signed = new Redacted(token);
    return this.#signed;
  }
}

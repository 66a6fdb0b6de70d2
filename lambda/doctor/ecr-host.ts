import { request } from 'undici';
import { codeOf } from '../errors.ts';
import type { Redacted } from '../redacted.ts';
import { readEcrHost } from '../registry/ecr-hosts.ts';

const MANIFEST = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const TIMEOUT_MS = 10_000;

/** What a registry answered: the HTTP code, and in an error the code of the distribution protocol. */
export interface RegistryAnswer {
  readonly code: number;
  readonly error?: string | undefined;
}

/**
 * Asks a registry of ECR by https and follows no redirect, so that the token comes to nobody else.
 * Protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 * @param path such as `/v2/`
 * @returns the answer, or the code of why there was none
 * @throws TypeError for any other host, before anything is sent
 */
export async function askEcr(
  host: string,
  path: string,
  auth: Redacted,
  signal: AbortSignal,
): Promise<RegistryAnswer | string> {
  if (!readEcrHost(host)) throw new TypeError('not a host of ECR');
  const options = {
    headers: { authorization: `Basic ${auth.reveal()}`, accept: MANIFEST.join(', ') },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    // no connection may stay open when the function is frozen, and HTTP/2 knows no reset; undici's types lack the latter
    reset: true,
    allowH2: false,
    signal,
  };
  try {
    const { statusCode: code, body } = await request(`https://${host}${path}`, options);
    const text = await body.text();
    return { code, error: errorIn(text) };
  } catch (fault) {
    return codeOf(fault);
  }
}

function errorIn(text: string): string | undefined {
  try {
    const { errors } = JSON.parse(text) as { errors?: { code?: unknown }[] };
    const code = errors?.[0]?.code;
    return typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : undefined;
  } catch {
    return undefined;
  }
}

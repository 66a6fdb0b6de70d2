import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';
import { request } from 'undici';
import * as z from 'zod';
import type { Clock } from '../clock.ts';
import { codeOf, DeadlineError, HelperError } from '../errors.ts';
import { type PullToken, readToken } from './ecr.ts';
import { EcrPublicCallError } from './errors.ts';

/** Where images of ECR Public are pulled from. */
export const PUBLIC_HOST = 'public.ecr.aws';
/** The only region that gives tokens: https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html */
export const PUBLIC_REGION = 'us-east-1';

const API_HOST = `api.ecr-public.${PUBLIC_REGION}.amazonaws.com`;
const TRIES = 3;
const TIMEOUT_MS = 10_000;
const PASSING = /Throttl|TooManyRequests|ServerException|InternalFailure|ServiceUnavailable/;

const answerSchema = z.object({
  authorizationData: z
    .object({ authorizationToken: z.string().optional(), expiresAt: z.number().optional() })
    .optional(),
});
const faultSchema = z.object({ __type: z.string() });

type Credentials = ConstructorParameters<typeof SignatureV4>[0]['credentials'];

/** What an answer was: its token where there is one, else the code of the fault and whether it may pass. */
type Answer =
  | { readonly data: { readonly authorizationToken?: string | undefined; readonly expiresAt?: Date } }
  | { readonly code: string; readonly isPassing: boolean };

/**
 * Fetches a token of ECR Public, by one signed call of AWS JSON 1.1 instead of a further SDK client.
 * https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html
 * @param credentials of an identity of the commercial partition
 * @throws EcrPublicCallError, EcrTokenMissingError, EcrTokenMalformedError, DeadlineError
 */
export async function fetchPublicToken(
  credentials: Credentials,
  clock: Clock,
  signal: AbortSignal,
): Promise<PullToken> {
  const signer = new SignatureV4({
    service: 'ecr-public',
    region: PUBLIC_REGION,
    credentials,
    sha256: Hash.bind(null, 'sha256'),
  });
  for (let tried = 1; ; tried += 1) {
    const fetchedAt = new Date(clock.now());
    const answer = await ask(signer, fetchedAt, signal);
    if ('data' in answer) return readToken(answer.data, PUBLIC_HOST, fetchedAt);
    if (!answer.isPassing || tried === TRIES) throw new EcrPublicCallError(answer.code);
    await clock.sleep(250 * 2 ** tried, signal).catch(() => {
      throw new DeadlineError();
    });
  }
}

async function ask(signer: SignatureV4, signingDate: Date, signal: AbortSignal): Promise<Answer> {
  try {
    const body = '{}';
    const signed = await signer.sign(
      {
        method: 'POST',
        protocol: 'https:',
        hostname: API_HOST,
        path: '/',
        headers: {
          host: API_HOST,
          'content-type': 'application/x-amz-json-1.1',
          'x-amz-target': 'SpencerFrontendService.GetAuthorizationToken',
        },
        body,
      },
      { signingDate },
    );
    const answer = await request(`https://${API_HOST}/`, {
      method: 'POST',
      headers: signed.headers,
      body,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      // no connection may stay open when the function is frozen
      reset: true,
      signal,
    });
    return read(answer.statusCode, await answer.body.text());
  } catch (fault) {
    if (fault instanceof HelperError) throw fault;
    if (signal.aborted) throw new DeadlineError();
    return { code: codeOf(fault), isPassing: true };
  }
}

/** Nothing of the text is kept but the token and the name of a fault. */
function read(status: number, text: string): Answer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (status === 200) {
    const { authorizationToken, expiresAt } = answerSchema.safeParse(value).data?.authorizationData ?? {};
    return { data: { authorizationToken, ...(expiresAt && { expiresAt: new Date(expiresAt * 1_000) }) } };
  }
  const named = faultSchema.safeParse(value).data?.__type.split('#').at(-1) ?? '';
  const code = /^[A-Za-z]{1,64}$/.test(named) ? named : `HTTP ${status}`;
  return { code, isPassing: status >= 500 || status === 429 || PASSING.test(code) };
}

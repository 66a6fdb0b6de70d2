import { GetWebIdentityTokenCommand } from '@aws-sdk/client-sts';
import * as z from 'zod';
import { awsError, callAws } from '../aws.ts';
import type { RunContext } from '../context.ts';
import { HelperError, hasCode, parseJson, Redacted } from '../errors.ts';
import { audienceOf, type ClusterSettings, clusterId, WEB_IDENTITY } from '../settings/schema.ts';
import type { FoundCluster } from './cluster.ts';
import { renewedTokens } from './eks.ts';
import { findByKubeconfig } from './kubeconfig.ts';
import type { ApiEndpoint } from './transport.ts';

/** Where less is left of the session of the role than a token may live. */
const SHORT_LIFE_SECONDS = 300;

/** How to reach a cluster that is not of EKS, and by what it knows the function. */
export interface WebIdentity {
  readonly audience: string;
  readonly endpoint: ApiEndpoint;
}

/**
 * Finds a cluster that knows the role of the function by a token of AWS STS, without a request to its API server.
 * @throws HelperError of findByKubeconfig
 */
export async function findByWebIdentity(ctx: RunContext, cluster: ClusterSettings): Promise<FoundCluster> {
  const { kubeconfigSecretId: secretId, server = '', caData } = cluster;
  const endpoint = secretId
    ? (await findByKubeconfig(ctx, cluster, secretId)).endpoint
    : { url: server, caPem: caData && Buffer.from(caData, 'base64').toString('utf8') };
  const audience = audienceOf(ctx.settings, cluster);
  const tokens = renewedTokens(ctx.clock, () => requestToken(ctx, audience));
  return {
    endpoint,
    tokens,
    unauthorized: async () => unauthorizedError(ctx, cluster, await tokens.current()),
    source: { audience, endpoint },
  };
}

/** @throws HelperError: WebIdentityDisabledError, WebIdentitySessionError, WebIdentityCallError, DeadlineError */
async function requestToken(ctx: RunContext, audience: string) {
  try {
    return await callSts(ctx, audience, WEB_IDENTITY.seconds);
  } catch (fault) {
    if (!hasCode(fault, 'WebIdentitySessionError')) throw fault;
    return await callSts(ctx, audience, SHORT_LIFE_SECONDS);
  }
}

async function callSts({ aws, clock, environment }: RunContext, audience: string, seconds: number) {
  const command = new GetWebIdentityTokenCommand({
    Audience: [audience],
    DurationSeconds: seconds,
    SigningAlgorithm: WEB_IDENTITY.algorithm,
  });
  const problem = `could not get a web identity token for ${audience}`;
  const { WebIdentityToken: token = '', Expiration: expiration } = await callAws(
    (options) => aws.sts().send(command, options),
    aws.signal,
    (awsCode) => {
      if (awsCode === 'OutboundWebIdentityFederationDisabledException') {
        const fix = 'Enable it once for the account: aws iam enable-outbound-web-identity-federation';
        const disabled = 'outbound web identity federation is disabled in the account of the function';
        return new HelperError('WebIdentityDisabledError', disabled, fix);
      }
      if (awsCode === 'SessionDurationEscalationException') {
        const fix = 'Raise the longest session of the role of the function.';
        return new HelperError('WebIdentitySessionError', `${problem} (${awsCode})`, fix);
      }
      return awsError('WebIdentityCallError', problem, awsCode, {
        service: 'sts',
        region: aws.region,
        ifDenied: `Allow sts:GetWebIdentityToken for this audience to the function. The stack does: ${environment.deployCommand}`,
        otherwise: 'The next run retries transient errors.',
      });
    },
  );
  return {
    token: new Redacted(token),
    expiresAt: expiration?.getTime() ?? clock.now() + seconds * 1_000,
  };
}

/** The claims of a token that an API server may compare; nothing else of it is printed. */
const claimsSchema = z.object({
  iss: z.string().regex(/^https:\/\/[\w.:/-]{1,250}$/),
  sub: z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/),
});

/** The error of a 401, which does not say which claim was wrong. */
function unauthorizedError(ctx: RunContext, cluster: ClusterSettings, token: Redacted): HelperError {
  const problem = `the API server of ${cluster.name} rejected the web identity of the function (401 Unauthorized)`;
  const [, payload = ''] = token.reveal().split('.');
  const claims = claimsSchema.safeParse(parseJson(Buffer.from(payload, 'base64url').toString('utf8')));
  const { iss, sub } = claims.data ?? { iss: 'ISSUER', sub: 'ROLE_ARN' };
  const [, , , , account] = sub.split(':');
  const command = `${ctx.environment.rbacCommand} --cluster ${clusterId(cluster)} --issuer ${iss} --role ${sub}`;
  return new HelperError(
    'WebIdentityUnauthorizedError',
    problem,
    `The token has the issuer ${iss}, the audience ${audienceOf(ctx.settings, cluster)}, the role ${sub} and the account ${account}. Compare them with the AuthenticationConfiguration of the API server, which must reach the issuer. Print one that fits: ${command}`,
  );
}

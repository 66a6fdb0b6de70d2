import { buffer } from 'node:stream/consumers';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ECRPUBLICClient } from '@aws-sdk/client-ecr-public';
import { EKSClient } from '@aws-sdk/client-eks';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { partition } from '@aws-sdk/util-endpoints';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import * as z from 'zod';
import type { Clock, RunContext } from './context.ts';
import { codeOf, DeadlineError, HelperError, parseJson } from './errors.ts';
import type { AccessRole } from './settings/locations.ts';

/** The static keys of an IAM user. */
export interface StaticKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Who makes a call: the function's own role without either, else the user of the keys, or the role, assumed by them. */
export interface Identity {
  readonly roleArn?: string | undefined;
  /** What the role's trust policy requires. */
  readonly externalId?: string | undefined;
  readonly keys?: StaticKeys | undefined;
}

/** Further kinds of AWS endpoints. */
export interface EndpointKinds {
  readonly fips?: boolean | undefined;
  readonly dualStack?: boolean | undefined;
}

/** The roles of a function in the VPC of an access stack. */
export interface VpcFunctionRoles {
  /** Its own, which the clusters of its account and region know. */
  readonly accessRoleArn: string;
  /** The role in the main stack that reads registries and secrets. */
  readonly credentialsRoleArn: string;
}

type AwsContext = Pick<RunContext, 'settings' | 'environment' | 'clock' | 'deadline'>;

interface SessionKeys extends StaticKeys {
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Credentials for an SDK client, which keeps them until they are about to expire. */
type AssumedRole = () => Promise<SessionKeys>;

/** The AWS clients of a run, which are closed together. */
export class AwsClients {
  /** Where the function runs. */
  readonly region: string;
  /** Of registries and secrets that name none. */
  readonly homeRegion: string;
  /** Aborts at the deadline. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly vpcRoles: VpcFunctionRoles | undefined;
  readonly #ctx: AwsContext;
  readonly #clients: { destroy(): void }[] = [];
  #callerArn: Promise<string> | undefined;

  constructor(ctx: AwsContext) {
    this.#ctx = ctx;
    this.region = ctx.environment.region;
    this.homeRegion = ctx.settings.region ?? this.region;
    this.signal = ctx.deadline.signal;
    this.clock = ctx.clock;
    this.vpcRoles = ctx.environment.vpcRoles;
  }

  ecr(region: string, identity: Identity, { fips, dualStack }: EndpointKinds = {}): ECRClient {
    return this.#keep(
      new ECRClient({
        ...this.#config(region, identity, this.#credentialsRole()),
        ...(fips !== undefined && { useFipsEndpoint: fips }),
        // by the registry alone, as its hosts are: not by AWS_USE_DUALSTACK_ENDPOINT of a function with IPv6
        useDualstackEndpoint: dualStack ?? false,
      }),
    );
  }

  /** In the only region that issues tokens: https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html */
  ecrPublic(): ECRPUBLICClient {
    const config = this.#config('us-east-1', {}, this.#credentialsRole());
    // over IPv4, also in a function with IPv6: docs/guides/private-clusters.md
    return this.#keep(new ECRPUBLICClient({ ...config, useDualstackEndpoint: false }));
  }

  eks(region: string, identity: Identity): EKSClient {
    return this.#keep(new EKSClient(this.#config(region, identity)));
  }

  /**
   * For VPC functions. An answer may take as long as a run, and a call whose answer is lost is not repeated: a second
   * cleanup would report that there was nothing to remove.
   */
  lambda(region: string, identity: Identity): LambdaClient {
    const config = this.#config(region, identity);
    return this.#keep(
      new LambdaClient({ ...config, maxAttempts: 1, requestHandler: { connectionTimeout: CONNECT_MS } }),
    );
  }

  /** In the region of the secret's ARN, or the home region where only its name is given. */
  secretsManager(secretId: string): SecretsManagerClient {
    const region = regionOfSecret(secretId) ?? this.homeRegion;
    return this.#keep(new SecretsManagerClient(this.#config(region, {}, this.#credentialsRole())));
  }

  eventBridge(): EventBridgeClient {
    return this.#keep(new EventBridgeClient(this.#config(this.region, {})));
  }

  logs(): CloudWatchLogsClient {
    return this.#keep(new CloudWatchLogsClient(this.#config(this.region, {})));
  }

  /** Of the function's own region: the global endpoint issues no web identity tokens. */
  sts(): STSClient {
    return this.#keep(new STSClient(this.#config(this.region, {})));
  }

  /** The ARN of the caller by STS, which needs no permission; requested once. @throws as the SDK */
  callerArn(): Promise<string> {
    this.#callerArn ??= this.sts()
      .send(new GetCallerIdentityCommand({}), { abortSignal: this.signal })
      .then(({ Arn = '' }) => Arn);
    return this.#callerArn;
  }

  /** The role or user of the caller, for printed commands; `FUNCTION_ROLE_ARN` if STS does not answer. */
  async principal(): Promise<string> {
    return await this.callerArn().then(principalOf, () => 'FUNCTION_ROLE_ARN');
  }

  /** Closes the connections of all clients. */
  destroy(): void {
    for (const client of this.#clients.splice(0)) client.destroy();
  }

  #keep<Client extends { destroy(): void }>(client: Client): Client {
    this.#clients.push(client);
    return client;
  }

  /** The role that reads registries and secrets for a VPC function; undefined elsewhere. */
  #credentialsRole(): AssumedRole | undefined {
    return this.vpcRoles && this.#assumeRole({ roleArn: this.vpcRoles.credentialsRoleArn }, this.region);
  }

  /** @param base the caller where the identity has no keys; the function's own role by default */
  #config(region: string, { roleArn, externalId, keys }: Identity, base?: StaticKeys | AssumedRole) {
    const caller = keys ?? base;
    const isOwn = roleArn === undefined || roleArn === this.vpcRoles?.accessRoleArn;
    const credentials = isOwn ? caller : this.#assumeRole({ roleArn, externalId }, region, caller);
    return {
      region,
      requestHandler: new BoundedHttpHandler(this.clock),
      ...(credentials && { credentials }),
    };
  }

  /**
   * Credentials by `sts:AssumeRole`. The SDK's own `fromTemporaryCredentials` has no abort signal, and goes on after a run.
   * They throw AssumeRoleError, DeadlineError, and what the caller's credentials throw.
   */
  #assumeRole(
    { roleArn, externalId }: AccessRole,
    wanted: string,
    caller?: StaticKeys | AssumedRole,
  ): AssumedRole {
    const { settings, environment } = this.#ctx;
    // of the role's partition, as the STS of no other knows it
    const isOfRole = (one: string) => partition(one).name === roleArn.split(':')[1];
    const region = [this.region, wanted].find(isOfRole) ?? this.region;
    const command = new AssumeRoleCommand({
      RoleArn: roleArn,
      RoleSessionName: settings.name,
      ...(externalId && { ExternalId: externalId }),
    });
    const toError = (awsCode: string) =>
      awsError('AssumeRoleError', `could not assume the role ${roleArn}`, awsCode, {
        service: 'sts',
        region,
        ifDenied: `Allow the function's role in its trust policy, and sts:AssumeRole on it in the function's policy. If it is the role of an access stack, deploy it: ${environment.deployCommand}`,
        otherwise: 'Check the role; the next run retries transient errors.',
      });
    return async () => {
      const sts = new STSClient(this.#config(region, {}, caller));
      try {
        const { Credentials: keys } = await callAws(
          (options) => sts.send(command, options),
          this.signal,
          toError,
        );
        if (!keys?.AccessKeyId || !keys.SecretAccessKey) throw toError('no credentials');
        return {
          accessKeyId: keys.AccessKeyId,
          secretAccessKey: keys.SecretAccessKey,
          ...(keys.SessionToken && { sessionToken: keys.SessionToken }),
          ...(keys.Expiration && { expiration: keys.Expiration }),
        };
      } finally {
        sts.destroy();
      }
    };
  }
}

/**
 * The role of a session, or the user as it is. A session's ARN leaves out the path of its role:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
 */
export function principalOf(arn: string): string {
  return arn.replace(/^(arn:[\w-]+):sts:(:\d+):assumed-role\/([^/]+)\/.*$/, '$1:iam:$2:role/$3');
}

/** The region in the ARN of a secret; undefined where only its name is given. */
export function regionOfSecret(secretId: string): string | undefined {
  return secretId.startsWith('arn:') ? secretId.split(':')[3] : undefined;
}

/**
 * Makes one call of AWS.
 * @param send makes it with these options
 * @param signal aborts at the deadline
 * @param toError the error for the code of a failure
 * @throws what `toError` returns, DeadlineError, and the HelperErrors of the credentials that the call uses
 */
export async function callAws<Output>(
  send: (options: { readonly abortSignal: AbortSignal }) => Promise<Output>,
  signal: AbortSignal,
  toError: (awsCode: string) => HelperError,
): Promise<Output> {
  try {
    return await send({ abortSignal: signal });
  } catch (fault) {
    if (fault instanceof HelperError) throw fault;
    if (signal.aborted) throw new DeadlineError();
    throw toError(codeOf(fault));
  }
}

/** The codes of a service that could not be reached, as Node and the SDK name them. */
const NOT_REACHED =
  /^(?:TimeoutError|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH)$/;

/** The codes of a signature that AWS rejects; the SDK has corrected its clock and retried before. */
const BAD_SIGNATURE =
  /^(?:RequestTimeTooSkewed|RequestExpired|RequestInTheFuture|SignatureDoesNotMatch|InvalidSignature(?:Exception)?)$/;
const DENIED = /^(?:AccessDenied|DecryptionFailure)/;

/** The error of a failed call of a service in a region, with the fix for the code that AWS gave. */
export function awsError(
  code: string,
  problem: string,
  awsCode: string,
  { service, region, ifDenied, otherwise }: Record<'service' | 'region' | 'ifDenied' | 'otherwise', string>,
): HelperError {
  const fix = BAD_SIGNATURE.test(awsCode)
    ? 'AWS rejected the signature. Check the secret access key, and compare the clock of this machine with AWS: curl -sI https://aws.amazon.com | grep -i ^date'
    : NOT_REACHED.test(awsCode)
      ? `Check that ${service} of ${region} can be reached from here: a VPC without a NAT needs the interface endpoint ${service}, with private DNS (docs/guides/private-clusters.md). The next run retries transient errors.`
      : DENIED.test(awsCode)
        ? ifDenied
        : otherwise;
  return new HelperError(code, `${problem} (${awsCode})`, fix);
}

/** The limit of one attempt of a call, to the last byte of the answer. */
const ATTEMPT_MS = 10_000;
const CONNECT_MS = 5_000;

/**
 * Makes one attempt of a call, body included, and ends it after {@link ATTEMPT_MS}. The time-outs of HTTP clients
 * cover the head only, or restart with each byte: an endpoint that drips would hold a run until its deadline.
 * @param signal aborts at the deadline
 * @throws an Error named TimeoutError, which the SDK retries; what `call` throws
 */
export async function attempt<Answer>(
  clock: Clock,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const late = new AbortController();
  const stop = clock.after(ATTEMPT_MS, () => late.abort());
  try {
    return await call(AbortSignal.any([late.signal, ...(signal ? [signal] : [])]));
  } catch (fault) {
    if (!late.signal.aborted) throw fault;
    throw Object.assign(new Error(`no whole answer within ${ATTEMPT_MS} ms`), { name: 'TimeoutError' });
  } finally {
    stop();
  }
}

type Handle = NodeHttpHandler['handle'];

/** The SDK's HTTP with {@link attempt}. A client closes its handler, so each has its own. */
export class BoundedHttpHandler extends NodeHttpHandler {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    super({ connectionTimeout: CONNECT_MS });
    this.#clock = clock;
  }

  override async handle(...[request, options = {}]: Parameters<Handle>): ReturnType<Handle> {
    return await attempt(this.#clock, options.abortSignal as AbortSignal | undefined, async (abortSignal) => {
      const { response } = await super.handle(request, { ...options, abortSignal });
      response.body = await buffer(response.body);
      return { response };
    });
  }
}

const jsonObject = z.record(z.string(), z.unknown());

/** The JSON object in a Secrets Manager secret. Only its keys may be printed. */
export type SecretValue = z.output<typeof jsonObject>;

/**
 * Reads a secret of Secrets Manager that holds a JSON object.
 * @throws HelperError: SecretMissingError, SecretCallError, SecretBinaryError, SecretNotJsonError, AssumeRoleError, DeadlineError
 */
export async function readSecretValue(aws: AwsClients, secretId: string): Promise<SecretValue> {
  const secret = `the Secrets Manager secret ${secretId}`;
  const command = new GetSecretValueCommand({ SecretId: secretId });
  const { SecretString: text = '', SecretBinary: binary } = await callAws(
    (options) => aws.secretsManager(secretId).send(command, options),
    aws.signal,
    (awsCode) =>
      awsCode === 'ResourceNotFoundException'
        ? new HelperError(
            'SecretMissingError',
            `${secret} does not exist`,
            'Create it, or correct its id or region in the settings.',
          )
        : awsError('SecretCallError', `could not read ${secret}`, awsCode, {
            service: 'secretsmanager',
            region: 'its region',
            ifDenied:
              'Allow secretsmanager:GetSecretValue on it to the function, and kms:Decrypt if it has a key of your own (kmsKeyArn).',
            otherwise:
              'Check that it exists and is not scheduled for deletion; the next run retries transient errors.',
          }),
  );
  if (binary) {
    throw new HelperError(
      'SecretBinaryError',
      `${secret} is binary`,
      'Store its value as a string (SecretString).',
    );
  }
  const checked = jsonObject.safeParse(parseJson(text));
  if (checked.success) return checked.data;
  throw new HelperError('SecretNotJsonError', `${secret} is not a JSON object`, 'Store a JSON object in it.');
}

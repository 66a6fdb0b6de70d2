import { ECRClient } from '@aws-sdk/client-ecr';
import { EKSClient } from '@aws-sdk/client-eks';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { STSClient } from '@aws-sdk/client-sts';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { AssumeRoleError, codeOf, DeadlineError, HelperError } from './errors.ts';
import type { EndpointKinds } from './registry/ecr-hosts.ts';

/** Static keys that somebody who moves over from a CronJob still has. */
export interface StaticKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Whose rights a call uses: the function's own without either, else the keys', the role's, or the role's by the keys. */
export interface Identity {
  readonly roleArn?: string | undefined;
  /** What the role's trust policy asks for. */
  readonly externalId?: string | undefined;
  readonly keys?: StaticKeys | undefined;
}

/** Without it a call could outlast the run. */
const requestHandler = { connectionTimeout: 5_000, requestTimeout: 10_000, throwOnRequestTimeout: true };
/** For the STS client that the SDK makes and never closes. */
const closingHandler = {
  ...requestHandler,
  httpAgent: { keepAlive: false },
  httpsAgent: { keepAlive: false },
};

/** The function's way to AWS: one client for each service, region and identity of a run. */
export class AwsAccess {
  /** The function's own region. */
  readonly region: string;
  readonly #sessionName: string;
  readonly #signal: AbortSignal;
  readonly #clients: { destroy(): void }[] = [];

  /** @param signal aborts at the deadline; only calls that assume a role need it from here */
  constructor(region: string, sessionName: string, signal: AbortSignal) {
    this.region = region;
    this.#sessionName = sessionName;
    this.#signal = signal;
  }

  ecr(region: string, identity: Identity, { fips, dualStack }: EndpointKinds = {}): ECRClient {
    return this.#keep(
      new ECRClient({
        ...this.#config(region, identity),
        ...(fips !== undefined && { useFipsEndpoint: fips }),
        ...(dualStack !== undefined && { useDualstackEndpoint: dualStack }),
      }),
    );
  }

  eks(region: string, identity: Identity): EKSClient {
    return this.#keep(new EKSClient(this.#config(region, identity)));
  }

  /** A client for the region of the secret's ARN, or the own one where only its name is given. */
  secretsManager(secretId: string): SecretsManagerClient {
    return this.#keep(new SecretsManagerClient(this.#config(regionOfSecret(secretId) ?? this.region, {})));
  }

  /** Of the own region and identity, as the rule that starts the function is. */
  eventBridge(): EventBridgeClient {
    return this.#keep(new EventBridgeClient(this.#config(this.region, {})));
  }

  /** Of the own region and identity. */
  sts(): STSClient {
    return this.#keep(new STSClient(this.#config(this.region, {})));
  }

  /** Closes the connections of all clients. */
  destroy(): void {
    for (const client of this.#clients.splice(0)) client.destroy();
  }

  #keep<Client extends { destroy(): void }>(client: Client): Client {
    this.#clients.push(client);
    return client;
  }

  #config(region: string, { roleArn, externalId, keys }: Identity) {
    const shared = { region, requestHandler };
    if (!roleArn) return keys ? { ...shared, credentials: keys } : shared;
    const assume = fromTemporaryCredentials({
      params: {
        RoleArn: roleArn,
        RoleSessionName: this.#sessionName,
        ...(externalId && { ExternalId: externalId }),
      },
      clientConfig: { region: this.region, requestHandler: closingHandler },
      ...(keys && { masterCredentials: keys }),
    });
    const credentials: typeof assume = async (properties) => {
      try {
        return await within(this.#signal, assume(properties));
      } catch (fault) {
        if (fault instanceof HelperError) throw fault;
        throw new AssumeRoleError(roleArn, codeOf(fault));
      }
    };
    return { ...shared, credentials };
  }
}

/** The region that the ARN of a secret names; none where only its name is given. */
export function regionOfSecret(secretId: string): string | undefined {
  return secretId.startsWith('arn:') ? secretId.split(':')[3] : undefined;
}

/** Stops waiting when `signal` aborts, for what cannot be aborted itself. */
async function within<Value>(signal: AbortSignal, work: Promise<Value>): Promise<Value> {
  const over = Promise.withResolvers<never>();
  const end = () => over.reject(new DeadlineError());
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([work, over.promise]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

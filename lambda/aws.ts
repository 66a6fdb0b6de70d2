import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { ECRClient } from '@aws-sdk/client-ecr';
import { EKSClient } from '@aws-sdk/client-eks';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { STSClient } from '@aws-sdk/client-sts';
import { type AssumedRole, assumedRole } from './assumed-role.ts';

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

/** Which further endpoints of AWS somebody asks for. */
export interface EndpointKinds {
  readonly fips?: boolean | undefined;
  readonly dualStack?: boolean | undefined;
}

/** Without it a call could outlast the run. */
const CONNECT_MS = 5_000;
const requestHandler = {
  connectionTimeout: CONNECT_MS,
  requestTimeout: 10_000,
  throwOnRequestTimeout: true,
};
/** What a function in the VPC of an access stack is told of itself. */
export interface InPlace {
  /** The role that it runs as, by which the clusters of its place are reached. */
  readonly accessRoleArn: string;
  /** The role of the function at home by which registries and secrets are read. */
  readonly credentialsRoleArn: string;
}

export interface AwsOptions {
  /** In which the function runs. */
  readonly region: string;
  /** Of registries and secrets that name none. @default region */
  readonly homeRegion?: string | undefined;
  readonly sessionName: string;
  /** Aborts at the deadline; only calls that assume a role need it from here. */
  readonly signal: AbortSignal;
  readonly inPlace?: InPlace | undefined;
}

/** The function's way to AWS: the clients of a run, which it closes together. */
export class AwsAccess {
  readonly region: string;
  readonly homeRegion: string;
  readonly inPlace: InPlace | undefined;
  readonly #sessionName: string;
  readonly #signal: AbortSignal;
  readonly #clients: { destroy(): void }[] = [];

  constructor({ region, homeRegion = region, sessionName, signal, inPlace }: AwsOptions) {
    this.region = region;
    this.homeRegion = homeRegion;
    this.inPlace = inPlace;
    this.#sessionName = sessionName;
    this.#signal = signal;
  }

  ecr(region: string, identity: Identity, { fips, dualStack }: EndpointKinds = {}): ECRClient {
    return this.#keep(
      new ECRClient({
        ...this.#config(region, identity, this.#readsCredentials()),
        ...(fips !== undefined && { useFipsEndpoint: fips }),
        ...(dualStack !== undefined && { useDualstackEndpoint: dualStack }),
      }),
    );
  }

  eks(region: string, identity: Identity): EKSClient {
    return this.#keep(new EKSClient(this.#config(region, identity)));
  }

  /** Of the function in the VPC of a place, by the role of its access stack. An answer may take as long as a run. */
  lambda(region: string, identity: Identity): LambdaClient {
    const config = this.#config(region, identity);
    return this.#keep(new LambdaClient({ ...config, requestHandler: { connectionTimeout: CONNECT_MS } }));
  }

  /** A client for the region of the secret's ARN, or that of home where only its name is given. */
  secretsManager(secretId: string): SecretsManagerClient {
    const region = regionOfSecret(secretId) ?? this.homeRegion;
    return this.#keep(new SecretsManagerClient(this.#config(region, {}, this.#readsCredentials())));
  }

  /** Of the own region and identity, as the rule that starts the function is. */
  eventBridge(): EventBridgeClient {
    return this.#keep(new EventBridgeClient(this.#config(this.region, {})));
  }

  /** Of the own region and identity, as logs that tell the function of something are. */
  logs(): CloudWatchLogsClient {
    return this.#keep(new CloudWatchLogsClient(this.#config(this.region, {})));
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

  /** Who reads registries and secrets where they name nobody; undefined for the function's own role. */
  #readsCredentials(): AssumedRole | undefined {
    return this.inPlace && this.#assume(this.inPlace.credentialsRoleArn, {});
  }

  /** @param base who asks where the identity has no keys; the function's own role by default */
  #config(region: string, { roleArn, externalId, keys }: Identity, base?: AssumedRole) {
    const by = keys ?? base;
    const isOwn = roleArn === undefined || roleArn === this.inPlace?.accessRoleArn;
    const credentials = isOwn ? by : this.#assume(roleArn, { externalId, by });
    return { region, requestHandler, ...(credentials && { credentials }) };
  }

  #assume(
    roleArn: string,
    { externalId, by }: { externalId?: string | undefined; by?: StaticKeys | AssumedRole | undefined },
  ): AssumedRole {
    return assumedRole({
      roleArn,
      externalId,
      sessionName: this.#sessionName,
      client: { region: this.region, requestHandler, ...(by && { credentials: by }) },
      signal: this.#signal,
    });
  }
}

/** The region that the ARN of a secret names; none where only its name is given. */
export function regionOfSecret(secretId: string): string | undefined {
  return secretId.startsWith('arn:') ? secretId.split(':')[3] : undefined;
}

import { ECRClient } from '@aws-sdk/client-ecr';
import { EKSClient } from '@aws-sdk/client-eks';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { AssumeRoleError, codeOf } from './errors.ts';

/** Static keys that somebody who moves over from a CronJob still has. */
export interface StaticKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Whose rights a call uses: the function's own without either, else the keys', the role's, or the role's by the keys. */
export interface Identity {
  readonly roleArn?: string | undefined;
  readonly keys?: StaticKeys | undefined;
}

/** Makes SDK clients of a region and an identity. Without it a call could outlast the run. */
const requestHandler = { connectionTimeout: 5_000, requestTimeout: 10_000, throwOnRequestTimeout: true };

/** The function's way to AWS: one client for each service, region and identity of a run. */
export class AwsAccess {
  /** The function's own region. */
  readonly region: string;
  readonly #sessionName: string;
  readonly #clients: { destroy(): void }[] = [];

  constructor(region: string, sessionName: string) {
    this.region = region;
    this.#sessionName = sessionName;
  }

  ecr(region: string, identity: Identity): ECRClient {
    return this.#keep(new ECRClient(this.#config(region, identity)));
  }

  eks(region: string, identity: Identity): EKSClient {
    return this.#keep(new EKSClient(this.#config(region, identity)));
  }

  /** A client for the region of the secret's ARN, or the own one where only its name is given. */
  secretsManager(secretId: string): SecretsManagerClient {
    const region = secretId.startsWith('arn:') ? secretId.split(':')[3] : undefined;
    return this.#keep(new SecretsManagerClient(this.#config(region ?? this.region, {})));
  }

  /** Closes the connections of all clients. */
  destroy(): void {
    for (const client of this.#clients.splice(0)) client.destroy();
  }

  #keep<Client extends { destroy(): void }>(client: Client): Client {
    this.#clients.push(client);
    return client;
  }

  #config(region: string, { roleArn, keys }: Identity) {
    const shared = { region, requestHandler };
    if (!roleArn) return keys ? { ...shared, credentials: keys } : shared;
    const assume = fromTemporaryCredentials({
      params: { RoleArn: roleArn, RoleSessionName: this.#sessionName },
      clientConfig: { region: this.region, requestHandler },
      ...(keys && { masterCredentials: keys }),
    });
    const credentials: typeof assume = async (properties) => {
      try {
        return await assume(properties);
      } catch (fault) {
        throw new AssumeRoleError(roleArn, codeOf(fault));
      }
    };
    return { ...shared, credentials };
  }
}

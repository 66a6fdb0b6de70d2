import type { AwsAccess } from '../aws.ts';
import type { Clock } from '../clock.ts';
import type { EcrRegistry, RegistrySettings, SecretEntry } from '../settings.ts';
import { type Auths, mergeAuths } from './docker-config.ts';
import { type EcrToken, fetchEcrToken, hostOfAccount, type PullToken } from './ecr.ts';
import { furtherHosts, readEcrHost } from './ecr-hosts.ts';
import { fetchPublicToken, PUBLIC_HOST, PUBLIC_REGION } from './ecr-public.ts';
import { readKeys } from './keys.ts';
import { pullRoleArn } from './pull-role.ts';
import { readSecretValue, type SecretValue } from './secret-value.ts';
import { readStoredConfig } from './stored.ts';

/** What one entry's secret is to hold. */
export interface PullCredentials {
  readonly auths: Auths;
  /** When the oldest of its tokens was fetched and when the first ends; absent without a token of ECR. */
  readonly token?: { readonly fetchedAt: Date; readonly expiresAt: Date };
  /** The name of the role of an entry with `repositories`, whose rights its tokens carry. */
  readonly pullRole?: string;
}

/** Reads the credentials of entries for one run: each token and secret value once, however many entries use it. */
export class CredentialReader {
  readonly #aws: AwsAccess;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #pullRolePrefix: string | undefined;
  readonly #tokens = new Map<string, Promise<EcrToken>>();
  #publicToken: Promise<PullToken> | undefined;
  readonly #values = new Map<string, Promise<SecretValue>>();

  /** @param pullRolePrefix what the ARNs of the pull roles begin with; undefined where they are not known */
  constructor(aws: AwsAccess, clock: Clock, signal: AbortSignal, pullRolePrefix?: string) {
    this.#aws = aws;
    this.#clock = clock;
    this.#signal = signal;
    this.#pullRolePrefix = pullRolePrefix;
  }

  /** @throws HelperError of the first registry that cannot be read; then nothing of the entry may be written */
  async read(entry: SecretEntry): Promise<PullCredentials> {
    const pullRole = pullRoleArn(entry, this.#pullRolePrefix);
    // all are waited for: a call that is left alone would go on after the run
    const read = await Promise.allSettled(
      entry.registries.map((registry) => this.#registry(registry, pullRole)),
    );
    const parts = read.map((part) => {
      if (part.status === 'rejected') throw part.reason;
      return part.value;
    });
    const auths = mergeAuths(parts.map((part) => part.auths));
    const tokens = parts.flatMap((part) => part.token ?? []);
    if (tokens.length === 0) return { auths };
    const earliest = (dates: Date[]) => new Date(Math.min(...dates.map((date) => date.getTime())));
    const fetchedAt = earliest(tokens.map((token) => token.fetchedAt));
    return {
      auths,
      token: { fetchedAt, expiresAt: earliest(tokens.map((token) => token.expiresAt)) },
      ...(pullRole && { pullRole: pullRole.slice(pullRole.lastIndexOf('/') + 1) }),
    };
  }

  async #registry(registry: RegistrySettings, pullRole: string | undefined): Promise<PullCredentials> {
    if (registry.type === 'ecr') return this.#ecr(pullRole ? { ...registry, roleArn: pullRole } : registry);
    if (registry.type === 'ecr-public') return this.#ecrPublic();
    return { auths: readStoredConfig(registry.secretId, await this.#secretValue(registry.secretId)) };
  }

  async #ecrPublic(): Promise<PullCredentials> {
    const { credentials } = this.#aws.ecr(PUBLIC_REGION, {}).config;
    this.#publicToken ??= fetchPublicToken(credentials, this.#clock, this.#signal);
    const token = await this.#publicToken;
    return { auths: new Map([[PUBLIC_HOST, token.auth]]), token };
  }

  async #ecr({ roleArn, keysSecretId, hosts = [], ...registry }: EcrRegistry): Promise<PullCredentials> {
    const { fips, dualStack } = registry;
    const secret = keysSecretId ? readKeys(keysSecretId, await this.#secretValue(keysSecretId)) : undefined;
    const region = registry.region ?? secret?.region ?? this.#aws.homeRegion;
    const identity = { roleArn, keys: secret?.keys };
    const token = await once(this.#tokens, [region, roleArn, keysSecretId, fips, dualStack].join(' '), () =>
      fetchEcrToken(this.#aws.ecr(region, identity, { fips, dualStack }), region, this.#clock, this.#signal),
    );
    const host = hostOfAccount(token.host, registry.accountId ?? secret?.accountId);
    const place = readEcrHost(host);
    const further = place ? furtherHosts(place, { fips, dualStack }) : [];
    const auths: Auths = new Map([host, ...further, ...hosts].map((name) => [name, token.auth]));
    return { auths, token };
  }

  #secretValue(secretId: string): Promise<SecretValue> {
    return once(this.#values, secretId, () =>
      readSecretValue(this.#aws.secretsManager(secretId), secretId, this.#signal),
    );
  }
}

function once<Value>(
  known: Map<string, Promise<Value>>,
  key: string,
  read: () => Promise<Value>,
): Promise<Value> {
  const value = known.get(key) ?? read();
  known.set(key, value);
  return value;
}

import { type AwsClients, readSecretValue, type SecretValue } from '../aws.ts';
import { HelperError } from '../errors.ts';
import { ecrHosts, hostOfAccount, PUBLIC_HOST, readEcrHost } from '../settings/hosts.ts';
import { longestGapMinutes } from '../settings/schedule.ts';
import type { EcrRegistry, RegistrySettings, SecretEntry } from '../settings/schema.ts';
import { pullRoleKey } from '../settings/selection.ts';
import { type Auths, mergeAuths, readStoredConfig, secretKeyError } from './docker-config.ts';
import { getEcrToken, getPublicToken } from './ecr.ts';

/** The credentials for the pull secret of one entry. */
export interface PullCredentials {
  readonly auths: Auths;
  /** When its oldest ECR token was fetched, and when the first expires; absent without one. */
  readonly token?: { readonly fetchedAt: Date; readonly expiresAt: Date };
  /** The name of the pull role that fetched the tokens; absent for the function's own. */
  readonly pullRole?: string;
}

/** Reads the credentials of entries: each token and each secret once a run, however many entries use it. */
export class CredentialReader {
  readonly #aws: AwsClients;
  readonly #pullRolePrefix: string | undefined;
  readonly #calls = new Map<string, Promise<unknown>>();

  /** @param pullRolePrefix with which the ARNs of the pull roles begin; undefined outside of the deployed function */
  constructor(aws: AwsClients, pullRolePrefix?: string) {
    this.#aws = aws;
    this.#pullRolePrefix = pullRolePrefix;
  }

  /** @throws HelperError of the first registry that cannot be read; then nothing of the entry may be written */
  async read(entry: SecretEntry): Promise<PullCredentials> {
    const pullRole = pullRoleArn(entry, this.#pullRolePrefix);
    // waits for all: a call that is left alone would go on after the run
    const read = await Promise.allSettled(
      entry.registries.map((registry) => this.#readRegistry(registry, pullRole)),
    );
    const parts = read.map((part) => {
      if (part.status === 'rejected') throw part.reason;
      return part.value;
    });
    const auths = mergeAuths(parts);
    const tokens = parts.flatMap((part) => part.token ?? []);
    if (tokens.length === 0) return { auths };
    const earliest = (dates: Date[]) => new Date(Math.min(...dates.map((date) => date.getTime())));
    return {
      auths,
      token: {
        fetchedAt: earliest(tokens.map((token) => token.fetchedAt)),
        expiresAt: earliest(tokens.map((token) => token.expiresAt)),
      },
      ...(pullRole && { pullRole: pullRole.slice(pullRole.lastIndexOf('/') + 1) }),
    };
  }

  async #readRegistry(registry: RegistrySettings, pullRole: string | undefined): Promise<PullCredentials> {
    switch (registry.type) {
      case 'ecr':
        return this.#readEcr(pullRole ? { ...registry, roleArn: pullRole } : registry);
      case 'ecr-public': {
        const token = await this.#once('ecr-public', () => getPublicToken(this.#aws));
        return { auths: new Map([[PUBLIC_HOST, token.auth]]), token };
      }
      case 'stored':
        return { auths: readStoredConfig(registry.secretId, await this.#readSecret(registry.secretId)) };
    }
  }

  async #readEcr({ roleArn, keysSecretId, hosts = [], ...registry }: EcrRegistry): Promise<PullCredentials> {
    const { fips, dualStack } = registry;
    const secret = keysSecretId ? readKeys(keysSecretId, await this.#readSecret(keysSecretId)) : undefined;
    const region = registry.region ?? secret?.region ?? this.#aws.homeRegion;
    const identity = { roleArn, keys: secret?.keys };
    const token = await this.#once(['ecr', region, roleArn, keysSecretId, fips, dualStack].join(' '), () =>
      getEcrToken(this.#aws.ecr(region, identity, { fips, dualStack }), region, this.#aws),
    );
    const host = hostOfAccount(token.host, registry.accountId ?? secret?.accountId);
    const place = readEcrHost(host);
    const further = place ? ecrHosts(place, registry) : [];
    return { auths: new Map([host, ...further, ...hosts].map((name) => [name, token.auth])), token };
  }

  #readSecret(secretId: string): Promise<SecretValue> {
    return this.#once(`secret ${secretId}`, () => readSecretValue(this.#aws, secretId));
  }

  #once<Value>(key: string, call: () => Promise<Value>): Promise<Value> {
    const called = (this.#calls.get(key) as Promise<Value> | undefined) ?? call();
    this.#calls.set(key, called);
    return called;
  }
}

const MINUTE_MS = 60_000;
/** By how much a token must outlive the next scheduled run, so that this one can be retried. */
const RETRY_HEADROOM_MINUTES = 60;

/** The credentials of entries while the function stays warm: of ECR alone, as only its tokens have an expiry. */
export class CredentialCache {
  /** By the whole entry: a changed one is another. */
  readonly #cached = new Map<string, PullCredentials>();

  /** Keeps what was just read, in place of what was read before. */
  keep(entry: SecretEntry, credentials: PullCredentials): PullCredentials {
    const isOfEcr = entry.registries.every(({ type }) => type === 'ecr');
    if (isOfEcr) this.#cached.set(JSON.stringify(entry), credentials);
    return credentials;
  }

  /**
   * Returns credentials that may be written again: their token expires an hour after the next scheduled run or later,
   * whenever within the schedule's longest gap that is.
   * @param now milliseconds since the epoch
   */
  find(entry: SecretEntry, schedule: string, now: number): PullCredentials | undefined {
    const found = this.#cached.get(JSON.stringify(entry));
    const gap = longestGapMinutes(schedule) ?? Number.POSITIVE_INFINITY;
    const end = found?.token?.expiresAt.getTime() ?? 0;
    return end > now + (gap + RETRY_HEADROOM_MINUTES) * MINUTE_MS ? found : undefined;
  }
}

/**
 * The ARN of the role that fetches the tokens of an entry with `repositories`; undefined for another entry.
 * @param prefix what the ARNs of all pull roles of this deployment begin with
 * @throws PullRoleUnknownError where there is none
 */
export function pullRoleArn(entry: SecretEntry, prefix: string | undefined): string | undefined {
  if (!entry.repositories) return undefined;
  if (!prefix)
    throw new HelperError(
      'PullRoleUnknownError',
      `the entry of ${entry.name} has repositories, and its pull role is unknown here`,
      'Ask the deployed function (leave --local out): only its role may assume it. The stack sets PULL_ROLE_PREFIX.',
    );
  return prefix + pullRoleKey(entry);
}

/**
 * Why the token in a secret is not of the role of its entry; undefined where it is.
 * @param pullRole the role in its annotation; undefined for the function's own
 */
export function pullRoleMismatch(pullRole: string | undefined, entry: SecretEntry): string | undefined {
  if (entry.repositories && pullRole === undefined) return 'its token is wider than its entry says';
  const isMatch = entry.repositories ? pullRole?.endsWith(`-${pullRoleKey(entry)}`) : pullRole === undefined;
  return isMatch ? undefined : 'its token is of the pull role of another entry';
}

/**
 * Takes static keys out of a secret with the keys aws_access_key_id, aws_secret_access_key and, where the
 * settings do not say them, region and account_id, as the predecessor's secret `aws-conf` holds them. White space around values, as `echo` leaves it, is cut.
 * @throws SecretKeyError naming the key
 */
export function readKeys(secretId: string, value: SecretValue) {
  const optional = (key: string, pattern: RegExp, what: string) => {
    const found = value[key];
    if (found === undefined) return undefined;
    const trimmed = typeof found === 'string' ? found.trim() : '';
    if (!pattern.test(trimmed)) throw secretKeyError(secretId, key, `is not ${what}`);
    return trimmed;
  };
  const required = (key: string, pattern: RegExp, what: string) => {
    const found = optional(key, pattern, what);
    if (found === undefined) throw secretKeyError(secretId, key, 'is missing');
    return found;
  };
  return {
    keys: {
      accessKeyId: required('aws_access_key_id', /^\w{16,128}$/, 'an access key id'),
      secretAccessKey: required('aws_secret_access_key', /^[\w/+=]{16,128}$/, 'a secret access key'),
    },
    region: optional('region', /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/, 'an AWS region'),
    accountId: optional('account_id', /^\d{12}$/, 'an account id of 12 digits'),
  };
}

import type { Principal } from '../signatures.ts';
import { mintId, mintSecretKey, mintSessionToken } from './canary.ts';

/** A role that STS lets the trusted principals assume. */
export interface RoleOptions {
  arn: string;
  /** ARNs of roles or users, an account's `arn:aws:iam::ID:root`, or `*`. */
  trusts: string[];
  /** What a caller must send as ExternalId. */
  externalId?: string | undefined;
}

/** A role's session, and how it came about. */
export interface Session {
  principal: Principal;
  expiresAt: Date;
}

interface Entry {
  principal: Principal;
  expiresAt: Date | undefined;
}

/** How long after its end a session is still known as one that has ended. */
const FORGOTTEN_MS = 86_400_000;

/** IAM and the memory of STS: who is known with which keys, who may assume which role, who is denied what. */
export class Identities {
  readonly #now: () => Date;
  readonly #entries = new Map<string, Entry>();
  readonly #roles = new Map<string, RoleOptions>();
  readonly #denied = new Set<string>();
  #sessions = 0;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Those whose keys are good now. */
  *principals(): Generator<Principal> {
    for (const { principal, expiresAt } of this.#entries.values()) {
      if (expiresAt === undefined || expiresAt > this.#now()) yield principal;
    }
  }

  /** A user with keys for good; keys that are not given are made up. */
  addUser(arn: string, keys?: { accessKeyId: string; secretAccessKey: string }): Principal {
    const principal = {
      accessKeyId: keys?.accessKeyId ?? mintId('AKIA', arn),
      secretAccessKey: keys?.secretAccessKey ?? mintSecretKey(arn),
      arn,
      accountId: accountOf(arn),
      userId: mintId('AIDA', arn),
    };
    this.#entries.set(principal.accessKeyId, { principal, expiresAt: undefined });
    return principal;
  }

  addRole(role: RoleOptions): void {
    this.#roles.set(role.arn, role);
  }

  /** Temporary keys of a session of `roleArn`, without anybody's trust being asked: as Lambda hands them out. */
  openSession(roleArn: string, sessionName: string, seconds: number): Session {
    this.#sessions += 1;
    const seed = `${roleArn}/${sessionName}/${this.#sessions}`;
    const principal: Principal = {
      accessKeyId: mintId('ASIA', seed),
      secretAccessKey: mintSecretKey(seed),
      sessionToken: mintSessionToken(seed),
      arn: sessionArn(roleArn, sessionName),
      accountId: accountOf(roleArn),
      userId: `${mintId('AROA', roleArn)}:${sessionName}`,
    };
    const now = this.#now().getTime();
    this.#forgetBefore(now - FORGOTTEN_MS);
    const expiresAt = new Date(now + seconds * 1_000);
    this.#entries.set(principal.accessKeyId, { principal, expiresAt });
    return { principal, expiresAt };
  }

  #forgetBefore(ended: number): void {
    for (const [accessKeyId, { expiresAt }] of this.#entries) {
      if (expiresAt && expiresAt.getTime() < ended) this.#entries.delete(accessKeyId);
    }
  }

  /** Whether `caller` may assume the role: it exists, trusts the caller, and the external id is right. */
  mayAssume(caller: Principal, roleArn: string, externalId: string | undefined): boolean {
    const role = this.#roles.get(roleArn);
    if (role === undefined || role.externalId !== externalId) return false;
    const names = [caller.arn, canonicalArn(caller.arn), `arn:aws:iam::${caller.accountId}:root`, '*'];
    return role.trusts.some((trusted) => names.includes(trusted) || names.includes(withoutPath(trusted)));
  }

  /** What is known of a key id: `expired` when its session has ended. */
  lookUp(accessKeyId: string): 'known' | 'expired' | 'unknown' {
    const entry = this.#entries.get(accessKeyId);
    if (entry === undefined) return 'unknown';
    return entry.expiresAt === undefined || entry.expiresAt > this.#now() ? 'known' : 'expired';
  }

  /** Takes keys away, as deleting an access key does. */
  forget(accessKeyId: string): void {
    this.#entries.delete(accessKeyId);
  }

  deny(principalArn: string, action: string): void {
    this.#denied.add(`${canonicalArn(principalArn)} ${action}`);
  }

  allow(principalArn: string, action: string): void {
    this.#denied.delete(`${canonicalArn(principalArn)} ${action}`);
  }

  isDenied(principal: Principal, action: string): boolean {
    return this.#denied.has(`${canonicalArn(principal.arn)} ${action}`);
  }
}

/**
 * The role of an assumed-role session, without its path (a session's ARN has none either); other ARNs as
 * they are. It is how aws-iam-authenticator compares who signed with whom it maps.
 */
export function canonicalArn(arn: string): string {
  const session = /^arn:(aws[\w-]*):sts::(\d+):assumed-role\/([^/]+)\/.+$/.exec(arn);
  return session === null ? withoutPath(arn) : `arn:${session[1]}:iam::${session[2]}:role/${session[3]}`;
}

function withoutPath(arn: string): string {
  return arn.replace(/:role\/(?:.*\/)?([^/]+)$/, ':role/$1');
}

function sessionArn(roleArn: string, sessionName: string): string {
  const role = /^arn:([\w-]+):iam::(\d+):role\/(?:.*\/)?([^/]+)$/.exec(roleArn);
  if (role === null) throw new TypeError(`Expected the ARN of a role, got ${roleArn}`);
  return `arn:${role[1]}:sts::${role[2]}:assumed-role/${role[3]}/${sessionName}`;
}

function accountOf(arn: string): string {
  return arn.split(':')[4] ?? '';
}

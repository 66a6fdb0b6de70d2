import { EXPIRES_AT } from '../../lambda/cluster/rights.ts';
import type { Secret } from '../sandbox/kubernetes/objects.ts';

/** A secret as far as the invariants look at it. */
export interface Held {
  readonly uid: string;
  readonly type: string;
  readonly immutable: boolean;
  /** `user:password` in base64 by host; undefined for what is no docker config. */
  readonly auths: Readonly<Record<string, string>> | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
  /** Managers other than the deployment that own its data. */
  readonly others: readonly string[];
  /** The manager other than the deployment that owns the annotation of the expiry. */
  readonly expiryOwner: string | undefined;
}

export function heldOf(secret: Secret, deployment: string): Held {
  const { metadata, data, type = '', immutable = false } = secret;
  const expiry = Date.parse(metadata.annotations?.[EXPIRES_AT] ?? '');
  const foreign = (metadata.managedFields ?? []).filter(
    ({ manager, operation }) => manager !== deployment || operation !== 'Apply',
  );
  const owners = (mark: string) =>
    foreign.filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes(mark)).map(({ manager }) => manager);
  return {
    uid: metadata.uid ?? '',
    type,
    immutable,
    auths: authsOf(data?.['.dockerconfigjson']),
    expiresAt: Number.isNaN(expiry) ? undefined : expiry,
    others: owners('f:.dockerconfigjson'),
    expiryOwner: owners(`f:${EXPIRES_AT}`)[0],
  };
}

function authsOf(data: string | undefined): Record<string, string> | undefined {
  try {
    const { auths } = JSON.parse(Buffer.from(data ?? '', 'base64').toString()) as {
      auths: Record<string, { auth: string }>;
    };
    return Object.fromEntries(Object.entries(auths).map(([host, { auth }]) => [host, auth]));
  } catch {
    return undefined;
  }
}

import { EXPIRES_AT, FETCHED_AT, labelsOf } from '../../lambda/kubernetes/pull-secret.ts';
import type { ManagedFieldsEntry, Secret } from '../sandbox/kubernetes/objects.ts';

/** A secret as far as the invariants look at it. */
export interface Held {
  readonly uid: string;
  readonly type: string;
  readonly immutable: boolean;
  /** `user:password` in base64 by host; undefined for what is no docker config. */
  readonly auths: Readonly<Record<string, string>> | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
  /** When its token was fetched, in milliseconds since the epoch. */
  readonly fetchedAt: number | undefined;
  /** Whether the deployment has applied it. */
  readonly applied: boolean;
  /** Whether it says to be the deployment's, and nobody at all has applied it. */
  readonly marked: boolean;
  /** Managers other than the deployment that own its data or the time of its fetching. */
  readonly others: readonly string[];
  /** The manager other than the deployment that owns the annotation of the expiry. */
  readonly expiryOwner: string | undefined;
}

export function heldOf(secret: Secret, deployment: string): Held {
  const { metadata, data, type = '', immutable = false } = secret;
  const { annotations = {}, labels = {}, managedFields = [] } = metadata;
  const isOwn = ({ manager, operation }: ManagedFieldsEntry) =>
    manager === deployment && operation === 'Apply';
  const foreign = managedFields.filter((entry) => !isOwn(entry));
  const isLabelled = Object.entries(labelsOf(deployment)).every(([key, value]) => labels[key] === value);
  const owners = (mark: string) =>
    foreign.filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes(mark)).map(({ manager }) => manager);
  return {
    uid: metadata.uid ?? '',
    type,
    immutable,
    auths: authsOf(data?.['.dockerconfigjson']),
    expiresAt: timeOf(annotations[EXPIRES_AT]),
    fetchedAt: timeOf(annotations[FETCHED_AT]),
    applied: managedFields.some(isOwn),
    marked:
      isLabelled &&
      annotations[FETCHED_AT] !== undefined &&
      annotations['kubectl.kubernetes.io/last-applied-configuration'] === undefined &&
      managedFields.every(({ operation }) => operation === 'Update'),
    others:
      managedFields.length === 0
        ? ['before-first-apply']
        : [...new Set([...owners('f:.dockerconfigjson'), ...owners(`f:${FETCHED_AT}`)])],
    expiryOwner: owners(`f:${EXPIRES_AT}`)[0],
  };
}

function timeOf(annotation: string | undefined): number | undefined {
  const time = Date.parse(annotation ?? '');
  return Number.isNaN(time) ? undefined : time;
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

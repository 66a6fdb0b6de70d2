import type { CoreV1Api, V1ManagedFieldsEntry, V1ObjectMeta } from '@kubernetes/client-node';
import { listAll, METADATA_ONLY } from '../kubernetes/client.ts';
import { EXPIRES_AT, FETCHED_AT, labelsOf, PULL_ROLE } from '../kubernetes/pull-secret.ts';
import { hasToken, type SecretEntry } from '../settings/schema.ts';

/**
 * Whose a secret is, by its metadata:
 * - `ours`: an `Apply` entry of our field manager is in its managed fields;
 * - `marked`: our label and annotations without an `Apply` entry of anybody, as after a restore from a backup, or where
 *   somebody cleared the managed fields; a copy that a replicator made looks the same;
 * - `others`: any other secret of that name.
 */
export type Owner = 'ours' | 'marked' | 'others';

export interface Ownership {
  readonly owner: Owner;
  /** The other field managers whose fields every refresh would have to change. */
  readonly managers: readonly (string | undefined)[];
  /** Those of annotations that not every entry writes, and whose values say nothing of it where it does not. */
  readonly expiryManagers: readonly (string | undefined)[];
  readonly pullRoleManagers: readonly (string | undefined)[];
  /** Those of labels and annotations that only some entries write, by entry. */
  readonly entryManagers: ReadonlyMap<SecretEntry, readonly (string | undefined)[]>;
}

/** What a refresh may do with a secret: write its own fields, take those of others as well, or neither. */
export type Permission = 'write' | 'adopt' | { readonly managers: readonly (string | undefined)[] };

/** https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers */
const LONGEST_MANAGER = 128;
const MOST_MANAGERS = 20;
const DATA = ['data', '.dockerconfigjson'];
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** What the API server calls the manager of an object that has no managed fields when it is applied. */
const BEFORE_FIRST_APPLY = 'before-first-apply';

/**
 * Reads whose a secret is. Anybody who may write it can call themselves our field manager: this guards against
 * accidents, not against the owner of its namespace.
 * @param deployment the name of this deployment, which is its field manager and label
 * @param entries that may write it
 */
export function ownershipOf(
  metadata: V1ObjectMeta,
  deployment: string,
  entries: readonly SecretEntry[] = [],
): Ownership {
  const { labels = {}, annotations = {}, managedFields: managed = [] } = metadata;
  const wanted = labelsOf(deployment);
  const ours = managed.find(({ manager, operation }) => manager === deployment && operation === 'Apply');
  const wrongLabels = changedPaths('labels', wanted, labels);
  const changing = [
    DATA,
    ...(isDockerConfig(metadata) ? [] : [['type']]),
    ['metadata', 'annotations', FETCHED_AT],
    ...wrongLabels,
  ];
  const others = managed.filter((entry) => entry !== ours);
  // an update that changes a field takes it from us: one that we own as well still has the value that we applied
  const holds = (entry: V1ManagedFieldsEntry, path: readonly string[]) =>
    owns(entry, path) && !(ours && entry.operation === 'Update' && owns(ours, path));
  const managersOf = (paths: readonly string[][]) =>
    bounded(others.filter((entry) => paths.some((path) => holds(entry, path))));
  const managers = managed.length === 0 ? [BEFORE_FIRST_APPLY] : managersOf(changing);
  const expiryManagers = managersOf([['metadata', 'annotations', EXPIRES_AT]]);
  const pullRoleManagers = managersOf([['metadata', 'annotations', PULL_ROLE]]);
  const entryManagers = new Map(
    entries.flatMap((entry) => {
      const paths = [
        ...changedPaths('labels', entry.labels, labels),
        ...changedPaths('annotations', entry.annotations, annotations),
      ];
      return paths.length > 0 ? [[entry, managersOf(paths)] as const] : [];
    }),
  );
  const all = { managers, expiryManagers, pullRoleManagers, entryManagers };
  if (ours) return { owner: 'ours', ...all };
  const isMarked =
    wrongLabels.length === 0 &&
    FETCHED_AT in annotations &&
    !(LAST_APPLIED in annotations) &&
    managed.every(({ operation }) => operation !== 'Apply');
  return { owner: isMarked ? 'marked' : 'others', ...all };
}

function changedPaths(
  field: 'labels' | 'annotations',
  wanted: Readonly<Record<string, string>>,
  held: Readonly<Record<string, string>>,
): string[][] {
  const changed = Object.keys(wanted).filter((key) => held[key] !== wanted[key]);
  return changed.map((key) => ['metadata', field, key]);
}

/** The managers of entries; undefined stands for names that are too long or too many to keep. */
function bounded(entries: readonly V1ManagedFieldsEntry[]): (string | undefined)[] {
  const kept = entries
    .slice(0, MOST_MANAGERS)
    .map(({ manager = '' }) => (manager.length > LONGEST_MANAGER ? undefined : manager));
  return entries.length > MOST_MANAGERS ? [...kept, undefined] : kept;
}

/** What a refresh may do with a secret of that ownership; `adoptFrom` names managers exactly, or `*` for all. */
export function permissionFor(held: Ownership, entry: SecretEntry): Permission {
  const managers = [
    ...held.managers,
    ...(hasToken(entry) ? held.expiryManagers : []),
    ...(entry.repositories ? held.pullRoleManagers : []),
    ...(held.entryManagers.get(entry) ?? []),
  ];
  if (managers.length === 0) return 'write';
  return held.owner === 'marked' ? 'adopt' : permissionOver(managers, entry.adoptFrom);
}

/** The same over field managers that the API server named, of which none is ours. */
export function permissionOver(
  managers: readonly (string | undefined)[],
  adoptFrom: readonly string[],
): Exclude<Permission, 'write'> {
  const others = managers.filter((manager) => manager === undefined || !adoptFrom.includes(manager));
  return others.length === 0 || adoptFrom.includes('*') ? 'adopt' : { managers: [...new Set(others)] };
}

/** No token lives longer than 12 hours. */
const LONGEST_LIFE_MS = 13 * 3_600_000;

/**
 * Whether a token can expire then, so that the date is not a mistake or a spoof.
 * @param expiresAt milliseconds since the epoch, as is `now`
 */
export function isPlausibleExpiry(expiresAt: number | undefined, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now + LONGEST_LIFE_MS;
}

/** Whether the data of a secret can be a docker config: nobody owns that key of another type. */
export function isDockerConfig({ managedFields: managed = [] }: V1ObjectMeta): boolean {
  return managed.length === 0 || managed.some((entry) => owns(entry, DATA));
}

/** Whether a manager owns a field: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management */
export function owns({ fieldsV1 }: V1ManagedFieldsEntry, path: readonly string[]): boolean {
  let fields: unknown = fieldsV1;
  for (const key of path) fields = (fields as Record<string, unknown> | undefined)?.[`f:${key}`];
  return fields !== undefined;
}

/** What the metadata of a secret that has one of our names tells. */
export type HeldSecret = ReturnType<typeof toHeld>;

/** Which secrets to list: in these namespaces or in all. */
export interface HeldQuery {
  /** The name of this deployment, which is its field manager and label. */
  readonly deployment: string;
  readonly namespaces?: readonly string[] | undefined;
  /** Whose labels and annotations count. Default: none. */
  readonly entries?: readonly SecretEntry[];
}

/**
 * Lists the secrets of some names, metadata alone, by `NAMESPACE/NAME`; all names at once. RBAC allows it by `list` on a
 * name because the name stands in the field selector; so secrets whose name has left the settings cannot be seen.
 * @param onFault takes the error of one name: ApiError; HelperError: UnreachableError, LateAnswerError,
 *   AnswerTooLongError, DeadlineError. Default: throws it
 */
export async function listHeldSecrets(
  core: CoreV1Api,
  names: Iterable<string>,
  { deployment, namespaces, entries = [] }: HeldQuery,
  onFault: (name: string, fault: unknown) => void = (_name, fault) => {
    throw fault;
  },
): Promise<ReadonlyMap<string, HeldSecret>> {
  const listName = (name: string) => {
    const query = { fieldSelector: `metadata.name=${name}` };
    const ofName = entries.filter((entry) => entry.name === name);
    return listAll(
      namespaces?.map(
        (namespace) => (page) => core.listNamespacedSecret({ namespace, ...query, ...page }, METADATA_ONLY),
      ) ?? [(page) => core.listSecretForAllNamespaces({ ...query, ...page }, METADATA_ONLY)],
      ({ metadata = {} }) => toHeld(metadata, name, ownershipOf(metadata, deployment, ofName), deployment),
    );
  };
  const lists = [...names].map(async (name) => {
    const held = await listName(name).catch((fault) => onFault(name, fault));
    return held ?? [];
  });
  const all = (await Promise.all(lists)).flat();
  return new Map(all.map((secret) => [`${secret.namespace}/${secret.name}`, secret]));
}

function toHeld(metadata: V1ObjectMeta, name: string, ownership: Ownership, deployment: string) {
  const { namespace = '', uid = '', resourceVersion = '', labels = {}, annotations = {} } = metadata;
  return {
    ...ownership,
    name,
    namespace,
    uid,
    resourceVersion,
    /** Whether it carries the label of this deployment. */
    isLabelled: labels[MANAGED_BY] === labelsOf(deployment)[MANAGED_BY],
    /** Milliseconds since the epoch; undefined where the annotation is missing or no time. */
    fetchedAt: timeOf(annotations[FETCHED_AT]),
    expiresAt: timeOf(annotations[EXPIRES_AT]),
    /** The name of the role that fetched its token; undefined for the function's own. */
    pullRole: roleOf(annotations[PULL_ROLE]),
    isDockerConfig: isDockerConfig(metadata),
  };
}

const MANAGED_BY = 'app.kubernetes.io/managed-by';
const LONGEST_ROLE = 64;

/** A longer text is none that IAM takes, and is not kept: 100,000 of them would take all memory. */
function roleOf(annotation: string | undefined): string | undefined {
  return annotation === undefined || annotation.length <= LONGEST_ROLE ? annotation : 'no role';
}

function timeOf(annotation: string | undefined): number | undefined {
  const time = Date.parse(annotation ?? '');
  return Number.isNaN(time) ? undefined : time;
}

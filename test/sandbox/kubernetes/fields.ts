import type { ManagedFieldsEntry, ObjectMeta, Secret } from './objects.ts';
import { StatusError } from './status.ts';

/**
 * A field of an object, as its elements in `fieldsV1` (`f:NAME`, `v:VALUE`, `k:KEYS`) joined by a NUL:
 * `f:data` NUL `f:.dockerconfigjson`.
 */
export type FieldPath = string;

/** An object taken to pieces: every scalar under its path; an empty map or list item as {@link emptyValue}. */
export type Fields = ReadonlyMap<FieldPath, FieldValue>;
export type FieldValue = string | boolean | typeof emptyValue;

/** Stands for a map or list item that is there whatever it holds. */
export const emptyValue = Symbol('empty');

const separator = '\0';
export const typeField: FieldPath = 'f:type';

function joinPath(...elements: string[]): FieldPath {
  return elements.join(separator);
}

/**
 * Takes a Secret to pieces by its schema. What the server sets itself (uid, resourceVersion, times) is left out.
 * Throws the server's 500 for what the schema does not know: the apply has no typed object then.
 */
export function fieldsOf(secret: Secret): Map<FieldPath, FieldValue> {
  const fields = new Map<FieldPath, FieldValue>();
  const { apiVersion: _, kind: __, metadata, data, type, immutable, ...unknown } = secret;
  const { name, namespace, labels, annotations, finalizers, ownerReferences, ...system } = metadata;
  for (const key of Object.keys(unknown)) throw notTyped(secret, `.${key}: field not declared in schema`);
  for (const key of Object.keys(system)) {
    if (!systemFields.has(key)) throw notTyped(secret, `.metadata.${key}: field not declared in schema`);
  }
  const scalar = (path: FieldPath, value: unknown, kind: 'string' | 'boolean') => {
    // The real server prints the value here too: whoever reads the message must not pass it on.
    if (typeof value !== kind)
      throw notTyped(secret, `${printPath(path)}: expected ${kind}, got ${printValue(value)}`);
    fields.set(path, value as string | boolean);
  };
  const map = (path: FieldPath, values: Record<string, unknown> | null | undefined) => {
    if (values === undefined || values === null) return;
    const entries = Object.entries(values);
    if (entries.length === 0) fields.set(path, emptyValue);
    for (const [key, value] of entries) scalar(joinPath(path, `f:${key}`), value, 'string');
  };
  map(joinPath('f:metadata', 'f:labels'), labels);
  map(joinPath('f:metadata', 'f:annotations'), annotations);
  map('f:data', data);
  if (type !== undefined && type !== null) scalar(typeField, type, 'string');
  if (immutable !== undefined && immutable !== null) scalar('f:immutable', immutable, 'boolean');
  for (const finalizer of finalizers ?? []) {
    fields.set(joinPath('f:metadata', 'f:finalizers', `v:${JSON.stringify(finalizer)}`), emptyValue);
  }
  for (const owner of ownerReferences ?? []) {
    const item = joinPath('f:metadata', 'f:ownerReferences', `k:${JSON.stringify({ uid: owner.uid })}`);
    fields.set(item, emptyValue);
    for (const [key, value] of Object.entries(owner)) fields.set(joinPath(item, `f:${key}`), value);
  }
  return fields;
}

const systemFields = new Set([
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'managedFields',
]);

function printValue(value: unknown): string {
  return `&value.valueUnstructured{Value:${JSON.stringify(value)}}`;
}

function notTyped(secret: Secret, why: string): StatusError {
  const { namespace = '', name } = secret.metadata;
  const what = `${namespace}/${name}; /v1, Kind=Secret`;
  return new StatusError(500, '', `failed to create typed patch object (${what}): ${why}`);
}

/** Puts the pieces together again, without what the server sets itself. Empty maps are not shown, as in Go. */
export function toParts(fields: Fields): Omit<Secret, 'metadata' | 'kind' | 'apiVersion'> & {
  metadata: Omit<ObjectMeta, 'name'>;
} {
  const tree: Record<string, unknown> = {};
  const lists = new Map<string, unknown[]>();
  for (const [path, value] of fields) {
    const elements = path.split(separator);
    if (elements[1] === 'f:finalizers' || elements[1] === 'f:ownerReferences')
      addToList(lists, elements, value);
    else if (value !== emptyValue) addToMap(tree, elements, value);
  }
  const metadata = { ...(tree.metadata as Omit<ObjectMeta, 'name'>), ...Object.fromEntries(lists) };
  return { ...tree, metadata };
}

function addToMap(tree: Record<string, unknown>, elements: string[], value: FieldValue): void {
  const keys = elements.map((element) => element.slice(2));
  const last = keys.pop() ?? '';
  let node = tree;
  for (const key of keys) {
    node[key] ??= {};
    node = node[key] as Record<string, unknown>;
  }
  node[last] = value;
}

function addToList(lists: Map<string, unknown[]>, elements: string[], value: FieldValue): void {
  const [, list = '', item = '', field] = elements;
  const name = list.slice(2);
  const items = lists.get(name) ?? [];
  lists.set(name, items);
  if (item.startsWith('v:')) items.push(JSON.parse(item.slice(2)));
  else if (field === undefined) items.push(JSON.parse(item.slice(2)));
  else {
    const { uid } = JSON.parse(item.slice(2)) as { uid: string };
    const owner = items.find((one) => (one as { uid: string }).uid === uid);
    if (owner) Object.assign(owner, { [field.slice(2)]: value });
  }
}

/** The maps and lists that hold these fields. One who makes an object by an update owns them too. */
export function containersOf(paths: Iterable<FieldPath>): Set<FieldPath> {
  const containers = new Set<FieldPath>();
  for (const path of paths) {
    const elements = path.split(separator);
    for (let length = elements.length - 1; length > 0; length -= 1) {
      const container = elements.slice(0, length).join(separator);
      if (container !== 'f:metadata') containers.add(container);
    }
  }
  return containers;
}

/** A set of fields as `fieldsV1`: nested, sorted, `.` for a container that is itself in the set. */
export function toFieldsV1(paths: ReadonlySet<FieldPath>): ManagedFieldsEntry['fieldsV1'] {
  const root: Record<string, object> = {};
  const containers = containersOf(paths);
  for (const path of [...paths].sort()) {
    let node = root;
    for (const element of path.split(separator)) {
      node[element] ??= {};
      node = node[element] as Record<string, object>;
    }
    if (containers.has(path)) node['.'] = {};
  }
  return root;
}

/** A path as the server's messages print it: `.data..dockerconfigjson`, `.metadata.finalizers[="x"]`. */
export function printPath(path: FieldPath): string {
  return path
    .split(separator)
    .map((element) => {
      const text = element.slice(2);
      if (element.startsWith('f:')) return `.${text}`;
      if (element.startsWith('v:')) return `[=${text}]`;
      const keys = Object.entries(JSON.parse(text) as Record<string, unknown>);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}

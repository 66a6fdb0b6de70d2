import { containersOf, type FieldPath, type Fields, type FieldValue, printPath } from './fields.ts';
import { StatusError } from './status.ts';

/** Who owns which fields since when (seconds, as Kubernetes writes times). */
export interface Manager {
  name: string;
  operation: 'Apply' | 'Update';
  /** None where an apply only joined who owns the same values. */
  time: string | undefined;
  owned: ReadonlySet<FieldPath>;
}

/** The part of an object that field management is about. */
export interface Managed {
  fields: Fields;
  managers: readonly Manager[];
}

export interface Change {
  manager: string;
  time: string;
}

/**
 * Server-side apply: merges `config` into the live object, drops what this manager applied before and now left
 * out and nobody else owns, and moves ownership. The same object is returned when nothing changed, so that a
 * no-op keeps its resourceVersion and times. It follows sigs.k8s.io/structured-merge-diff `merge/update.go`.
 * @throws StatusError 409 when another manager's field would change and `force` is not set.
 */
export function apply(
  live: Managed | undefined,
  config: Fields,
  change: Change & { force: boolean },
): Managed {
  if (live?.managers.length === 0) {
    // all that is there is taken for an update by one who is not known: apimachinery `skipnonapplied.go`
    const unknown = update(undefined, live.fields, { ...change, manager: 'before-first-apply' });
    return apply(unknown, config, change);
  }
  const old: Fields = live?.fields ?? new Map();
  const isOurs = (one: Manager) => one.operation === 'Apply' && one.name === change.manager;
  const ours = live?.managers.find(isOurs);
  const others = live?.managers.filter((one) => !isOurs(one)) ?? [];

  const merged = new Map([...old, ...config]);
  for (const path of ours?.owned ?? []) {
    if (!config.has(path) && !others.some(({ owned }) => owned.has(path))) merged.delete(path);
  }
  const changed = changedPaths(old, merged);
  const conflicts = others.flatMap((manager) => conflictsOf(manager, changed));
  if (conflicts.length > 0 && !change.force) throw conflictError(conflicts);

  const owned = new Set(config.keys());
  const kept = yieldFields(others, changed, old, merged);
  const isSame = changed.size === 0 && merged.size === old.size && kept.length === others.length;
  if (live && ours && isSame && equalSets(ours.owned, owned)) return live;
  const isWritten = changed.size > 0 || merged.size !== old.size;
  const time = isWritten ? change.time : ours?.time;
  return {
    fields: merged,
    managers: sortManagers([...kept, { ...toManager(change, 'Apply'), time, owned }]),
  };
}

/** An ordinary create, update or patch: takes whatever it changes, maps and lists that it makes included. */
export function update(live: Managed | undefined, fields: Fields, change: Change): Managed {
  // an update of what nobody is known to own does not begin to tell
  if (live?.managers.length === 0) return { fields, managers: [] };
  const old: Fields = live?.fields ?? new Map();
  const changed = changedPaths(old, fields);
  const had = containersOf(old.keys());
  for (const container of containersOf(fields.keys())) if (!had.has(container)) changed.add(container);
  const isSame = (one: Manager) => one.operation === 'Update' && one.name === change.manager;
  const before = live?.managers.find(isSame);
  const others = live?.managers.filter((one) => !isSame(one)) ?? [];
  const owned = stillThere(new Set([...(before?.owned ?? []), ...changed]), fields);
  const kept = yieldFields(others, changed, old, fields);
  return { fields, managers: sortManagers([...kept, { ...toManager(change, 'Update'), owned }]) };
}

function toManager({ manager, time }: Change, operation: Manager['operation']) {
  return { name: manager, operation, time };
}

/** What is new or has another value. */
function changedPaths(old: Fields, now: Fields): Set<FieldPath> {
  const changed = new Set<FieldPath>();
  for (const [path, value] of now) {
    const before: FieldValue | undefined = old.get(path);
    if (before !== value) changed.add(path);
  }
  return changed;
}

/** The others without what was taken from them or went away; one who owns nothing is forgotten. */
function yieldFields(others: Manager[], changed: Set<FieldPath>, old: Fields, now: Fields): Manager[] {
  const isRemoving = [...old.keys()].some((path) => !now.has(path));
  return others
    .map((manager) => {
      const rest = new Set([...manager.owned].filter((path) => !changed.has(path)));
      return { ...manager, owned: isRemoving ? stillThere(rest, now) : rest };
    })
    .filter(({ owned }) => owned.size > 0);
}

function stillThere(paths: ReadonlySet<FieldPath>, fields: Fields): Set<FieldPath> {
  const containers = containersOf(fields.keys());
  return new Set([...paths].filter((path) => fields.has(path) || containers.has(path)));
}

interface Conflict {
  manager: Manager;
  path: FieldPath;
}

function conflictsOf(manager: Manager, changed: Set<FieldPath>): Conflict[] {
  const paths = [...manager.owned].filter((path) => changed.has(path));
  return paths.sort().map((path) => ({ manager, path }));
}

/** The texts are those of apimachinery `managedfields/internal/conflict.go`. */
function conflictError(conflicts: Conflict[]): StatusError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${printManager(manager)}`,
    field: printPath(path),
  }));
  const message =
    causes.length === 1
      ? `Apply failed with 1 conflict: ${causes[0]?.message}: ${causes[0]?.field}`
      : `Apply failed with ${causes.length} conflicts: ${listByManager(conflicts)}`;
  return new StatusError(409, 'Conflict', message, { details: { causes } });
}

function listByManager(conflicts: Conflict[]): string {
  const managers = new Map<string, string[]>();
  for (const { manager, path } of conflicts) {
    const text = printManager(manager);
    managers.set(text, [...(managers.get(text) ?? []), `- ${printPath(path)}`]);
  }
  return [...managers]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([manager, paths]) => `conflicts with ${manager}:\n${paths.join('\n')}`)
    .join('\n');
}

/** As 1.36.3 prints it: without the time that older documentation shows. */
function printManager({ name, operation }: Manager): string {
  return operation === 'Update' ? `${JSON.stringify(name)} using v1` : JSON.stringify(name);
}

/** The order of `metadata.managedFields`: appliers first, then by time and name. */
function sortManagers(managers: Manager[]): Manager[] {
  const key = ({ operation, time = '', name }: Manager) => `${operation} ${time} ${name}`;
  return managers.sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

function equalSets(one: ReadonlySet<FieldPath>, other: ReadonlySet<FieldPath>): boolean {
  return one.size === other.size && [...one].every((path) => other.has(path));
}

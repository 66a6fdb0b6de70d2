import type { Answer } from './case.ts';

const MADE_BY_SERVER = new Set(['time', 'creationTimestamp', 'deletionTimestamp', 'lastTransitionTime']);
const UID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/**
 * The answers of one conversation without what no two servers share. Uids and resource versions become numbers in
 * the order of their coming: so it still shows whether an object stayed the same one, and whether it was written.
 */
export function normalise(answers: readonly Answer[]): unknown {
  const uid = numbered('uid');
  const version = numbered('version');
  const listVersion = numbered('version of a list');
  return JSON.parse(JSON.stringify(answers), function (this: object, key: string, value: unknown) {
    if (typeof value !== 'string') return value;
    if (MADE_BY_SERVER.has(key)) return 'a time';
    if (key === 'continue') return 'a continue token';
    if (key === 'resourceVersion') return 'uid' in this ? version(value) : listVersion(value);
    return value.replace(UID, uid).replace(/(?<=the ResourceVersion in record \()\d+/, version);
  });
}

function numbered(what: string): (value: string) => string {
  const seen = new Map<string, string>();
  return (value) => {
    const name = seen.get(value) ?? `${what} ${seen.size + 1}`;
    seen.set(value, name);
    return name;
  };
}

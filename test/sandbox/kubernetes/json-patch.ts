import { isDeepStrictEqual } from 'node:util';
import { badRequest, StatusError } from './status.ts';

interface Operation {
  op: string;
  path: string;
  value?: unknown;
}

type Container = Record<string, unknown>;

/**
 * An object after a JSON Patch (RFC 6902): `test`, `add`, `remove` and `replace`.
 * @throws StatusError 400 for what is no patch; 422, which says no more, for one that does not hold
 */
export function patched<Type extends object>(object: Type, body: string): Type {
  const result = structuredClone(object);
  for (const operation of readPatch(body)) {
    if (!isDone(result as Container, operation)) throw notHeld();
  }
  return result;
}

function readPatch(body: string): Operation[] {
  const patch: unknown = JSON.parse(body);
  if (Array.isArray(patch)) return patch as Operation[];
  const type = patch === null ? 'null' : typeof patch;
  const why = `json: cannot unmarshal ${type} into Go value of type []handlers.jsonPatchOp`;
  throw badRequest(`error decoding patch: ${why}`);
}

function isDone(root: Container, { op, path, value }: Operation): boolean {
  const steps = path.split('/').slice(1);
  const last = steps.pop() ?? '';
  let parent: unknown = root;
  for (const step of steps) parent = (parent as Container | undefined)?.[step];
  if (typeof parent !== 'object' || parent === null) return false;
  const container = parent as Container;
  if (op === 'test') return isDeepStrictEqual(container[last], value);
  if (op === 'add' && Array.isArray(parent)) {
    const at = last === '-' ? parent.length : Number(last);
    if (at > parent.length) return false;
    parent.splice(at, 0, value);
    return true;
  }
  if (op !== 'add' && !(last in container)) return false;
  if (op === 'remove' && Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (op === 'remove') delete container[last];
  else container[last] = value;
  return true;
}

function notHeld(): StatusError {
  const message = 'the server rejected our request due to an error in our request';
  return new StatusError(422, 'Invalid', message, { details: {} });
}

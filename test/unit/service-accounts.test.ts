import fc from 'fast-check';
import { expect, test } from 'vitest';
import { adding, type Edit, removing } from '../../lambda/service-accounts.ts';
import { patched } from '../sandbox/kubernetes/json-patch.ts';

/** A list of pull secrets after an edit, as the API server makes it. */
function edited(pullSecrets: readonly string[], edit: Edit): string[] {
  const account = pullSecrets.length > 0 ? { imagePullSecrets: pullSecrets.map((name) => ({ name })) } : {};
  const after: { imagePullSecrets?: { name: string }[] } = patched(
    account,
    JSON.stringify(edit(pullSecrets)),
  );
  return after.imagePullSecrets?.map(({ name }) => name) ?? [];
}

test.for<[string, string[], Edit, string[], number]>([
  ['makes a list', [], adding(['a']), ['a'], 1],
  ['makes a list of several', [], adding(['a', 'b']), ['a', 'b'], 1],
  ['goes to the end', ['x', 'y'], adding(['a', 'b']), ['x', 'y', 'a', 'b'], 2],
  ['adds what is missing only', ['b', 'x'], adding(['a', 'b']), ['b', 'x', 'a'], 1],
  ['leaves a list that has all', ['b', 'a'], adding(['a', 'b']), ['b', 'a'], 0],
  ['makes no list of nothing', [], adding([]), [], 0],
  ['takes out a name wherever it stands', ['a', 'x', 'a', 'y', 'a'], removing('a'), ['x', 'y'], 3],
  ['leaves an empty list', ['a'], removing('a'), [], 1],
  ['leaves a list without the name', ['x'], removing('a'), ['x'], 0],
])('an edit %s', ([, before, edit, after, operations]) => {
  expect(edited(before, edit)).toEqual(after);
  expect(edit(before)).toHaveLength(operations);
});

test('whatever is there, names of others stay as they are, and ours are there once or not at all', () => {
  const names = fc.array(fc.constantFrom('x', 'y', 'z', '', 'ours-1', 'ours-2'), { maxLength: 8 });
  const ours = fc.uniqueArray(fc.constantFrom('ours-1', 'ours-2'));
  fc.assert(
    fc.property(names, ours, (before, wanted) => {
      const after = edited(before, adding(wanted));
      expect(after.slice(0, before.length)).toEqual(before);
      expect(after.slice(before.length)).toEqual(wanted.filter((name) => !before.includes(name)));
      expect(adding(wanted)(after)).toEqual([]);
      const without = edited(after, removing('ours-1'));
      expect(without).toEqual(after.filter((name) => name !== 'ours-1'));
    }),
  );
});

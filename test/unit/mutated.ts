import fc from 'fast-check';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Path = (string | number)[];

/** What nobody expects of a value, beside any JSON: names of the prototype, long texts, wild numbers, odd characters. */
const strange: fc.Arbitrary<Json> = fc.oneof(
  fc.jsonValue() as fc.Arbitrary<Json>,
  fc.constantFrom<Json[]>('', '*', '__proto__', '\0', '\u{1F4A5}', -1, 0.5, 1e308, 2 ** 53),
  fc
    .record({ part: fc.constantFrom('a', '*a', 'a=b,', 'a-', ' ', '0,', '/'), times: fc.nat(4_000) })
    .map(({ part, times }) => `${part.repeat(times)}!`),
  fc.integer({ min: 1, max: 200 }).map((depth) => {
    let nested: Json = 'deep';
    for (let level = 0; level < depth; level += 1) nested = [nested];
    return nested;
  }),
);

/** Valid documents with one to four changes: a value replaced, doubled, left out, in a list, or under another key. */
export function mutated(documents: readonly object[]): fc.Arbitrary<unknown> {
  const change = fc.record({
    where: fc.nat(),
    how: fc.constantFrom('replace', 'text', 'remove', 'double', 'wrap', 'rename', 'add'),
    value: strange,
    key: fc.oneof(
      fc.string(),
      fc.constantFrom('__proto__', 'constructor', 'toString', 'length', 'id', 'type'),
    ),
  });
  return fc
    .record({
      document: fc.constantFrom(...documents),
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
    })
    .map(({ document, changes }) => {
      const root = { top: JSON.parse(JSON.stringify(document)) as Json };
      for (const { where, how, value, key } of changes) {
        const paths = pathsOf(root.top, ['top']);
        alter(root, paths[where % paths.length] ?? ['top'], how, value, key);
      }
      return root.top;
    });
}

function pathsOf(value: Json, path: Path): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [
    path,
    ...keys.flatMap((key) => pathsOf((value as Record<string, Json>)[key] ?? null, [...path, key])),
  ];
}

function alter(root: { top: Json }, path: Path, how: string, value: Json, key: string): void {
  const last = path.at(-1) ?? 'top';
  let parent = root as unknown as Record<string | number, Json>;
  for (const step of path.slice(0, -1)) parent = parent[step] as Record<string | number, Json>;
  const old = parent[last] ?? null;
  if (how === 'remove' && path.length > 1) {
    if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else delete parent[last];
  } else if (how === 'double' && Array.isArray(parent)) parent.push(old);
  else if (how === 'wrap') parent[last] = [old];
  else if (how === 'text' && typeof old === 'string')
    parent[last] = `${old.slice(0, 3)}${key}${old.slice(3)}`;
  else if (how === 'rename' && !Array.isArray(parent) && path.length > 1) {
    delete parent[last];
    define(parent, key, old);
  } else if (how === 'add' && old !== null && typeof old === 'object' && !Array.isArray(old))
    define(old, key, value);
  else parent[last] = value;
}

/** As JSON.parse does, also for `__proto__`. */
function define(object: object, key: string, value: Json): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Whether one of the globs, in which `*` stands for any run of characters, matches the whole of `name`. */
export function matchesAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => matches(glob, name));
}

/** Takes each literal where it first fits; a regular expression would try every way and not end for many stars. */
function matches(glob: string, name: string): boolean {
  const [head = '', ...literals] = glob.split('*');
  const tail = literals.pop();
  if (tail === undefined) return glob === name;
  if (!name.startsWith(head) || !name.endsWith(tail)) return false;
  let at = head.length;
  for (const literal of literals) {
    const found = name.indexOf(literal, at);
    if (found < 0) return false;
    at = found + literal.length;
  }
  return at + tail.length <= name.length;
}

import { childrenOf, type Declaration, isNode, type Node, nameOf } from './declarations.ts';

/**
 * A change inside a declaration. Each first property is code that occurs once in it, however it is formatted; the edit
 * changes the smallest statement, condition or other node of its kind around that code. So a few words are enough, and
 * the rest of the node may be rewritten.
 */
export type Edit =
  /** Removes a statement, a property, an argument, an element, or an operand of `&&`, `||` and `??`. */
  | { readonly remove: string }
  /** Makes a condition true: the test of a branch or loop, an operand of `&&` or `||`, or the body of an arrow function. */
  | { readonly always: string }
  /** Makes a condition false. */
  | { readonly never: string }
  /** Gives another value to the constant, variable or property of that name, or to `return`. */
  | { readonly set: string; readonly to: string }
  /** Inserts code before a statement. */
  | { readonly before: string; readonly insert: string }
  /** Replaces the code itself; for what no other edit can say. */
  | { readonly replace: string; readonly by: string };

/** The text that replaces a part of a file. */
interface Patch {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The text of a declaration's file with an edit in it: one text for each place that the edit fits. */
export function edited(declaration: Declaration, edit: Edit): string[] {
  const { text } = declaration;
  return patchesOf(declaration, edit).map(
    (patch) => text.slice(0, patch.start) + patch.text + text.slice(patch.end),
  );
}

function patchesOf(declaration: Declaration, edit: Edit): Patch[] {
  const { text } = declaration;
  if ('set' in edit) return valuesOf(declaration.node, edit.set).map((value) => setting(value, edit));
  if ('replace' in edit) return placesOf(declaration, edit.replace).map((at) => ({ ...at, text: edit.by }));
  if ('before' in edit) {
    const places = placesAround(declaration, edit.before, isStatement);
    return places.map((place) => insertion(text, place, edit.insert));
  }
  if ('remove' in edit) {
    return placesAround(declaration, edit.remove, isRemovable).map((place) => removal(text, place));
  }
  const [code, value] = 'always' in edit ? [edit.always, 'true'] : [edit.never, 'false'];
  return placesAround(declaration, code, isCondition).map(({ node: { start, end } }) => ({
    ...{ start, end },
    text: value,
  }));
}

/** Where code occurs in a declaration: with any white space, and with or without a comma before what closes. */
function placesOf({ text, node }: Declaration, code: string): { start: number; end: number }[] {
  const tokens = code.match(/[\w$]+|[^\s\w$]/g) ?? [];
  const parts = tokens.map((token) => token.replace(/^[^\w]/, '\\$&').replace(/^\\[)\]}]$/, '(?:,\\s*)?$&'));
  const before = /^\s/.test(code) ? '\\s*' : /^[\w$]/.test(code) ? '(?<![\\w$])' : '';
  const after = /\s$/.test(code) ? '\\s*' : /[\w$]$/.test(code) ? '(?![\\w$])' : '';
  const form = new RegExp(before + parts.join('\\s*') + after, 'g');
  return [...text.slice(node.start, node.end).matchAll(form)].map(({ 0: { length }, index }) => {
    const start = node.start + index;
    return { start, end: start + length };
  });
}

/** A node in its parent. */
interface Place {
  readonly node: Node;
  readonly parent: Node;
}

/** The smallest nodes of a kind around each occurrence of code. */
function placesAround(declaration: Declaration, code: string, isOfKind: (place: Place) => boolean): Place[] {
  const found = new Map<Node, Place>();
  for (const { start, end } of placesOf(declaration, code)) {
    let smallest: Place | undefined;
    for (const place of placesIn(declaration.node)) {
      const isAround = place.node.start <= start && place.node.end >= end;
      if (isAround && isOfKind(place)) smallest = place;
    }
    if (smallest) found.set(smallest.node, smallest);
  }
  return [...found.values()];
}

/** All nodes below one, each before those below it. */
function placesIn(parent: Node): Place[] {
  return childrenOf(parent).flatMap((node) => [{ node, parent }, ...placesIn(node)]);
}

function isStatement({ node, parent }: Place): boolean {
  return parent.type === 'BlockStatement' || isBranch({ node, parent });
}

/** Whether a statement follows `if (…)` or `else` without a block. */
function isBranch({ node, parent }: Place): boolean {
  const isOne = parent.type === 'IfStatement' && parent.test !== node;
  return isOne && node.type !== 'BlockStatement';
}

function insertion(text: string, place: Place, code: string): Patch {
  const { start, end } = place.node;
  if (!isBranch(place)) return { start, end: start, text: `${code}\n` };
  return { start, end, text: `{ ${code}\n${text.slice(start, end)} }` };
}

function isCondition({ node, parent }: Place): boolean {
  if (parent.type === 'LogicalExpression') return parent.operator !== '??';
  if (parent.type === 'ArrowFunctionExpression')
    return parent.body === node && node.type !== 'BlockStatement';
  return parent.test === node;
}

function isRemovable(place: Place): boolean {
  const { node, parent } = place;
  if (parent.type === 'IfStatement') return parent.alternate === node;
  return (
    parent.type === 'BlockStatement' || parent.type === 'LogicalExpression' || listWith(place) !== undefined
  );
}

/** The properties, elements or arguments that a node is one of. */
function listWith({ node, parent }: Place): Node[] | undefined {
  const { type } = parent;
  const list =
    type === 'ObjectExpression'
      ? parent.properties
      : type === 'ArrayExpression'
        ? parent.elements
        : parent.arguments;
  return Array.isArray(list) && list.includes(node) ? list : undefined;
}

function removal(text: string, place: Place): Patch {
  const { node, parent } = place;
  const list = listWith(place);
  if (!list) {
    if (parent.type === 'IfStatement')
      return { start: (parent.consequent as Node).end, end: node.end, text: '' };
    if (parent.left === node) return { start: node.start, end: (parent.right as Node).start, text: '' };
    const start = parent.right === node ? (parent.left as Node).end : node.start;
    return { start, end: node.end, text: '' };
  }
  const at = list.indexOf(node);
  const [previous, next] = [list[at - 1], list[at + 1]];
  if (next) return { start: node.start, end: next.start, text: '' };
  const comma = /^\s*,/.exec(text.slice(node.end))?.[0] ?? '';
  return { start: previous?.end ?? node.start, end: node.end + comma.length, text: '' };
}

/** A value that can be set. */
interface Value extends Place {
  /** The key of a property that is written without its value. */
  readonly shorthand?: string | undefined;
}

/** The values that a name has in a declaration. */
function valuesOf(declaration: Node, name: string): Value[] {
  if (name === 'return') return returnedBy(declaration);
  const places = [{ node: declaration, parent: declaration }, ...placesIn(declaration)];
  return places.flatMap(({ node, parent }) => {
    const { type } = node;
    const value =
      type === 'VariableDeclarator' && nameOf(node.id) === name
        ? node.init
        : type === 'AssignmentExpression' && targetOf(node) === name
          ? node.right
          : /^Property/.test(type) && parent.type !== 'ObjectPattern' && nameOf(node.key) === name
            ? node.value
            : undefined;
    return isNode(value)
      ? [{ node: value, parent: node, shorthand: node.shorthand === true ? name : undefined }]
      : [];
  });
}

function targetOf({ operator, left }: Node): string | undefined {
  return operator === '=' ? nameOf(isNode(left) && isNode(left.property) ? left.property : left) : undefined;
}

/** The values that a function returns, without those of functions inside it. */
function returnedBy(node: Node, isInside = false): Place[] {
  return childrenOf(node).flatMap((child) => {
    if (isFunction(child) && (isInside || isFunction(node))) return [];
    if (node.type === 'ReturnStatement') return [{ node: child, parent: node }];
    return returnedBy(child, isInside || isFunction(child) || isFunction(node));
  });
}

function isFunction({ type }: Node): boolean {
  return /^(Arrow)?Function/.test(type);
}

function setting({ node: { start, end }, shorthand }: Value, { to }: { to: string }): Patch {
  return { start, end, text: shorthand === undefined ? to : `${shorthand}: ${to}` };
}

import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseSync } from 'vite';

/** A node of the syntax tree, as ESTree and its extension for TypeScript name them; offsets are those of the text. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** A function, class, member of a class or constant of the top level of a file. */
export interface Declaration {
  /** Such as `inRounds`, `Transport.send`, `Transport.#attempt`, `MOST_IN_FLIGHT`. */
  readonly name: string;
  /** Such as `lambda/clock.ts`. */
  readonly file: string;
  /** The text of the whole file. */
  readonly text: string;
  readonly node: Node;
}

/** All declarations of the sources of a tree. */
export function readDeclarations(tree: string): Declaration[] {
  return globSync('lambda/**/*.ts', { cwd: tree }).flatMap((file) =>
    declarationsOf(file, readFileSync(join(tree, file), 'utf8')),
  );
}

/** The declarations of one file. */
export function declarationsOf(file: string, text: string): Declaration[] {
  return childrenOf(parse(text))
    .flatMap((node) => (isNode(node.declaration) ? [node.declaration] : [node]))
    .flatMap((node) => (node.type === 'VariableDeclaration' ? childrenOf(node) : [node]))
    .flatMap((node) => {
      const name = nameOf(node.id);
      if (name === undefined) return [];
      const members = node.type === 'ClassDeclaration' ? childrenOf(node.body as Node) : [];
      return [
        { name, file, text, node },
        ...members.map((member) => ({ name: `${name}.${nameOf(member.key)}`, file, text, node: member })),
      ];
    });
}

/**
 * The declarations of a name.
 * @param name perhaps after the base name of a file, to choose one of several: `cleanup: worstFirst`
 */
export function findDeclarations(all: readonly Declaration[], name: string): Declaration[] {
  const [own, file] = name.split(': ').reverse();
  return all.filter((one) => one.name === own && (file === undefined || basename(one.file, '.ts') === file));
}

/** The names of the errors that the product throws: `ApiError`, and the codes of `HelperError`; not those of the command line. */
export function errorNames(all: readonly Declaration[]): string[] {
  const texts = new Set(all.filter(({ file }) => !file.startsWith('lambda/cli/')).map(({ text }) => text));
  const codes = [...texts].flatMap((text) => [
    ...text.matchAll(/(?:new HelperError|super|awsError)\(\s*'(\w+)'/g),
  ]);
  return ['ApiError', ...new Set(codes.flatMap(([, code = '']) => code))];
}

/**
 * The syntax tree of a file.
 * @throws an error when it is not TypeScript
 */
export function parse(text: string): Node {
  const { program, errors } = parseSync('file.ts', text);
  if (errors[0]) throw new Error(errors[0].message);
  return program as unknown as Node;
}

/** The nodes directly below one. */
export function childrenOf(node: Node): Node[] {
  return Object.values(node).flat().filter(isNode);
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** What an identifier or a key reads, such as `send` or `#attempt`. */
export function nameOf(value: unknown): string | undefined {
  if (!isNode(value) || typeof (value.name ?? value.value) !== 'string') return undefined;
  return `${value.type === 'PrivateIdentifier' ? '#' : ''}${value.name ?? value.value}`;
}

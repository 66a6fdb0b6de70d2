import { join } from 'node:path';
import {
  API,
  type Checker,
  ModifierFlags,
  type Project,
  SymbolFlags,
  type Type,
  type Symbol as TypeSymbol,
} from 'typescript/unstable/sync';

/** A property of an interface or class, as its declaration has it. */
export interface Property {
  readonly name: string;
  readonly isOptional: boolean;
  /** Its doc comment in one line, with the tags left out. */
  readonly doc: string;
  /** Of the tag `@default`; empty for none. */
  readonly fallback: string;
  /** As it is written in the source; empty for one that no source declares, as of a mapped type. */
  readonly source: string;
  /** Without `undefined`. */
  readonly type: Type;
}

/** A name that a module exports. */
export interface Export {
  readonly name: string;
  readonly kind: 'class' | 'function' | 'interface' | 'type';
  readonly doc: string;
  readonly type: Type;
}

/**
 * The types of the project, as the compiler knows them.
 * TypeScript 7 has no other API than this one, which it calls unstable: the version is pinned.
 */
export class Types {
  readonly #project: Project;
  readonly #checker: Checker;

  private constructor(api: API) {
    const root = join(import.meta.dirname, '..');
    const snapshot = api.updateSnapshot({ openProjects: [join(root, 'infra/tsconfig.json')] });
    const [project] = snapshot.getProjects();
    if (!project) throw new Error('infra/tsconfig.json is no project');
    this.#project = project;
    this.#checker = project.checker;
  }

  /** Starts the compiler for one use. */
  static use<T>(read: (types: Types) => T): T {
    const api = new API({ cwd: join(import.meta.dirname, '..') });
    try {
      return read(new Types(api));
    } finally {
      api.close();
    }
  }

  /** @param module such as `lambda/handler.ts` */
  exportsOf(module: string): Export[] {
    const checker = this.#checker;
    const file = this.#project.program.getSourceFile(join(import.meta.dirname, '..', module));
    const symbol = file && checker.getSymbolAtLocation(file);
    if (!symbol) throw new Error(`${module} is no module`);
    return checker.getExportsOfModule(symbol).map((exported) => {
      const own = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      return {
        name: exported.name,
        kind: kindOf(own),
        doc: oneLine(own.getDocumentationComment(checker)),
        type: checker.getDeclaredTypeOfSymbol(own),
      };
    });
  }

  /** The public properties of a type, without methods and those that packages declare. */
  propertiesOf(type: Type): Property[] {
    return this.#checker.getPropertiesOfType(type).flatMap((symbol) => {
      const node = symbol.valueDeclaration?.resolve(this.#project) as
        | {
            modifierFlags: ModifierFlags;
            type?: { getText(): string };
            getSourceFile(): { fileName: string };
          }
        | undefined;
      const isHidden =
        symbol.flags & SymbolFlags.Method ||
        (node && node.modifierFlags & ModifierFlags.NonPublicAccessibilityModifier) ||
        node?.getSourceFile().fileName.includes('/node_modules/');
      const full = this.#checker.getTypeOfSymbol(symbol);
      const own = full && this.#checker.getNonNullableType(full);
      if (isHidden || !own) return [];
      const tags = symbol.getJsDocTags(this.#checker);
      return {
        name: symbol.name,
        isOptional: (symbol.flags & SymbolFlags.Optional) !== 0,
        doc: oneLine(symbol.getDocumentationComment(this.#checker)),
        fallback: oneLine(tags.find(({ name }) => name === 'default')?.text ?? ''),
        source: node?.type?.getText() ?? '',
        type: own,
      };
    });
  }

  /** The types of a union; of another type that alone. */
  optionsOf(type: Type): readonly Type[] {
    return type.isUnionType() ? (type.getTypes() ?? []) : [type];
  }

  /** The type of the elements of a list; undefined for another. */
  elementOf(type: Type): Type | undefined {
    if (!this.#checker.isArrayType(type) && !this.#checker.isTupleType(type)) return undefined;
    return type.isTypeReference() ? this.#checker.getTypeArguments(type)[0] : undefined;
  }

  print(type: Type): string {
    return this.#checker.typeToString(type);
  }

  docOf(type: Type): string {
    return oneLine(type.getSymbol()?.getDocumentationComment(this.#checker) ?? '');
  }
}

function kindOf({ flags }: TypeSymbol): Export['kind'] {
  if (flags & SymbolFlags.Class) return 'class';
  if (flags & SymbolFlags.Function) return 'function';
  return flags & SymbolFlags.Interface ? 'interface' : 'type';
}

/** Links of doc comments become code. */
function oneLine(text: string): string {
  return text
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
}

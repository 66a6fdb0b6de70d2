import { ACTIONS } from '../lambda/request.ts';
import { code, markdownPage, markdownTable, type Page } from './markdown.ts';
import { type Property, Types } from './types.ts';

type Type = Property['type'];

/** Every field that an action returns. */
export const reportsPage: Page = { file: 'docs/reference/report.md', write: () => Types.use(writeReports) };

function writeReports(types: Types): string {
  const answer = types.exportsOf('lambda/handler.ts').find(({ name }) => name === 'Answer');
  if (!answer) throw new Error('lambda/handler.ts exports no Answer');
  const sections = types.optionsOf(answer.type).map((report) => {
    const action = types.propertiesOf(report).find(({ name }) => name === 'action');
    const actions = action ? types.optionsOf(action.type).map((one) => JSON.parse(types.print(one))) : [];
    return { report, actions: ACTIONS.filter((one) => actions.includes(one)) };
  });
  return markdownPage(
    '# Reports',
    '<!-- Written by `npm run docs:reference`. -->',
    'What the function returns for each [action](events.md), and `--json` of the [command line](cli.md) prints. `[]` stands for the elements of a list. A field that is *optional* is absent where it does not apply.',
    'A manual run returns its report also when it failed. Another run that failed throws, so that AWS retries it; its report is in the log. No report has a token or a password.',
    ...sections
      .toSorted((one, other) => order(one.actions) - order(other.actions))
      .flatMap(({ report, actions }) => [
        `## ${actions.join(' and ')}`,
        types.docOf(report),
        markdownTable(['Field', 'Type', 'Description'], rowsOf(types, report)),
      ]),
  );
}

function order([first]: readonly (typeof ACTIONS)[number][]): number {
  return first ? ACTIONS.indexOf(first) : ACTIONS.length;
}

/** A row for each property of an object, and for those within it. */
function rowsOf(types: Types, type: Type, prefix = ''): string[][] {
  return types.propertiesOf(type).flatMap((property) => {
    const { name, isOptional } = property;
    const path = `${prefix}${name}`;
    const inner = types.elementOf(property.type);
    const object = [inner ?? property.type].find((one) => isObject(types, one));
    const names = object && namesOfCounts(types, object);
    return [
      [
        code(path),
        `${typeName(types, property.type)}${isOptional ? ', optional' : ''}`,
        `${describe(types, type, property)}${names ? ` Its fields: ${names.map(code).join(', ')}.` : ''}`,
      ],
      ...(object && !names ? rowsOf(types, object, `${path}${inner ? '[]' : ''}.`) : []),
    ];
  });
}

function describe(types: Types, type: Type, { name, doc }: Property): string {
  if (name === 'action') return 'The action.';
  if (doc === '') throw new Error(`${name} of ${types.print(type)} has no doc comment`);
  return doc;
}

/** The keys of a record, which are in no source by themselves. */
function namesOfCounts(types: Types, type: Type): string[] | undefined {
  const properties = types.propertiesOf(type);
  return properties.every(({ source }) => source === '') ? properties.map(({ name }) => name) : undefined;
}

function isObject(types: Types, type: Type): boolean {
  return type.isObjectType() && !types.elementOf(type);
}

function typeName(types: Types, type: Type): string {
  const element = types.elementOf(type);
  if (element) return `list of ${typeName(types, element)}s`;
  if (isObject(types, type)) return 'object';
  const printed = types.print(type);
  if (printed === 'boolean') return printed;
  const options = types.optionsOf(type).map((one) => types.print(one));
  return options.every((one) => /^(".*"|true)$/.test(one)) ? options.map(code).join(' | ') : printed;
}

import { code, markdownPage, markdownTable, type Page } from './markdown.ts';
import { type Export, type Property, Types } from './types.ts';

const MODULE = 'infra/index.ts';

/** Every property that the constructs take and have. */
export const constructPage: Page = {
  file: 'docs/reference/construct.md',
  write: () => Types.use(writeConstructs),
};

function writeConstructs(types: Types): string {
  const exported = types.exportsOf(MODULE).toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const constructs = exported.filter(({ name }) => exported.some((one) => one.name === `${name}Props`));
  if (constructs.length === 0) throw new Error(`${MODULE} exports no construct`);
  const others = exported.filter(
    ({ name }) => !constructs.some((construct) => [construct.name, `${construct.name}Props`].includes(name)),
  );
  return markdownPage(
    '# Construct',
    '<!-- Written by `npm run docs:reference`. -->',
    'What the package exports for your own CDK app. The settings: [every field](settings.md).',
    "```ts\nimport { EcrRegistryHelper } from 'ecr-registry-helper';\n\nnew EcrRegistryHelper(stack, 'Helper', { settings: { clusters: [{ name: 'demo' }] } });\n```",
    ...constructs.flatMap((construct) => describeConstruct(types, construct, exported)),
    '## Functions and types',
    markdownTable(
      ['Name', 'Kind', 'Description'],
      others.map((one) => [code(one.name), one.kind, docOf(one)]),
    ),
  );
}

function describeConstruct(types: Types, construct: Export, exported: readonly Export[]): string[] {
  const props = exported.find(({ name }) => name === `${construct.name}Props`);
  return [
    `## ${construct.name}`,
    docOf(construct),
    `### Props of ${construct.name}`,
    markdownTable(
      ['Prop', 'Type', 'Default', 'Description'],
      (props ? types.propertiesOf(props.type) : []).map((prop) => {
        const { name, isOptional, source, fallback } = prop;
        const text = fallback.startsWith('- ') ? fallback.slice(2) : fallback && code(fallback);
        if (isOptional && text === '') throw new Error(`${name} of ${props?.name} has no @default`);
        return [code(name), code(source), isOptional ? text : 'required', docOf(prop, props?.name)];
      }),
    ),
    `### Properties of ${construct.name}`,
    markdownTable(
      ['Property', 'Type', 'Description'],
      types
        .propertiesOf(construct.type)
        .map((property) => [code(property.name), code(property.source), docOf(property, construct.name)]),
    ),
  ];
}

function docOf({ name, doc }: Pick<Export & Property, 'name' | 'doc'>, owner = MODULE): string {
  if (doc === '') throw new Error(`${name} of ${owner} has no doc comment`);
  return doc;
}

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fieldsOf, type JsonSchema, settingsJsonSchema } from './json-schema.ts';
import { code, markdownPage, markdownTable, type Page } from './markdown.ts';

/** The JSON Schema of the settings, for editors. */
export const schemaFile: Page = { file: 'docs/settings.schema.json', write: writeSchema };
/** The tables of all settings. */
export const settingsPage: Page = { file: 'docs/reference/settings.md', write: writeSettings };

/** What each section of the reference is about, by the path of its objects. */
const SECTIONS: Readonly<Record<string, string>> = {
  '': 'The fields at the top of the file.',
  'clusters[]':
    'A cluster, with either `name` or `discover`: EKS in any account and region ([access stacks](../guides/access-stacks.md)), [by kubeconfig](../guides/kubeconfig-clusters.md) or [without a stored key](../guides/web-identity.md).',
  'clusters[].discover': 'Clusters that each run finds: [discovery](../guides/discovery.md).',
  'clusters[].discover.tag': 'The tag of discovered clusters.',
  'secrets[]': 'An entry: one pull secret in the namespaces of some clusters.',
  'secrets[argocd-repository]':
    'The [repository secret of Argo CD](../guides/argo-cd.md), which you declare without `username` and `password`.',
  'secrets[].registries[ecr]': 'A private ECR registry: [registries](../guides/registries.md).',
  'secrets[].registries[ecr-public]': 'ECR Public: [registries](../guides/registries.md#ecr-public).',
  'secrets[].registries[stored]':
    'Stored credentials: [stored docker configs](../guides/registries.md#stored-docker-configs).',
  'secrets[].namespaces': 'The namespaces of an entry.',
  'tags[]': 'A tag of all resources.',
  'accessStacks[]': 'Options of one [access stack](../guides/access-stacks.md).',
  'accessStacks[].vpc': 'The VPC of an access stack: [private clusters](../guides/private-clusters.md).',
  vpc: 'The VPC of the function: [private clusters](../guides/private-clusters.md).',
};

/** Every field with its type, default and description. */
function writeSettings(): string {
  const fields = Map.groupBy(fieldsOf(settingsJsonSchema()), ({ parent }) => parent);
  return markdownPage(
    '# Settings',
    'The settings are one JSON document: a file for the app, or the property `settings` of the construct. Synth and the function check it by the same schema, [settings.schema.json](../settings.schema.json), and reject unknown fields.',
    'In a list, `[ecr]` stands for the elements of `"type": "ecr"`. `npm run docs:reference` writes this page.',
    ...[...fields].flatMap(([parent, rows]) => [
      `## ${parent === '' ? 'Top level' : code(parent)}`,
      SECTIONS[parent] ?? '',
      markdownTable(
        ['Field', 'Type', 'Default', 'Description'],
        rows.map(({ name, field, isRequired }) => {
          const [description = '', computed = 'none.'] = field.description?.split(' Default: ') ?? [];
          const fallback =
            field.default === undefined ? computed.slice(0, -1) : code(JSON.stringify(field.default));
          return [code(name), nameOfType(field), isRequired ? 'required' : fallback, description];
        }),
      ),
    ]),
  );
}

/** As Biome formats it, which checks it too. */
function writeSchema(): string {
  const biome = join(import.meta.dirname, '../node_modules/@biomejs/biome/bin/biome');
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [biome, 'format', `--stdin-file-path=${schemaFile.file}`],
    { input: JSON.stringify(settingsJsonSchema(), null, 2), encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`biome ended with ${status}: ${stderr}`);
  return stdout;
}

function nameOfType({ type, const: only, enum: values, items, additionalProperties }: JsonSchema): string {
  if (values) return values.map((value) => `\`"${value}"\``).join(' | ');
  if (only) return `\`"${only}"\``;
  if (additionalProperties) return `map of ${additionalProperties.type}s`;
  return type === 'array' ? `list of ${items?.type ?? 'object'}s` : (type ?? '');
}

/** The type `SettingsInput` as an interface that documents each field, for the declarations of the package. */
export function settingsInterface(): string {
  return `export interface SettingsInput ${typeOf(settingsJsonSchema(), '')}`;
}

function typeOf(schema: JsonSchema, indent: string): string {
  const { type, const: only, enum: values, items, properties, additionalProperties, required = [] } = schema;
  const anyOf = schema.anyOf ?? schema.oneOf;
  if (anyOf) return anyOf.map((option) => typeOf(option, indent)).join(' | ');
  if (values ?? only) return (values ?? [only]).map((value) => JSON.stringify(value)).join(' | ');
  if (items) return `Array<${typeOf(items, indent)}>`;
  if (additionalProperties) return `Record<string, ${typeOf(additionalProperties, indent)}>`;
  if (!properties) return type === 'integer' ? 'number' : (type ?? 'unknown');
  const fields = Object.entries(properties).flatMap(([name, field]) => {
    const fallback = field.default === undefined ? '' : ` @default ${JSON.stringify(field.default)}`;
    const optional = required.includes(name) ? '' : '?';
    return [
      `  /** ${field.description}${fallback} */`,
      `  ${name}${optional}: ${typeOf(field, `${indent}  `)}${optional && ' | undefined'};`,
    ];
  });
  return ['{', ...fields.map((line) => indent + line), `${indent}}`].join('\n');
}

import { globSync, readFileSync } from 'node:fs';
import { childrenOf, isNode, type Node, nameOf, parse } from '../test/mutants/declarations.ts';
import { markdownPage, type Page } from './markdown.ts';

/** Every error code and outcome with its problem and its fix. */
export const errorsPage: Page = { file: 'docs/reference/errors.md', write: writeErrors };

/** An expression, and where its names are declared: the file, then each function around it. */
interface Value {
  readonly node: Node;
  readonly scopes: readonly Scope[];
}
interface Scope {
  readonly node: Node;
  /** What a call gives for the parameters of the function. */
  readonly given: ReadonlyMap<string, Value>;
}

/** An error or an outcome, with the alternatives of its two texts. */
export interface Message {
  readonly kind: string;
  readonly problems: readonly string[];
  readonly fixes: readonly string[];
}

const files = globSync('lambda/**/*.ts').filter((file) => !file.startsWith('lambda/cli/'));
const programs = files.toSorted().map((file) => parse(readFileSync(file, 'utf8')));
const listOf = (value: unknown) => (Array.isArray(value) ? value : [value]).filter(isNode);
const isFunction = ({ type }: Node) => /^(ArrowFunction|Function)(Expression|Declaration)$/.test(type);

/** All nodes below one, with the functions around each. */
function* walk(node: Node, scopes: readonly Scope[]): Generator<Value> {
  const inner = isFunction(node) ? [...scopes, { node, given: new Map() }] : scopes;
  yield { node, scopes };
  for (const child of childrenOf(node)) yield* walk(child, inner);
}

const nodes = programs.flatMap((node) => [...walk(node, [{ node, given: new Map() }])]);
const bodyOf = (scope: Node) =>
  [...walk(scope, [])].filter(({ scopes }) => scopes.length <= Number(isFunction(scope)));
const topLevel = programs.flatMap(bodyOf).map(({ node }) => node);
const declares = (name: string) => (node: Node) =>
  /^(VariableDeclarator|FunctionDeclaration|ClassDeclaration)$/.test(node.type) && nameOf(node.id) === name;

/** What a name stands for: an argument, a constant, a function or a class; undefined where only a run knows it. */
function find(name: string, scopes: readonly Scope[]): Value | undefined {
  for (const [at, { node, given }] of [...scopes.entries()].reverse()) {
    const argument = given.get(name);
    if (argument) return argument;
    if (listOf(node.params).some((one) => [...walk(one, [])].some((part) => nameOf(part.node) === name)))
      return;
    const found = bodyOf(node).find((one) => declares(name)(one.node))?.node;
    if (found) return { node: isNode(found.init) ? found.init : found, scopes: scopes.slice(0, at + 1) };
  }
  const found = topLevel.find(declares(name));
  return found && { node: isNode(found.init) ? found.init : found, scopes: [] };
}

/** A call's arguments by the names of the parameters. */
function bind(params: readonly Node[], args: readonly Value[]): Map<string, Value> {
  return new Map(
    params.flatMap((param, at): [string, Value][] => {
      const target = isNode(param.left) ? param.left : param;
      const value = args[at] ?? (isNode(param.right) ? { node: param.right, scopes: [] } : undefined);
      if (!value) return [];
      if (target.type !== 'ObjectPattern') return [[nameOf(target) ?? '', value]];
      return [...propertiesOf(value)].map(([name, node]) => [name, { ...value, node }]);
    }),
  );
}

/** The properties of an object, also those that it spreads from a constant. */
function propertiesOf({ node, scopes }: Value): Map<string, Node> {
  const parts = listOf(node.properties).map((one): [string, Node][] => {
    const spread = isNode(one.argument) && find(nameOf(one.argument) ?? '', scopes);
    return spread ? [...propertiesOf(spread)] : [[nameOf(one.key) ?? '', one.value as Node]];
  });
  return new Map(parts.flat());
}

/** A part that only a run knows, by the name that the code has for it: `<roleArn>`. */
function placeholder(node: Node): string {
  const { callee, left, object, property, expression, elements } = node;
  if (isNode(callee)) {
    const isMethod = isNode(callee.object) && !/^(JSON|Math|Buffer)$/.test(nameOf(callee.object) ?? '');
    return placeholder(isMethod ? (callee.object as Node) : (listOf(node.arguments)[0] ?? callee));
  }
  const isPart = nameOf(property) === 'length' || node.computed;
  const part = [left, isPart ? object : property, expression, listOf(elements)[0], node.argument].find(
    isNode,
  );
  return part ? placeholder(part) : `<${(nameOf(node) ?? nameOf(node.id) ?? 'value').replace('#', '')}>`;
}

/** The texts that an expression may have. @param within the expressions that it is a part of, as names may shadow names */
function textsOf({ node, scopes }: Value, within: readonly Node[] = []): string[] {
  if (within.includes(node)) return [placeholder(node)];
  const inner = [...within, node];
  const at = (value: unknown) => textsOf({ node: value as Node, scopes }, inner);
  const join = (parts: string[][]) =>
    parts.reduce((all, next) => all.flatMap((one) => next.map((end) => one + end)), ['']);
  if (node.type === 'Literal') return [String(node.value)];
  if (node.type === 'TemplateLiteral') {
    const expressions = listOf(node.expressions).map(at);
    const quasis = listOf(node.quasis).map(({ value }) => [(value as { cooked: string }).cooked]);
    return join(quasis.flatMap((quasi, nth) => [quasi, expressions[nth] ?? ['']]));
  }
  if (node.type === 'ConditionalExpression') return [...at(node.consequent), ...at(node.alternate)];
  if (node.type === 'LogicalExpression')
    return [...at(node.left), ...at(node.right)].filter((text) => text !== '');
  if (isNode(node.expression)) return at(node.expression);
  if (node.type === 'BinaryExpression' && node.operator === '+') return join([at(node.left), at(node.right)]);
  const known = find(
    nameOf(node.type === 'CallExpression' ? node.callee : node.computed ? node.object : node) ?? '',
    scopes,
  );
  if (!known || known.node === node) return [placeholder(node)];
  if (node.type === 'Identifier') {
    const texts = isFunction(known.node) ? [] : textsOf(known, inner);
    return texts.every((text) => /^<[^<>]*>$/.test(text)) ? [placeholder(node)] : texts;
  }
  if (known.node.type === 'ObjectExpression') {
    return [...propertiesOf(known).values()].flatMap((one) => textsOf({ ...known, node: one }, inner));
  }
  const returns = bodyOf(known.node).flatMap((one) =>
    one.node.type === 'ReturnStatement' ? listOf(one.node.argument) : [],
  );
  const result = returns.length === 1 ? returns[0] : known.node.body;
  if (!isNode(result) || !/^(Template)?Literal$/.test(result.type)) return [placeholder(node)];
  const given = bind(
    listOf(known.node.params),
    listOf(node.arguments).map((one) => ({ node: one, scopes })),
  );
  return textsOf({ node: result, scopes: [...known.scopes, { node: known.node, given }] }, inner);
}

/** The errors that `new HelperError`, its subclasses and `awsError` make. */
export function readErrors(): Message[] {
  return nodes.flatMap(({ node, scopes }) =>
    messagesOf(
      node,
      listOf(node.arguments).map((one) => ({ node: one, scopes })),
    ),
  );
}

function messagesOf({ type, callee }: Node, args: readonly Value[]): Message[] {
  const name = type === 'NewExpression' || type === 'CallExpression' ? nameOf(callee) : undefined;
  const [code, problem, fix] = args;
  if (name === 'HelperError') {
    if (!code || !problem || !fix) return [];
    const [kind = ''] = textsOf(code);
    return kind.startsWith('<') ? [] : [{ kind, problems: textsOf(problem), fixes: textsOf(fix) }];
  }
  const made =
    name === 'awsError' || /Error$/.test(name ?? '') ? topLevel.find(declares(name ?? '')) : undefined;
  if (!made || (type === 'CallExpression' && name !== 'awsError')) return [];
  const maker = [...walk(made, [])].find((one) => isFunction(one.node))?.node;
  const inner =
    maker &&
    bodyOf(maker).find(
      (one) =>
        nameOf(one.node.callee) === 'HelperError' || (one.node.callee as Node | undefined)?.type === 'Super',
    )?.node;
  if (!maker || !inner) return [];
  const scopes = [{ node: maker, given: bind(listOf(maker.params), args) }];
  return messagesOf(
    {
      ...inner,
      type: 'NewExpression',
      callee: { type: 'Identifier', start: 0, end: 0, name: 'HelperError' },
    },
    listOf(inner.arguments).map((one) => ({ node: one, scopes })),
  );
}

/** The outcomes `blocked` and `failed` of one object that give a reason of their own. */
export function readOutcomes(): Message[] {
  return nodes.flatMap((value): Message[] => {
    const { outcome, reason, remedy } = Object.fromEntries(propertiesOf(value));
    const isCall = nameOf(value.node.callee) === 'blocked';
    const [kind = '', why, what] = isCall
      ? ['blocked', ...listOf(value.node.arguments)]
      : [outcome?.value, reason, remedy];
    if (!/^(blocked|failed)$/.test(String(kind)) || !isNode(why) || !isNode(what)) return [];
    const [problems, fixes] = [why, what].map((node) => textsOf({ ...value, node }));
    const isPassedOn = [problems, fixes].every((texts) => /^<\w+>$/.test(texts?.[0] ?? ''));
    return isPassedOn ? [] : [{ kind: String(kind), problems: problems ?? [], fixes: fixes ?? [] }];
  });
}

function writeErrors(): string {
  const listed = (messages: readonly Message[]) =>
    Object.entries(Object.groupBy(messages, ({ kind }) => kind))
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .flatMap(([kind, all = []]) => [`### ${kind}`, [...new Set(all.map(printMessage))].join('\n')]);
  return markdownPage(
    '# Errors',
    '<!-- Written by `npm run docs:reference`. -->',
    'Every error code with its problem and its fix, as reports, logs and the command line print them. Where there are several texts, each has a line. `<name>` is a part that only the run knows.',
    '## Error codes',
    ...listed(readErrors()),
    '## Outcomes of one object',
    'What a report says of a secret or service account: the owner of the namespace fixes `blocked`, the operator of the function `failed`. An error above that concerns one object is also a `failed` outcome, and `ObjectBusyError` a `blocked` one.',
    ...listed(readOutcomes()),
  );
}

function printMessage({ problems, fixes }: Message): string {
  const lines = (label: string, texts: readonly string[]) =>
    [...new Set(texts)].map((text) => `${label} \`${text}\``);
  return [...lines('- Problem:', problems), ...lines('  - Fix:', fixes)].join('\n');
}

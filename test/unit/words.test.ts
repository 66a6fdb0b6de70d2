import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { childrenOf, type Node, parse } from '../mutants/declarations.ts';

/** Words that messages and docs do not use, and what to write. White space matches the end of a line too. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\btold\b/gi, 'reported, printed or logged'],
  [/\bmend(?:s|ed|ing)?\b/gi, 'fix, or re-create'],
  [/\banew\b/gi, 'again; for "makes anew": re-creates'],
  [/\b(?:gave|gives)\s+no\b/gi, 'could not get …'],
  [/\b(?:knows?|know)\s+who\b/gi, 'maps the role, or rejected the role (401)'],
  [/\blets?\s+(?:(?:it|us|them|the\s+\w+)\s+)?in\b/gi, 'grants a permission, or maps the role'],
  [/\b(?:tried|tries|try)\s+again\b/gi, 'retried, retries, a retry'],
  [/\bkept\s+from\b/gi, 'blocked, or cannot'],
  [/\bpassing\s+faults?\b/gi, 'transient error'],
  [/\b(?:be|is|are|was|were|not)\s+looked\s+at\b/gi, 'checked, listed or described; skipped'],
  [/\bwhat\s+is\s+there\b/gi, 'the name of the thing'],
  [/\bwhat\s+others\s+put\b/gi, 'the name of the thing'],
  [/\bsays?\s+so\b/gi, 'what it reports or prints'],
];

/** The strings and templates of a file, with their offsets: what it prints, and no comments. */
function textsOf(node: Node): { text: string; at: number }[] {
  const { value } = node;
  const raw = (value as { raw?: unknown } | null | undefined)?.raw;
  const text = node.type === 'TemplateElement' ? raw : node.type === 'Literal' ? value : undefined;
  const own = typeof text === 'string' ? [{ text, at: node.start }] : [];
  return [...own, ...childrenOf(node).flatMap(textsOf)];
}

/**
 * The wrong words of a text, each as `file:line: "word"; write …`.
 * @param at offset of the text in the file
 */
function wrongWords(file: string, whole: string, text = whole, at = 0): string[] {
  return WORDS.flatMap(([pattern, better]) =>
    [...text.matchAll(pattern)].map(({ 0: word, index }) => {
      const line = whole.slice(0, at + index).split('\n').length;
      return `${file}:${line}: "${word}"; write ${better}`;
    }),
  );
}

test('a wrong word is found with its line, also over the end of a line', () => {
  const found = wrongWords('a.md', 'One.\nIt is tried\nagain, and Told.');
  expect(found).toEqual([
    'a.md:3: "Told"; write reported, printed or logged',
    'a.md:2: "tried\nagain"; write retried, retries, a retry',
  ]);
});

test('the texts of a source are its strings and templates, and no comments', () => {
  const source = `// told\nconst a = 'told';\nconst b = \`\${a} is mended\`;\n/** anew */\n`;
  const found = textsOf(parse(source)).flatMap(({ text, at }) => wrongWords('a.ts', source, text, at));
  expect(found.map((one) => one.split(';')[0])).toEqual(['a.ts:2: "told"', 'a.ts:3: "mended"']);
});

test.for(globSync(['lambda/**/*.ts', 'infra/**/*.ts']))('the messages of %s are in plain words', (file) => {
  const whole = readFileSync(file, 'utf8');
  const texts = textsOf(parse(whole));
  expect(texts.flatMap(({ text, at }) => wrongWords(file, whole, text, at))).toEqual([]);
});

const PAGES = globSync(['*.md', 'docs/**/*.md']).filter(
  (file) => file !== 'CHANGELOG.md' && !file.startsWith('docs/adr/'),
);

test.for(PAGES)('%s is in plain words', (file) => {
  expect(wrongWords(file, readFileSync(file, 'utf8'))).toEqual([]);
});

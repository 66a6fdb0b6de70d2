import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const text = readFileSync('docs/threat-model.md', 'utf8');
const footholds = text.split(/^### /m).slice(1);

it.each(footholds.map((foothold) => [foothold.split('\n')[0], foothold]))(
  'says of "%s" what is gained, what limits it, and which tests show that',
  (_, foothold) => {
    expect(foothold).toMatch(/\*\*Gains\*\*/);
    expect(foothold).toMatch(/\*\*Limits\.\*\*/);
    const shown = /\*Shown by\* [^\n]+/.exec(foothold)?.[0] ?? '';
    const tests = [...shown.matchAll(/`(test\/[^`]+)`/g)].map(([, path]) => path ?? '');
    expect(tests).not.toEqual([]);
    expect(tests.filter((path) => !existsSync(path))).toEqual([]);
  },
);

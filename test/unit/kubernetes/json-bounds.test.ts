import fc from 'fast-check';
import { expect, test } from 'vitest';
import { excessOf } from '../../../lambda/kubernetes/exchange.ts';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

test.for<[string, string, string | undefined]>([
  ['100 levels', nested(100), undefined],
  ['101 levels', nested(101), 'more than 100 levels'],
  ['101 levels of objects', '{"a":'.repeat(101), 'more than 100 levels'],
  ['brackets in a text', JSON.stringify(nested(1_000)), undefined],
  ['brackets behind a quote in a text', JSON.stringify(`"${nested(1_000)}`), undefined],
  ['brackets behind a text that ends with a backslash', `["\\\\",${nested(101)}]`, 'more than 100 levels'],
  ['500,000 values', `[${'0,'.repeat(499_998)}0]`, undefined],
  ['500,001 values', `[${'0,'.repeat(500_000)}0]`, 'more than 500000 values'],
  ['500,001 objects', `[${'{}'.repeat(500_000)}]`, 'more than 500000 values'],
  ['no JSON', '<html>', undefined],
])('%s', ([, json, problem]) => {
  const found = excessOf(Buffer.from(json))?.problem;
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(problem);
});

test('any JSON of a few levels may be parsed', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 50 }),
      (value) => excessOf(Buffer.from(JSON.stringify(value))) === undefined,
    ),
  );
});

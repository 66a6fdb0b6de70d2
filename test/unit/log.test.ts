import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bounded, cut } from '../../lambda/errors.ts';

const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

test('a line that is short is logged as it is', () => {
  const line = {
    origin: 'manual',
    report: { ok: true, clusters: [{ id: 'demo', problems: [] }], durationMs: 5 },
  };
  expect(bounded(line)).toEqual(line);
});

test('a text that is long is cut, with a count', () => {
  expect(cut('x'.repeat(2_000))).toBe('x'.repeat(2_000));
  expect(bounded({ text: 'x'.repeat(300_000) })).toEqual({
    text: `${'x'.repeat(2_000)}… (298000 more characters)`,
  });
});

test('lists are as long as fits, each with a count', () => {
  const problems = Array.from({ length: 100 }, (_, at) => ({
    namespace: `team-${at}`,
    reason: 'é'.repeat(1_500),
  }));
  const clusters = Array.from({ length: 3 }, (_, at) => ({ id: `demo-${at}`, failed: 100, problems }));
  const line = bounded({ report: { clusters } });
  expect(bytes(line)).toBeLessThan(190_000);
  const { report } = line as unknown as { report: { clusters: { id: string; problems: unknown[] }[] } };
  expect(report.clusters.map(({ id }) => id)).toEqual(['demo-0', 'demo-1', 'demo-2']);
  expect(report.clusters[0]?.problems).toEqual([...problems.slice(0, 20), 'and 80 more']);
});

test('a line of any form takes less than 200 kB', () => {
  const wide = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`field-${at}`, 'x'.repeat(2_000)]));
  expect(bytes(bounded(wide))).toBeLessThan(200_000);
  const field = fc.jsonValue({ maxDepth: 4 }).map((value) => ({ value, many: Array(20_000).fill(value) }));
  fc.assert(
    fc.property(field, (line) => bytes(bounded(line)) < 200_000),
    { numRuns: 30 },
  );
});

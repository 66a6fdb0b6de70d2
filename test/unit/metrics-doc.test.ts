import { expect, test } from 'vitest';
import { CLUSTER_DIMENSIONS, CLUSTER_METRICS } from '../../lambda/metrics.ts';
import { rowsOf } from './markdown-tables.ts';

test('the table of metrics is what the function sends', () => {
  const rows = rowsOf('docs/metrics.md', 'What the function sends');
  expect(rows.map(({ 'read by': _, ...row }) => row)).toEqual(
    Object.entries(CLUSTER_METRICS).map(([metric, { unit, meaning }]) => ({
      metric,
      unit,
      dimensions: CLUSTER_DIMENSIONS.join(', '),
      meaning,
    })),
  );
});

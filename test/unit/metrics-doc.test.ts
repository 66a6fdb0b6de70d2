import { expect, test } from 'vitest';
import {
  CLUSTER_DIMENSIONS,
  CLUSTER_METRICS,
  DEPLOYMENT_DIMENSIONS,
  DEPLOYMENT_METRICS,
  FLEET_DIMENSIONS,
  FLEET_METRICS,
} from '../../lambda/refresh/report.ts';
import { rowsOf } from './markdown-tables.ts';

test.for([
  ['What the function sends', CLUSTER_METRICS, CLUSTER_DIMENSIONS],
  ['What it sends once a run', DEPLOYMENT_METRICS, DEPLOYMENT_DIMENSIONS],
  ['What a fleet sends', FLEET_METRICS, FLEET_DIMENSIONS],
] as const)('the table is what is sent: %s', ([heading, metrics, dimensions]) => {
  const rows = rowsOf('docs/metrics.md', heading);
  expect(rows.map(({ 'read by': _, ...row }) => row)).toEqual(
    Object.entries(metrics).map(([metric, { unit, meaning }]) => ({
      metric,
      unit,
      dimensions: dimensions.join(', '),
      meaning,
    })),
  );
});

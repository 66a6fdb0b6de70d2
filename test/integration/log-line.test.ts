import { expect, it } from 'vitest';
import type { ClusterReport } from '../../lambda/refresh/report.ts';
import { deniedByWebhook } from '../sandbox/kubernetes/admission.ts';
import { clusterOf, deploy, invoke, SCHEDULED } from './run.ts';

/** What CloudWatch Logs takes is 256 KiB. */
const MOST = 200_000;
const IDS = ['a', 'b', 'c', 'd'];

it('the line of the largest report is cut, and no count is lost', async () => {
  const world = await deploy({ clusters: IDS.map((name) => ({ name })) });
  const webhook = 'w'.repeat(253);
  for (const id of IDS) {
    const cluster = clusterOf(world, id);
    for (let at = 0; at < 100; at += 1) cluster.addNamespace(`${'n'.repeat(60)}${at}`);
    cluster.admission.push(() => deniedByWebhook(webhook, 'no'));
  }
  const { value, output } = await invoke(world, SCHEDULED);
  expect(Buffer.byteLength(JSON.stringify(value))).toBeGreaterThan(MOST);
  const lines = output.split('\n');
  expect(Math.max(...lines.map((line) => Buffer.byteLength(line)))).toBeLessThan(MOST);
  const line = lines.find((one) => one.includes('"report"')) ?? '{}';
  const { clusters } = (JSON.parse(line) as { report: { clusters: ClusterReport[] } }).report;
  expect(clusters.map(({ id, blocked, moreProblems }) => [id, blocked, moreProblems])).toEqual(
    IDS.map((id) => [id, 104, 4]),
  );
  expect(clusters[0]?.problems.at(-1)).toBe('and 50 more');
});

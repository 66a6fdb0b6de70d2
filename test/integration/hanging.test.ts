import { expect, it, onTestFinished } from 'vitest';
import type { Report } from '../../lambda/refresh/report.ts';
import { invocationContext } from '../sandbox/bundle.ts';
import { startWorld } from '../sandbox/world.ts';
import { MachineTime } from '../simulation/machine-time.ts';
import { Traffic } from '../simulation/traffic.ts';
import { clusterOf, invoke, requestsTo } from './run.ts';

const DEADLINE_MS = 900_000;
const CONCURRENCY = 24;
const number = (count: number, name: string) => Array.from({ length: count }, (_, at) => `${name}-${at}`);

it('writes each of 1,000 healthy namespaces beside 1,000 whose webhook hangs', async () => {
  const traffic = new Traffic();
  const time = new MachineTime(traffic);
  traffic.connections = CONCURRENCY;
  traffic.watch();
  time.take();
  onTestFinished(() => {
    time.restore();
    traffic.unwatch();
  });
  const world = await startWorld(
    { clusters: [{ name: 'demo' }], concurrency: CONCURRENCY },
    { sleep: (ms, request) => time.hang(ms, request) },
  );
  onTestFinished(() => world.close());
  const cluster = clusterOf(world);
  for (const name of ['default', 'kube-node-lease', 'kube-public', 'kube-system'])
    cluster.removeNamespace(name);
  const healthy = number(1_000, 'healthy');
  // between the others by their names
  const hanging = number(1_000, 'hanging');
  for (const name of [...healthy, ...hanging]) cluster.addNamespace(name);
  for (const name of hanging) cluster.webhooks.set(name, { name: 'hangs', answersAfterMs: 600_000 });
  const startedAt = time.now();
  const endsAt = startedAt + DEADLINE_MS;
  const writtenAfterMs: number[] = [];
  cluster.observers.push(() => writtenAfterMs.push(time.now() - startedAt));
  const context = { ...invocationContext(), getRemainingTimeInMillis: () => endsAt - time.now() };
  // the margin that the handler keeps for its report
  time.horizon = endsAt - 5_000;
  const { value } = await invoke<Report>(world, {}, context);

  expect(value?.clusters[0]).toMatchObject({ ok: false, created: 1_000, failed: 1_000, blocked: 0 });
  const written = cluster.secrets().map(({ metadata }) => metadata.namespace ?? '');
  expect(written.sort()).toEqual(healthy.toSorted());
  // 42 times 24 of them hold all connections for 5 s
  expect(Math.max(...writtenAfterMs)).toBeLessThan(300_000);
  expect(time.now()).toBeLessThan(endsAt);
  const attempts = requestsTo(cluster, 'PATCH');
  expect(new Set(attempts.slice(0, 2_000)).size).toBe(2_000);
  expect(attempts.length).toBeGreaterThan(2_000);
}, 120_000);

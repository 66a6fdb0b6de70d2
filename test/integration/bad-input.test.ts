import { describe, expect, it } from 'vitest';
import type { HelperError } from '../../lambda/errors.ts';
import { handler } from '../../lambda/handler.ts';
import { invocationContext } from '../sandbox/bundle.ts';
import { brokenClusters } from './broken-clusters.ts';
import { brokenEntries } from './broken-entries.ts';
import { runBrokenCluster, runBrokenEntry, runRefusedInvocation } from './broken-runs.ts';
import { captured } from './capture.ts';
import { refusedInvocations } from './refused-invocations.ts';
import { clusterOf, deploy, holders, invoke, jsonLines, NAMESPACES, SECRET } from './run.ts';

describe('an invocation', () => {
  it.each(refusedInvocations)('is refused, and calls nothing, when $title', async (refused) => {
    const { world, error, output } = await runRefusedInvocation(refused);
    expect(error).toMatchObject({ code: refused.expected });
    expect((error as HelperError).problem).toContain(refused.problem);
    const { name: errorName, problem: message, fix: remedy } = error as HelperError;
    const level = refused.isAnswered ? 'WARN' : 'ERROR';
    expect(jsonLines(output)).toMatchObject([{ level, message, errorName, remedy }]);
    expect(world.aws.calls).toEqual([]);
    expect(clusterOf(world).requests).toEqual([]);
  });
});

describe('a wrong event', () => {
  it('is answered where a person sent it: no run failed', async () => {
    const { env } = await deploy();
    const { value, output } = await captured(env, () => handler({ clusters: ['x'] }, invocationContext()));
    expect(value).toEqual({
      ok: false,
      error: {
        code: 'NotCoveredError',
        reason: 'event: the settings cover no cluster "x"; known are demo',
        remedy: 'Add it to the settings, or leave it out.',
      },
    });
    expect(jsonLines(output)).toHaveLength(1);
  });

  it.each([
    ['a queue', { Records: [] }],
    ['the state machine of a fleet', { clusters: ['x'], startedAt: '2026-11-24T08:00:00Z' }],
    ['its summary', { action: 'summarize', results: [{}] }],
  ])('fails the run where %s sent it', async (_, event) => {
    const { env } = await deploy();
    const { error } = await captured(env, () => handler(event, invocationContext()));
    expect(error).toMatchObject({ code: expect.stringMatching(/^(Event|NotCovered)Error$/) });
  });
});

describe('an entry', () => {
  it.each(brokenEntries)('is not written when $title, and the others are', async (entry) => {
    const { world, value } = await runBrokenEntry(entry);
    const { name: code, problem: reason, fix: remedy } = entry.expected;
    expect(value?.ok).toBe(false);
    expect(value?.secrets).toMatchObject([
      { name: 'broken', registries: [], error: { code, reason, remedy } },
      { name: SECRET, expiresAt: expect.any(String) },
    ]);
    expect(value?.clusters).toMatchObject([
      {
        ok: false,
        ...{ created: 4, failed: 4 },
        problems: [{ namespace: '*', secret: 'broken', outcome: 'failed', reason, remedy }],
      },
    ]);
    expect(holders(clusterOf(world), 'broken')).toEqual([]);
    expect(holders(clusterOf(world))).toEqual(NAMESPACES);
  });

  it('makes its cluster not ok also where all its namespaces are left alone', async () => {
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      secrets: [{ registries: [{ type: 'stored', secretId: 'gone' }], namespaces: { include: ['mine'] } }],
    });
    clusterOf(world).addNamespace('mine', { labels: { 'ecr-registry-helper/ignore': 'true' } });
    const { value, output } = await invoke(world);
    expect(value).toMatchObject({ ok: false, clusters: [{ ok: false, failed: 0, skipped: 1 }] });
    expect(jsonLines(output)[1]).not.toHaveProperty('ClusterFresh');
  });
});

describe('a cluster', () => {
  it.each(brokenClusters)('is left alone when it $title, and the others are done', async (cluster) => {
    const { world, value } = await runBrokenCluster(cluster);
    const { name: code, problem: reason, fix: remedy } = cluster.expected;
    expect(value?.ok).toBe(false);
    expect(value?.clusters).toMatchObject([
      { id: 'broken', ok: false, created: 0, error: { code, reason, remedy } },
      { id: 'sound', ok: true, created: 4 },
    ]);
    expect(holders(clusterOf(world, 'broken'))).toEqual([]);
    expect(holders(clusterOf(world, 'sound'))).toEqual(NAMESPACES);
  });
});

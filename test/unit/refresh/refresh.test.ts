import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { RunContext } from '../../../lambda/context.ts';
import { NotCoveredError, Redacted } from '../../../lambda/errors.ts';
import { PolicyCheck } from '../../../lambda/policy-check.ts';
import { refresh } from '../../../lambda/refresh/refresh.ts';
import { type RunRequest, resolveScope } from '../../../lambda/request.ts';
import { AccountLinks } from '../../../lambda/service-accounts.ts';
import {
  type ClusterSettings,
  clusterId,
  type SecretEntry,
  type SettingsInput,
} from '../../../lambda/settings/schema.ts';
import { clusterNotFoundError, ecrCallError } from '../expected-errors.ts';
import { settingsOf } from '../factories.ts';
import { ManualClock } from '../manual-clock.ts';

/** A refresh of clusters that cannot be opened, and what it read and opened. */
async function run(
  input: Partial<SettingsInput>,
  given: { request?: Partial<RunRequest>; readCredentials?: RunContext['readCredentials'] } = {},
) {
  const calls: string[] = [];
  const clock = new ManualClock();
  const settings = settingsOf(input);
  const request: RunRequest = { origin: 'manual', action: 'refresh', ...given.request };
  const start = async () => {
    const ctx = {
      ...{ settings, request, clock, startedAt: clock.now(), scope: resolveScope(settings, request) },
      deadline: { at: clock.now() + 60_000, signal: new AbortController().signal },
      readCredentials: async (entry: SecretEntry) => {
        calls.push(`read ${entry.name}`);
        if (given.readCredentials) return await given.readCredentials(entry);
        const fetchedAt = new Date(clock.now());
        const expiresAt = new Date(clock.now() + 12 * 3_600_000);
        return { auths: new Map([['a.io', new Redacted('QTpi')]]), token: { fetchedAt, expiresAt } };
      },
      openCluster: async (cluster: ClusterSettings) => {
        calls.push(`open ${clusterId(cluster)}`);
        clock.advance(5);
        throw clusterNotFoundError(cluster.name, 'eu-west-1');
      },
    };
    return await refresh(ctx as unknown as RunContext, [AccountLinks, PolicyCheck]);
  };
  return { report: await start().catch((error: unknown) => error), asked: calls };
}

const clusters = [{ name: 'a' }, { name: 'b' }];

test('credentials are read once for all clusters, and each cluster is tried', async () => {
  const { report, asked } = await run({
    clusters,
    secrets: [{ name: 'one' }, { name: 'two', clusters: ['b'] }],
  });
  expect(asked.toSorted()).toEqual(['open a', 'open b', 'read one', 'read two']);
  const error = { reason: expect.stringContaining('there is no EKS cluster'), remedy: expect.any(String) };
  expect(report).toMatchObject({
    ok: false,
    action: 'refresh',
    startedAt: '2026-11-23T08:00:00.000Z',
    durationMs: 10,
    secrets: [
      { name: 'one', registries: ['a.io'], expiresAt: '2026-11-23T20:00:00.000Z' },
      { name: 'two', registries: ['a.io'], expiresAt: '2026-11-23T20:00:00.000Z' },
    ],
    clusters: [
      { id: 'a', ok: false, error },
      { id: 'b', ok: false, error },
    ],
  });
});

describe('an entry that cannot be read', () => {
  test('stands in the report with a remedy, and stops neither the others nor the clusters', async () => {
    const { report, asked } = await run(
      { clusters, secrets: [{ name: 'one' }, { name: 'two' }] },
      {
        readCredentials: async ({ name }) => {
          if (name === 'one') throw ecrCallError('eu-west-1', 'AccessDeniedException');
          return { auths: new Map([['b.io', new Redacted('QTpi')]]) };
        },
      },
    );
    expect(report).toMatchObject({
      ok: false,
      secrets: [
        {
          name: 'one',
          registries: [],
          error: { reason: 'could not get an ECR authorization token in eu-west-1 (AccessDeniedException)' },
        },
        { name: 'two', registries: ['b.io'] },
      ],
    });
    expect(asked).toEqual(expect.arrayContaining(['open a', 'open b']));
  });

  test('for a reason of our own shows nothing of its text', async () => {
    const { report } = await run(
      {},
      { readCredentials: () => Promise.reject(new TypeError('CanaryHunter2')) },
    );
    expect(report).toMatchObject({
      secrets: [{ error: { code: 'InternalError', reason: 'unexpected TypeError' } }],
    });
    expect(inspect(report, { depth: 9 })).not.toContain('Hunter2');
  });
});

describe('a run that is narrowed', () => {
  test('reads and opens only what it is about', async () => {
    const secrets = [
      { name: 'one', clusters: ['a'] },
      { name: 'two', clusters: ['b'], namespaces: { include: ['team-*'] } },
      { name: 'three', clusters: ['b'], namespaces: { include: ['lab'] } },
    ];
    const { asked } = await run(
      { clusters, secrets },
      { request: { clusters: ['b'], namespaces: ['team-x'] } },
    );
    expect(asked).toEqual(['read two', 'open b']);
  });

  test('to what is not covered reads nothing', async () => {
    const { report, asked } = await run({ clusters }, { request: { clusters: ['c'] } });
    expect(report).toBeInstanceOf(NotCoveredError);
    expect(asked).toEqual([]);
  });
});

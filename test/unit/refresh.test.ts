import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ClusterNotFoundError } from '../../lambda/cluster/errors.ts';
import { NotCoveredError } from '../../lambda/errors.ts';
import type { Invocation } from '../../lambda/event.ts';
import { Redacted } from '../../lambda/redacted.ts';
import { type RefreshPorts, refresh } from '../../lambda/refresh.ts';
import { EcrCallError } from '../../lambda/registry/errors.ts';
import { clusterId, type SettingsInput } from '../../lambda/settings.ts';
import { settingsOf } from './factories.ts';
import { ManualClock } from './manual-clock.ts';

/** A refresh of clusters that cannot be opened, told what was asked of its ports. */
async function run(
  input: Partial<SettingsInput>,
  given: { invocation?: Partial<Invocation>; readCredentials?: RefreshPorts['readCredentials'] } = {},
) {
  const asked: string[] = [];
  const clock = new ManualClock();
  const ports: RefreshPorts = {
    clock,
    readCredentials: async (entry) => {
      asked.push(`read ${entry.name}`);
      if (given.readCredentials) return await given.readCredentials(entry);
      const fetchedAt = new Date(clock.now());
      const expiresAt = new Date(clock.now() + 12 * 3_600_000);
      return { auths: new Map([['a.io', new Redacted('QTpi')]]), token: { fetchedAt, expiresAt } };
    },
    openCluster: async (cluster) => {
      asked.push(`open ${clusterId(cluster)}`);
      clock.advance(5);
      throw new ClusterNotFoundError(cluster.name, 'eu-west-1');
    },
  };
  const report = refresh(ports, settingsOf(input), {
    origin: 'manual',
    action: 'refresh',
    ...given.invocation,
  });
  return { report: await report.catch((error: unknown) => error), asked };
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
          if (name === 'one') throw new EcrCallError('eu-west-1', 'AccessDeniedException');
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
          error: { reason: 'ECR in eu-west-1 gave no token (AccessDeniedException)' },
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
    expect(report).toMatchObject({ secrets: [{ error: { reason: 'unexpected TypeError' } }] });
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
      { invocation: { clusters: ['b'], namespaces: ['team-x'] } },
    );
    expect(asked).toEqual(['read two', 'open b']);
  });

  test('to what is not covered reads nothing', async () => {
    const { report, asked } = await run({ clusters }, { invocation: { clusters: ['c'] } });
    expect(report).toBeInstanceOf(NotCoveredError);
    expect(asked).toEqual([]);
  });
});

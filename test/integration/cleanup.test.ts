import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CleanupReport } from '../../lambda/cleanup.ts';
import { forbiddenError } from '../../lambda/kubernetes/api-error.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import type { World } from '../sandbox/world.ts';
import { PULL_SECRET, putOurs } from './ours.ts';
import {
  applyRbac,
  clusterOf,
  deploy,
  holders,
  invoke,
  jsonLines,
  NAMESPACES,
  requestsTo,
  SECRET,
} from './run.ts';

type Entries = NonNullable<SettingsInput['secrets']>;

const EVENT = { action: 'cleanup', confirm: 'demo' };

/** A world in which the settings allow to clean up, with secrets of ours in all four namespaces. */
async function deployed(...secrets: Entries) {
  const world = await deploy({ clusters: [{ name: 'demo' }], cleanup: true, secrets });
  const cluster = clusterOf(world);
  for (const namespace of NAMESPACES) putOurs(cluster, namespace);
  return { world, cluster };
}

async function cleaned(world: World, event: object = {}): Promise<CleanupReport> {
  const { value, error } = await invoke<CleanupReport>(world, { ...EVENT, ...event });
  if (!value) throw error;
  return value;
}

const covering = (...include: string[]) => ({ namespaces: { include } });
const [DEFAULT, ...OTHERS] = NAMESPACES as [string, string, string, string];

describe('a cleanup', () => {
  it('of one name keeps the secrets of the others, and refuses a name that is not in the settings', async () => {
    const { world, cluster } = await deployed({}, { name: 'old' });
    for (const namespace of NAMESPACES) putOurs(cluster, namespace, 1, 'old');
    expect(await cleaned(world, { secret: 'old' })).toMatchObject({ removed: 0, kept: 4 });
    expect(await cleaned(world, { secret: 'old', all: true })).toMatchObject({ removed: 4, kept: 0 });
    expect(holders(cluster, 'old')).toEqual([]);
    expect(holders(cluster)).toEqual(NAMESPACES);
    await expect(cleaned(world, { secret: 'none', all: true })).rejects.toMatchObject({
      problem: `event: the settings cover no secret "none"; covered are ${SECRET}, old`,
    });
  });

  it('removes what the settings no longer cover, by uid and version, and nothing else', async () => {
    const { world, cluster } = await deployed(covering(DEFAULT));
    cluster.addNamespace('foreign');
    cluster.putSecret('foreign', SECRET, PULL_SECRET);
    cluster.addNamespace('labelled');
    const labels = { 'app.kubernetes.io/managed-by': 'another-helper' };
    cluster.putSecret('labelled', SECRET, { ...PULL_SECRET, labels });
    const report = await cleaned(world);
    expect(report).toMatchObject({
      ok: true,
      action: 'cleanup',
      dryRun: false,
      cluster: 'demo',
      ...{ removed: 3, kept: 1, ignored: 0, failed: 0 },
      removals: OTHERS.map((namespace) => ({ namespace, object: `secret ${SECRET}`, outcome: 'removed' })),
    });
    expect(report).not.toHaveProperty('error');
    expect(holders(cluster)).toEqual([DEFAULT, 'foreign', 'labelled']);
    expect(requestsTo(cluster, 'DELETE')).toHaveLength(3);
    expect(world.aws.calls.map(({ operation }) => operation)).toEqual(['DescribeCluster']);
    await expect.poll(() => cluster.openSockets).toBe(0);
  });

  it('is told by the log too, for who lost the answer', async () => {
    const { world } = await deployed(covering(DEFAULT));
    const { output } = await invoke<CleanupReport>(world, EVENT);
    expect(jsonLines(output)).toMatchObject([
      { message: 'cleanup: ok', cluster: 'demo', dryRun: false, removed: 3, failed: 0 },
    ]);
  });

  it('makes no more sessions than it has deletions at once', async () => {
    const world = await deploy({ clusters: [{ name: 'demo' }], cleanup: true, concurrency: 2 });
    const cluster = clusterOf(world);
    for (let at = 0; at < 30; at += 1) {
      cluster.addNamespace(`team-${at}`);
      putOurs(cluster, `team-${at}`);
    }
    expect(await cleaned(world, { all: true })).toMatchObject({ ok: true, removed: 30 });
    expect(cluster.tlsSessions).toBeLessThanOrEqual(2);
  });

  it('in a dry run asks the server and removes nothing', async () => {
    const { world, cluster } = await deployed(covering(DEFAULT));
    expect(await cleaned(world, { dryRun: true })).toMatchObject({
      ok: true,
      dryRun: true,
      removed: 3,
      kept: 1,
    });
    expect(requestsTo(cluster, 'DELETE')).toHaveLength(3);
    expect(holders(cluster)).toEqual(NAMESPACES);
  });

  it('of all removes what is covered too, but for namespaces that ask to be left alone', async () => {
    const { world, cluster } = await deployed({});
    expect(await cleaned(world)).toMatchObject({ ok: true, removed: 0, kept: 4, removals: [] });
    cluster.addNamespace('kube-public', { labels: { 'ecr-registry-helper/ignore': 'true' } });
    expect(await cleaned(world, { all: true })).toMatchObject({ ok: true, removed: 3, kept: 0, ignored: 1 });
    expect(holders(cluster)).toEqual(['kube-public']);
  });

  it('is narrowed to namespaces, also to such that are not covered', async () => {
    const { world, cluster } = await deployed(covering(DEFAULT));
    const namespaces = [DEFAULT, 'kube-public', 'no-such'];
    expect(await cleaned(world, { namespaces })).toMatchObject({ ok: true, removed: 1, kept: 1 });
    expect(holders(cluster)).toEqual([DEFAULT, 'kube-node-lease', 'kube-system']);
    expect(await cleaned(world, { namespaces, all: true })).toMatchObject({ ok: true, removed: 1, kept: 0 });
    expect(holders(cluster)).toEqual(['kube-node-lease', 'kube-system']);
  });

  it('goes by the coverage of each name, selectors included', async () => {
    const selector = 'team=x';
    const { world, cluster } = await deployed(
      { name: 'a', namespaces: { selector } },
      { name: 'b', ...covering('team-*') },
      { name: 'b', ...covering('*'), clusters: ['demo'], namespaces: { include: [DEFAULT] } },
    );
    for (const [name, team] of [
      ['team-1', 'x'],
      ['team-2', 'y'],
    ] as const) {
      cluster.addNamespace(name, { labels: { team } });
      for (const secret of ['a', 'b']) putOurs(cluster, name, 1, secret);
    }
    for (const secret of ['a', 'b']) putOurs(cluster, DEFAULT, 1, secret);
    expect(await cleaned(world)).toMatchObject({ ok: true, removed: 2, kept: 4 });
    expect(holders(cluster, 'a')).toEqual(['team-1']);
    expect(holders(cluster, 'b')).toEqual([DEFAULT, 'team-1', 'team-2']);
    expect(holders(cluster)).toEqual(NAMESPACES);
  });

  it('keeps just what a refresh by the same settings writes', async () => {
    const names = ['a', 'b'];
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      cleanup: true,
      secrets: names.map((name) => ({ name })),
    });
    const cluster = clusterOf(world);
    for (const [at, team] of ['x', 'y', 'x', 'y'].entries())
      cluster.addNamespace(`team-${at}`, { labels: { team } });
    const namespaces = [...NAMESPACES, 'team-0', 'team-1', 'team-2', 'team-3'];
    const glob = fc.constantFrom('*', 'team-*', '*-1', 'default', 'kube-*');
    const entry = fc.record({
      name: fc.constantFrom(...names),
      namespaces: fc.record(
        {
          include: fc.array(glob, { minLength: 1, maxLength: 2 }),
          exclude: fc.constantFrom([], ['kube-*'], ['team-1', 'team-2']),
          selector: fc.constantFrom('team=x', '!team'),
        },
        { requiredKeys: [] },
      ),
    });
    const entries = fc.array(entry, { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(entries, async (secrets) => {
        for (const namespace of namespaces) for (const name of names) cluster.removeSecret(namespace, name);
        const settings = { clusters: [{ name: 'demo' }], cleanup: true, secrets };
        const narrowed = { ...world, env: { ...world.env, SETTINGS: JSON.stringify(settings) } };
        const { value: refresh } = await invoke(narrowed);
        fc.pre(refresh?.ok === true);
        // a name that has left the settings cannot be seen
        const seen = names.filter((name) => secrets.some((one) => one.name === name));
        const covered = seen.map((name) => holders(cluster, name));
        for (const namespace of namespaces) for (const name of names) putOurs(cluster, namespace, 1, name);
        const report = await cleaned(narrowed);
        expect(report).toMatchObject({ ok: true, kept: covered.flat().length });
        expect(seen.map((name) => holders(cluster, name))).toEqual(covered);
      }),
      { numRuns: 10 },
    );
  }, 30_000);

  it.each([
    { secrets: [{ ...covering('team-*') }], reason: 'no namespace matches team-*' },
    { secrets: [{ ...covering(DEFAULT, 'defualt') }], reason: 'there is no namespace defualt' },
  ])('removes nothing where the coverage may be a typo: $reason', async ({ secrets, reason }) => {
    const { world, cluster } = await deployed(...secrets);
    expect(await cleaned(world)).toMatchObject({
      ok: false,
      ...{ removed: 0, kept: 0, failed: 0, removals: [] },
      error: { reason: expect.stringContaining(reason), remedy: expect.stringMatching(/./) },
    });
    expect(requestsTo(cluster, 'DELETE')).toEqual([]);
  });

  it('removes nothing when it cannot see all namespaces', async () => {
    const { world, cluster } = await deployed(covering(DEFAULT));
    cluster.fault(({ path }) =>
      path === '/api/v1/namespaces' ? { kind: 'status', status: 400 } : undefined,
    );
    expect(await cleaned(world)).toMatchObject({
      ok: false,
      error: { reason: expect.stringContaining('400') },
    });
    expect(holders(cluster)).toEqual(NAMESPACES);
  });

  it('looks again at what was changed since it was listed', async () => {
    const { world, cluster } = await deployed(covering(DEFAULT));
    cluster.fault(({ method, path, attempt }) => {
      if (method !== 'DELETE' || attempt > 1) return undefined;
      if (path.includes('kube-node-lease')) putOurs(cluster, 'kube-node-lease', 0);
      if (path.includes('kube-public')) {
        cluster.removeSecret('kube-public', SECRET);
        cluster.putSecret('kube-public', SECRET, PULL_SECRET);
      }
      if (path.includes('kube-system')) cluster.removeSecret('kube-system', SECRET);
      return undefined;
    });
    expect(await cleaned(world)).toMatchObject({
      ok: true,
      ...{ removed: 2, failed: 0 },
      removals: [{ namespace: 'kube-node-lease' }, { namespace: 'kube-system' }],
    });
    expect(holders(cluster)).toEqual([DEFAULT, 'kube-public']);
  });

  it('keeps a copy that a replicator made, and a restored backup, and names them', async () => {
    const { world, cluster } = await deployed(covering('default', 'kube-node-lease'));
    const { labels, annotations } = cluster.secret('kube-public', SECRET)?.metadata ?? {};
    cluster.removeSecret('kube-system', SECRET);
    cluster.putSecret('kube-system', SECRET, {
      ...{ ...PULL_SECRET, labels: labels ?? {}, annotations: annotations ?? {}, manager: 'replicator' },
    });
    const removal = { namespace: 'kube-public', object: `secret ${SECRET}`, outcome: 'removed' };
    expect(await cleaned(world)).toMatchObject({
      ...{ ok: true, removed: 1, failed: 0 },
      removals: [
        {
          ...{ namespace: 'kube-system', object: `secret ${SECRET}`, outcome: 'kept' },
          reason: expect.stringContaining('no Apply entry of ours'),
          remedy: `If nothing needs it: kubectl delete secret -n kube-system ${SECRET}`,
        },
        removal,
      ],
    });
    expect(holders(cluster)).toContain('kube-system');
  });

  it('fails for what is changed each time', async () => {
    const { world, cluster } = await deployed(covering(...NAMESPACES.slice(0, 3)));
    let hours = 8;
    cluster.fault(({ method }) => {
      hours -= 1;
      if (method === 'DELETE') putOurs(cluster, 'kube-system', hours);
      return undefined;
    });
    expect(await cleaned(world)).toMatchObject({
      ok: false,
      ...{ removed: 0, failed: 1 },
      removals: [
        {
          namespace: 'kube-system',
          outcome: 'failed',
          reason: 'something kept changing it',
          remedy: expect.any(String),
        },
      ],
    });
    expect(holders(cluster)).toEqual(NAMESPACES);
    expect(requestsTo(cluster, 'DELETE')).toHaveLength(2);
  });

  it('takes a deletion whose answer was lost for done', async () => {
    const { world, cluster } = await deployed(covering(DEFAULT));
    cluster.fault(({ method, attempt }) =>
      method === 'DELETE' && attempt === 1 ? { kind: 'reset', when: 'after' } : undefined,
    );
    expect(await cleaned(world)).toMatchObject({ ok: true, removed: 3 });
  });

  it('tells the ones that failed first, and does the others', async () => {
    const { world, cluster } = await deployed(covering(DEFAULT));
    const [role] = cluster.manifest as { rules: { verbs: string[] }[] }[];
    cluster.fault(({ method, path }) =>
      method === 'DELETE' && path.includes('kube-system') ? { kind: 'status', status: 400 } : undefined,
    );
    const report = await cleaned(world);
    expect(report).toMatchObject({ ok: false, removed: 2, failed: 1 });
    expect(report.removals.map(({ namespace }) => namespace)).toEqual([
      'kube-system',
      'kube-node-lease',
      'kube-public',
    ]);
    for (const rule of role?.rules ?? []) rule.verbs = rule.verbs.filter((verb) => verb !== 'delete');
    const { problem: reason, fix: remedy } = forbiddenError(
      'delete',
      `secret kube-public/${SECRET}`,
      applyRbac('demo'),
    );
    putOurs(cluster, 'kube-public');
    expect(await cleaned(world, { namespaces: ['kube-public'] })).toMatchObject({
      ok: false,
      removals: [{ outcome: 'failed', reason, remedy }],
    });
  });

  it('takes the secret out of the service accounts first, and keeps it where that fails', async () => {
    const { world, cluster } = await deployed({ ...covering(DEFAULT), serviceAccounts: ['builder'] });
    const imagePullSecrets = [{ name: 'other' }, { name: SECRET }];
    for (const namespace of NAMESPACES)
      cluster.serviceAccounts.put(namespace, 'builder', { imagePullSecrets });
    cluster.fault(({ method, path }) =>
      method === 'PATCH' && path.includes('kube-system') ? { kind: 'status', status: 400 } : undefined,
    );
    expect(await cleaned(world)).toMatchObject({ ok: false, removed: 4, failed: 1, kept: 1 });
    expect(holders(cluster)).toEqual([DEFAULT, 'kube-system']);
    const named = NAMESPACES.map((namespace) =>
      cluster.serviceAccounts.get(namespace, 'builder')?.imagePullSecrets?.map(({ name }) => name),
    );
    expect(named).toEqual([['other', SECRET], ['other'], ['other'], ['other', SECRET]]);
  });

  it('keeps a secret, and its name in accounts, where it cannot list all accounts', async () => {
    const { world, cluster } = await deployed(
      { ...covering(DEFAULT), serviceAccounts: ['builder', 'runner'] },
      { name: 'other', ...covering(DEFAULT) },
    );
    for (const namespace of NAMESPACES) {
      putOurs(cluster, namespace, 1, 'other');
      cluster.serviceAccounts.put(namespace, 'builder', { imagePullSecrets: [{ name: SECRET }] });
    }
    cluster.fault(({ path, query }) =>
      path === '/api/v1/serviceaccounts' && query.get('fieldSelector')?.endsWith('runner')
        ? { kind: 'status', status: 400 }
        : undefined,
    );
    const report = await cleaned(world);
    expect(report).toMatchObject({ ok: false, removed: 3, failed: 1, kept: 2 });
    expect(report).not.toHaveProperty('error');
    expect(report.removals[0]).toMatchObject({
      namespace: '*',
      object: 'service accounts runner',
      outcome: 'failed',
      reason: expect.stringContaining('400'),
    });
    expect(holders(cluster)).toEqual(NAMESPACES);
    expect(holders(cluster, 'other')).toEqual([DEFAULT]);
  });
});

describe('a cleanup is refused', () => {
  it('without the setting', async () => {
    const world = await deploy();
    const { error } = await invoke(world, EVENT);
    expect(error).toMatchObject({
      code: 'CleanupOffError',
      problem: 'settings: cleanup is not set, so nothing may be removed',
    });
    expect(clusterOf(world).requests).toEqual([]);
  });

  it.each([
    [{ confirm: undefined }, 'confirm is missing; give the id of the one to clean up, of demo, other'],
    [
      { confirm: 'prod' },
      'confirm "prod" is not a cluster; give the id of the one to clean up, of demo, other',
    ],
    [{ clusters: ['demo', 'other'] }, 'clusters names "other" beside the confirmed "demo"'],
    [{ clusters: ['other'] }, 'clusters names "other" beside the confirmed "demo"'],
  ])('for %j', async (event, problem) => {
    const world = await deploy({ clusters: [{ name: 'demo' }, { name: 'other' }], cleanup: true });
    const { error } = await invoke(world, { ...EVENT, ...event });
    expect(error).toMatchObject({
      name: 'EventError',
      problem: `event: ${problem}`,
      fix: expect.stringContaining('"dryRun": true'),
    });
    expect(world.aws.calls).toEqual([]);
  });

  it('for no other cluster: it touches just the confirmed one', async () => {
    const clusters = [{ name: 'demo' }, { name: 'other' }];
    const world = await deploy({ clusters, cleanup: true, secrets: [covering(DEFAULT)] });
    for (const id of ['demo', 'other']) putOurs(clusterOf(world, id), 'kube-public');
    expect(await cleaned(world, { clusters: ['demo'] })).toMatchObject({ ok: true, removed: 1 });
    expect([holders(clusterOf(world)), holders(clusterOf(world, 'other'))]).toEqual([[], ['kube-public']]);
    expect(clusterOf(world, 'other').requests).toEqual([]);
  });
});

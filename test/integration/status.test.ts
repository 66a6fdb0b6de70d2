import { describe, expect, it } from 'vitest';
import { forbiddenError } from '../../lambda/kubernetes/api-error.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { CONDITIONS, type Condition, type StatusReport } from '../../lambda/status.ts';
import type { World } from '../sandbox/world.ts';
import { PULL_SECRET, putOurs } from './ours.ts';
import { applyRbac, clusterOf, deploy, invoke, NAMESPACES, refreshed, SECRET } from './run.ts';

/** What `status` answers, and what the API server and AWS were asked for it. */
async function statusOf(world: World, event: object = {}) {
  for (const cluster of world.clusters.values()) cluster.requests.splice(0);
  world.aws.calls.splice(0);
  const { value, error } = await invoke<StatusReport>(world, { action: 'status', ...event });
  if (!value) throw error;
  const [cluster] = value.clusters;
  if (!cluster) throw new Error('a status without a cluster');
  return { report: value, cluster };
}

/** Counts in which all that is not named is 0. */
function counts(some: Partial<Record<Condition, number>>): Record<Condition, number> {
  return { ...(Object.fromEntries(CONDITIONS.map((one) => [one, 0])) as Record<Condition, number>), ...some };
}

const only = (...include: string[]): Partial<SettingsInput> => ({ secrets: [{ namespaces: { include } }] });
const deployOnly = (...include: string[]) => deploy({ clusters: [{ name: 'demo' }], ...only(...include) });

describe('a status', () => {
  it('after a refresh finds all fresh, by two lists and without a token', async () => {
    const world = await deploy();
    const { secrets } = await refreshed(world);
    const { report, cluster } = await statusOf(world);
    expect(report).toMatchObject({ ok: true, action: 'status' });
    expect(cluster).toMatchObject({
      id: 'demo',
      arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/demo',
      ok: true,
      counts: counts({ fresh: 4 }),
    });
    expect(cluster).not.toHaveProperty('error');
    const expiresAt = new Date(
      Math.floor(Date.parse(secrets[0]?.expiresAt ?? '') / 1_000) * 1_000,
    ).toISOString();
    expect(cluster.secrets).toEqual(
      NAMESPACES.map((namespace) => ({
        namespace,
        secret: SECRET,
        condition: 'fresh',
        fetchedAt: expect.any(String),
        expiresAt,
      })),
    );
    const asked = clusterOf(world).requests.map(({ method, path, query }) => [
      method,
      path,
      query.get('fieldSelector'),
    ]);
    expect(asked).toEqual([
      ['GET', '/api/v1/secrets', `metadata.name=${SECRET}`],
      ['GET', '/api/v1/namespaces', null],
    ]);
    expect(world.aws.calls.map(({ operation }) => operation)).toEqual(['DescribeCluster']);
  });

  it('tells each condition, the worst first', async () => {
    const world = await deployOnly('t-*');
    const cluster = clusterOf(world);
    const names = ['missing', 'expired', 'stale', 'held', 'type', 'edited', 'made', 'fresh', 'b-fresh'];
    for (const name of names) cluster.addNamespace(`t-${name}`);
    cluster.addNamespace('t-ignored', { labels: { 'ecr-registry-helper/ignore': 'true' } });
    cluster.addNamespace('t-closing', { terminating: true });
    putOurs(cluster, 't-expired', 12.1);
    putOurs(cluster, 't-stale', 9.1);
    cluster.putSecret('t-held', SECRET, { ...PULL_SECRET, manager: 'vault-agent' });
    cluster.putSecret('t-type', SECRET, { stringData: { password: 'x' } });
    putOurs(cluster, 't-edited', 1);
    const { metadata } = cluster.secret('t-edited', SECRET) ?? {};
    const { labels = {}, annotations = {} } = metadata ?? {};
    const edited = { '.dockerconfigjson': Buffer.from('{"auths":{"x":{}}}').toString('base64') };
    cluster.putSecret('t-edited', SECRET, {
      ...PULL_SECRET,
      data: edited,
      labels,
      annotations,
      manager: 'kubectl-edit',
    });
    cluster.putSecret('t-made', SECRET, PULL_SECRET);
    putOurs(cluster, 't-fresh', 8.9);
    putOurs(cluster, 't-b-fresh', 0);

    const { report, cluster: found } = await statusOf(world);
    expect([report.ok, found.ok]).toEqual([false, false]);
    expect(found.counts).toEqual({
      ...{ missing: 1, expired: 1, stale: 1, blocked: 3, foreign: 1, fresh: 2, skipped: 2 },
    });
    expect(found.secrets.map(({ namespace, condition, reason }) => [namespace, condition, reason])).toEqual([
      ['t-missing', 'missing', 'the secret does not exist'],
      ['t-expired', 'expired', 'its token has expired'],
      ['t-stale', 'stale', 'its token was fetched 9 h 6 min ago'],
      ['t-edited', 'blocked', 'it is managed by "kubectl-edit"'],
      ['t-held', 'blocked', 'it is managed by "vault-agent"'],
      ['t-type', 'blocked', 'a secret of another type has its name'],
      ['t-made', 'foreign', 'it is not ours yet'],
      ['t-b-fresh', 'fresh', undefined],
      ['t-fresh', 'fresh', undefined],
      ['t-closing', 'skipped', 'its namespace is going away'],
      ['t-ignored', 'skipped', 'its namespace is ignored by label'],
    ]);
  });

  it('agrees with the refresh that comes next about what is blocked', async () => {
    const world = await deployOnly('t-*');
    const cluster = clusterOf(world);
    for (const manager of ['kubectl-create', 'vault-agent', 'helm']) {
      cluster.addNamespace(`t-${manager}`);
      cluster.putSecret(`t-${manager}`, SECRET, { ...PULL_SECRET, manager });
    }
    cluster.addNamespace('t-vault-opaque');
    cluster.putSecret('t-vault-opaque', SECRET, { stringData: { password: 'x' }, manager: 'vault-agent' });
    cluster.addNamespace('t-opaque');
    cluster.putSecret('t-opaque', SECRET, { stringData: { password: 'x' } });
    cluster.addNamespace('t-ours');
    putOurs(cluster, 't-ours', 1);
    cluster.putSecret('t-ours', SECRET, {
      ...{ ...PULL_SECRET, labels: { 'app.kubernetes.io/managed-by': 'argo' }, manager: 'argo' },
    });
    const before = await statusOf(world);
    const blocked = before.cluster.secrets.filter(({ condition }) => condition === 'blocked');
    const refresh = await refreshed(world);
    const told = refresh.clusters[0]?.problems ?? [];
    expect(new Map(blocked.map(({ namespace, reason }) => [namespace, reason]))).toEqual(
      new Map(told.map(({ namespace, reason }) => [namespace, reason])),
    );
    expect(blocked).toHaveLength(5);
    const after = await statusOf(world);
    expect(after.report.ok).toBe(true);
    expect(after.cluster.counts).toEqual(counts({ blocked: 5, fresh: 1 }));
  });

  it('judges the age by the schedule', async () => {
    const world = await deploy({
      ...{ clusters: [{ name: 'demo' }], schedule: 'rate(2 hours)', enabled: false },
      ...only('default', 'kube-public'),
    });
    putOurs(clusterOf(world), 'default', 3.1);
    putOurs(clusterOf(world), 'kube-public', 2.9);
    const { cluster } = await statusOf(world);
    expect(cluster.counts).toEqual(counts({ stale: 1, fresh: 1 }));
  });

  it('goes by the first entry that matches, for each name', async () => {
    const world = await deploy({
      clusters: [{ name: 'demo' }, { name: 'other' }],
      secrets: [
        { namespaces: { include: ['default'] }, adoptFrom: ['vault-agent'] },
        { namespaces: { include: ['default', 'kube-public'] }, adoptFrom: [] },
        { name: 'second', namespaces: { include: ['default'] }, clusters: ['demo'] },
      ],
    });
    for (const namespace of ['default', 'kube-public']) {
      clusterOf(world).putSecret(namespace, SECRET, { ...PULL_SECRET, manager: 'vault-agent' });
    }
    putOurs(clusterOf(world), 'default', 1, 'second');
    const { cluster, report } = await statusOf(world);
    expect(cluster.secrets).toMatchObject([
      { namespace: 'kube-public', secret: SECRET, condition: 'blocked' },
      { namespace: 'default', secret: SECRET, condition: 'foreign' },
      { namespace: 'default', secret: 'second', condition: 'fresh' },
    ]);
    expect(report.clusters[1]?.secrets.map(({ secret }) => secret)).toEqual([SECRET, SECRET]);
  });

  it('names an entry or namespace that is not there, as a refresh does', async () => {
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      secrets: [
        { namespaces: { include: ['defualt'] } },
        { name: 'b', namespaces: { include: ['temas-*'] } },
      ],
    });
    const { cluster } = await statusOf(world);
    expect(cluster).toMatchObject({
      ok: false,
      counts: { missing: 2 },
      secrets: [
        { namespace: '*', secret: 'b', condition: 'missing', reason: 'no namespace matches temas-*' },
        { namespace: 'defualt', condition: 'missing', reason: 'there is no namespace defualt' },
      ],
    });
  });

  it('that is narrowed lists in those namespaces only, and is refused others', async () => {
    const world = await deployOnly('default', 'kube-public');
    putOurs(clusterOf(world), 'default', 1);
    const { cluster } = await statusOf(world, { namespaces: ['default'] });
    expect(cluster).toMatchObject({ ok: true, counts: counts({ fresh: 1 }) });
    expect(clusterOf(world).requests.map(({ path }) => path)).toEqual([
      '/api/v1/namespaces/default/secrets',
      '/api/v1/namespaces',
    ]);
    const { error } = await invoke(world, { action: 'status', namespaces: ['kube-system'] });
    expect(error).toMatchObject({ name: 'NotCoveredError' });
  });

  it('tells of a cluster that cannot be asked, and goes on with the others', async () => {
    const world = await deploy({ clusters: [{ name: 'one' }, { name: 'two' }, { name: 'three' }] });
    await refreshed(world);
    clusterOf(world, 'one').accessEntries.splice(0);
    const [role] = clusterOf(world, 'two').manifest as {
      rules: { resources: string[]; verbs: string[] }[];
    }[];
    for (const rule of role?.rules ?? []) {
      if (rule.resources.includes('secrets')) rule.verbs = rule.verbs.filter((verb) => verb !== 'list');
    }
    const { report } = await statusOf(world);
    const { problem: reason, fix: remedy } = forbiddenError('list', 'secrets', applyRbac('two'));
    expect(report).toMatchObject({
      ok: false,
      clusters: [
        {
          id: 'one',
          ok: false,
          counts: counts({}),
          error: { reason: expect.stringContaining('(401 Unauthorized)') },
        },
        { id: 'two', ok: false, counts: counts({}), error: { reason, remedy } },
        { id: 'three', ok: true, counts: counts({ fresh: 4 }) },
      ],
    });
    const sockets = () => [...world.clusters.values()].map(({ openSockets }) => openSockets);
    await expect.poll(sockets).toEqual([0, 0, 0]);
  });

  it('lists so many that the answer fits, the worst first, and counts the rest', async () => {
    const world = await deployOnly('default', 'n*');
    const name = (at: number) => `n${String(at).padStart(62, '0')}`;
    for (let at = 0; at < 5_400; at += 1) clusterOf(world).addNamespace(name(at));
    for (const at of [0, 1]) putOurs(clusterOf(world), name(at), 13);
    putOurs(clusterOf(world), 'default', 1);
    const { report, cluster } = await statusOf(world);
    expect(cluster).toMatchObject({
      counts: counts({ missing: 5_398, expired: 2, fresh: 1 }),
      moreSecrets: 401,
    });
    expect(cluster.secrets).toHaveLength(5_000);
    expect(cluster.secrets.every(({ condition }) => condition === 'missing')).toBe(true);
    expect(JSON.stringify(report).length).toBeLessThan(6_000_000 / 2);
  });

  it('begins a list of secrets again when its pages have expired', async () => {
    const world = await deployOnly('n*');
    const cluster = clusterOf(world);
    for (let at = 0; at < 501; at += 1) {
      cluster.addNamespace(`n${at}`);
      putOurs(cluster, `n${at}`, 1);
    }
    let expired = false;
    cluster.fault(({ query, path }) => {
      if (path !== '/api/v1/secrets' || !query.has('continue') || expired) return undefined;
      expired = true;
      cluster.expireLists();
      return undefined;
    });
    const { cluster: found } = await statusOf(world);
    expect(found).toMatchObject({ ok: true, counts: counts({ fresh: 501 }) });
    const lists = cluster.requests.filter(({ path }) => path === '/api/v1/secrets');
    expect(lists.map(({ status }) => status)).toEqual([200, 410, 200, 200]);
  });
});

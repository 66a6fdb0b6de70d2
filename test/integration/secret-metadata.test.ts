import { expect, it } from 'vitest';
import type { StatusReport } from '../../lambda/status.ts';
import type { World } from '../sandbox/world.ts';
import { PULL_SECRET } from './ours.ts';
import { applyRbac, clusterOf, deploy, invoke, refreshed, reportOf, SECRET } from './run.ts';

const POLICIES = 'policies.example.com/exempt';
const ENTRY = { labels: { team: 'web' }, annotations: { [POLICIES]: 'true, by the platform team' } };
const inDefault = (entry: object) => ({ ...entry, namespaces: { include: ['default'] } });

const metadataOf = (world: World, namespace = 'default') =>
  clusterOf(world).secret(namespace, SECRET)?.metadata;
const settingsOf = (world: World, secrets: object[]) => {
  const env = { SETTINGS: JSON.stringify({ ...JSON.parse(world.env.SETTINGS ?? ''), secrets }) };
  return { ...world, env: { ...world.env, ...env } };
};
const conditionIn = async (world: World, namespace = 'default') => {
  const { value } = await invoke<StatusReport>(world, { action: 'status' });
  return value?.clusters[0]?.secrets.find((secret) => secret.namespace === namespace);
};

it('the labels and annotations of an entry are on its secrets, beside ours and those of others', async () => {
  const world = await deploy({ clusters: [{ name: 'demo' }], secrets: [ENTRY] });
  clusterOf(world).putSecret('default', SECRET, {
    ...{ ...PULL_SECRET, manager: 'kubectl-create', labels: { other: 'kept' } },
  });
  expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, adopted: 1 });
  expect(metadataOf(world)).toMatchObject({
    labels: { ...ENTRY.labels, other: 'kept', 'app.kubernetes.io/managed-by': 'ecr-registry-helper' },
    annotations: { ...ENTRY.annotations, 'ecr-registry-helper/expires-at': expect.any(String) },
  });
  expect(metadataOf(world, 'kube-public')?.labels).toMatchObject(ENTRY.labels);
});

it('a label that leaves the settings is removed, and so is an annotation', async () => {
  const world = await deploy({ clusters: [{ name: 'demo' }], secrets: [ENTRY] });
  await refreshed(world);
  expect(reportOf(await refreshed(settingsOf(world, [{}])))).toMatchObject({ ok: true });
  expect(metadataOf(world)?.labels).not.toHaveProperty('team');
  expect(metadataOf(world)?.annotations).not.toHaveProperty([POLICIES]);
});

it.each([
  ['label', { labels: { team: 'theirs' }, annotations: {} }],
  ['annotation', { labels: {}, annotations: { [POLICIES]: 'theirs' } }],
])('status, plan and refresh agree on the %s of another manager', async (_what, theirs) => {
  const secrets = [inDefault({ ...ENTRY, adoptFrom: ['kubectl-create'] }), { name: SECRET }];
  const world = await deploy({ clusters: [{ name: 'demo' }], secrets });
  await refreshed(world);
  const cluster = clusterOf(world);
  for (const namespace of ['default', 'kube-public']) {
    const { labels = {}, annotations = {} } = metadataOf(world, namespace) ?? {};
    cluster.putSecret(namespace, SECRET, {
      ...{ ...PULL_SECRET, data: cluster.secret(namespace, SECRET)?.data ?? {}, manager: 'kyverno' },
      labels: { ...labels, ...theirs.labels },
      annotations: { ...annotations, ...theirs.annotations },
    });
  }
  const managed = { namespace: 'default', reason: 'it is managed by "kyverno"' };
  expect(await conditionIn(world)).toMatchObject({ condition: 'blocked', reason: managed.reason });
  for (const action of ['plan', 'refresh']) {
    const report = reportOf(await refreshed(world, { action }));
    expect(report).toMatchObject({ blocked: 1, problems: [managed] });
  }
  // the other entry writes neither
  expect(await conditionIn(world, 'kube-public')).toMatchObject({ condition: 'fresh' });

  const adopting = settingsOf(world, [inDefault({ ...ENTRY, adoptFrom: ['kyverno'] }), { name: SECRET }]);
  expect(reportOf(await refreshed(adopting))).toMatchObject({ ok: true, adopted: 1, blocked: 0 });
  expect(metadataOf(world)).toMatchObject(ENTRY);
});

it('permissions that are older than a label fail with the command that applies them', async () => {
  const world = await deploy();
  const report = reportOf(await refreshed(settingsOf(world, [ENTRY])));
  expect(report).toMatchObject({ ok: false, failed: 4 });
  expect(report.problems[0]?.remedy).toContain(applyRbac('demo'));
});

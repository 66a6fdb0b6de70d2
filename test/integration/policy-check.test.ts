import { describe, expect, it } from 'vitest';
import { deniedByWebhook } from '../sandbox/kubernetes/admission.ts';
import { pullSecretPolicy } from '../sandbox/kubernetes/pull-secret-policy.ts';
import type { KubernetesEmulator } from '../sandbox/kubernetes/server.ts';
import { clusterOf, deploy, holders, invoke, jsonLines, NAMESPACES, SCHEDULED } from './run.ts';
import { MovedClock, refreshTimed } from './timed-refresh.ts';

const TWO = { clusters: [{ name: 'demo' }, { name: 'other' }] };

/** The admission policy as it would be of other settings. */
function outdate(cluster: KubernetesEmulator): void {
  cluster.admission.splice(
    0,
    Infinity,
    pullSecretPolicy({ name: 'ecr-registry-helper', version: '00000000', entries: [] }),
  );
}

const dryRuns = ({ requests }: KubernetesEmulator) =>
  requests.filter(({ query }) => query.get('dryRun') === 'All').length;
const policyMetrics = (output: string) => jsonLines(output).filter((line) => 'PolicyProblems' in line);

describe('a scheduled run', () => {
  it('tries the policy of each cluster once, and says that it is in force', async () => {
    const world = await deploy(TWO);
    const { value, output } = await invoke(world, SCHEDULED);
    const policy = { state: 'in force' };
    expect(value).toMatchObject({ ok: true, clusters: [{ policy }, { policy }] });
    for (const id of ['demo', 'other']) expect(dryRuns(clusterOf(world, id))).toBe(1);
    expect(policyMetrics(output)).toEqual([expect.objectContaining({ PolicyProblems: 0 })]);
    expect(jsonLines(output)[0]).toMatchObject({ level: 'INFO', message: 'ok' });
  });

  it.each([
    ['missing', (cluster: KubernetesEmulator) => cluster.admission.splice(0), /is not in force: a dry run/],
    ['outdated', outdate, /is older than the settings/],
  ] as const)('alarms of one that is %s, and writes all secrets', async (state, spoil, reason) => {
    const world = await deploy(TWO);
    const cluster = clusterOf(world);
    spoil(cluster);
    const { value, output } = await invoke(world, SCHEDULED);
    const policy = { state, reason: expect.stringMatching(reason), remedy: expect.stringContaining('rbac') };
    expect(value).toMatchObject({ ok: true, clusters: [{ id: 'demo', ok: true, policy }, { ok: true }] });
    expect(holders(cluster)).toEqual(NAMESPACES);
    for (const { metadata } of cluster.secrets()) expect(metadata).not.toHaveProperty('finalizers');
    const lines = jsonLines(output);
    expect(lines[0]).toMatchObject({
      level: 'WARN',
      message: expect.stringMatching(/^cluster demo: the adm/),
    });
    expect(lines).toContainEqual(expect.objectContaining({ cluster: 'demo', ClusterFresh: 1 }));
    expect(policyMetrics(output)).toEqual([expect.objectContaining({ PolicyProblems: 1 })]);
  });

  it('tries it once a later attempt has written a secret', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    cluster.fault(({ method, attempt }) =>
      method === 'PATCH' && attempt === 1 ? { kind: 'status', status: 503 } : undefined,
    );
    const { value } = await refreshTimed(world, { clock: new MovedClock() });
    expect(value).toMatchObject({ ok: true, clusters: [{ policy: { state: 'in force' } }] });
    expect(dryRuns(cluster)).toBe(1);
  });

  it('says nothing of a policy that something else answers for', async () => {
    const world = await deploy();
    clusterOf(world).admission.unshift(({ dryRun }) =>
      dryRun ? deniedByWebhook('no-dry-runs', 'no finalizers (rights 00000000)') : undefined,
    );
    const { value, output } = await invoke(world, SCHEDULED);
    expect(value?.ok).toBe(true);
    expect(value?.clusters[0]).not.toHaveProperty('policy');
    expect(policyMetrics(output)).toEqual([]);
  });

  it('does not repeat what was not answered', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    cluster.fault(({ query }) =>
      query.get('dryRun') === 'All' ? { kind: 'status', status: 503 } : undefined,
    );
    const { value } = await invoke(world, SCHEDULED);
    expect(value).toMatchObject({ ok: true });
    expect(value?.clusters[0]).not.toHaveProperty('policy');
    expect(dryRuns(cluster)).toBe(1);
  });
});

it.each([
  ['for some namespaces', { namespaces: ['default'] }],
  ['that finds nothing of its own', SCHEDULED],
])('a run %s does not try it', async (_, event) => {
  const world = await deploy();
  const cluster = clusterOf(world);
  if (event === SCHEDULED) {
    for (const namespace of NAMESPACES) {
      cluster.putSecret(namespace, 'ecr-docker-creds', { manager: 'vault', type: 'Opaque', data: {} });
    }
  }
  const { value } = await invoke(world, event);
  expect(value).toMatchObject({ ok: true });
  expect(dryRuns(cluster)).toBe(0);
});

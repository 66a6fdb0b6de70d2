import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { deniedByPolicy } from '../sandbox/kubernetes/admission.ts';
import type { KubernetesEmulator } from '../sandbox/kubernetes/server.ts';
import { clusterOf, deploy, invoke, NAMESPACES, refreshed, reportOf, requestsTo, SECRET } from './run.ts';

type EntryInput = NonNullable<SettingsInput['secrets']>[number];

const LIST = '/api/v1/serviceaccounts';
const accountPath = (namespace: string, name = 'default') =>
  `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;

/** A world with these entries, and an account called default in each namespace. */
async function deployed(...secrets: EntryInput[]) {
  const world = await deploy({ clusters: [{ name: 'demo' }], secrets });
  const cluster = clusterOf(world);
  for (const namespace of NAMESPACES) cluster.serviceAccounts.put(namespace, 'default', {});
  return { world, cluster };
}

/** The names in the `imagePullSecrets` of an account. */
function pullSecrets(cluster: KubernetesEmulator, namespace: string, name = 'default') {
  return cluster.serviceAccounts.get(namespace, name)?.imagePullSecrets?.map((one) => one.name);
}

/** The requests about service accounts, by method and path. */
function asked(cluster: KubernetesEmulator, method: string): string[] {
  return requestsTo(cluster, method).filter((path) => path.includes('serviceaccounts'));
}

describe('the service accounts that an entry names', () => {
  it('get the secret once, in the namespaces of the entry, behind those of others', async () => {
    const namespaces = { exclude: ['kube-*'] };
    const { world, cluster } = await deployed({ namespaces, serviceAccounts: ['default', 'builder'] });
    cluster.addNamespace('team');
    cluster.serviceAccounts.put('team', 'default', {
      imagePullSecrets: [{ name: 'vault' }, {}],
      secrets: [{ name: 'old-token' }],
      labels: { team: 'x' },
      automountServiceAccountToken: false,
    });
    cluster.serviceAccounts.put('team', 'builder', { imagePullSecrets: [{ name: SECRET }] });
    const before = cluster.serviceAccounts.get('team', 'default');

    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ created: 2, linked: 2 }] });
    expect(pullSecrets(cluster, 'default')).toEqual([SECRET]);
    expect(pullSecrets(cluster, 'team')).toEqual(['vault', undefined, SECRET]);
    expect(pullSecrets(cluster, 'team', 'builder')).toEqual([SECRET]);
    expect(pullSecrets(cluster, 'kube-system')).toBeUndefined();
    const { imagePullSecrets: _, metadata, ...after } = cluster.serviceAccounts.get('team', 'default') ?? {};
    const { resourceVersion } = metadata ?? {};
    expect(before).toMatchObject({ ...after, metadata: { ...metadata, resourceVersion: expect.anything() } });
    expect(before?.metadata.resourceVersion).not.toBe(resourceVersion);

    cluster.requests.splice(0);
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ created: 0, linked: 0 }] });
    expect([asked(cluster, 'GET'), asked(cluster, 'PATCH')]).toEqual([[LIST, LIST], []]);
  });

  it('are not looked at where no entry names any', async () => {
    const { world, cluster } = await deployed({});
    expect(reportOf(await refreshed(world))).not.toHaveProperty('linked');
    expect(asked(cluster, 'GET')).toEqual([]);
  });

  it('get the secrets of several entries by one patch', async () => {
    const serviceAccounts = ['default'];
    const [here, there] = [{ include: ['default'] }, { include: ['kube-public'] }];
    const { world, cluster } = await deployed(
      { name: 'a', namespaces: here, serviceAccounts },
      { name: 'b', namespaces: here, serviceAccounts },
      { name: 'a', namespaces: there, serviceAccounts },
      { name: 'c', namespaces: there },
    );
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ created: 4, linked: 2 }] });
    expect([pullSecrets(cluster, 'default'), pullSecrets(cluster, 'kube-public')]).toEqual([
      ['a', 'b'],
      ['a'],
    ]);
    expect([asked(cluster, 'GET').length, asked(cluster, 'PATCH').length]).toEqual([1, 2]);
  });

  it('are listed in their namespaces by a run that is narrowed, which misses none', async () => {
    const { world, cluster } = await deployed({ serviceAccounts: ['default', 'builder'] });
    const report = await refreshed(world, { namespaces: ['kube-public'] });
    expect(report).toMatchObject({ ok: true, clusters: [{ created: 1, linked: 1 }] });
    const path = '/api/v1/namespaces/kube-public/serviceaccounts';
    expect(asked(cluster, 'GET')).toEqual([path, path]);
    expect(pullSecrets(cluster, 'default')).toBeUndefined();
  });

  it('are found on every page, also when the pages expire', async () => {
    const namespaces = { include: ['default', 'team-505'] };
    const { world, cluster } = await deployed({ namespaces, serviceAccounts: ['default'] });
    for (let at = 0; at <= 505; at += 1) {
      cluster.addNamespace(`team-${at}`);
      cluster.serviceAccounts.put(`team-${at}`, 'default', {});
    }
    let isFirst = true;
    cluster.fault(({ path, query }) => {
      if (path !== LIST || !query.has('continue') || !isFirst) return undefined;
      isFirst = false;
      cluster.expireLists();
      return undefined;
    });
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ created: 2, linked: 2 }] });
    expect(asked(cluster, 'GET')).toEqual([LIST, LIST, LIST, LIST]);
    expect(asked(cluster, 'PATCH').sort()).toEqual([accountPath('default'), accountPath('team-505')]);
  });

  it('are counted and left alone by a plan', async () => {
    const { world, cluster } = await deployed({ serviceAccounts: ['default'] });
    expect(await refreshed(world, { action: 'plan' })).toMatchObject({ ok: true, clusters: [{ linked: 4 }] });
    expect(NAMESPACES.map((name) => pullSecrets(cluster, name))).toEqual(Array(4).fill(undefined));
  });

  it('fail the run when they are in none of its namespaces, as that may be a typo', async () => {
    const { world } = await deployed({ namespaces: { include: ['default'] }, serviceAccounts: ['defualt'] });
    const { value } = await invoke(world);
    expect(value).toMatchObject({
      ok: false,
      clusters: [
        {
          created: 1,
          failed: 1,
          linked: 0,
          problems: [
            {
              namespace: '*',
              secret: SECRET,
              outcome: 'failed',
              reason: 'there is no service account defualt in any namespace of this entry',
            },
          ],
        },
      ],
    });
  });

  it('get no secret that is not ours', async () => {
    const { world, cluster } = await deployed({ serviceAccounts: ['default'] });
    cluster.putSecret('default', SECRET, { manager: 'vault-agent' });
    cluster.addNamespace('kube-public', { labels: { 'ecr-registry-helper/ignore': 'true' } });
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ blocked: 1, linked: 2 }] });
    expect([pullSecrets(cluster, 'default'), pullSecrets(cluster, 'kube-public')]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('are not taken for missing when they are only where the secret is blocked', async () => {
    const { world, cluster } = await deployed({ serviceAccounts: ['builder'] });
    cluster.serviceAccounts.put('default', 'builder', {});
    cluster.putSecret('default', SECRET, { manager: 'vault-agent' });
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ blocked: 1, linked: 0 }] });
  });
});

describe('a service account', () => {
  it('that is changed meanwhile keeps what others put there', async () => {
    const { world, cluster } = await deployed({ serviceAccounts: ['default'] });
    let isFirst = true;
    cluster.fault(({ method, path }) => {
      if (method === 'PATCH' && path === accountPath('default') && isFirst) {
        isFirst = false;
        cluster.serviceAccounts.put('default', 'default', { imagePullSecrets: [{ name: 'theirs' }] });
      }
      return undefined;
    });
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ linked: 4 }] });
    expect(pullSecrets(cluster, 'default')).toEqual(['theirs', SECRET]);
  });

  it('that got the secret by a patch whose answer was lost is not patched twice', async () => {
    const { world, cluster } = await deployed({ serviceAccounts: ['default'] });
    let isFirst = true;
    cluster.fault(({ method, path }) => {
      if (method !== 'PATCH' || path !== accountPath('default') || !isFirst) return undefined;
      isFirst = false;
      return { kind: 'reset', when: 'after' };
    });
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ linked: 4 }] });
    expect(pullSecrets(cluster, 'default')).toEqual([SECRET]);
  });

  it('that is changed again and again is blocked, which does not fail the run', async () => {
    const { world, cluster } = await deployed({ serviceAccounts: ['default'] });
    // a function that never gave up would be let through in the end
    let left = 20;
    cluster.fault(({ method, path }) => {
      if (method === 'PATCH' && path === accountPath('default') && left > 0) {
        left -= 1;
        cluster.serviceAccounts.put('default', 'default', { annotations: { left: `${left}` } });
      }
      return undefined;
    });
    const { value } = await invoke(world);
    expect(value).toMatchObject({
      ok: true,
      clusters: [
        {
          linked: 3,
          blocked: 1,
          problems: [{ reason: 'service account default/default: something kept changing it' }],
        },
      ],
    });
    expect(asked(cluster, 'PATCH').filter((path) => path === accountPath('default'))).toHaveLength(5);
  });

  it('that is deleted meanwhile is let go', async () => {
    const { world, cluster } = await deployed({ serviceAccounts: ['default'] });
    cluster.fault(({ method, path }) => {
      if (method === 'PATCH' && path === accountPath('default')) {
        cluster.serviceAccounts.remove('default', 'default');
      }
      return undefined;
    });
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ linked: 3, failed: 0 }] });
  });

  it('that a policy of somebody else guards is blocked, and the run is ok', async () => {
    const { world, cluster } = await deployed({ serviceAccounts: ['default'] });
    cluster.serviceAccounts.admission.push(({ namespace, name }) => {
      if (namespace !== 'default') return undefined;
      const denial = { policy: 'frozen', binding: 'frozen', text: 'no' };
      return deniedByPolicy({ resource: 'serviceaccounts', name }, denial);
    });
    const { value } = await invoke(world);
    expect(value).toMatchObject({
      ok: true,
      clusters: [
        {
          created: 4,
          blocked: 1,
          linked: 3,
          problems: [
            {
              namespace: 'default',
              secret: SECRET,
              outcome: 'blocked',
              reason: 'service account default/default: it was denied by the admission policy frozen',
            },
          ],
        },
      ],
    });
  });

  it('that the server cannot answer for fails the run, which names it', async () => {
    const { world, cluster } = await deployed({ serviceAccounts: ['default'] });
    cluster.fault(({ path }) =>
      path === accountPath('default') ? { kind: 'status', status: 400 } : undefined,
    );
    const { value } = await invoke(world);
    const reason = 'service account default/default: the API server answered 400 without a known reason';
    expect(value).toMatchObject({ ok: false, clusters: [{ linked: 3, failed: 1, problems: [{ reason }] }] });
  });
});

it('without the right to list accounts the secrets are written, and the run fails and names it', async () => {
  const { world, cluster } = await deployed({ serviceAccounts: ['default'] });
  const [role] = cluster.manifest as { rules: { resources: string[]; verbs: string[] }[] }[];
  const rule = role?.rules.find(({ resources }) => resources.includes('serviceaccounts'));
  if (rule) rule.verbs = ['patch'];
  const { value } = await invoke(world);
  expect(value).toMatchObject({
    ok: false,
    clusters: [
      {
        ok: false,
        created: 4,
        failed: 1,
        linked: 0,
        problems: [
          {
            namespace: '*',
            reason: 'service accounts default: no permission to list them (403 Forbidden)',
            remedy: expect.stringContaining('rbac'),
          },
        ],
      },
    ],
  });
});

it('accounts of a namespace that is blocked at its second attempt are not reported as missing', async () => {
  const namespaces = { include: ['default', 'kube-public'] };
  const world = await deploy({
    clusters: [{ name: 'demo' }],
    secrets: [{ serviceAccounts: ['builder'], namespaces }],
  });
  const cluster = clusterOf(world);
  cluster.serviceAccounts.put('kube-public', 'builder', {});
  const denied = { kind: 'Status', message: 'admission webhook "a.b.c" denied the request: no', code: 400 };
  cluster.fault(({ path, attempt }) =>
    path.includes('/kube-public/secrets')
      ? { kind: 'status', ...(attempt === 1 ? { status: 503 } : { status: 400, body: denied }) }
      : undefined,
  );
  expect(await refreshed(world)).toMatchObject({
    ok: true,
    clusters: [{ created: 1, blocked: 1, failed: 0 }],
  });
});

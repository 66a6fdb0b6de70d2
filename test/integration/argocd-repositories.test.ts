import { describe, expect, it } from 'vitest';
import type { CleanupReport } from '../../lambda/cleanup.ts';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import { NOT_AS_DECLARED } from '../../lambda/kubernetes/pull-secret.ts';
import { rightsVersion } from '../../lambda/kubernetes/rbac.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import type { StatusReport } from '../../lambda/status.ts';
import { counts } from '../e2e/expected.ts';
import { created, logBatch } from '../sandbox/aws/log-batch.ts';
import { deniedByPolicy } from '../sandbox/kubernetes/admission.ts';
import type { World } from '../sandbox/world.ts';
import { applyRbac, clusterOf, deploy, FUNCTION_ROLE, invoke, refreshed, reportOf } from './run.ts';

const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
const CHARTS = {
  type: 'argocd-repository',
  name: 'charts',
  namespace: 'argocd',
  url: `${HOST}/charts`,
  enableOCI: true,
  clusters: ['*'] as string[],
} as const;
const AT = { namespace: 'argocd', secret: 'charts', outcome: 'blocked' };

const encode = (text: string) => Buffer.from(text).toString('base64');
const decode = (text = '') => Buffer.from(text, 'base64').toString();

/** A cluster of Argo CD, and in it the secret as Git declares it. */
async function deployed(
  secrets: NonNullable<SettingsInput['secrets']> = [CHARTS],
  more: Partial<SettingsInput> = {},
): Promise<World> {
  const world = await deploy({ clusters: [{ name: 'demo' }], secrets, ...more });
  clusterOf(world).addNamespace('argocd');
  return world;
}

function declare(world: World, data: Record<string, string> = {}, manager = 'argocd-controller'): void {
  const declared = { type: 'helm', name: 'charts', url: CHARTS.url, enableOCI: 'true', ...data };
  clusterOf(world).putSecret('argocd', 'charts', {
    type: 'Opaque',
    labels: { 'argocd.argoproj.io/secret-type': 'repository' },
    data: Object.fromEntries(Object.entries(declared).map(([key, value]) => [key, encode(value)])),
    manager,
  });
}

function dataOf(world: World) {
  return clusterOf(world).secret('argocd', 'charts')?.data;
}

describe('the secret of an Argo CD repository', () => {
  it('gets username and password, and keeps all else', async () => {
    const world = await deployed();
    declare(world);
    const before = clusterOf(world).secret('argocd', 'charts');
    const report = await refreshed(world);
    expect(report).toMatchObject({ ok: true, secrets: [{ name: 'charts', registries: [HOST] }] });
    expect(reportOf(report)).toMatchObject({ ...counts({ refreshed: 1 }), problems: [] });
    const { username, password, ...data } = dataOf(world) ?? {};
    expect(data).toEqual(before?.data);
    expect(decode(username)).toBe('AWS');
    expect(world.aws.registries.expiryOf(HOST, encode(`AWS:${decode(password)}`))).toBeInstanceOf(Date);
    const after = clusterOf(world).secret('argocd', 'charts');
    expect(after).toMatchObject({ type: 'Opaque', metadata: { labels: before?.metadata.labels } });
    expect(after?.metadata.annotations).toEqual(before?.metadata.annotations);
    const requests = clusterOf(world).requests.map(({ method, path }) => `${method} ${path}`);
    expect(requests).toEqual([
      'GET /api/v1/namespaces/argocd/secrets',
      'PATCH /api/v1/namespaces/argocd/secrets/charts',
    ]);
  });

  it.each([
    ['does not exist', false],
    ['its owner deletes after it was listed', true],
  ])('that %s is blocked, and is not created', async (_, isListed) => {
    const world = await deployed();
    const cluster = clusterOf(world);
    if (isListed) declare(world);
    cluster.fault(({ method }) => {
      if (method === 'PATCH') cluster.removeSecret('argocd', 'charts');
      return undefined;
    });
    const report = await refreshed(world);
    expect(report.ok).toBe(true);
    expect(reportOf(report)).toMatchObject({
      ...counts({ blocked: 1 }),
      problems: [{ ...AT, reason: 'it does not exist: Git has not declared it yet' }],
    });
    expect(dataOf(world)).toBeUndefined();
  });

  it('that declares a password itself is blocked, and its field manager is named', async () => {
    const world = await deployed();
    declare(world, { password: 'theirs' });
    expect(reportOf(await refreshed(world))).toMatchObject({
      ...counts({ blocked: 1 }),
      problems: [
        {
          ...AT,
          reason: 'it is managed by "argocd-controller"',
          remedy: expect.stringContaining(
            `kubectl -n argocd patch secret charts --type merge -p '{"data":{"username":null,"password":null}}'`,
          ),
        },
      ],
    });
    expect(decode(dataOf(world)?.password)).toBe('theirs');
  });

  it('that our policy denies for its url is blocked with that reason, and fails by an older policy', async () => {
    const world = await deployed();
    declare(world);
    const settings = checkSettings(JSON.parse(world.env.SETTINGS ?? ''));
    let version = rightsVersion(settings, { name: 'demo' });
    const policy = 'ecr-registry-helper.argocd';
    clusterOf(world).admission.push((request) =>
      deniedByPolicy(request, {
        policy,
        binding: policy,
        text: `${NOT_AS_DECLARED.url} (rights ${version})`,
      }),
    );
    const current = await refreshed(world);
    expect(current.ok).toBe(true);
    expect(reportOf(current).problems).toEqual([
      { ...AT, reason: NOT_AS_DECLARED.url, remedy: 'Correct it in Git, or correct the settings.' },
    ]);
    version = '00000000';
    const older = await refreshed(world);
    expect(older.ok).toBe(false);
    expect(reportOf(older).problems).toMatchObject([
      {
        outcome: 'failed',
        reason: `the admission policy ${policy} is older than the settings`,
        remedy: expect.stringContaining(applyRbac('demo')),
      },
    ]);
  });

  it('whose permission is missing fails, with the command as its fix', async () => {
    const world = await deployed();
    declare(world);
    const { manifest } = clusterOf(world);
    const older = JSON.stringify(manifest).replaceAll('["list","patch"]', '["list"]');
    manifest.splice(0, Infinity, ...JSON.parse(older));
    const report = await refreshed(world);
    expect(report.ok).toBe(false);
    expect(reportOf(report)).toMatchObject({
      ...counts({ failed: 1 }),
      problems: [
        {
          reason: 'no permission to patch secret argocd/charts (403 Forbidden)',
          remedy: expect.stringContaining(applyRbac('demo')),
        },
      ],
    });
  });

  it('fails where ECR gives no token, and nothing is written', async () => {
    const world = await deployed();
    declare(world);
    world.aws.deny(FUNCTION_ROLE, 'ecr:GetAuthorizationToken');
    const report = await refreshed(world);
    expect(report).toMatchObject({
      ok: false,
      secrets: [{ name: 'charts', error: { code: 'EcrCallError' } }],
    });
    expect(reportOf(report)).toMatchObject(counts({ failed: 1 }));
    expect(dataOf(world)).not.toHaveProperty('password');
  });

  it('is written beside pull secrets, also by a run for its namespace alone', async () => {
    const world = await deployed([CHARTS, { namespaces: { include: ['default'] } }]);
    declare(world);
    expect(reportOf(await refreshed(world))).toMatchObject(counts({ created: 1, refreshed: 1 }));
    const narrowed = await refreshed(world, { namespaces: ['argocd'] });
    expect(reportOf(narrowed)).toMatchObject(counts({ refreshed: 1 }));
    const other = await refreshed(world, { namespaces: ['default'] });
    expect(other.secrets.map(({ name }) => name)).toEqual(['ecr-docker-creds']);
  });

  it('waits for the schedule when its namespace is new', async () => {
    const world = await deployed([CHARTS, {}], { newNamespaces: 'audit-log' });
    const report = await refreshed(world, logBatch([created('argocd')]));
    expect(reportOf(report)).toMatchObject(counts({ created: 1 }));
  });

  it('is left as it is by a retry of the run that wrote it', async () => {
    const world = await deployed();
    declare(world);
    const startedAt = new Date().toISOString();
    expect(reportOf(await refreshed(world, { startedAt }))).toMatchObject(counts({ refreshed: 1 }));
    const data = dataOf(world);
    expect(reportOf(await refreshed(world, { startedAt }))).toMatchObject(counts({ unchanged: 1 }));
    expect(dataOf(world)).toEqual(data);
  });

  it('is not changed by a plan, which needs no token in its request', async () => {
    const world = await deployed();
    declare(world);
    const before = dataOf(world);
    expect(reportOf(await refreshed(world, { action: 'plan' }))).toMatchObject(counts({ refreshed: 1 }));
    expect(dataOf(world)).toEqual(before);
  });
});

describe('a status of the secret of an Argo CD repository', () => {
  async function statusOf(world: World) {
    const { value } = await invoke<StatusReport>(world, { action: 'status' });
    return value?.clusters[0]?.secrets;
  }

  it('says whether it exists, has credentials, and when they were written', async () => {
    const world = await deployed();
    const secret = { namespace: 'argocd', secret: 'charts' };
    expect(await statusOf(world)).toMatchObject([{ ...secret, condition: 'blocked' }]);
    declare(world);
    expect(await statusOf(world)).toMatchObject([{ ...secret, condition: 'missing' }]);
    await refreshed(world);
    expect(await statusOf(world)).toEqual([
      { ...secret, condition: 'fresh', fetchedAt: expect.stringMatching(/^20/) },
    ]);
  });

  it.each([
    [11, 'stale'],
    [13, 'expired'],
  ] as const)('calls credentials of %i hours ago %s', async (hours, condition) => {
    const world = await deployed();
    declare(world);
    clusterOf(world).putSecret('argocd', 'charts', {
      data: { username: encode('AWS'), password: encode('x') },
      manager: 'ecr-registry-helper',
      operation: 'Apply',
      time: new Date(Date.now() - hours * 3_600_000),
    });
    expect(await statusOf(world)).toMatchObject([
      { condition, reason: `its credentials were written ${hours} h 0 min ago` },
    ]);
  });

  it('names a list that fails', async () => {
    const world = await deployed();
    clusterOf(world).manifest.splice(0);
    const { value } = await invoke<StatusReport>(world, { action: 'status' });
    expect(value).toMatchObject({ ok: false });
    expect(value?.clusters[0]?.secrets).toMatchObject([
      { condition: 'missing', reason: expect.stringContaining('no permission to list secret argocd/charts') },
    ]);
  });
});

it('a cleanup leaves the secret of an Argo CD repository to its owner', async () => {
  const world = await deployed([CHARTS], { cleanup: true });
  declare(world);
  await refreshed(world);
  const data = dataOf(world);
  const { value } = await invoke<CleanupReport>(world, { action: 'cleanup', confirm: 'demo', all: true });
  expect(value).toMatchObject({ ok: true, removed: 0 });
  expect(dataOf(world)).toEqual(data);
});

it('a doctor checks token and permissions where there is nothing else', async () => {
  const world = await deployed();
  declare(world);
  const { value } = await invoke<DoctorReport>(world, { action: 'doctor' });
  expect(value).toMatchObject({ ok: true });
  const objects = value?.findings.filter(({ result }) => result === 'pass').map(({ object }) => object);
  for (const verb of ['list', 'patch']) {
    expect(objects).toContainEqual(expect.stringMatching(`^${verb} argocd/secrets/charts in `));
  }
  expect(objects).toContainEqual(expect.stringMatching(/ for charts$/));
  const { manifest } = clusterOf(world);
  manifest.splice(0, Infinity, ...manifest.filter((one) => !('kind' in one && one.kind === 'Role')));
  const broken = await invoke<DoctorReport>(world, { action: 'doctor' });
  expect(broken.value?.findings).toContainEqual(
    expect.objectContaining({
      result: 'fail',
      reason: 'no permission to patch argocd/secrets/charts (403 Forbidden)',
    }),
  );
});

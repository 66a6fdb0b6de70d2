import { describe, expect, it } from 'vitest';
import { HelperError, RefreshFailedError } from '../../lambda/errors.ts';
import type { SettingsInput } from '../../lambda/settings/schema.ts';
import { findSecrets } from '../sandbox/aws/canary.ts';
import { invocationContext } from '../sandbox/bundle.ts';
import type { AdmissionRequest } from '../sandbox/kubernetes/admission.ts';
import type { World } from '../sandbox/world.ts';
import {
  clusterOf,
  deploy,
  FUNCTION_ROLE,
  holders,
  invoke,
  jsonLines,
  NAMESPACES,
  refreshed,
  reportOf,
  requestsTo,
  SCHEDULED,
  SECRET,
} from './run.ts';

const queued = (requestPayload: unknown) => ({
  Records: [{ eventSource: 'aws:sqs', body: JSON.stringify({ requestPayload }) }],
});

/** Lets every run of a world fail. */
function fail({ aws }: World): void {
  aws.deny(FUNCTION_ROLE, 'ecr:GetAuthorizationToken');
}

describe('an event', () => {
  it.each([
    ['the schedule', SCHEDULED, 'scheduled'],
    ['{}', {}, 'manual'],
    ['nothing', null, 'manual'],
    ['refresh', { action: 'refresh' }, 'manual'],
    ['a failed run of the schedule', queued(SCHEDULED), 'queued'],
    ['a failed run of the trigger', queued({}), 'queued'],
  ])('of %s refreshes everything', async (_what, event, origin) => {
    const world = await deploy();
    const { value, output } = await invoke(world, event);
    expect(value).toMatchObject({ ok: true, action: 'refresh', clusters: [{ created: 4 }] });
    expect(jsonLines(output)[0]).toMatchObject({ origin });
  });

  it('narrows a run to clusters', async () => {
    const world = await deploy({ clusters: [{ name: 'one' }, { name: 'two' }] });
    const report = await refreshed(world, { clusters: ['two'] });
    expect(report.clusters.map(({ id }) => id)).toEqual(['two']);
    expect(clusterOf(world, 'one').requests).toEqual([]);
    expect(holders(clusterOf(world, 'two'))).toEqual(NAMESPACES);
  });

  it('narrows a run to namespaces, of which each is listed alone', async () => {
    const world = await deploy();
    const { value, output } = await invoke(world, { namespaces: ['default', 'kube-public'] });
    const cluster = clusterOf(world);
    expect(value).toMatchObject({ ok: true, clusters: [{ created: 2 }] });
    expect(holders(cluster)).toEqual(['default', 'kube-public']);
    const lists = cluster.requests.filter(({ method }) => method === 'GET');
    expect(lists.map(({ query }) => query.get('fieldSelector'))).toEqual([
      'metadata.name=default',
      'metadata.name=kube-public',
    ]);
    expect(jsonLines(output)[1]).not.toHaveProperty('ClusterFresh');
  });

  it('keeps to that of a failed run', async () => {
    const world = await deploy();
    await refreshed(world, queued({ namespaces: ['default'] }));
    expect(holders(clusterOf(world))).toEqual(['default']);
  });

  it('reads only the entries that a narrowed run is about', async () => {
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      secrets: [
        {
          name: 'a',
          namespaces: { include: ['kube-*'] },
          registries: [{ type: 'ecr', region: 'us-east-1' }],
        },
        { name: 'b', namespaces: { include: ['default'] } },
      ],
    });
    const report = await refreshed(world, { namespaces: ['default'] });
    expect(report.secrets.map(({ name }) => name)).toEqual(['b']);
    const tokens = world.aws.calls.filter(({ operation }) => operation === 'GetAuthorizationToken');
    expect(tokens.map(({ region }) => region)).toEqual(['eu-west-1']);
  });

  it('may name a namespace that only a later entry takes', async () => {
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      secrets: [{ namespaces: { selector: 'team=x' } }, { namespaces: {} }],
    });
    expect(await refreshed(world, { namespaces: ['default'] })).toMatchObject({ ok: true });
    expect(holders(clusterOf(world))).toEqual(['default']);
  });

  it('fails for a namespace that the settings cover and that is not there', async () => {
    const world = await deploy();
    const report = await refreshed(world, { namespaces: ['default', 'ghost'] });
    expect(report.ok).toBe(false);
    expect(reportOf(report)).toMatchObject({
      ...{ created: 1, failed: 1 },
      problems: [{ namespace: 'ghost', reason: 'there is no namespace ghost' }],
    });
  });
});

describe('a run that is not ok', () => {
  it.each([
    ['the schedule', SCHEDULED, invocationContext()],
    ['the queue', queued({}), invocationContext()],
    ['the trigger, which invokes a version,', {}, invocationContext(60_000, ':3')],
  ])('started by %s throws, to be tried again', async (_who, event, context) => {
    const world = await deploy();
    fail(world);
    const { error, output } = await invoke(world, event, context);
    expect(error).toBeInstanceOf(RefreshFailedError);
    expect((error as Error).message).toContain(
      'secret ecr-docker-creds: could not get an ECR authorization token in eu-west-1',
    );
    const [log, metrics, ...others] = jsonLines(output);
    expect(log).toMatchObject({ level: 'ERROR', report: { ok: false } });
    expect(metrics).toMatchObject({ SecretsFailed: 4 });
    expect(others).toEqual([]);
  });

  it.each([
    ['the function', invocationContext()],
    ['an alias', invocationContext(60_000, ':live')],
    ['$LATEST', invocationContext(60_000, ':$LATEST')],
  ])('started by hand through %s answers', async (_what, context) => {
    const world = await deploy();
    fail(world);
    const { value } = await invoke(world, {}, context);
    expect(value).toMatchObject({ ok: false, clusters: [{ ok: false, failed: 4 }] });
  });
});

describe('a retry whose cause is gone', () => {
  const DEMO = { clusters: [{ name: 'demo' }, { name: 'other' }] };
  const gone = ({ aws }: World) => aws.removeCluster({ name: 'demo' });

  it.each<[string, SettingsInput, unknown, string]>([
    ['of a cluster that has left the settings', DEMO, { clusters: ['old'] }, 'cover no cluster "old"'],
    [
      'of a namespace that has left them',
      { ...DEMO, secrets: [{ namespaces: { exclude: ['default'] } }] },
      { namespaces: ['default'] },
      'cover no namespace "default"',
    ],
    ['of the schedule before fleet was set', { ...DEMO, fleet: true }, SCHEDULED, 'are of a fleet'],
  ])('%s ends as done', async (_what, settings, payload, why) => {
    const world = await deploy(settings);
    const { value, output } = await invoke(world, queued(payload));
    expect(value).toMatchObject({ ok: true, action: 'refresh', clusters: [] });
    expect(jsonLines(output)).toEqual([
      expect.objectContaining({ level: 'WARN', message: expect.stringContaining(why), origin: 'queued' }),
    ]);
    expect(world.aws.calls).toEqual([]);
  });

  it('of a cluster that was deleted ends as done, and its report says so', async () => {
    const world = await deploy(DEMO);
    gone(world);
    const { value, output } = await invoke(world, queued({ clusters: ['demo'] }));
    expect(value).toMatchObject({ ok: false, clusters: [{ error: { code: 'ClusterNotFoundError' } }] });
    expect(jsonLines(output)[0]).toMatchObject({
      level: 'WARN',
      message: 'not retried: cluster demo: there is no EKS cluster demo in eu-west-1',
      report: { ok: false },
    });
  });

  it('is retried for what another cluster lacks', async () => {
    const world = await deploy(DEMO);
    gone(world);
    const { manifest } = clusterOf(world, 'other');
    const rights = manifest.splice(0);
    const { error, output } = await invoke(world, queued({}));
    expect(error).toBeInstanceOf(RefreshFailedError);
    expect(jsonLines(output)[0]).toMatchObject({ level: 'ERROR' });
    manifest.push(...rights);
    expect((await invoke(world, queued({}))).value).toMatchObject({
      clusters: [{ ok: false }, { created: 4 }],
    });
  });

  it.each([
    ['of a deleted cluster', SCHEDULED, gone],
    ['that names what the settings do not cover', { clusters: ['old'] }, () => {}],
  ])('is not the first run, which fails: one %s', async (_what, event, arrange) => {
    const world = await deploy(DEMO);
    arrange(world);
    expect((await invoke(world, event)).error).toBeInstanceOf(HelperError);
  });
});

describe('a plan', () => {
  it('says what a refresh would do, writes nothing, and shows the server a placeholder', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    await refreshed(world, { namespaces: ['default'] });
    const theirs = cluster.putSecret('kube-public', SECRET, { manager: 'vault-agent' });
    const before = cluster.secrets();
    const seen: AdmissionRequest[] = [];
    cluster.admission.push((request) => {
      seen.push(request);
      return undefined;
    });
    const { value, output } = await invoke(world, { action: 'plan' });

    expect(value).toMatchObject({
      ok: true,
      action: 'plan',
      clusters: [{ created: 2, refreshed: 1, blocked: 1, failed: 0 }],
    });
    expect(cluster.secrets()).toEqual(before);
    expect(cluster.secret('kube-public', SECRET)).toEqual(theirs);
    expect(seen).toHaveLength(3);
    for (const { dryRun, object } of seen) {
      const config = Buffer.from(object?.data?.['.dockerconfigjson'] ?? '', 'base64').toString();
      const auth = Buffer.from('AWS:placeholder').toString('base64');
      expect(dryRun).toBe(true);
      expect(JSON.parse(config)).toEqual({
        auths: { '111122223333.dkr.ecr.eu-west-1.amazonaws.com': { auth } },
      });
      expect(findSecrets(JSON.stringify(object))).toEqual([]);
    }
    expect(jsonLines(output)).toHaveLength(1);
  });

  it('can be narrowed', async () => {
    const world = await deploy();
    const report = await refreshed(world, { action: 'plan', namespaces: ['default'] });
    expect(reportOf(report)).toMatchObject({ created: 1 });
    expect(requestsTo(clusterOf(world), 'PATCH')).toHaveLength(1);
    expect(clusterOf(world).secrets()).toEqual([]);
  });
});

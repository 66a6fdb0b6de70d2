import { describe, expect, it, vi } from 'vitest';
import { CLUSTER_METRICS } from '../../generate-docs/metric-meanings.ts';
import { VERSION } from '../../lambda/context.ts';
import { METRICS_NAMESPACE, unitOf } from '../../lambda/refresh/report.ts';
import { passwordCanary } from '../sandbox/aws/canary.ts';
import {
  authsOf,
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
  writesTo,
} from './run.ts';

describe('the first refresh', () => {
  it('creates the secret in every namespace by one list and one apply each, and tries the policy once', async () => {
    const world = await deploy();
    const report = await refreshed(world);

    const cluster = clusterOf(world);
    expect(report).toMatchObject({ ok: true, action: 'refresh' });
    expect(reportOf(report)).toMatchObject({
      id: 'demo',
      arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/demo',
      ok: true,
      ...{ created: 4, refreshed: 0, unchanged: 0, skipped: 0, blocked: 0, failed: 0 },
      problems: [],
    });
    expect(holders(cluster)).toEqual(NAMESPACES);
    const [list, ...writes] = cluster.requests.map(
      ({ method, path, status }) => `${method} ${path} ${status}`,
    );
    expect(list).toBe('GET /api/v1/namespaces 200');
    expect(writes.pop()).toMatch(/^PATCH .* 422$/);
    expect(writes.sort()).toEqual(
      NAMESPACES.map((name) => `PATCH /api/v1/namespaces/${name}/secrets/${SECRET} 201`),
    );
    expect(world.aws.calls.map(({ operation }) => operation)).toEqual([
      'GetAuthorizationToken',
      'DescribeCluster',
    ]);
  });

  it('writes a docker config for the own registry, labelled and dated', async () => {
    const world = await deploy();
    const report = await refreshed(world);

    const secret = clusterOf(world).secret('default', SECRET);
    const host = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
    const { expiresAt = '' } = report.secrets[0] ?? {};
    expect(secret?.type).toBe('kubernetes.io/dockerconfigjson');
    expect(secret?.metadata.labels).toEqual({
      'app.kubernetes.io/name': 'ecr-registry-helper',
      'app.kubernetes.io/managed-by': 'ecr-registry-helper',
    });
    // in whole seconds, which may have changed since the run started
    const second = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
    const startedAt = Date.parse(report.startedAt);
    expect(secret?.metadata.annotations).toEqual({
      'ecr-registry-helper/fetched-at': expect.toBeOneOf([
        second(startedAt),
        second(startedAt + report.durationMs),
      ]),
      'ecr-registry-helper/expires-at': `${expiresAt.slice(0, 19)}Z`,
    });
    const [password] = Object.values(authsOf(clusterOf(world)));
    expect(report.secrets).toEqual([{ name: SECRET, registries: [host], expiresAt }]);
    expect(Object.keys(authsOf(clusterOf(world)))).toEqual([host]);
    expect(password?.startsWith(`AWS:${passwordCanary}`)).toBe(true);
  });
});

describe('a later refresh', () => {
  it('puts a new token into the same secrets', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    await refreshed(world);
    const before = cluster.secret('default', SECRET);
    world.aws.advance(60_000);
    const report = await refreshed(world);

    const after = cluster.secret('default', SECRET);
    expect(reportOf(report)).toMatchObject({ ok: true, created: 0, refreshed: 4, unchanged: 0 });
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
    expect(after?.data).not.toEqual(before?.data);
    expect(requestsTo(cluster, 'DELETE')).toEqual([]);
  });

  it('creates only where a namespace is new', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    await refreshed(world);
    cluster.addNamespace('team-a');
    world.aws.advance(60_000);
    expect(reportOf(await refreshed(world))).toMatchObject({ created: 1, refreshed: 4 });
    expect(holders(cluster)).toContain('team-a');
  });

  it('leaves a token alone that ends later than the new one', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    world.aws.advance(120_000);
    await refreshed(world);
    const before = cluster.secrets();
    world.aws.advance(-120_000);
    const report = await refreshed(world);

    expect(reportOf(report)).toMatchObject({ ok: true, unchanged: 4, refreshed: 0, blocked: 0, failed: 0 });
    expect(cluster.secrets()).toEqual(before);
  });
});

describe('a big cluster', () => {
  it('lists 500 namespaces a page and shares its connections', async () => {
    const world = await deploy();
    const cluster = clusterOf(world);
    for (let at = NAMESPACES.length; at < 1_200; at += 1) cluster.addNamespace(`team-${at}`);
    const report = await refreshed(world);

    expect(reportOf(report)).toMatchObject({ ok: true, created: 1_200 });
    expect(requestsTo(cluster, 'GET')).toHaveLength(3);
    expect(new Set(writesTo(cluster)).size).toBe(1_200);
    expect(writesTo(cluster)).toHaveLength(1_200);
    expect(cluster.requests.every(({ httpVersion }) => httpVersion === '1.1')).toBe(true);
    expect(cluster.tlsSessions).toBeLessThanOrEqual(16);
  }, 30_000);

  it('writes as many at once as concurrency says, and no more', async () => {
    const world = await deploy({ clusters: [{ name: 'demo' }], concurrency: 3 });
    const cluster = clusterOf(world);
    for (let at = 0; at < 20; at += 1) cluster.addNamespace(`team-${at}`);
    const three = Promise.withResolvers<void>();
    let writes = 0;
    cluster.fault(({ method }) => {
      if (method !== 'PATCH') return undefined;
      writes += 1;
      if (writes === 3) three.resolve();
      return { kind: 'stall', until: three.promise };
    });
    expect(reportOf(await refreshed(world))).toMatchObject({ ok: true, created: 24 });
    expect(cluster.tlsSessions).toBe(3);
  });
});

describe('what stays of a run', () => {
  it('is no open connection', async () => {
    const roleArn = 'arn:aws:iam::111122223333:role/reader';
    const world = await deploy({
      clusters: [{ name: 'demo' }],
      secrets: [{ registries: [{ type: 'ecr', roleArn }] }],
    });
    world.aws.addRole({ arn: roleArn, trusts: [FUNCTION_ROLE] });
    const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap');
    await vi.waitFor(() => expect(sockets()).toEqual([]));
    await refreshed(world);
    await vi.waitFor(() => expect(sockets()).toEqual([]));
    expect(clusterOf(world).openSockets).toBe(0);
  });

  it('is one line of log with the report, one of metrics a cluster, and one for all', async () => {
    const world = await deploy({ name: 'pulls', clusters: [{ name: 'one' }, { name: 'two' }] });
    const { value, output } = await invoke(world, SCHEDULED);

    const [log, ...lines] = jsonLines(output);
    const [ofRun, ...metrics] = lines.toReversed();
    expect(log).toMatchObject({
      level: 'INFO',
      message: 'ok',
      service: 'pulls',
      requestId: '00000000-0000-4000-8000-000000000000',
      origin: 'scheduled',
      report: JSON.parse(JSON.stringify(value)) as object,
    });
    expect(output.trim().split('\n')).toHaveLength(4);
    expect(ofRun).toMatchObject({ service: 'pulls', PolicyProblems: 0 });
    expect(metrics.map(({ cluster }) => cluster)).toEqual(['two', 'one']);
    for (const line of metrics) {
      expect(line).toMatchObject({ service: 'pulls', ClusterFresh: 1, SecretsCreated: 4, SecretsFailed: 0 });
      const units = Object.keys(CLUSTER_METRICS).map((Name) => ({ Name, Unit: unitOf(Name) }));
      expect(line._aws).toMatchObject({
        CloudWatchMetrics: [
          { Namespace: METRICS_NAMESPACE, Dimensions: [['service', 'cluster']], Metrics: units },
        ],
      });
    }
  });

  it('is one line of log that says what failed, and no ClusterFresh', async () => {
    const world = await deploy();
    world.aws.deny(FUNCTION_ROLE, 'ecr:GetAuthorizationToken');
    const { output } = await invoke(world);

    const [log, metrics] = jsonLines(output);
    expect(log).toMatchObject({ level: 'ERROR', message: expect.stringContaining('AccessDeniedException') });
    expect(metrics).toMatchObject({ SecretsFailed: 4, SecretsCreated: 0 });
    expect(metrics).not.toHaveProperty('ClusterFresh');
  });

  it('is its name in the audit log of the cluster', async () => {
    const world = await deploy({ name: 'pulls', clusters: [{ name: 'demo' }] });
    await refreshed(world);
    const agents = new Set(clusterOf(world).requests.map(({ userAgent }) => userAgent));
    expect([...agents]).toEqual([`ecr-registry-helper/${VERSION} (pulls)`]);
    const managers = clusterOf(world).secret('default', SECRET)?.metadata.managedFields;
    expect(managers).toMatchObject([{ manager: 'pulls', operation: 'Apply' }]);
  });
});

import { describe, expect, it } from 'vitest';
import { invocationContext } from '../sandbox/bundle.ts';
import {
  clusterOf,
  deploy,
  FUNCTION_ROLE,
  holders,
  invoke,
  NAMESPACES,
  refreshed,
  reportOf,
  SECRET,
} from './run.ts';

const ABROAD = 'arn:aws:iam::444455556666:role/deployments/refresher';

describe('clusters', () => {
  it('of one deployment are all refreshed, each by its id', async () => {
    const world = await deploy({
      clusters: [{ name: 'prod' }, { name: 'prod', id: 'prod-us', region: 'us-east-1' }],
    });
    const report = await refreshed(world);
    expect(report.clusters.map(({ id, arn, created }) => [id, arn, created])).toEqual([
      ['prod', 'arn:aws:eks:eu-west-1:111122223333:cluster/prod', 4],
      ['prod-us', 'arn:aws:eks:us-east-1:111122223333:cluster/prod', 4],
    ]);
    for (const id of ['prod', 'prod-us']) expect(holders(clusterOf(world, id))).toEqual(NAMESPACES);
    const described = world.aws.calls.filter(({ operation }) => operation === 'DescribeCluster');
    expect(described.map(({ region }) => region).sort()).toEqual(['eu-west-1', 'us-east-1']);
  });

  it('of another account are described and signed in to by the role that is used there', async () => {
    const world = await deploy({
      clusters: [{ name: 'abroad', roleArn: ABROAD, accountId: '444455556666' }],
    });
    world.aws.addRole({ arn: ABROAD, trusts: [FUNCTION_ROLE] });
    const cluster = clusterOf(world, 'abroad');
    expect(cluster.accessEntries).toMatchObject([{ principalArn: ABROAD }]);
    const report = await refreshed(world);

    expect(reportOf(report)).toMatchObject({
      arn: 'arn:aws:eks:eu-west-1:444455556666:cluster/abroad',
      ok: true,
      created: 4,
    });
    const described = world.aws.calls.find(({ operation }) => operation === 'DescribeCluster');
    expect(described?.principalArn).toBe(
      'arn:aws:sts::444455556666:assumed-role/refresher/ecr-registry-helper',
    );
    expect(cluster.requests.map(({ user }) => user)).toEqual(Array(6).fill('ecr-registry-helper'));
    // the token is still that of the function's own account
    expect(report.secrets[0]?.registries).toEqual(['111122223333.dkr.ecr.eu-west-1.amazonaws.com']);
  });

  it('on Outposts are signed in to by their id, which their authenticator knows them by', async () => {
    const id = '0b1c2d3e-4f56-4789-8abc-def012345678';
    const world = await deploy({ clusters: [{ name: id }] });
    const { endpoint, caPem } = clusterOf(world, id);
    world.env.SETTINGS = JSON.stringify({ clusters: [{ name: 'local' }] });
    world.aws.addCluster({ name: 'local', endpoint, caPem });
    expect(await refreshed(world)).toMatchObject({ clusters: [{ error: { code: 'UnauthorizedError' } }] });
    world.aws.addCluster({ name: 'local', id, endpoint, caPem });
    expect(await refreshed(world)).toMatchObject({ ok: true, clusters: [{ id: 'local', created: 4 }] });
  });

  it('are done at once, so that one that is slow keeps none waiting', async () => {
    const world = await deploy({ clusters: [{ name: 'slow' }, { name: 'swift' }] });
    const swiftIsAsked = Promise.withResolvers<void>();
    clusterOf(world, 'slow').fault(() => ({ kind: 'stall', until: swiftIsAsked.promise }));
    clusterOf(world, 'swift').fault(() => {
      swiftIsAsked.resolve();
      return undefined;
    });
    // one after the other, the first would take all the time there is
    const { value } = await invoke(world, {}, invocationContext(5_000 + 3_000));
    expect(value).toMatchObject({ ok: true, clusters: [{ created: 4 }, { created: 4 }] });
  });

  it('get the entries whose globs take them in', async () => {
    const world = await deploy({
      clusters: [{ name: 'prod-1' }, { name: 'prod-2' }, { name: 'demo' }],
      secrets: [
        { name: 'a', clusters: ['prod-*'] },
        { name: 'b', clusters: ['prod-2', 'demo'] },
      ],
    });
    expect(await refreshed(world)).toMatchObject({ ok: true });
    const held = ['prod-1', 'prod-2', 'demo'].map((id) =>
      ['a', 'b'].map((name) => holders(clusterOf(world, id), name).length),
    );
    expect(held).toEqual([
      [4, 0],
      [4, 4],
      [0, 4],
    ]);
  });

  it('fail by the entries that are meant for them alone', async () => {
    const world = await deploy({
      clusters: [{ name: 'one' }, { name: 'two' }],
      secrets: [{ name: 'a', clusters: ['one'], registries: [{ type: 'stored', secretId: 'gone' }] }, {}],
    });
    expect(await refreshed(world)).toMatchObject({
      ok: false,
      secrets: [{ name: 'a', error: {} }, { name: SECRET }],
      clusters: [
        { id: 'one', ok: false, created: 4, failed: 4 },
        { id: 'two', ok: true, created: 4, failed: 0 },
      ],
    });
  });

  it('are called without a proxy', async () => {
    const world = await deploy();
    const nowhere = 'http://127.0.0.1:9';
    Object.assign(world.env, {
      HTTPS_PROXY: nowhere,
      https_proxy: nowhere,
      NODE_EXTRA_CA_CERTS: '/dev/null',
    });
    expect(await refreshed(world)).toMatchObject({ ok: true });
  });
});

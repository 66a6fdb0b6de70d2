import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { counts, MISSING_CREATE } from './expected.ts';
import { makeNamespaces, PULL_SECRET } from './objects.ts';
import { applyManifest, permit } from './rights.ts';
import { CLUSTER, startWorld, type World } from './world.ts';

/** A role without an access entry. */
const UNMAPPED = 'unmapped';
/** A role with an access entry and no rights. */
const RIGHTLESS = 'rightless';
/** Roles with a part of the rights, and one with all of them. */
const LISTER = 'lister';
const UPDATER = 'updater';
const WHOLE = 'whole';
const entry = { namespaces: { include: ['team-*'] } };

let world: World;

beforeAll(async () => {
  world = await startWorld([RIGHTLESS, LISTER, UPDATER, WHOLE]);
  const { admin } = world;
  await makeNamespaces(admin, ['team-a', 'team-b', 'whole-a', 'whole-b']);
  await grant(LISTER, []);
  await grant(UPDATER, ['patch']);
  await permit(admin, { name: WHOLE, clusters: [{ name: CLUSTER }] });
});

afterAll(() => world?.stop());

describe('401', () => {
  test('of a role without an access entry says how to make one', async () => {
    const { result, requests } = await world.record(() => world.invoke({ name: UNMAPPED, secrets: [entry] }));
    const { report } = result;
    expect(report).toMatchObject({
      ok: false,
      clusters: [
        {
          ok: false,
          ...counts({}),
          error: {
            reason: expect.stringContaining(`${CLUSTER} rejected the function's IAM role (401 Unauthorized)`),
            remedy: expect.stringMatching(
              `aws eks create-access-entry .*--cluster-name ${CLUSTER} .*--kubernetes-groups ${UNMAPPED}`,
            ),
          },
        },
      ],
    });
    // once more with a token that was signed anew
    expect(requests.map(({ status }) => status)).toEqual([401, 401]);
  });

  test('of a cluster that has another name says which one was asked', async () => {
    const { endpoint, caPem } = world.controlPlane;
    world.aws.addCluster({ name: 'staging', endpoint, caPem });
    const { report } = await world.invoke({
      name: RIGHTLESS,
      clusters: [{ name: 'staging' }],
      secrets: [entry],
    });
    expect(report?.clusters[0]?.error).toEqual({
      code: 'UnauthorizedError',
      reason: expect.stringContaining("staging rejected the function's IAM role (401 Unauthorized)"),
      remedy: expect.stringMatching('right cluster.*aws eks create-access-entry .*--cluster-name staging'),
    });
  });

  test('of one cluster does not keep another from its secrets', async () => {
    const { endpoint, caPem } = world.controlPlane;
    world.aws.addCluster({ name: 'staging', endpoint, caPem });
    const { report } = await world.invoke({
      name: WHOLE,
      clusters: [{ name: 'staging' }, { name: CLUSTER }],
      secrets: [{ namespaces: { include: ['whole-*'] } }],
    });
    expect(report).toMatchObject({
      ok: false,
      clusters: [
        { id: 'staging', ok: false },
        { id: CLUSTER, ok: true, ...counts({ created: 2 }) },
      ],
    });
  });
});

describe('403', () => {
  test.for([
    [RIGHTLESS, 'no permission to list namespaces (403 Forbidden)'],
    [LISTER, `no permission to patch secret team-a/${PULL_SECRET} (403 Forbidden)`],
    [UPDATER, `no permission to ${MISSING_CREATE} secret team-a/${PULL_SECRET} (403 Forbidden)`],
  ] as const)('of a role with the rights of "%s" names verb and object', async ([name, reason]) => {
    const { report } = await world.invoke({ name, secrets: [entry] });
    const cluster = report?.clusters[0];
    const remedy = expect.stringContaining('npm run -s rbac');
    expect(report?.ok).toBe(false);
    expect([cluster?.error, ...(cluster?.problems ?? [])]).toContainEqual(
      expect.objectContaining({ reason, remedy }),
    );
    expect(cluster).toMatchObject(counts({ failed: name === RIGHTLESS ? 0 : 2 }));
  });

  test('of a run that nobody waits for is thrown, so that AWS tries again', async () => {
    const event = { source: 'aws.events', 'detail-type': 'Scheduled Event' };
    const { report, error, stdout, stderr } = await world.invoke({ name: LISTER, secrets: [entry] }, event);
    expect(report).toBeUndefined();
    expect(error).toMatchObject({ name: 'RefreshFailedError' });
    expect(stderr).toContain('no permission to patch');
    expect(stdout).toContain('SecretsFailed');
    expect(stdout).not.toContain('ClusterFresh');
  });
});

/** Lets a role list namespaces and use these verbs on the pull secret, without the manifest of the product. */
async function grant(name: string, verbs: readonly string[]): Promise<void> {
  const { admin } = world;
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const metadata = { name, labels: {} };
  const onSecrets = { apiGroups: [''], resources: ['secrets'], resourceNames: [PULL_SECRET], verbs };
  const rules = [
    { apiGroups: [''], resources: ['namespaces'], verbs: ['list'] },
    ...(verbs.length > 0 ? [onSecrets] : []),
  ];
  await applyManifest(admin, { apiVersion, kind: 'ClusterRole', metadata, rules });
  await applyManifest(admin, {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name }],
  });
}

import { afterAll, beforeAll, expect, test } from 'vitest';
import { clusterRights, type Manifest } from '../../lambda/kubernetes/rbac.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import { counts } from './expected.ts';
import { makeNamespaces, readSecret } from './objects.ts';
import { applyManifest, permit } from './rights.ts';
import { until } from './until.ts';
import { CLUSTER, startWorld, type World } from './world.ts';

const NAMESPACE = 'demanding';
const POLICY = 'demand-team';
const namespaces = { include: [NAMESPACE] };
const labelled = {
  secrets: [{ namespaces, labels: { team: 'web' }, annotations: { 'example.com/owner': 'the web team' } }],
};

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await makeNamespaces(world.admin, [NAMESPACE]);
  await permit(world.admin, { clusters: [{ name: CLUSTER }] });
  await demandTeam();
});

afterAll(() => world?.stop());

test('a policy that demands a label blocks a secret without it, and takes one with it', async () => {
  const without = (await world.invoke({ secrets: [{ namespaces }] })).report;
  expect(without?.clusters[0]).toMatchObject({ ...counts({ blocked: 1 }), ok: true });
  expect(without?.clusters[0]?.problems[0]?.reason).toContain(POLICY);

  const older = (await world.invoke(labelled)).report;
  expect(older?.clusters[0]).toMatchObject({ ...counts({ failed: 1 }), ok: false });
  expect(older?.clusters[0]?.problems[0]?.remedy).toContain('npm run -s rbac');

  await permit(world.admin, { clusters: [{ name: CLUSTER }], ...labelled });
  await until('the newer policy is in force', async () => (await world.invoke(labelled)).report?.ok === true);
  const [entry] = labelled.secrets;
  expect((await readSecret(world.admin, NAMESPACE))?.metadata).toMatchObject({
    labels: entry?.labels,
    annotations: entry?.annotations,
  });
  expect((await world.invoke(labelled)).report).toMatchObject({ clusters: [counts({ refreshed: 1 })] });
});

test('the API server takes the policy of as many keys as the settings may have', async () => {
  const keys = (what: string) => {
    const key = (n: number) => `${`${what}-${n}`.padEnd(253, 'x')}/${'k'.repeat(63)}`;
    return Object.fromEntries(Array.from({ length: 100 }, (_, n) => [key(n), 'x']));
  };
  const secrets = [{ labels: keys('label'), annotations: keys('annotation') }];
  const settings = checkSettings({ clusters: [{ name: CLUSTER }], name: 'many', secrets });
  for (const manifest of clusterRights(settings, { name: CLUSTER })) {
    await applyManifest(world.admin, manifest);
  }
});

/** An admission policy of somebody else that lets no secret into the namespace without a team. */
async function demandTeam(): Promise<void> {
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const metadata = { name: POLICY, labels: {} };
  const rule = {
    apiGroups: [''],
    apiVersions: ['v1'],
    operations: ['CREATE', 'UPDATE'],
    resources: ['secrets'],
  };
  const isLabelled = `object.metadata.namespace != '${NAMESPACE}' || (has(object.metadata.labels) && 'team' in object.metadata.labels)`;
  const policy: Manifest = {
    ...{ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata },
    spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: isLabelled }] },
  };
  await applyManifest(world.admin, policy);
  await applyManifest(world.admin, {
    ...{ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata },
    spec: { policyName: POLICY, validationActions: ['Deny'] },
  });
  await until('the policy that demands a label is in force', async () => {
    const answer = await world.admin.request('POST', `/api/v1/namespaces/${NAMESPACE}/secrets`, {
      query: { dryRun: 'All' },
      body: { metadata: { name: 'any' } },
    });
    return answer.status === 422;
  });
}

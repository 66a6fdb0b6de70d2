import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DoctorReport } from '../../lambda/doctor/report.ts';
import type { Manifest } from '../../lambda/kubernetes/rbac.ts';
import { listSecrets, makeNamespaces } from './objects.ts';
import { applyManifest, permit, unbindPolicy } from './rights.ts';
import { until } from './until.ts';
import { CLUSTER, DEPLOYMENT, startWorld, type World } from './world.ts';

const SCHEDULED = { source: 'aws.events', 'detail-type': 'Scheduled Event' };
const UNBOUND = 'unbound';
const clusters = [{ name: CLUSTER }];

type Policy = Manifest & { spec: { validations: { message: string }[] } };

let world: World;

beforeAll(async () => {
  world = await startWorld([DEPLOYMENT, UNBOUND]);
  await makeNamespaces(world.admin, ['team-a', 'team-b']);
  await permit(world.admin, { clusters });
  await permit(world.admin, { clusters, name: UNBOUND, secrets: [{ name: 'unbound' }] });
});

afterAll(() => world?.stop());

/** What a scheduled run says of the policy, and the dry runs that it sent for that. */
async function policyOf(settings: Parameters<World['invoke']>[0] = {}) {
  const { result, requests } = await world.record(() => world.invoke(settings, SCHEDULED));
  expect(result.report).toMatchObject({ ok: true, clusters: [{ ok: true, failed: 0 }] });
  const tried = requests.filter(({ url }) => url.searchParams.has('dryRun'));
  return { policy: result.report?.clusters[0]?.policy, tried: tried.length };
}

test('one dry run shows that the policy of the settings is in force, and leaves no finalizer', async () => {
  expect(await policyOf()).toEqual({ policy: { state: 'in force' }, tried: 1 });
  expect(JSON.stringify(await listSecrets(world.admin))).not.toContain('ecr-registry-helper/doctor');
});

test('it shows a policy of other settings, and so does doctor', async () => {
  const settings = { cleanup: true };
  expect(await policyOf(settings)).toMatchObject({ policy: { state: 'outdated' }, tried: 1 });
  const { report } = await world.invoke<DoctorReport>(settings, { action: 'doctor' });
  expect(report?.findings).toContainEqual(
    expect.objectContaining({
      step: 'admission policy',
      result: 'fail',
      reason: `the admission policy ${DEPLOYMENT} is older than the settings`,
    }),
  );
});

test('it shows that the policy is gone, also where only its binding is', async () => {
  const settings = { name: UNBOUND, secrets: [{ name: 'unbound' }] };
  expect(await policyOf(settings)).toMatchObject({ policy: { state: 'in force' } });
  await unbindPolicy(world.admin, UNBOUND);
  // it holds for a moment longer
  await until('the policy is not in force', async () => {
    const { policy } = await policyOf(settings);
    return policy?.state === 'missing';
  });
});

test('it shows that of an earlier release, which named no version', async () => {
  const path = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/${DEPLOYMENT}`;
  const { body: policy } = await world.admin.request<Policy>('GET', path);
  const { apiVersion, kind, spec } = policy;
  const validations = spec.validations.map(({ message, ...rest }) => ({
    ...rest,
    message: message.replace(/ \(rights .*$/, ''),
  }));
  const metadata = { name: DEPLOYMENT, labels: {} };
  await applyManifest(world.admin, { apiVersion, kind, metadata, spec: { ...spec, validations } });
  await until('the policy is outdated', async () => (await policyOf()).policy?.state === 'outdated');
});

import { Agent, request } from 'undici';
import { describe, expect, it, vi } from 'vitest';
import { deniedByPolicy, deniedByWebhook, failedWebhook } from '../sandbox/kubernetes/admission.ts';
import type { Secret } from '../sandbox/kubernetes/objects.ts';
import { pullSecretPolicy } from '../sandbox/kubernetes/pull-secret-policy.ts';
import { startKubernetes } from '../sandbox/kubernetes/server.ts';
import {
  apply,
  applyPatch,
  aws,
  call,
  dockerConfigJson,
  group,
  kube,
  manifest,
  partial,
  pathOf,
  pullSecret,
  roleArn,
  secretName,
  token,
  useEmulatedCluster,
} from './emulated-cluster.ts';

useEmulatedCluster();

describe('server-side apply', () => {
  it('creates with 201, then changes with 200 and the same uid', async () => {
    const first = await apply<Secret>('default', pullSecret('1'));
    aws.advance(60_000);
    const seconds = () => `${aws.now().toISOString().slice(0, 19)}Z`;
    const before = seconds();
    const second = await apply<Secret>('default', pullSecret('2'));
    const { time } = second.body.metadata.managedFields?.[0] ?? {};
    expect([before, seconds()]).toContain(time);
    expect([first.code, second.code]).toEqual([201, 200]);
    expect(second.body.metadata.uid).toBe(first.body.metadata.uid);
    expect(second.body.metadata.resourceVersion).not.toBe(first.body.metadata.resourceVersion);
    expect(second.body.metadata.managedFields).toEqual([
      {
        manager: group,
        operation: 'Apply',
        apiVersion: 'v1',
        time,
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:data': { 'f:.dockerconfigjson': {} },
          'f:metadata': { 'f:labels': { 'f:app.kubernetes.io/managed-by': {} } },
          'f:type': {},
        },
      },
    ]);
    expect(new Date(String(second.headers.date)).getTime()).toBeCloseTo(aws.now().getTime(), -4);
  });

  it('leaves everything as it was when nothing changes', async () => {
    await apply('default', pullSecret('1'));
    const before = kube.secret('default', secretName);
    aws.advance(60_000);
    expect((await apply('default', pullSecret('1'))).code).toBe(200);
    expect(kube.secret('default', secretName)).toEqual(before);
  });

  it('answers with metadata alone when asked to', async () => {
    const { body } = await apply<Secret>('default', pullSecret('1'), '', { accept: partial });
    expect(body.kind).toBe('PartialObjectMetadata');
    expect(body.data).toBeUndefined();
  });

  it('writes nothing in a dry run', async () => {
    expect((await apply('default', pullSecret('1'), '&dryRun=All')).code).toBe(201);
    expect(kube.secret('default', secretName)).toBeUndefined();
  });

  it('drops what it applied before and leaves out now', async () => {
    await apply('default', pullSecret('1', {}, { annotations: { a: '1', b: '2' } }));
    await apply('default', pullSecret('1', {}, { annotations: { a: '1' } }));
    expect(kube.secret('default', secretName)?.metadata).toMatchObject({ annotations: { a: '1' } });
    expect(kube.secret('default', secretName)?.metadata.annotations).not.toHaveProperty('b');
  });

  it("refuses to change another manager's field, and takes it when forced", async () => {
    const seed = {
      type: dockerConfigJson,
      stringData: { '.dockerconfigjson': '{}' },
      labels: { owner: 'team' },
    };
    kube.putSecret('default', secretName, seed);
    const refused = await apply('default', pullSecret('1'));
    expect(refused.code).toBe(409);
    expect(refused.body).toMatchObject({
      reason: 'Conflict',
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "kubectl-create" using v1',
            field: '.data..dockerconfigjson',
          },
        ],
      },
    });
    expect((await apply('default', pullSecret('1'), '&force=true')).code).toBe(200);
    const { metadata } = kube.secret('default', secretName) ?? {};
    expect(metadata?.labels).toMatchObject({ owner: 'team' });
    expect(metadata?.managedFields?.map(({ manager }) => manager)).toEqual([group, 'kubectl-create']);
    expect((await apply('default', pullSecret('2'))).code).toBe(200);
  });

  it('names an applier without a version, and shares fields of the same value', async () => {
    const seed = pullSecret('1');
    kube.putSecret('default', secretName, {
      type: seed.type,
      data: seed.data,
      manager: 'argocd',
      operation: 'Apply',
    });
    expect((await apply('default', pullSecret('1'))).code).toBe(200);
    const refused = await apply('default', pullSecret('2'));
    expect(refused.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "argocd": .data..dockerconfigjson',
    );
  });

  it('keeps type and immutable data, but finds conflicts first', async () => {
    kube.putSecret('default', secretName, { type: 'Opaque' });
    kube.putSecret('team-a', secretName, {
      type: dockerConfigJson,
      stringData: { '.dockerconfigjson': '{}' },
      immutable: true,
    });
    for (const [namespace, field] of [
      ['default', 'type'],
      ['team-a', 'data'],
    ] as const) {
      expect((await apply(namespace, pullSecret('1'))).code).toBe(409);
      const forced = await apply(namespace, pullSecret('1'), '&force=true');
      expect(forced).toMatchObject({
        code: 422,
        body: { reason: 'Invalid', details: { causes: [{ field }] } },
      });
      expect(forced.body.details?.causes?.[0]?.message).toContain('field is immutable');
    }
  });

  it('says when the namespace is missing or going away', async () => {
    kube.addNamespace('going', { terminating: true });
    kube.putSecret('going', 'old', {});
    const missing = await apply('nowhere', pullSecret('1'));
    expect(missing).toMatchObject({ code: 404, body: { details: { kind: 'namespaces', name: 'nowhere' } } });
    const going = await apply('going', pullSecret('1'));
    expect(going.code).toBe(403);
    expect(going.body.details?.causes?.[0]).toMatchObject({ reason: 'NamespaceTerminating' });
  });

  it('refuses a body that is no such secret, or has no manager or another patch type', async () => {
    expect(
      (await call('PATCH', pathOf('default'), { body: pullSecret('1'), headers: applyPatch })).code,
    ).toBe(422);
    expect((await call('PATCH', `${pathOf('default')}?fieldManager=x`, { body: pullSecret('1') })).code).toBe(
      415,
    );
    expect((await apply('default', pullSecret('1', { kind: 'ConfigMap' }))).code).toBe(400);
    expect((await apply('default', pullSecret('1', { data: {} }))).code).toBe(422);
  });
});

describe('deletion', () => {
  const remove = (preconditions?: object) =>
    call('DELETE', pathOf('default'), preconditions ? { body: { preconditions } } : {});

  it('takes only the object that the preconditions name', async () => {
    await apply('default', pullSecret('1'));
    expect((await remove({ uid: 'another' })).code).toBe(409);
    expect((await remove({ resourceVersion: '1' })).code).toBe(409);
    const { uid, resourceVersion } = kube.secret('default', secretName)?.metadata ?? {};
    expect(await remove({ uid, resourceVersion })).toMatchObject({ code: 200, body: { status: 'Success' } });
    expect((await remove()).code).toBe(404);
  });

  it('heeds a dry run in the body, and the query only when there is none', async () => {
    await apply('default', pullSecret('1'));
    await call('DELETE', pathOf('default'), { body: { dryRun: ['All'] } });
    await call('DELETE', `${pathOf('default')}?dryRun=All`);
    expect(kube.secret('default', secretName)).toBeDefined();
    await call('DELETE', `${pathOf('default')}?dryRun=All`, { body: {} });
    expect(kube.secret('default', secretName)).toBeUndefined();
  });

  it('waits for finalizers', async () => {
    kube.putSecret('default', secretName, { finalizers: ['example.com/hold'] });
    expect((await remove()).code).toBe(200);
    expect(kube.secret('default', secretName)?.metadata.deletionTimestamp).toBeDefined();
  });
});

describe('admission', () => {
  it('keeps a quota on secrets', async () => {
    kube.quotas.set('default', { name: 'few', secrets: 1 });
    kube.putSecret('default', 'something', {});
    const refused = await apply('default', pullSecret('1'));
    expect(refused.code).toBe(403);
    expect(refused.body.message).toBe(
      'secrets "ecr-docker-creds" is forbidden: exceeded quota: few, requested: secrets=1, used: secrets=1, limited: secrets=1',
    );
    expect(refused.body.details?.causes).toBeUndefined();
  });

  it('asks policies, which may echo the whole object', async () => {
    kube.admission.push((review) =>
      deniedByPolicy(review, { policy: 'P', binding: 'B', text: JSON.stringify(review.object) }),
    );
    const refused = await apply('default', pullSecret('canary'));
    expect(refused).toMatchObject({ code: 422, body: { reason: 'Invalid' } });
    expect(refused.body.message).toContain(
      `secrets "ecr-docker-creds" is forbidden: ValidatingAdmissionPolicy 'P' with binding 'B' denied request: {`,
    );
    expect(Object.keys(refused.body.details?.causes?.[0] ?? {})).toEqual(['message']);
    expect(kube.secret('default', secretName)).toBeUndefined();
  });

  it("holds writes and deletions to the product's own policy", async () => {
    kube.admission.push(pullSecretPolicy({ name: group, entries: [] }));
    const expiry = (time: string) => ({ annotations: { 'ecr-registry-helper/expires-at': time } });
    const account = { annotations: { 'kubernetes.io/service-account.name': 'admin' } };
    const refused = [
      await apply('default', pullSecret('1', { type: 'kubernetes.io/service-account-token' }, account)),
      await apply('default', pullSecret('1', {}, { finalizers: ['example.com/hold'] })),
      await apply('default', pullSecret('1')),
      await apply(
        'default',
        pullSecret('1', {}, { ownerReferences: [{ uid: 'u', name: 'x', kind: 'Pod', apiVersion: 'v1' }] }),
      ),
    ];
    const labels = { 'app.kubernetes.io/managed-by': group };
    await apply('default', pullSecret('1', {}, { ...expiry('2026-01-02T00:00:00Z'), labels }));
    refused.push(await apply('default', pullSecret('1', {}, expiry('2026-01-01T23:00:00Z'))));
    kube.putSecret('team-a', secretName, {});
    refused.push(await call('DELETE', pathOf('team-a')));
    expect(refused.map(({ code }) => code)).toEqual([422, 422, 422, 422, 422, 422]);
    expect((await call('DELETE', pathOf('default'))).code).toBe(200);
  });
});

describe('webhooks', () => {
  const guard = 'guard.example.com';

  it('answer for their namespace with whatever Status they choose', async () => {
    const causes = [{ reason: 'FieldManagerConflict', message: 'conflict with "x"', field: '.data' }];
    const details = { kind: 'namespaces', name: 'team-a', causes, retryAfterSeconds: 7 };
    kube.webhooks.set('team-a', {
      name: guard,
      verdict: () => deniedByWebhook(guard, 'no', 429, { reason: 'TooManyRequests', details }),
    });
    expect(await apply('team-a', pullSecret('1'))).toMatchObject({
      code: 429,
      headers: { 'retry-after': '7' },
      body: {
        reason: 'TooManyRequests',
        message: `admission webhook "${guard}" denied the request: no`,
        details,
      },
    });
    expect((await apply('team-b', pullSecret('1'))).code).toBe(201);
    expect(kube.secrets()).toHaveLength(1);
  });

  it('deny without explanation, or cannot be called', async () => {
    kube.webhooks.set('team-a', { name: guard, verdict: () => deniedByWebhook(guard, '') });
    kube.webhooks.set('team-b', { name: guard, verdict: () => failedWebhook(guard) });
    expect(await apply('team-a', pullSecret('1'))).toMatchObject({
      code: 403,
      body: { message: `admission webhook "${guard}" denied the request without explanation` },
    });
    const { code, body } = await apply('team-b', pullSecret('1'));
    expect([code, body.reason]).toEqual([500, 'InternalError']);
    expect(body.message).toMatch(`Internal error occurred: failed calling webhook "${guard}": `);
  });

  it('hold a write as long as they take, and one whose caller leaves is dropped', async () => {
    const asked: { ms: number; signal: AbortSignal; answer: () => void }[] = [];
    const slow = await startKubernetes({
      principals: aws.principals,
      accessEntries: [{ principalArn: roleArn, groups: [group] }],
      manifest: manifest(),
      namespaces: ['team-a', 'team-b'],
      now: aws.now,
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          signal.addEventListener('abort', reject, { once: true });
          asked.push({ ms, signal, answer: () => resolve(undefined) });
        }),
    });
    const client = new Agent({ connect: { ca: slow.caPem }, allowH2: false });
    for (const name of ['team-a', 'team-b']) slow.webhooks.set(name, { name: guard, answersAfterMs: 20_000 });
    const leaving = new AbortController();
    const write = (namespace: string, signal?: AbortSignal) =>
      request(`${slow.endpoint}${pathOf(namespace)}?fieldManager=${group}`, {
        dispatcher: client,
        method: 'PATCH',
        headers: { authorization: `Bearer ${token}`, ...applyPatch },
        body: JSON.stringify(pullSecret('1')),
        ...(signal && { signal }),
      });
    const patient = write('team-a');
    const impatient = write('team-b', leaving.signal);
    await vi.waitUntil(() => asked.length === 2);
    expect(asked.map(({ ms }) => ms)).toEqual([20_000, 20_000]);
    expect(slow.secrets()).toEqual([]);
    leaving.abort();
    await expect(impatient).rejects.toThrow(/abort/i);
    await vi.waitUntil(() => asked.some(({ signal }) => signal.aborted));
    for (const { answer } of asked) answer();
    expect((await patient).statusCode).toBe(201);
    await client.destroy();
    await vi.waitUntil(() => slow.openSockets === 0);
    expect(slow.secrets().map(({ metadata }) => metadata.namespace)).toEqual(['team-a']);
    await slow.close();
  });
});

describe('managed fields', () => {
  it('can be stripped, and an apply then conflicts with one who is not known', async () => {
    await apply('default', pullSecret('1'));
    kube.stripManagers('default', secretName);
    expect(kube.secret('default', secretName)?.metadata).not.toHaveProperty('managedFields');
    const refused = await apply('default', pullSecret('2'));
    expect(refused.body.message).toMatch(/conflict with "before-first-apply" using v1/);
    expect((await apply('default', pullSecret('2'), '&force=true')).code).toBe(200);
    const { managedFields } = kube.secret('default', secretName)?.metadata ?? {};
    expect(managedFields).toContainEqual(expect.objectContaining({ manager: group, operation: 'Apply' }));
  });
});

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AuditRecord, logBatch } from '../sandbox/aws/log-batch.ts';
import { counts } from './expected.ts';
import { done, listSecrets, makeNamespaces, removeNamespace } from './objects.ts';
import { permit } from './rights.ts';
import { until } from './until.ts';
import { CLUSTER, COMPILE_CACHE, DEPLOYMENT, startWorld, type World } from './world.ts';

const NAMESPACES = '/api/v1/namespaces';
const SETTINGS = {
  secrets: [{ namespaces: { include: ['new-*'], exclude: ['new-uncovered'] } }],
  newNamespaces: 'audit-log' as const,
};

let world: World;

beforeAll(async () => {
  world = await startWorld([DEPLOYMENT], COMPILE_CACHE, { auditLog: true });
  await permit(world.admin, { clusters: [{ name: CLUSTER }], ...SETTINGS });
});

afterAll(() => world?.stop());

test('namespaces get their secret from the audit records of the API server, without a call to ECR', async () => {
  const { admin } = world;
  await makeNamespaces(admin, ['new-post', 'new-gone', 'new-uncovered']);
  await apply('new-applied');
  const { metadata } = (await done(admin, 'POST', NAMESPACES, {
    metadata: { generateName: 'new-generated-' },
  })) as { metadata: { name: string } };
  await done(admin, 'POST', `${NAMESPACES}?dryRun=All`, { metadata: { name: 'new-dry-post' } });
  await apply('new-dry-applied', '&dryRun=All');
  await removeNamespace(admin, 'new-gone');
  // makes nothing, but a write to a subresource and one in a namespace that is old
  await done(admin, 'PATCH', `${NAMESPACES}/kube-public/status`, {}, 'application/merge-patch+json');
  await done(admin, 'POST', `${NAMESPACES}/kube-public/secrets`, { metadata: { name: 'other' } });
  const messages = await auditRecords('/kube-public/secrets');

  const { result, requests } = await world.record(() =>
    world.invoke(SETTINGS, logBatch(messages, { cluster: CLUSTER }), undefined, {
      earlier: { action: 'plan', namespaces: ['new-post'] },
    }),
  );

  expect(result.report).toMatchObject({
    ok: true,
    clusters: [{ ...counts({ created: 3, skipped: 1 }), problems: [] }],
  });
  const made = ['new-applied', metadata.name, 'new-post'].sort();
  const { items } = await listSecrets(admin);
  expect(items.map((secret) => secret.metadata.namespace).sort()).toEqual(made);
  const written = requests.filter(({ method, url }) => method === 'PATCH' && !url.searchParams.has('dryRun'));
  expect(written.map(({ status }) => status)).toEqual([201, 201, 201]);
  // that is the plan's, which made the function warm
  expect(world.aws.calls.filter(({ operation }) => operation === 'GetAuthorizationToken')).toHaveLength(1);
});

function apply(name: string, query = ''): Promise<unknown> {
  const path = `${NAMESPACES}/${name}?fieldManager=somebody${query}`;
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  return done(world.admin, 'PATCH', path, namespace, 'application/apply-patch+yaml');
}

/** All that the API server wrote down so far, up to a request to a path that ends so: records as JSON texts. */
async function auditRecords(last: string): Promise<string[]> {
  let lines: string[] = [];
  await until(`the audit record of ${last}`, async () => {
    const written = await readFile(world.controlPlane.auditLog ?? '', 'utf8');
    lines = written.split('\n').slice(0, -1);
    return lines.some((line) => (JSON.parse(line) as AuditRecord).requestURI.endsWith(last));
  });
  return lines;
}

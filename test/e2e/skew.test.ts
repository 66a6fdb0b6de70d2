import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CleanupReport } from '../../lambda/cleanup.ts';
import type { StatusReport } from '../../lambda/status.ts';
import type { ApiRequest } from './control-plane/api-client.ts';
import { counts } from './expected.ts';
import { done, makeNamespaces, makeSecret, PULL_SECRET, readSecret } from './objects.ts';
import { accountsAreGuarded, permit, permitBy, readManifests } from './rights.ts';
import { until } from './until.ts';
import { CLUSTER, DEPLOYMENT, startWorld, type World } from './world.ts';

const read = (file: string) => readFileSync(new URL(`previous-release/${file}`, import.meta.url), 'utf8');
/**
 * What the previous release printed as permissions for `SETTINGS`, and a request of each kind that its function sent. No
 * release was published yet: it is this project as of 2026-11-26, whose admission policy named no version of its permissions.
 */
const PREVIOUS_RIGHTS = readManifests(read('rights.yaml'));
const PREVIOUS_REQUESTS: readonly SentRequest[] = JSON.parse(read('requests.json'));
const SCHEDULED = { source: 'aws.events', 'detail-type': 'Scheduled Event' };
const SETTINGS = {
  clusters: [{ name: CLUSTER }],
  secrets: [{ recreate: true, serviceAccounts: ['default'], namespaces: { include: ['skew-*'] } }],
  cleanup: true,
};
const NAMESPACES = ['skew-bare', 'skew-opaque', 'skew-ours'];
const APPLY_FIX =
  /^Apply the permissions of the settings: npm run -s rbac -- .*--cluster prod \| kubectl apply/;

interface SentRequest extends Pick<ApiRequest, 'body' | 'contentType'> {
  readonly method: 'GET' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly accept: string;
  /** Of the answer that the function got. */
  readonly status: number;
}

let world: World;

beforeAll(async () => {
  world = await startWorld();
  const { admin } = world;
  await makeNamespaces(admin, NAMESPACES);
  for (const namespace of NAMESPACES) {
    await done(admin, 'POST', accountsPath(namespace), { metadata: { name: 'default' } });
  }
  await makeSecret(admin, 'skew-opaque', { type: 'Opaque' }, 'kubectl-create');
});

afterAll(() => world?.stop());

function accountsPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/serviceaccounts`;
}

async function pullSecretsOf(namespace: string): Promise<unknown> {
  const { body } = await world.admin.request<{ imagePullSecrets?: object[] }>(
    'GET',
    `${accountsPath(namespace)}/default`,
  );
  return body.imagePullSecrets;
}

describe('this function with the permissions of the previous release', () => {
  beforeAll(async () => {
    await permitBy(world.admin, PREVIOUS_RIGHTS, DEPLOYMENT);
    await accountsAreGuarded(world.admin, DEPLOYMENT, 'skew-bare/serviceaccounts/default');
  });

  test('refreshes, re-creates, links accounts, and reports the fix', async () => {
    const { report } = await world.invoke(SETTINGS, SCHEDULED);
    expect(report).toMatchObject({
      ok: true,
      clusters: [
        {
          ...counts({ created: 2, refreshed: 1 }),
          policy: { state: 'outdated', remedy: expect.stringMatching(APPLY_FIX) },
        },
      ],
    });
    for (const namespace of NAMESPACES) {
      expect(await readSecret(world.admin, namespace)).toMatchObject({
        type: 'kubernetes.io/dockerconfigjson',
      });
      expect(await pullSecretsOf(namespace)).toEqual([{ name: PULL_SECRET }]);
    }
  });

  test('lists the state of the secrets, and cleans up', async () => {
    const status = await world.invoke<StatusReport>(SETTINGS, { action: 'status' });
    expect(status.report).toMatchObject({ ok: true });
    const event = { action: 'cleanup', confirm: CLUSTER, all: true };
    const { report } = await world.invoke<CleanupReport>(SETTINGS, event);
    // a secret and its link in each
    expect(report).toMatchObject({ ok: true, removed: 2 * NAMESPACES.length, failed: 0 });
    for (const namespace of NAMESPACES) {
      expect(await readSecret(world.admin, namespace)).toBeUndefined();
      expect(await pullSecretsOf(namespace)).toBeUndefined();
    }
  });

  test('fails with the fix for what only newer settings need, and the fix helps', async () => {
    const [entry = {}] = SETTINGS.secrets;
    const newer = { ...SETTINGS, secrets: [entry, { ...entry, name: 'other' }] };
    const failed = (await world.invoke(newer)).report;
    expect(failed).toMatchObject({ ok: false, clusters: [counts({ created: 3, failed: 3 })] });
    for (const { secret, reason, remedy } of failed?.clusters[0]?.problems ?? []) {
      expect(secret).toBe('other');
      expect(reason).toMatch(/^no permission to \w+ secret skew-\w+\/other \(403 Forbidden\)$/);
      expect(remedy).toMatch(APPLY_FIX);
    }
    await permit(world.admin, newer);
    await until('the permissions are those of the settings', async () => {
      const { report } = await world.invoke(newer, SCHEDULED);
      return report?.ok === true && report.clusters[0]?.policy?.state === 'in force';
    });
    for (const namespace of NAMESPACES) {
      expect(await readSecret(world.admin, namespace, 'other')).toBeDefined();
    }
  });
});

test('these permissions allow each request that the function of the previous release sends', async () => {
  const { admin } = world;
  await permit(admin, SETTINGS);
  await makeNamespaces(admin, ['skew-sent']);
  await done(admin, 'POST', accountsPath('skew-sent'), { metadata: { name: 'default' } });
  const role = await world.actAs(DEPLOYMENT);
  const answers: unknown[] = [];
  for (const { method, path, accept, body, contentType } of PREVIOUS_REQUESTS) {
    const request = { headers: { accept }, body, ...(contentType && { contentType }) };
    const answer = await role.request(method, path, request);
    answers.push([method, path, answer.status]);
  }
  expect(answers).toEqual(PREVIOUS_REQUESTS.map(({ method, path, status }) => [method, path, status]));
});

import type { ApiClient } from '../control-plane/api-client.ts';
import { done, EMPTY_CONFIG, PULL_SECRET, secretPath } from '../objects.ts';
import { until } from '../until.ts';
import { CAUTIOUS, DEPLOYMENT, ECHO, ECHO_LABELS } from './deployments.ts';

/** Waits until the real server's informers have brought all rights and policies into force. */
export async function policiesInForce(admin: ApiClient): Promise<void> {
  for (const name of [DEPLOYMENT, CAUTIOUS]) {
    const refused = { apiVersion: 'v1', kind: 'Secret', metadata: { name: PULL_SECRET }, type: 'Opaque' };
    await untilAnswered(`ValidatingAdmissionPolicy '${name}'`, () =>
      admin.request('PATCH', secretPath('default'), {
        query: { fieldManager: name, dryRun: 'All' },
        headers: impersonate(name),
        contentType: 'application/apply-patch+yaml',
        body: refused,
      }),
    );
  }
  const account = { metadata: { name: 'default' } };
  await done(admin, 'POST', '/api/v1/namespaces/default/serviceaccounts', account);
  await untilAnswered(`ValidatingAdmissionPolicy '${DEPLOYMENT}-service-accounts'`, () =>
    admin.request('PATCH', '/api/v1/namespaces/default/serviceaccounts/default', {
      query: { dryRun: 'All' },
      headers: impersonate(DEPLOYMENT),
      contentType: 'application/merge-patch+json',
      body: { automountServiceAccountToken: false },
    }),
  );
  await done(admin, 'DELETE', '/api/v1/namespaces/default/serviceaccounts/default');
  await untilAnswered('secrets "clean-up" not found', () =>
    admin.request('GET', secretPath('default', 'clean-up'), { headers: impersonate(CAUTIOUS) }),
  );
  await untilAnswered(`ValidatingAdmissionPolicy '${ECHO}'`, () =>
    tryToCreate(admin, 'default', ECHO_LABELS),
  );
}

/** Waits until the real server counts the secrets of a namespace whose quota is full. */
export async function quotaInForce(admin: ApiClient, namespace: string): Promise<void> {
  await untilAnswered('exceeded quota', () => tryToCreate(admin, namespace, {}));
}

function tryToCreate(admin: ApiClient, namespace: string, labels: Record<string, string>) {
  const body = { metadata: { name: 'tried', labels }, data: EMPTY_CONFIG };
  return admin.request('POST', `/api/v1/namespaces/${namespace}/secrets`, { query: { dryRun: 'All' }, body });
}

function impersonate(group: string): Record<string, string> {
  return { 'impersonate-user': group, 'impersonate-group': group };
}

async function untilAnswered(text: string, ask: () => Promise<{ body: unknown }>): Promise<void> {
  await until(`the answer says ${text}`, async () => {
    const { message = '' } = (await ask()).body as { message?: string };
    return message.includes(text);
  });
}

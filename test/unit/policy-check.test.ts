import { describe, expect, test } from 'vitest';
import { ApiError } from '../../lambda/kubernetes/api-error.ts';
import { NO_FINALIZERS, NO_OWNERS } from '../../lambda/kubernetes/pull-secret.ts';
import type { ApiRequest } from '../../lambda/kubernetes/transport.ts';
import { unreachableError } from '../../lambda/kubernetes/transport.ts';
import { checkPolicy } from '../../lambda/policy-check.ts';
import { DEPLOYMENT } from './kubernetes/deployment.ts';
import * as statuses from './kubernetes/statuses.ts';

const { name: deployment, applyRbac } = DEPLOYMENT;
const trial = {
  applyRbac,
  deployment,
  namespace: 'team-a',
  name: 'ecr-docker-creds',
  version: '1a2b3c4d',
};
const ours = (text: string) => statuses.policy(text, deployment);

/** What is known of the policy when the API server answers so. */
async function stateOf({ code, body }: statuses.Answered): Promise<string | undefined> {
  const send = async () => {
    throw new ApiError(code, body, DEPLOYMENT);
  };
  return (await checkPolicy({ send }, trial))?.state;
}

describe('a dry run that our policy has to deny', () => {
  test.for<[string, statuses.Answered, string | undefined]>([
    ['denied with the version of the settings', ours(`${NO_FINALIZERS} (rights 1a2b3c4d)`), 'in force'],
    ['denied with another version', ours(`${NO_FINALIZERS} (rights 00000000)`), 'outdated'],
    ['denied without a version, as before there was one', ours(NO_FINALIZERS), 'outdated'],
    ['denied for something else, as by one that allows finalizers', ours(NO_OWNERS), 'outdated'],
    [
      'denied with that of settings that are known only at deployment',
      ours(`${NO_FINALIZERS} (rights unknown)`),
      'in force',
    ],
    [
      'denied by a policy of others, whatever it says',
      statuses.policy(`${NO_FINALIZERS} (rights 00000000)`),
      undefined,
    ],
    [
      'denied by a webhook, whatever it says',
      statuses.webhook(403, `${NO_FINALIZERS} (rights 00000000)`),
      undefined,
    ],
    ['over quota', statuses.quota, undefined],
    ['denied by RBAC', statuses.rbac('patch'), undefined],
    ['in a namespace that is gone', statuses.noNamespace, undefined],
    ['with a webhook that is down', statuses.failedWebhook, undefined],
  ])('%s', async ([, answer, state]) => {
    expect(await stateOf(answer)).toBe(state);
  });

  test('accepted', async () => {
    const send = async () => ({ code: 200, json: {}, text: '{}', date: undefined });
    expect(await checkPolicy({ send }, trial)).toEqual({
      state: 'missing',
      reason:
        'the admission policy ecr-registry-helper is not in force: a dry run of a secret that it must deny was accepted',
      remedy: `Apply the permissions of the settings: ${applyRbac}`,
    });
  });

  test('not answered', async () => {
    const send = async () => {
      throw unreachableError('ECONNRESET');
    };
    expect(await checkPolicy({ send }, trial)).toBeUndefined();
  });

  test('is one dry run, of a finalizer', async () => {
    const sent: ApiRequest[] = [];
    const send = async (request: ApiRequest) => {
      sent.push(request);
      return { code: 200, json: {}, text: '{}', date: undefined };
    };
    await checkPolicy({ send }, trial);
    const [{ method, path, body } = { method: '', path: '', body: '' }, ...others] = sent;
    expect(others).toEqual([]);
    expect(`${method} ${path}`).toBe(
      'PATCH /api/v1/namespaces/team-a/secrets/ecr-docker-creds?fieldManager=ecr-registry-helper&dryRun=All&force=true',
    );
    expect(JSON.parse(String(body)).metadata.finalizers).toEqual(['ecr-registry-helper/doctor']);
  });
});

import { describe, expect, test } from 'vitest';
import { DeadlineError } from '../../../lambda/errors.ts';
import { ApiError, judgeFailure, managedBy, mustBeRecreated } from '../../../lambda/kubernetes/api-error.ts';
import { NEWER_IS_THERE } from '../../../lambda/kubernetes/pull-secret.ts';
import { unreachableError } from '../../../lambda/kubernetes/transport.ts';
import { unauthorizedError } from '../expected-errors.ts';
import { DEPLOYMENT } from './deployment.ts';
import * as statuses from './statuses.ts';

const read = ({ code, body }: statuses.Answered) => new ApiError(code, body, DEPLOYMENT);
const verdictOf = (fault: unknown) => judgeFailure(fault, 'secret team-a/ecr-docker-creds');

describe('what the API server says of a write', () => {
  test.for<[string, statuses.Answered, object]>([
    ['404 of the namespace', statuses.noNamespace, { outcome: 'skipped' }],
    ['403 as the namespace is going away', statuses.terminating, { outcome: 'skipped' }],
    [
      '403 by RBAC names verb, object and the manifest that mends it',
      statuses.rbac('patch'),
      {
        outcome: 'failed',
        reason: 'no permission to patch secret team-a/ecr-docker-creds (403 Forbidden)',
        remedy: expect.stringContaining('kubectl apply -f -'),
      },
    ],
    [
      '403 by a quota',
      statuses.quota,
      { outcome: 'blocked', reason: 'it was denied by the quota few-secrets' },
    ],
    [
      '403 by a webhook',
      statuses.webhook(403, 'no'),
      { outcome: 'blocked', reason: 'it was denied by the admission webhook validate.kyverno.svc-fail' },
    ],
    ['a webhook with a code of its own', statuses.webhook(400, 'no'), { outcome: 'blocked' }],
    [
      '422 by an admission policy',
      statuses.policy('no'),
      { outcome: 'blocked', reason: 'it was denied by the admission policy no-new-secrets' },
    ],
    [
      '422 as a later token is there',
      statuses.policy(NEWER_IS_THERE, 'ecr-registry-helper'),
      { outcome: 'unchanged' },
    ],
    [
      '403 by a quota of which nothing is known yet',
      statuses.unknownQuota,
      { outcome: 'blocked', reason: 'it was denied by the quota few-secrets' },
    ],
    [
      '403 for a reason that is not recognized, as RBAC on Kubernetes 1.30 and 1.31 says it',
      statuses.forbidden(''),
      { outcome: 'failed', reason: 'no permission to write secret team-a/ecr-docker-creds (403 Forbidden)' },
    ],
    [
      '403 with an error of RBAC',
      statuses.forbidden('RBAC: clusterrole.rbac.authorization.k8s.io "x" not found'),
      { outcome: 'failed' },
    ],
    ['422 without a cause that is known', statuses.patchNotHeld, { outcome: 'failed' }],
    [
      'a policy of ours that is older than the settings',
      statuses.policy('only secrets of type x', 'ecr-registry-helper'),
      {
        outcome: 'failed',
        reason: expect.stringContaining(
          'the admission policy ecr-registry-helper is older than the settings',
        ),
        remedy: expect.stringContaining('kubectl apply -f -'),
      },
    ],
    [
      'a policy of ours on service accounts',
      statuses.policy('no', 'ecr-registry-helper-service-accounts'),
      { outcome: 'failed' },
    ],
    ['a policy with the words of ours', statuses.policy(NEWER_IS_THERE, 'spoof'), { outcome: 'blocked' }],
    [
      'a webhook that could not be called',
      statuses.failedWebhook,
      {
        outcome: 'failed',
        reason: 'the API server could not call the admission webhook validate.kyverno.svc-fail (500)',
      },
    ],
    ...[401, 404, 409, 422, 429, 500, 503].map((code): [string, statuses.Answered, object] => [
      `a webhook that answers ${code} with causes that it chose`,
      statuses.deceivingWebhook(code),
      { outcome: 'blocked', reason: 'it was denied by the admission webhook validate.kyverno.svc-fail' },
    ]),
    [
      'an object with more keys than our policy can check',
      statuses.policy(
        "expression 'x' resulted in error: operation cancelled: actual cost limit exceeded",
        'ecr-registry-helper',
      ),
      { outcome: 'blocked', reason: 'with our fields it would be too large (422)' },
    ],
    ['an object that is too large for etcd', statuses.tooLargeForEtcd, { outcome: 'blocked' }],
    ['an object that is too large for gRPC', statuses.tooLargeForGrpc, { outcome: 'blocked' }],
    [
      'annotations that are too long',
      statuses.tooLongAnnotations,
      { outcome: 'blocked', reason: 'with our fields it would be too large (422)' },
    ],
    [
      '422 that was cut off, of which nobody knows who said it',
      { code: 422, body: '{"kind":"Status","reason":"Inval' },
      { outcome: 'failed', reason: 'the API server answered 422 without a known reason' },
    ],
    [
      '422 on type',
      statuses.otherType,
      {
        outcome: 'blocked',
        reason: 'a secret of another type has its name',
        remedy: expect.stringContaining('recreate'),
      },
    ],
    [
      '422 on immutable data',
      statuses.immutable,
      { outcome: 'blocked', reason: 'it is marked immutable', remedy: expect.stringContaining('recreate') },
    ],
    [
      '422 on data that is too long',
      statuses.tooLong,
      { outcome: 'blocked', reason: 'with our fields it would be too large (422)' },
    ],
    [
      '422 on our docker config, which is ours to mend',
      statuses.brokenDockerConfig,
      { outcome: 'failed', reason: 'the API server answered 422 Invalid at data[.dockerconfigjson]' },
    ],
    [
      '422 on a field that is not known here, which no policy says',
      statuses.invalid({ reason: 'FieldValueInvalid', message: 'Invalid value', field: 'stringData' }),
      { outcome: 'failed', reason: 'the API server answered 422 Invalid' },
    ],
    [
      '403 of something that is no API server',
      { code: 403, body: '<html>blocked by your firewall</html>' },
      { outcome: 'failed', reason: 'the API server answered 403 without a known reason' },
    ],
    [
      '409 of a race that was lost until the end',
      statuses.raced,
      { outcome: 'blocked', reason: 'something kept changing it' },
    ],
    [
      'a key that somebody else adds to what we write',
      statuses.policy(
        'of labels only app.kubernetes.io/name, app.kubernetes.io/managed-by are added or changed',
        'ecr-registry-helper',
      ),
      {
        outcome: 'failed',
        reason: expect.stringContaining('something added or changed labels that the function does not write'),
      },
    ],
    [
      '403 of a server that starts',
      statuses.forbidden('not yet ready to handle request'),
      { outcome: 'failed' },
    ],
    ['404 of something else', { code: 404, body: '404 page not found' }, { outcome: 'failed' }],
    [
      '429 until the end',
      statuses.throttled,
      { outcome: 'failed', reason: 'the API server answered 429 until the end of the run' },
    ],
    ['500 until the end', statuses.serverFailure(500), { outcome: 'failed' }],
    ['502 until the end', statuses.serverFailure(502), { outcome: 'failed' }],
    ['503 until the end', statuses.serverFailure(503), { outcome: 'failed' }],
    ['504 until the end', statuses.serverFailure(504), { outcome: 'failed' }],
  ])('%s', ([, answered, verdict]) => {
    expect(verdictOf(read(answered))).toMatchObject(verdict);
  });

  test('a list that RBAC denies names the namespaces', () => {
    expect(judgeFailure(read(statuses.rbacList), 'namespaces')).toMatchObject({
      outcome: 'failed',
      reason: 'no permission to list namespaces (403 Forbidden)',
    });
  });

  test('what a person should know comes with a remedy', () => {
    for (const answered of [
      statuses.rbac('get'),
      statuses.quota,
      statuses.otherType,
      statuses.raced,
      statuses.tooLong,
    ]) {
      const { reason, remedy } = verdictOf(read(answered));
      expect([reason, remedy].every((text) => text && text.length > 10)).toBe(true);
    }
  });
});

describe('what has no answer', () => {
  test('401 names the access entry and the command that mends it', () => {
    const fault = unauthorizedError(
      'prod',
      'eu-west-1',
      'arn:aws:iam::111122223333:role/x',
      'ecr-registry-helper',
    );
    expect(verdictOf(fault)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('(401 Unauthorized)'),
      remedy: expect.stringContaining(
        'aws eks create-access-entry --region eu-west-1 --cluster-name prod --principal-arn arn:aws:iam::111122223333:role/x --kubernetes-groups ecr-registry-helper',
      ),
    });
  });

  test.for([
    [unreachableError('ECONNRESET'), 'could not reach the API server (ECONNRESET)'],
    [new DeadlineError(), 'the run reached its time limit'],
    [new TypeError('token eyJhbGci'), 'unexpected TypeError'],
    ['token eyJhbGci', 'unexpected string'],
    [undefined, 'unexpected undefined'],
  ] as const)('%s has failed', ([fault, reason]) => {
    expect(verdictOf(fault)).toEqual({
      outcome: 'failed',
      code: expect.any(String),
      reason,
      remedy: expect.any(String),
    });
  });
});

describe('a secret of other field managers', () => {
  test.for<[string, (string | undefined)[], string, string]>([
    ['one', ['flux'], 'it is managed by "flux"', 'or add "flux" to adoptFrom.'],
    ['three', ['a', 'b', 'c'], 'it is managed by "a", "b", "c"', 'or add "a", "b", "c" to adoptFrom.'],
    ['more', ['a', 'b', 'c', 'd', 'e'], 'it is managed by "a", "b", "c", 2 more', 'or add "*" to adoptFrom.'],
    ['one that could not be read', [undefined], 'it is managed by 1 unknown', 'or add "*" to adoptFrom.'],
    ['a long name', ['x'.repeat(128)], `it is managed by "${'x'.repeat(64)}…"`, 'or add "*" to adoptFrom.'],
    ['control characters', ['\u001b[31mred\u202e'], 'it is managed by "[31mred"', 'or add "*" to adoptFrom.'],
  ])('names %s', ([, managers, reason, remedy]) => {
    expect(managedBy(managers)).toEqual({
      outcome: 'blocked',
      reason,
      remedy: `Ask its owner to delete it, ${remedy}`,
    });
  });
});

describe('only another object helps', () => {
  test.for<[string, statuses.Answered, boolean]>([
    ['of another type', statuses.otherType, true],
    ['of immutable data', statuses.immutable, true],
    ['not of data that is too long', statuses.tooLong, false],
    ['not of our own docker config', statuses.brokenDockerConfig, false],
    ['not of a policy', statuses.policy('no'), false],
    ['not of a conflict', statuses.conflict('flux'), false],
    ['not of RBAC', statuses.rbac('patch'), false],
  ])('%s', ([, answered, expected]) => {
    expect(mustBeRecreated(read(answered))).toBe(expected);
  });

  test('not of a webhook that names the field: the object would be gone and not come back', () => {
    const { body } = statuses.webhook(422, 'no');
    const denied = {
      ...JSON.parse(body),
      details: { causes: [{ reason: 'FieldValueInvalid', field: 'type' }] },
    };
    expect(mustBeRecreated(new ApiError(422, JSON.stringify(denied), DEPLOYMENT))).toBe(false);
  });
});

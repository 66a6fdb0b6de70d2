import { describe, expect, test } from 'vitest';
import { ApiAnswer } from '../../../lambda/cluster/answer.ts';
import { UnauthorizedError, UnreachableError } from '../../../lambda/cluster/errors.ts';
import { NEWER_IS_THERE } from '../../../lambda/cluster/rights.ts';
import { conflictVerdict, failureVerdict, mustBeRecreated } from '../../../lambda/cluster/verdict.ts';
import { DeadlineError } from '../../../lambda/errors.ts';
import * as statuses from './statuses.ts';

const read = ({ code, body }: statuses.Answered) => new ApiAnswer(code, body);
const verdictOf = (fault: unknown) => failureVerdict(fault, 'secret team-a/ecr-docker-creds');

describe('what the API server says of a write', () => {
  test.for<[string, statuses.Answered, object]>([
    ['404 of the namespace', statuses.noNamespace, { outcome: 'skipped' }],
    ['403 as the namespace is going away', statuses.terminating, { outcome: 'skipped' }],
    [
      '403 by RBAC names verb, object and the manifest that mends it',
      statuses.rbac('patch'),
      {
        outcome: 'failed',
        reason: 'no right to patch secret team-a/ecr-docker-creds (403)',
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
      '403 by admission of another form',
      statuses.otherAdmission,
      { outcome: 'blocked', reason: "it was denied by the cluster's admission (403 Forbidden)" },
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
      '422 on data that is too long, which is ours to mend',
      statuses.tooLong,
      { outcome: 'failed', reason: 'the API server answered 422 Invalid at data' },
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
      { outcome: 'failed', reason: 'the API server answered 409 Conflict' },
    ],
    ['404 of something else', { code: 404, body: '404 page not found' }, { outcome: 'failed' }],
    [
      '429 until the end',
      statuses.throttled,
      { outcome: 'failed', reason: 'the API server answered 429 until there was no more time' },
    ],
    ['500 until the end', statuses.serverFailure(500), { outcome: 'failed' }],
    ['502 until the end', statuses.serverFailure(502), { outcome: 'failed' }],
    ['503 until the end', statuses.serverFailure(503), { outcome: 'failed' }],
    ['504 until the end', statuses.serverFailure(504), { outcome: 'failed' }],
  ])('%s', ([, answered, verdict]) => {
    expect(verdictOf(read(answered))).toMatchObject(verdict);
  });

  test('a list that RBAC denies names the namespaces', () => {
    expect(failureVerdict(read(statuses.rbacList), 'namespaces')).toMatchObject({
      outcome: 'failed',
      reason: 'no right to list namespaces (403)',
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
    const fault = new UnauthorizedError(
      'prod',
      'eu-west-1',
      'arn:aws:iam::111122223333:role/x',
      'ecr-registry-helper',
    );
    expect(verdictOf(fault)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('(401)'),
      remedy: expect.stringContaining(
        'aws eks create-access-entry --region eu-west-1 --cluster-name prod --principal-arn arn:aws:iam::111122223333:role/x --kubernetes-groups ecr-registry-helper',
      ),
    });
  });

  test.for([
    [new UnreachableError('ECONNRESET'), 'the API server could not be reached (ECONNRESET)'],
    [new DeadlineError(), 'the time of this run was over'],
    [new TypeError('token eyJhbGci'), 'unexpected TypeError'],
    ['token eyJhbGci', 'unexpected string'],
    [undefined, 'unexpected undefined'],
  ] as const)('%s has failed', ([fault, reason]) => {
    expect(verdictOf(fault)).toEqual({ outcome: 'failed', reason, remedy: expect.any(String) });
  });
});

describe('a conflict of field managers', () => {
  test.for<[string, string[], string[], string]>([
    ['of one that may be taken over', ['kubectl-create'], ['kubectl-create'], 'adopt'],
    ['of several that all may be', ['a', 'b', 'a'], ['b', 'a'], 'adopt'],
    ['of anybody', ['a', 'b'], ['*'], 'adopt'],
    ['of another', ['flux'], ['kubectl-create'], 'it is managed by "flux"'],
    [
      'of one that may and one that may not',
      ['kubectl-create', 'flux'],
      ['kubectl-create'],
      'it is managed by "flux"',
    ],
    ['of two that may not, each told once', ['flux', 'argo', 'flux'], [], 'it is managed by "flux", "argo"'],
  ])('%s', ([, managers, adoptFrom, expected]) => {
    const verdict = conflictVerdict(read(statuses.conflict(...managers)), adoptFrom);
    if (expected === 'adopt') expect(verdict).toBe('adopt');
    else
      expect(verdict).toMatchObject({
        outcome: 'blocked',
        reason: expected,
        remedy: expect.stringContaining('adoptFrom'),
      });
  });

  test('is none of another answer', () => {
    for (const answered of [statuses.raced, statuses.otherType, statuses.rbac('patch')]) {
      expect(conflictVerdict(read(answered), ['*'])).toBeUndefined();
    }
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
    expect(mustBeRecreated(new ApiAnswer(422, JSON.stringify(denied)))).toBe(false);
  });
});

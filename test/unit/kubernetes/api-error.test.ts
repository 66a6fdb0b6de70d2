import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ApiError, judgeFailure, managedBy } from '../../../lambda/kubernetes/api-error.ts';
import { NEWER_IS_THERE } from '../../../lambda/kubernetes/pull-secret.ts';
import { DEPLOYMENT } from './deployment.ts';
import * as statuses from './statuses.ts';

const read = ({ code, body }: statuses.Answered) => new ApiError(code, body, DEPLOYMENT);

describe('what is read of an answer', () => {
  test.for<[string, statuses.Answered, Partial<ApiError>]>([
    [
      'the verb that RBAC denied',
      statuses.rbac('patch'),
      { deniedVerb: 'patch', deniedBy: undefined, reason: 'Forbidden', kind: 'secrets' },
    ],
    ['the verb of a list', statuses.rbacList, { deniedVerb: 'list', kind: 'namespaces' }],
    [
      'a quota',
      statuses.quota,
      { deniedBy: { what: 'quota', name: 'few-secrets', isOurs: false }, deniedVerb: undefined },
    ],
    [
      'a webhook with a text',
      statuses.webhook(400, 'no'),
      { code: 400, deniedBy: { what: 'webhook', name: 'validate.kyverno.svc-fail', isOurs: false } },
    ],
    [
      'a webhook without a text',
      statuses.webhook(403),
      { deniedBy: { what: 'webhook', name: 'validate.kyverno.svc-fail', isOurs: false } },
    ],
    [
      'a policy',
      statuses.policy('no more secrets'),
      {
        deniedBy: { what: 'policy', name: 'no-new-secrets', isOurs: false },
        newerIsThere: false,
        causes: [],
      },
    ],
    [
      'a policy that cannot be evaluated, as the kind of its parameters is gone',
      {
        code: 422,
        body: JSON.stringify({
          kind: 'Status',
          reason: 'Invalid',
          message:
            "secrets \"ecr-docker-creds\" is forbidden: ValidatingAdmissionPolicy 'no-params' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'gone.example.com/v1, Kind=Limit'",
        }),
      },
      { deniedBy: { what: 'policy', name: 'no-params', isOurs: false } },
    ],
    [
      'a mutating policy that fails',
      {
        code: 403,
        body: JSON.stringify({
          kind: 'Status',
          reason: 'Invalid',
          message:
            "policy 'broken' with binding 'broken-everywhere' denied request: expression 'x' resulted in error: no such key: missing",
        }),
      },
      { deniedBy: { what: 'policy', name: 'broken', isOurs: false } },
    ],
    [
      'the verb that RBAC denied on a service account',
      statuses.rbacAccount,
      { deniedVerb: 'patch', deniedBy: undefined, kind: 'serviceaccounts' },
    ],
    [
      'a policy on service accounts',
      statuses.accountPolicy,
      { deniedBy: { what: 'policy', name: 'frozen', isOurs: false }, kind: '' },
    ],
    [
      'a JSON Patch that does not hold',
      statuses.patchNotHeld,
      { reason: 'Invalid', kind: '', deniedBy: undefined, causes: [] },
    ],
    [
      'our own policy keeping a later token',
      statuses.policy(NEWER_IS_THERE, 'ecr-registry-helper'),
      { newerIsThere: true },
    ],
    [
      'a namespace that is not there',
      statuses.noNamespace,
      { code: 404, reason: 'NotFound', kind: 'namespaces' },
    ],
    [
      'a namespace that is going away',
      statuses.terminating,
      { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
    ],
    [
      'the managers of a conflict',
      statuses.conflict('kubectl-create', 'Argo CD'),
      { managers: ['kubectl-create', 'Argo CD'], reason: 'Conflict' },
    ],
    ['a manager that applied', statuses.conflictSaying('conflict with "flux"'), { managers: ['flux'] }],
    [
      'a manager of a subresource',
      statuses.conflictSaying('conflict with "x" with subresource "status" using v1'),
      { managers: ['x'] },
    ],
    [
      'a manager with a quote in its name',
      statuses.conflictSaying(String.raw`conflict with "a\"b" using v1`),
      { managers: ['a"b'] },
    ],
    [
      'a manager with a longer name than the server takes',
      statuses.conflict('a'.repeat(129)),
      { managers: [undefined] },
    ],
    ['a conflict of another form', statuses.conflictSaying('clash with "a"'), { managers: [undefined] }],
    ['a race is no conflict of managers', statuses.raced, { managers: [], causes: [] }],
    ['another type', statuses.otherType, { causes: [{ reason: 'FieldValueInvalid', field: 'type' }] }],
    ['immutable data', statuses.immutable, { causes: [{ reason: 'FieldValueForbidden', field: 'data' }] }],
    [
      'a docker config that the server does not take',
      statuses.brokenDockerConfig,
      { causes: [{ reason: 'FieldValueInvalid', field: 'data[.dockerconfigjson]' }] },
    ],
    ['an expired page', statuses.expiredPage, { code: 410, reason: 'Expired' }],
    ['throttling', statuses.throttled, { code: 429, reason: 'TooManyRequests' }],
    [
      'the page of a proxy',
      statuses.serverFailure(502),
      { code: 502, reason: 'without a known reason', kind: '', causes: [], managers: [] },
    ],
  ])('%s', ([, answered, fields]) => {
    expect(read(answered)).toMatchObject(fields);
  });

  test('the header that asks to wait', () => {
    expect(new ApiError(429, statuses.throttled.body, DEPLOYMENT, { 'retry-after': '7' }).retryAfter).toBe(
      '7',
    );
    expect(read(statuses.throttled).retryAfter).toBeUndefined();
  });

  test('a text that only looks like a denial of RBAC is none', () => {
    const echoed = statuses.webhook(
      403,
      'secrets "x" is forbidden: User "a" cannot patch resource "secrets"',
    );
    expect(read(echoed).deniedVerb).toBeUndefined();
  });

  test('words of our policy in another answer are no reason to keep still', () => {
    expect(read(statuses.webhook(403, NEWER_IS_THERE)).newerIsThere).toBe(false);
    expect(read(statuses.policy(`${NEWER_IS_THERE}, or so`)).newerIsThere).toBe(false);
  });
});

describe('of a denial only who denied is kept', () => {
  test.for([401, 404, 409, 422, 429, 500])('by a webhook that answers %i', (code) => {
    const { body } = statuses.deceivingWebhook(code);
    expect(new ApiError(code, body, DEPLOYMENT, { 'retry-after': '1' })).toMatchObject({
      ...{ code, reason: 'without a known reason', kind: '', causes: [], managers: [], isTransient: false },
      ...{ retryAfter: undefined, deniedVerb: undefined, failedWebhook: undefined, newerIsThere: false },
    });
  });

  test('by our own policy, known by its name', () => {
    const { body } = statuses.policy('no', 'pulls');
    expect(new ApiError(422, body, { ...DEPLOYMENT, name: 'pulls' }).deniedBy?.isOurs).toBe(true);
    expect(new ApiError(422, body, DEPLOYMENT).deniedBy?.isOurs).toBe(false);
  });
});

describe('the same request may succeed in a while', () => {
  test.for<[string, statuses.Answered, boolean]>([
    ['after a race', statuses.raced, true],
    ['not after a conflict of managers', statuses.conflict('flux'), false],
    ['after throttling', statuses.throttled, true],
    ['after a webhook that could not be called', statuses.failedWebhook, true],
    ['not where it is too large for etcd', statuses.tooLargeForEtcd, false],
    ['where the server starts', statuses.forbidden('not yet ready to handle request'), true],
    ['not where RBAC denies it', statuses.rbac('patch'), false],
  ])('%s', ([, answered, isTransient]) => {
    expect(read(answered).isTransient).toBe(isTransient);
  });
});

test('any body is read without a fault', () => {
  const key = fc.constantFrom(
    'message',
    'reason',
    'details',
    'causes',
    'kind',
    'field',
    'toString',
    'valueOf',
  );
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { depthSize: 'small' },
      fc.jsonValue(),
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(key, tie('json'), { maxKeys: 4 }),
    ),
  }));
  const bodies = fc.oneof(
    json.map((value) => JSON.stringify(value)),
    fc.string(),
  );
  fc.assert(
    fc.property(bodies, (body) => {
      const { code, message } = new ApiError(500, body, DEPLOYMENT);
      expect([code, message]).toEqual([500, 'the API server answered 500']);
    }),
    { numRuns: 500 },
  );
});

describe('no secret stays that an answer echoes', () => {
  const base64 = (length: number) =>
    fc
      .array(fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'), {
        minLength: length,
        maxLength: length,
      })
      .map((all) => all.join(''));
  const password = base64(240);
  const encode = (text: string) => Buffer.from(text).toString('base64');
  /** As it is in a docker config, in a secret's data, in an Authorization header, and a short one of a stored registry. */
  const secret = fc.oneof(
    password,
    password.map((word) => encode(`AWS:${word}`)),
    password.map((word) => encode(JSON.stringify({ auths: { x: { auth: encode(`AWS:${word}`) } } }))),
    password.map((word) => `k8s-aws-v1.${Buffer.from(word).toString('base64url')}`),
    password.map((word) => `https://sts.eu-west-1.amazonaws.com/?X-Amz-Signature=${word}`),
  );

  /** Every answer of this file with the secret in one place of it. */
  const echoes: ((secret: string) => string)[] = [
    (word) => word,
    (word) => `{"message":"${word}`,
    (word) => JSON.stringify(word),
    (word) => JSON.stringify([word, { message: word }]),
    (word) => JSON.stringify({ [word]: word, details: { [word]: [word] } }),
    (word) => JSON.stringify({ reason: word, message: { text: word }, details: word }),
    (word) => JSON.stringify({ details: { kind: word, name: word, group: word, uid: word, causes: [word] } }),
    (word) => JSON.stringify({ details: { causes: [{ reason: word, message: word, field: word }] } }),
    (word) => JSON.stringify({ details: { causes: { reason: word } } }),
    (word) => statuses.policy(`object is {"data":{".dockerconfigjson":"${word}"}}`).body,
    (word) => statuses.policy(`${word}: ${NEWER_IS_THERE}`).body,
    (word) => statuses.policy('no', word).body,
    (word) => statuses.webhook(403, word).body,
    (word) => statuses.webhook(403).body.replace('validate.kyverno.svc-fail', word),
    (word) => statuses.quota.body.replace('few-secrets', word),
    (word) => statuses.quota.body.replace('secrets=5', word),
    (word) => statuses.rbac(word).body,
    (word) => statuses.rbac('patch').body.replace('arn:aws', word),
    (word) => statuses.rbac('patch').body.replace('ecr-docker-creds', word),
    (word) => statuses.conflict(word, `${word}.`).body,
    (word) => statuses.conflictSaying(`conflict with "a" using ${word}`).body,
    (word) => statuses.conflictSaying(`conflict with "a" with subresource "${word}" using v1`).body,
    (word) => statuses.conflictSaying(word).body,
    (word) => statuses.invalid({ reason: 'FieldValueInvalid', message: word, field: word }).body,
    (word) => statuses.invalid({ reason: word, message: word, field: `data[${word}]` }).body,
    (word) => statuses.invalid({ reason: 'x', message: 'y', field: `metadata.annotations[${word}]` }).body,
    (word) => statuses.otherType.body.replace('field is immutable', word),
    (word) => statuses.noNamespace.body.replaceAll('team-a', word),
    (word) => statuses.serverFailure(502).body.replace('502', word),
  ];

  const everything = (answer: ApiError) => [
    JSON.stringify(answer),
    JSON.stringify(Object.fromEntries(Reflect.ownKeys(answer).map((key) => [key, Reflect.get(answer, key)]))),
    inspect(answer, { depth: Number.POSITIVE_INFINITY, showHidden: true }),
    inspect(answer, { depth: Number.POSITIVE_INFINITY, customInspect: false, getters: true }),
    `${answer}`,
    answer.message,
    answer.stack ?? '',
    JSON.stringify(managedBy(answer.managers)),
    JSON.stringify(judgeFailure(answer, 'secret team-a/ecr-docker-creds')),
  ];

  test('in whatever place, of whatever code', () => {
    const code = fc.constantFrom(400, 401, 403, 404, 409, 410, 422, 429, 500, 503);
    fc.assert(
      fc.property(secret, fc.constantFrom(...echoes), code, (word, echo, number) => {
        const shown = everything(new ApiError(number, echo(word), DEPLOYMENT)).join('\n');
        const parts = [word.slice(0, 24), word.slice(100, 124), word.slice(-24)];
        expect(parts.filter((part) => shown.includes(part))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  test('also where the JSON breaks around it, at each offset', () => {
    const word = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789';
    for (const echo of echoes) {
      const body = echo(word);
      const from = Math.max(0, body.indexOf(word) - 8);
      for (let at = from; at <= body.indexOf(word) + word.length + 8; at += 1) {
        for (const broken of [body.slice(0, at), `${body.slice(0, at)}\u0001${body.slice(at)}`]) {
          const shown = everything(new ApiError(422, broken, DEPLOYMENT)).join('\n');
          expect(
            [word.slice(0, 10), word.slice(16, 26), word.slice(-10)].filter((part) => shown.includes(part)),
          ).toEqual([]);
        }
      }
    }
  });

  test('also a short password, but where only the server writes names', () => {
    const named = /(conflict with|quota:|webhook|Policy) \\?["']?hunter2/;
    const places = echoes.filter((echo) => !named.test(echo('hunter2')));
    expect(places.length).toBeGreaterThan(20);
    for (const echo of places) {
      for (const code of [403, 409, 422, 500]) {
        expect(everything(new ApiError(code, echo('hunter2'), DEPLOYMENT)).join('\n')).not.toContain(
          'hunter2',
        );
      }
    }
  });
});

import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EXPIRES_AT, FETCHED_AT, NEWER_IS_THERE, PULL_ROLE } from '../../../lambda/kubernetes/pull-secret.ts';
import { clusterRights } from '../../../lambda/kubernetes/rbac.ts';
import { settingsOf } from '../factories.ts';

// The expressions keep to a part of CEL that means the same in JavaScript, but for how a macro is written; that the
// API server takes them is shown on a real one.
const CEL = `
  const has = (field) => field !== undefined;
  const size = (list) => list.length;
  const timestamp = (text) => {
    const time = Date.parse(text);
    if (Number.isNaN(time)) throw new Error('no such time: ' + text);
    return time;
  };
  const duration = (text) => ({ '1h': 3600000 })[text];
  Object.prototype.all = function (holds) { return Object.keys(this).every(holds); };
  Array.prototype.exists = Array.prototype.some;
  String.prototype.matches = function (pattern) {
    if (this.length > 20) throw new Error('a long text costs more than an expression may');
    return new RegExp(pattern).test(this);
  };
  const answerOf = (test) => {
    try { return test(); } catch (error) { return error.message; }
  };
`;

interface Secret {
  readonly type: string;
  readonly immutable?: boolean;
  readonly data?: Record<string, string>;
  readonly metadata: {
    readonly name?: string;
    readonly finalizers?: string[];
    readonly ownerReferences?: object[];
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly managedFields?: { readonly manager?: string; readonly operation?: string }[];
  };
}

function validationsOf(recreate: boolean): { expression: string; message: string }[] {
  const hub = { type: 'stored', secretId: 'hub' } as const;
  const secrets = [
    { recreate },
    { name: 'kept', registries: [{ type: 'ecr-public' } as const, hub] },
    { name: 'hub', registries: [hub] },
    { name: 'mixed', registries: [hub], namespaces: { include: ['a'] } },
    { name: 'mixed' },
  ];
  const settings = settingsOf({ name: 'team-helper', clusters: [{ name: 'prod' }], secrets });
  const policy = clusterRights(settings, { name: 'prod' }).find(
    ({ kind }) => kind === 'ValidatingAdmissionPolicy',
  );
  if (!policy) throw new Error('the manifest has no policy');
  return (policy.spec as { validations: { expression: string; message: string }[] }).validations;
}

const policies = new Map([true, false].map((recreate) => [recreate, validationsOf(recreate)]));

/** What the policy of a deployment called team-helper says of a request; undefined where it lets it pass. */
function said(
  { object, oldObject }: { object?: Secret; oldObject?: Secret },
  { recreate = false }: { recreate?: boolean } = {},
): string | undefined {
  const validations = policies.get(recreate) ?? [];
  const operation = !object ? 'DELETE' : oldObject ? 'UPDATE' : 'CREATE';
  const request = JSON.stringify({ object, oldObject, request: { operation } });
  const tests = validations.map(
    ({ expression }) => `() => ${expression.replaceAll(/\.(all|exists)\((\w+), /g, '.$1(($2) => ')}`,
  );
  const answers: (boolean | string)[] = runInNewContext(
    `${CEL} const { object, oldObject, request } = ${request}; [${tests}].map(answerOf)`,
  );
  const denied = answers.findIndex((answer) => answer !== true);
  const answer = answers[denied];
  return typeof answer === 'string' ? `resulted in error: ${answer}` : validations[denied]?.message;
}

const MORNING = '2026-11-23T08:00:00Z';
const EVENING = '2026-11-23T20:00:00Z';

const secret = (metadata: Secret['metadata'] = {}, more: Partial<Secret> = {}): Secret => ({
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': '' },
  ...more,
  metadata: { name: 'ecr-docker-creds', annotations: { [EXPIRES_AT]: MORNING }, ...metadata },
});
const until = (expiry: string, name = 'ecr-docker-creds') =>
  secret({ name, annotations: { [EXPIRES_AT]: expiry } });
const unlimited = (name = 'ecr-docker-creds') => secret({ name, annotations: {} });

describe('a token', () => {
  const at = (minute: string) => until(`2026-11-23T${minute}:00Z`);
  test.for<[string, { object: Secret; oldObject?: Secret }, string | undefined]>([
    [
      'that ends later takes the place of another',
      { object: at('20:00'), oldObject: at('08:00') },
      undefined,
    ],
    ['that ends earlier does not', { object: at('19:59'), oldObject: at('20:00') }, NEWER_IS_THERE],
    ['that ends an hour earlier does not', { object: at('19:00'), oldObject: at('20:00') }, NEWER_IS_THERE],
    ['that ends more than that earlier does', { object: at('18:59'), oldObject: at('20:00') }, undefined],
    ['may be written twice', { object: at('20:00'), oldObject: at('20:00') }, undefined],
    ['may be the first', { object: at('08:00') }, undefined],
    ['may be put where there was none', { object: at('08:00'), oldObject: unlimited() }, undefined],
    [
      'may be put over an expiry that nobody outlives',
      { object: at('08:00'), oldObject: until('9999-12-31T23:59:59Z') },
      undefined,
    ],
    ['may be put over no time', { object: at('08:00'), oldObject: until('soon') }, undefined],
    [
      'may be put over a day that does not exist',
      { object: at('08:00'), oldObject: until('2026-11-31T08:00:00Z') },
      undefined,
    ],
  ])('%s', ([, request, message]) => {
    expect(said(request)).toBe(message);
  });

  const NO_TIME = `a token has a time in ${EXPIRES_AT}`;

  test.for([
    '',
    'soon',
    '2026-02-29T00:00:00Z',
    '2026-11-23T08:00:00.5Z',
    '2026-11-23T08:00:00+01:00',
    'x'.repeat(300),
  ])('has a time to end at, and not "%s"', (expiry) => {
    expect(said({ object: until(expiry) })).toBe(NO_TIME);
    expect(said({ object: until(expiry), oldObject: until(EVENING) })).toBe(NO_TIME);
  });

  test('has one in every secret whose name is of entries with tokens alone', () => {
    const withoutOne = ['ecr-docker-creds', 'kept', 'hub', 'mixed'].map((name) => [
      said({ object: unlimited(name) }),
      said({ object: unlimited(name), oldObject: until(EVENING, name) }),
      said({ object: until('soon', name), oldObject: until(EVENING, name) }),
    ]);
    const [refused, passed] = [Array(3).fill(NO_TIME), Array(3).fill(undefined)];
    expect(withoutOne).toEqual([refused, refused, passed, passed]);
  });

  test.for([
    ['2024-02-29', true],
    ['2026-02-29', false],
    ['2100-02-29', false],
    ['2400-02-29', true],
    ['2026-04-30', true],
    ['2026-04-31', false],
    ['2026-12-31', true],
    ['2026-00-01', false],
    ['2026-01-00', false],
  ] as const)('that ends on %s is one: %s', ([day, isOne]) => {
    const object = until(`${day}T23:59:59Z`);
    for (const oldObject of [until('2999-01-01T00:00:00Z'), undefined]) {
      expect(said({ object, ...(oldObject && { oldObject }) })).toBe(isOne ? undefined : NO_TIME);
    }
    // no time of somebody else is an error either
    expect(said({ object: until('2025-01-01T00:00:00Z'), oldObject: object })).toBeUndefined();
  });

  test('of any day of its calendar is one, and no other text is', () => {
    const isTime = (text: string) => said({ object: until(text) }) === undefined;
    const of = (year: number) =>
      fc.date({ min: new Date(Date.UTC(year)), max: new Date(Date.UTC(year + 1) - 1), noInvalidDate: true });
    const dates = fc.oneof(
      of(2028),
      of(2100),
      of(2400),
      fc.date({ min: new Date('2000'), max: new Date('3000'), noInvalidDate: true }),
    );
    const text = (date: Date) => `${date.toISOString().slice(0, 19)}Z`;
    fc.assert(
      fc.property(dates, (date) => date.getUTCFullYear() === 3000 || isTime(text(date))),
      { numRuns: 200 },
    );
    const upTo = (max: number) => fc.integer({ min: 0, max }).map((n) => String(n).padStart(2, '0'));
    const texts = fc
      .tuple(fc.integer({ min: 2000, max: 2999 }), upTo(13), upTo(32), upTo(24), upTo(60), upTo(60))
      .map(
        ([year, month, day, hour, minute, second]) => `${year}-${month}-${day}T${hour}:${minute}:${second}Z`,
      );
    const exists = (time: string) => {
      const date = new Date(time);
      return !Number.isNaN(date.getTime()) && text(date) === time;
    };
    fc.assert(
      fc.property(texts, (time) => isTime(time) === exists(time)),
      { numRuns: 500 },
    );
  });
});

describe('a secret', () => {
  test.for<[string, Secret, string]>([
    ['of another type', secret({}, { type: 'kubernetes.io/service-account-token' }), 'only secrets of type'],
    ['with a finalizer', secret({ finalizers: ['example.com/stay'] }), 'no finalizers'],
    ['with an owner', secret({ ownerReferences: [{}] }), 'no owner references'],
    ['that is immutable', secret({}, { immutable: true }), 'not made immutable'],
    ['with a data key of others', secret({}, { data: { token: '' } }), 'of data only .dockerconfigjson'],
    [
      'with a label of others',
      secret({ labels: { 'argocd.argoproj.io/secret-type': 'cluster' } }),
      'of labels only app.kubernetes.io/name, app.kubernetes.io/managed-by',
    ],
    [
      'with an annotation of others',
      secret({ annotations: { [EXPIRES_AT]: EVENING, 'reflector/allow': 'true' } }),
      `of annotations only ${[FETCHED_AT, EXPIRES_AT, PULL_ROLE].join(', ')}`,
    ],
  ])('%s is neither made nor changed', ([, object, message]) => {
    expect(said({ object })).toContain(message);
    expect(said({ object, oldObject: secret() })).toContain(message);
  });

  test('with empty lists of finalizers and owners, or explicitly not immutable, is', () => {
    const object = secret({ finalizers: [], ownerReferences: [] }, { immutable: false });
    expect(said({ object })).toBeUndefined();
    expect(said({ object, oldObject: secret() })).toBeUndefined();
  });

  test('may hold all that we write', () => {
    const labels = { 'app.kubernetes.io/name': 'x', 'app.kubernetes.io/managed-by': 'team-helper' };
    const annotations = { [FETCHED_AT]: MORNING, [EXPIRES_AT]: EVENING, [PULL_ROLE]: 'role' };
    const object = secret({ labels, annotations });
    expect(said({ object })).toBeUndefined();
    expect(said({ object, oldObject: secret() })).toBeUndefined();
    expect(said({ object, oldObject: { ...secret(), data: {} } })).toBeUndefined();
  });

  const theirs = (value: string, immutable?: boolean) =>
    secret(
      { labels: { team: value }, annotations: { [EXPIRES_AT]: MORNING, note: value } },
      { data: { '.dockerconfigjson': '', more: value }, ...(immutable !== undefined && { immutable }) },
    );

  test('keeps or loses what others put there, unchanged', () => {
    for (const object of [theirs('1'), secret()]) {
      expect(said({ object, oldObject: theirs('1') })).toBeUndefined();
    }
    expect(said({ object: theirs('2'), oldObject: theirs('1') })).toContain('of data only');
    const { data } = secret();
    expect(said({ object: { ...theirs('2'), ...(data && { data }) }, oldObject: theirs('1') })).toContain(
      'of labels only',
    );
  });

  test('that is immutable may stay so', () => {
    expect(said({ object: theirs('1', true), oldObject: theirs('1', true) })).toBeUndefined();
    expect(said({ object: theirs('1', true), oldObject: theirs('1', false) })).toContain('immutable');
  });
});

describe('a deletion', () => {
  const NOT_OURS = 'only secrets of ours are deleted';
  const labels = { 'app.kubernetes.io/managed-by': 'team-helper' };
  const ours = { manager: 'team-helper', operation: 'Apply' };
  const deleted = (metadata: Secret['metadata'], recreate = false) =>
    said({ oldObject: secret(metadata) }, { recreate });

  test('is of what carries our label and what we applied', () => {
    expect(deleted({ labels, managedFields: [{}, { manager: 'kubectl', operation: 'Update' }, ours] })).toBe(
      undefined,
    );
  });

  test.for<[string, Secret['metadata']]>([
    ['no label', { managedFields: [ours] }],
    ['the label of another', { labels: { 'app.kubernetes.io/managed-by': 'x' }, managedFields: [ours] }],
    ['another label', { labels: { app: 'team-helper' }, managedFields: [ours] }],
    ['no managed fields', { labels }],
    ['an update of ours', { labels, managedFields: [{ ...ours, operation: 'Update' }] }],
    ['an apply of another', { labels, managedFields: [{ ...ours, manager: 'reflector' }] }],
    ['fields of nobody', { labels, managedFields: [{}] }],
  ])('is not of what has %s, but where an entry recreates that name', ([, metadata]) => {
    expect(deleted(metadata)).toBe(NOT_OURS);
    expect(deleted(metadata, true)).toBeUndefined();
    expect(deleted({ ...metadata, name: 'kept' }, true)).toBe(NOT_OURS);
  });
});

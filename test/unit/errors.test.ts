import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { awsError } from '../../lambda/aws.ts';
import {
  codeOf,
  DeadlineError,
  EventError,
  HelperError,
  hasCode,
  InternalError,
  NotCoveredError,
  RefreshFailedError,
  SettingsError,
} from '../../lambda/errors.ts';

const errors: readonly HelperError[] = [
  new HelperError('ClusterNotFoundError', 'there is no EKS cluster a', 'Correct its name.'),
  new SettingsError('clusters: too few'),
  new EventError('action: "x"'),
  new NotCoveredError('cluster', 'a', 'known are b'),
  new DeadlineError(),
  new RefreshFailedError('cluster a: 1 failed'),
  new InternalError(new TypeError('x')),
];

describe.for(errors.map((error) => [error.code, error] as const))('%s', ([code, error]) => {
  test('has its code as its name, as logs and alarms show it', () => {
    expect(error.name).toBe(code);
    expect(error).toBeInstanceOf(HelperError);
    expect(hasCode(error, 'AnotherError', code)).toBe(true);
    expect(hasCode(error, 'AnotherError')).toBe(false);
  });

  test('has a problem and a fix', () => {
    expect(error.message).toBe(`${error.problem}. ${error.fix}`);
    expect(error.problem).not.toMatch(/undefined|\[object|\.$/);
    expect(error.fix).toMatch(/^[A-Z].{15,}/);
  });

  test('has no cause', () => {
    expect('cause' in error).toBe(false);
  });
});

describe('a fault of our own', () => {
  test('keeps its place and none of its text', () => {
    const fault = new InternalError(new TypeError('CanaryHunter2 is not a function'));
    expect(fault.message).toBe('unexpected TypeError. Report it with the stack.');
    expect(fault.stack).toContain('errors.test.ts');
    expect(inspect(fault, { showHidden: true, depth: 9 })).not.toContain('Hunter2');
  });

  test('keeps none of any text, of whatever kind the fault is', () => {
    const secret = 'CanaryHunter2';
    const text = fc
      .array(fc.constantFrom(secret, '\n', '    at ', 'x', ': ', 'Error', '\n    at '), { maxLength: 6 })
      .map((all) => `${all.join('')}${secret}`);
    const fault = fc.oneof(
      text,
      text.map((said) => new Error(said)),
      text.map((said) => new SyntaxError(said, { cause: said })),
      text.map((said) =>
        Object.assign(new Error(said), { name: `refused ${secret}`, body: said, code: `${said} .` }),
      ),
      text.map((said) => new AggregateError([new Error(said)], said)),
      text.map((said) => ({ message: said, stack: said })),
    );
    fc.assert(
      fc.property(fault, (given) => {
        const told = new InternalError(given);
        const shown = [
          inspect(told, { showHidden: true, depth: 9 }),
          told.message,
          told.stack,
          JSON.stringify(told),
        ];
        expect(shown.join('\n')).not.toContain(secret);
      }),
      { numRuns: 300 },
    );
  });

  test.for([
    [undefined, 'undefined'],
    [null, 'object'],
    ['text', 'string'],
    [4, 'number'],
  ] as const)('may be no error at all: %s', ([given, kind]) => {
    expect(new InternalError(given).problem).toBe(`unexpected ${kind}`);
  });
});

describe('the code of a failed call', () => {
  const named = (name: string, more: object = {}) =>
    Object.assign(new Error('CanaryHunter2'), { name, ...more });

  test.for<[string, unknown, string]>([
    ['the name that AWS gives', named('AccessDeniedException'), 'AccessDeniedException'],
    ['the name before a code', named('TimeoutError', { code: 'ETIMEDOUT' }), 'TimeoutError'],
    ['the code of an error of Node', named('Error', { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    ['the code of a fetch that failed', named('TypeError', { code: 'ERR_INVALID_URL' }), 'ERR_INVALID_URL'],
    [
      'the code of a connection that failed to all addresses',
      Object.assign(new AggregateError([new Error('a')]), { code: 'ECONNREFUSED' }),
      'ECONNREFUSED',
    ],
    ['a name of Node where there is no code', new TypeError('CanaryHunter2'), 'TypeError'],
    ['no more than Error', new Error('CanaryHunter2'), 'Error'],
    ['not a name that is a text', named('CanaryHunter2 was refused'), 'Error'],
    ['not a code that is a text', named('Error', { code: 'CanaryHunter2 was refused' }), 'Error'],
    ['not a name without end', named('A'.repeat(65)), 'Error'],
    ['not a code that is a number', named('Error', { code: 403 }), 'Error'],
    ['of what is no error', 'CanaryHunter2', 'Error'],
    ['of nothing', undefined, 'Error'],
    ['of null', null, 'Error'],
  ])('is %s', ([, fault, code]) => {
    expect(codeOf(fault)).toBe(code);
  });
});

test.for([
  ['RequestTimeTooSkewed', /clock of this machine/],
  ['RequestExpired', /clock of this machine/],
  ['RequestInTheFuture', /clock of this machine/],
  ['SignatureDoesNotMatch', /secret access key.*clock of this machine/],
  ['InvalidSignatureException', /secret access key.*clock of this machine/],
  ['TimeoutError', /of eu-west-1 .* needs the interface endpoint ecr\.api, .* next run retries/],
  ['ENOTFOUND', /interface endpoint/],
  ['ECONNREFUSED', /interface endpoint/],
  ['AccessDeniedException', /^Allow it$/],
  ['AccessDenied', /^Allow it$/],
  ['DecryptionFailure', /^Allow it$/],
  ['ThrottlingException', /^Wait$/],
  ['InternalServerError', /^Wait$/],
] as const)('how to fix %s of AWS', ([awsCode, fix]) => {
  const fixes = { service: 'ecr.api', region: 'eu-west-1', ifDenied: 'Allow it', otherwise: 'Wait' };
  const error = awsError('EcrCallError', 'could not get a token', awsCode, fixes);
  expect(error).toMatchObject({ code: 'EcrCallError', problem: `could not get a token (${awsCode})` });
  expect(error.fix).toMatch(fix);
});

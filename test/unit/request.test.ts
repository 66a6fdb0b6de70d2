import { globSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventError, hasCode } from '../../lambda/errors.ts';
import { ACTIONS, type RunRequest, readEvent, resolveScope } from '../../lambda/request.ts';
import { settingsOf } from './factories.ts';
import { mutated } from './mutated.ts';

const [DUE, FAILED] = [Date.parse('2026-11-23T08:00:00Z'), Date.parse('2026-11-23T08:04:31.568Z')];
const scheduled = {
  version: '0',
  id: '53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa',
  'detail-type': 'Scheduled Event',
  source: 'aws.events',
  account: '111122223333',
  time: '2026-11-23T08:00:00Z',
  region: 'eu-west-1',
  resources: ['arn:aws:events:eu-west-1:111122223333:rule/ecr-registry-helper'],
  detail: {},
};

/** The record of an asynchronous run that failed, as its destination queue gives it back. */
function queued(requestPayload: unknown, ...more: unknown[]) {
  const body = {
    version: '1.0',
    timestamp: '2026-11-23T08:04:31.568Z',
    requestContext: { requestId: 'e4b46cbf', condition: 'RetriesExhausted', approximateInvokeCount: 3 },
    requestPayload,
    responsePayload: { errorType: 'RefreshFailedError' },
  };
  return { Records: [record(JSON.stringify(body)), ...more] };
}

function record(body: string) {
  return { messageId: '059f36b4', eventSource: 'aws:sqs', awsRegion: 'eu-west-1', body };
}

const HUB = 'arn:aws:secretsmanager:us-west-2:111122223333:secret:team/hub-a1b2c3';
/** What Secrets Manager sends when a secret has another value. */
const change = {
  version: '0',
  id: '6a7e8feb-b491-4cf7-a9f1-bf3703467718',
  'detail-type': 'Secret Label Updated',
  source: 'aws.secretsmanager',
  account: '111122223333',
  time: '2026-11-23T08:00:00Z',
  region: 'us-west-2',
  resources: [HUB],
  detail: { name: 'team/hub', labelUpdated: 'AWSCURRENT', versionId: 'a1b2c3d4-5678-90ab-cdef-111111111111' },
};

const manual = { origin: 'manual', action: 'refresh' };

describe('what is understood', () => {
  test.for<[string, unknown, object]>([
    ['an empty event refreshes all', {}, manual],
    ['no event refreshes all', undefined, manual],
    ['null refreshes all', null, manual],
    [
      'the schedule, which says when it was due',
      { ...scheduled, time: '2026-11-23T08:00:00Z' },
      { origin: 'scheduled', action: 'refresh', dueAt: DUE },
    ],
    [
      'a schedule without a time that can be read',
      { ...scheduled, time: 'noon' },
      { origin: 'scheduled', action: 'refresh' },
    ],
    [
      'the item of a fleet, whose run says when it started',
      { action: 'refresh', clusters: ['prod'], startedAt: '2026-11-23T08:00:00.000Z' },
      { ...manual, clusters: ['prod'], dueAt: DUE },
    ],
    ['a refresh by hand', { action: 'refresh' }, manual],
    ['a plan', { action: 'plan' }, { origin: 'manual', action: 'plan' }],
    ['a status', { action: 'status' }, { origin: 'manual', action: 'status' }],
    [
      'a doctor who looks at a repository',
      { action: 'doctor', repository: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app' },
      {
        origin: 'manual',
        action: 'doctor',
        repository: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app',
      },
    ],
    [
      'a cleanup of everything, to be seen before',
      { action: 'cleanup', confirm: 'prod', all: true, dryRun: true },
      { origin: 'manual', action: 'cleanup', confirm: 'prod', all: true, dryRun: true },
    ],
    ['a discover', { action: 'discover' }, { origin: 'manual', action: 'discover' }],
    [
      'the summary of a fleet',
      {
        action: 'summarize',
        results: [{ id: 'prod', ok: false, reason: 'it is down' }],
      },
      {
        origin: 'manual',
        action: 'summarize',
        results: [{ id: 'prod', ok: false, reason: 'it is down' }],
      },
    ],
    [
      'the item of a cluster that was found',
      { action: 'refresh', clusters: ['arn:aws:eks:eu-west-1:111122223333:cluster/prod'] },
      { ...manual, clusters: ['arn:aws:eks:eu-west-1:111122223333:cluster/prod'] },
    ],
    [
      'a run that is narrowed',
      { clusters: ['prod', 'eu.dev_1'], namespaces: ['team-a'] },
      { ...manual, clusters: ['prod', 'eu.dev_1'], namespaces: ['team-a'] },
    ],
    [
      'a secret that changed, of which nothing counts as written since',
      change,
      { origin: 'changed', action: 'refresh', changed: HUB },
    ],
    [
      'a failed run for a secret that changed, due when it had failed',
      queued(change),
      { origin: 'queued', action: 'refresh', changed: HUB, dueAt: FAILED },
    ],
    [
      'a failed run of the schedule, due when the schedule said',
      queued(scheduled),
      { origin: 'queued', action: 'refresh', dueAt: DUE },
    ],
    [
      'a failed item of a fleet, due when the fleet started',
      queued({ clusters: ['prod'], startedAt: '2026-11-23T08:00:00Z' }),
      { origin: 'queued', action: 'refresh', clusters: ['prod'], dueAt: DUE },
    ],
    [
      'a failed first run, due when it had failed',
      queued({}),
      { origin: 'queued', action: 'refresh', dueAt: FAILED },
    ],
    ['a failed run without payload', queued(null), { origin: 'queued', action: 'refresh', dueAt: FAILED }],
    [
      'a record that does not say when',
      { Records: [record('{"requestPayload":{},"timestamp":"soon"}')] },
      { origin: 'queued', action: 'refresh' },
    ],
    [
      'a failed run that was narrowed',
      queued({ action: 'refresh', namespaces: ['a'] }),
      { origin: 'queued', action: 'refresh', namespaces: ['a'], dueAt: FAILED },
    ],
  ])('%s', ([, event, invocation]) => {
    expect(readEvent(event)).toEqual(invocation);
  });
});

describe('what is refused', () => {
  test.for<[string, unknown, RegExp]>([
    [
      'an unknown action',
      { action: 'restart' },
      /^event: action: unknown action "restart"; expected one of refresh, plan, status, doctor, cleanup, discover, summarize$/,
    ],
    [
      'an action that is no text',
      { action: 1 },
      /^event: action: unknown action 1; expected one of refresh, plan, status, doctor, cleanup, discover, summarize$/,
    ],
    [
      'unknown fields',
      { action: 'plan', dryRun: true, force: 1 },
      /unknown field "dryRun", "force"; known are action, clusters, namespaces$/,
    ],
    [
      'a schedule of another source',
      { ...scheduled, source: 'aws.ec2' },
      /unknown field .*"source".*; known are action/,
    ],
    [
      'an instance that changed',
      { ...scheduled, 'detail-type': 'EC2 Instance State-change Notification' },
      /unknown field/,
    ],
    ...[
      'noon',
      '2026-11-23',
      '2026-11-23T08:00:00+01:00',
      '1970-01-01T00:00:00Z',
      '9999-12-31T00:00:00Z',
      5,
    ].map((startedAt): [string, unknown, RegExp] => [
      `a start that is no time of a run: ${startedAt}`,
      { startedAt },
      /^event: startedAt: \S+ is not the start time of a run, such as [^;]+$/,
    ]),
    [
      'the start of a plan, which writes nothing',
      { action: 'plan', startedAt: '2026-11-23T08:00:00Z' },
      /unknown field "startedAt"; known are action, clusters, namespaces$/,
    ],
    [
      'what a discover could not look through, which the state machine judges',
      { action: 'summarize', results: [], problems: [] },
      /unknown field "problems"; known are action, results$/,
    ],
    ['a cluster that is no list', { clusters: 'prod' }, /clusters: .*expected array/],
    ['an empty list, which would be nothing', { clusters: [] }, /clusters: .*>=1 items/],
    ['an empty list of namespaces', { namespaces: [] }, /namespaces: .*>=1 items/],
    ['more names than a run takes', { namespaces: Array(101).fill('a') }, /namespaces: .*<=100 items/],
    ['a glob: names only', { namespaces: ['team-*'] }, /namespaces\[0\]: "team-\*" is not a namespace name/],
    ['a way up in a name', { namespaces: ['..'] }, /namespaces\[0\]: ".." is not a namespace name/],
    ['a name in capitals', { namespaces: ['Team'] }, /namespaces\[0\]: "Team" is not a namespace name/],
    ...['a/../../b', 'a//b', 'a/./b', '../a'].map((name): [string, unknown, RegExp] => [
      `a way through a registry: ${name}`,
      { action: 'doctor', repository: `111122223333.dkr.ecr.eu-west-1.amazonaws.com/${name}` },
      /repository: .* is not a repository such as/,
    ]),
    [
      'a registry with a port that is none',
      { action: 'doctor', repository: '111122223333.dkr.ecr.eu-west-1.amazonaws.com:x/app' },
      /repository: .* is not a repository such as/,
    ],
    [
      'a selector in a name',
      { namespaces: ['a,metadata.name!=b'] },
      /namespaces\[0\]: .* is not a namespace name/,
    ],
    ['a discover that is narrowed', { action: 'discover', clusters: ['a'] }, /unknown field "clusters"/],
    ['a summary without results', { action: 'summarize' }, /results: .*expected array/],
    [
      'a result with more than is asked for',
      { action: 'summarize', results: [{ id: 'a', ok: true, report: {} }] },
      /results\[0\]: unknown field "report"; known are id, ok, reason/,
    ],
    ['no cluster ARN', { clusters: ['arn:aws:eks:x'] }, /clusters\[0\]: "arn:aws:eks:x" is not a cluster id/],
    ['a name that is no text', { clusters: [1] }, /clusters\[0\]: .*expected string/],
    [
      'a label of a secret that is not its value',
      { ...change, detail: { ...change.detail, labelUpdated: 'mine' } },
      /unknown field "version"/,
    ],
    ['a change of two secrets', { ...change, resources: [HUB, HUB] }, /unknown field "version"/],
    ['a change of no secret', { ...change, resources: ['arn:aws:sqs:x'] }, /unknown field "version"/],
    ['a list', [], /top level: .*expected object, received array/],
    ['a text', 'refresh', /top level: .*expected object, received string/],
    ['a number', 1, /top level: .*expected object, received number/],
    ['no record', { Records: [] }, /0 queued records; expected exactly one/],
    ['two records', queued({}, record('{}')), /2 queued records; expected exactly one/],
    ['a broken body', { Records: [record('{"requestPayload')] }, /Records\[0\]\.body is not JSON$/],
    [
      'a body without a payload',
      { Records: [record('{}')] },
      /Records\[0\]\.body is not the record of a failed run/,
    ],
    [
      'a body that is a text',
      { Records: [record('"{}"')] },
      /Records\[0\]\.body is not the record of a failed run/,
    ],
    ['a record in a record', queued(queued({})), /Records\[0\]\.body is not the record of a failed run/],
    ...['plan', 'status', 'doctor', 'cleanup', 'discover'].map((action): [string, unknown, RegExp] => [
      `a ${action} that failed, which nobody waits for any more`,
      queued({ action }),
      new RegExp(`is of a ${action}; only a refresh is retried$`),
    ]),
    ['an unknown action in a record', queued({ action: 'restart' }), /unknown action "restart"/],
    [
      'a record of another service',
      { Records: [{ eventSource: 'aws:s3', body: '{}' }] },
      /unknown field "Records"/,
    ],
  ])('%s', ([, event, problem]) => {
    expect(() => readEvent(event)).toThrow(
      expect.objectContaining({ name: 'EventError', problem: expect.stringMatching(problem) }),
    );
  });

  test('a broken body is not repeated', () => {
    expect(() => readEvent({ Records: [record('{"auth":"QVdTOnNlY3JldA==')] })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('QVdT') }),
    );
  });
});

test('whatever the JSON, it is an invocation or an EventError', () => {
  const json = fc.jsonValue();
  const nearly = fc.record(
    {
      action: fc.oneof(fc.constantFrom(...ACTIONS, 'restart'), json),
      clusters: fc.oneof(fc.array(fc.string()), json),
      namespaces: fc.oneof(fc.array(fc.string()), json),
      source: fc.oneof(fc.constant('aws.events'), json),
      'detail-type': fc.oneof(fc.constant('Scheduled Event'), json),
      Records: json,
    },
    { requiredKeys: [] },
  );
  const payload = fc.oneof(json, nearly);
  const inQueue = fc.oneof(
    payload.map((given) => queued(given)),
    payload.map((given) => ({ Records: [record(JSON.stringify(given))] })),
    fc.string().map((body) => ({ Records: [record(body)] })),
  );
  fc.assert(
    fc.property(fc.oneof(payload, inQueue), (event) => {
      let invocation: RunRequest;
      try {
        invocation = readEvent(event);
      } catch (error) {
        expect(error).toBeInstanceOf(EventError);
        return;
      }
      expect(['manual', 'scheduled', 'queued']).toContain(invocation.origin);
      expect(ACTIONS).toContain(invocation.action);
      for (const names of [invocation.clusters, invocation.namespaces]) {
        expect(
          names === undefined || (names.length > 0 && names.every((name) => /^[\w.-]+$/.test(name))),
        ).toBe(true);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('valid events with a few changes are invocations that narrow the settings, or a typed error', () => {
  const settings = settingsOf({
    clusters: [{ name: 'prod' }, { name: 'dev' }],
    secrets: [{ namespaces: { include: ['team-*', 'lab'] } }],
  });
  const events = [
    scheduled,
    {},
    { action: 'refresh', clusters: ['prod', 'dev'], namespaces: ['team-a', 'lab'] },
    { action: 'plan', clusters: ['prod'] },
    queued({}),
    queued({ action: 'refresh', clusters: ['dev'], namespaces: ['lab'] }),
    queued(scheduled),
    change,
    ...globSync('test/events/*.json').map((file) => JSON.parse(readFileSync(file, 'utf8'))),
  ];
  const bodies = mutated(events).map((event) => queued(event));
  fc.assert(
    fc.property(fc.oneof(mutated(events), bodies), (event) => {
      try {
        const ids = resolveScope(settings, readEvent(event)).clusters.map(({ id }) => id);
        expect(['prod', 'dev']).toEqual(expect.arrayContaining(ids));
      } catch (error) {
        expect(hasCode(error, 'EventError', 'NotCoveredError', 'CleanupOffError')).toBe(true);
      }
    }),
    { numRuns: 1_000 },
  );
});

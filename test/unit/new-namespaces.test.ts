import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventError, HelperError, NotCoveredError } from '../../lambda/errors.ts';
import { narrowToLogged, readLogBatch } from '../../lambda/new-namespaces.ts';
import { type RunRequest, readEvent, resolveScope } from '../../lambda/request.ts';
import { passwordCanary } from '../sandbox/aws/canary.ts';
import { controlMessage, created, logBatch, packed } from '../sandbox/aws/log-batch.ts';
import { settingsOf } from './factories.ts';
import { mutated } from './mutated.ts';

const FUNCTION = 'arn:aws:lambda:eu-west-1:111122223333:function:ecr-registry-helper';
const ref = { resource: 'namespaces', name: 'a' };
const read = (...messages: (string | object)[]) => readLogBatch(logBatch(messages).awslogs.data);

describe('an audit record', () => {
  test.for<[string, object]>([
    ['of a create', created('a')],
    [
      'of a server-side apply',
      created('a', { verb: 'patch', requestURI: '/api/v1/namespaces/a?fieldManager=x' }),
    ],
    ['with generateName', created('a', { objectRef: { resource: 'namespaces' } })],
    ['without its answer', created('a', { responseObject: undefined })],
  ])('%s tells of a namespace', ([, record]) => {
    expect(read(record)).toMatchObject({ names: ['a'], unreadable: 0 });
  });

  test.for<[string, object]>([
    ['a dry run', created('a', { requestURI: '/api/v1/namespaces?dryRun=All&fieldManager=x' })],
    [
      'a dry run in other letters of the address',
      created('a', { requestURI: '/api/v1/namespaces?dry%52un=All' }),
    ],
    ['a creation that was refused', created('a', { responseStatus: { code: 409 } })],
    ['a change', created('a', { verb: 'patch', responseStatus: { code: 200 } })],
    ['a deletion', created('a', { verb: 'delete', responseStatus: { code: 200 } })],
    ['a list', created('a', { verb: 'list', responseStatus: { code: 200 } })],
    ['a subresource', created('a', { objectRef: { ...ref, subresource: 'finalize' } })],
    ['another resource', created('a', { objectRef: { resource: 'secrets', name: 'a' } })],
    ['namespaces of another API', created('a', { objectRef: { ...ref, apiGroup: 'example.com' } })],
    ['a request that is still under way', created('a', { stage: 'RequestReceived' })],
    ['an answer that began', created('a', { stage: 'ResponseStarted' })],
    ['no object', created('a', { objectRef: undefined as never })],
    ['no answer yet', created('a', { responseStatus: undefined as never })],
  ])('of %s tells of none', ([, record]) => {
    expect(read(record)).toMatchObject({ names: [], unreadable: 0 });
  });

  test.for<[string, string | object]>([
    ['no JSON', `{"token":"${passwordCanary}`],
    ['no object', '[]'],
    ['a text as its code', created('a', { responseStatus: { code: '201' as never } })],
    ['no name', created('', { responseObject: undefined })],
    ['a selector for a name', created('a,metadata.name!=b')],
    ['a path for a name', created('../secrets')],
    ['too long a name', created('a'.repeat(64))],
    ['an address that is none', created('a', { requestURI: 'http://[' })],
  ])('with %s is counted and not told', ([, message]) => {
    const batch = read(created('b'), message);
    expect(batch).toEqual({
      owner: '111122223333',
      logGroup: '/aws/eks/demo/cluster',
      names: ['b'],
      unreadable: 1,
    });
  });

  test('that comes twice is of one namespace', () => {
    expect(read(created('b'), created('a'), created('b'))).toMatchObject({ names: ['b', 'a'] });
  });
});

describe('a batch', () => {
  const data = (value: unknown) => ({ awslogs: { data: value } });

  test.for<[string, unknown, RegExp]>([
    ['that is no text', data(1), /unknown field "awslogs"/],
    ['with more fields', { ...logBatch([]), clusters: ['prod'] }, /unknown field "awslogs"/],
    ['that is no gzip', data(passwordCanary), /awslogs\.data is not gzip in base64$/],
    ['that was cut off', data(logBatch([]).awslogs.data.slice(0, 40)), /is not gzip in base64$/],
    ['that is no JSON', data(gzipSync(passwordCanary).toString('base64')), /is not JSON$/],
    [
      'that is a bomb',
      data(gzipSync(Buffer.alloc(64 * 1024 * 1024)).toString('base64')),
      /unpacks to more than 8388608 bytes$/,
    ],
    ['of an unknown kind', packed({ messageType: passwordCanary }), /awslogs\.data messageType: /],
    ['of no account', logBatch([], { owner: passwordCanary }), /awslogs\.data owner: /],
    ['of no log group', logBatch([], { logGroup: `"${passwordCanary}"` }), /awslogs\.data logGroup: /],
  ])('%s is refused, and its text is not told', ([, event, problem]) => {
    let fault: unknown;
    try {
      narrowToLogged(settingsOf(), readEvent(event), FUNCTION);
    } catch (caught) {
      fault = caught;
    }
    expect(fault).toBeInstanceOf(EventError);
    expect((fault as EventError).problem).toMatch(problem);
    expect(JSON.stringify([fault, String(fault)])).not.toContain(passwordCanary);
  });

  test('that only says that there is a subscription is about nothing', () => {
    expect(narrowToLogged(settingsOf(), readEvent(controlMessage()), FUNCTION)).toEqual({
      origin: 'logged',
      action: 'refresh',
      clusters: [],
    });
  });

  test('that failed comes back from the queue as what it was', () => {
    const body = JSON.stringify({ requestPayload: logBatch([created('a')]) });
    const request = readEvent({ Records: [{ eventSource: 'aws:sqs', body }] });
    const settings = settingsOf({ clusters: [{ name: 'demo' }], newNamespaces: 'audit-log' });
    expect(narrowToLogged(settings, request, FUNCTION)).toEqual({
      origin: 'queued',
      action: 'refresh',
      clusters: ['demo'],
      namespaces: ['a'],
      logged: { owner: '111122223333', logGroup: '/aws/eks/demo/cluster', unreadable: 0, uncovered: 0 },
    });
  });
});

describe('a run by the log', () => {
  const settings = settingsOf({
    clusters: [
      { name: 'prod', id: 'p', region: 'eu-west-1', accountId: '111122223333' },
      { name: 'prod', id: 'us', region: 'us-east-1' },
      { name: 'far', accountId: '444455556666', roleArn: 'arn:aws:iam::444455556666:role/r' },
      { name: 'dev' },
    ],
    secrets: [{ clusters: ['p', 'us', 'far'], namespaces: { include: ['team-*'] } }, { clusters: ['dev'] }],
    newNamespaces: 'audit-log',
  });
  const narrowed = (names: string[], source: Parameters<typeof logBatch>[1], given = settings) =>
    narrowToLogged(
      given,
      readEvent(
        logBatch(
          names.map((name) => created(name)),
          source,
        ),
      ),
      FUNCTION,
    );

  test('is about its cluster here and the namespaces that the settings cover', () => {
    expect(narrowed(['team-a', 'kube-x', 'team-b'], { cluster: 'prod' })).toMatchObject({
      clusters: ['p'],
      namespaces: ['team-a', 'team-b'],
      logged: { uncovered: 1 },
    });
    expect(narrowed(['kube-x'], { cluster: 'dev' })).toMatchObject({ clusters: ['dev'] });
  });

  test('is about nothing when they cover none', () => {
    const invocation = narrowed(['kube-x'], { cluster: 'prod' });
    expect(resolveScope(settings, invocation).clusters).toEqual([]);
    expect(invocation).toMatchObject({ logged: { uncovered: 1 } });
  });

  test.for<[string, Parameters<typeof logBatch>[1], typeof settings]>([
    ['another account', { cluster: 'prod', owner: '444455556666' }, settings],
    ['a cluster that is reached by a role', { cluster: 'far', owner: '444455556666' }, settings],
    ['a cluster of that name elsewhere', { cluster: 'far' }, settings],
    ['an unknown cluster', { cluster: 'test' }, settings],
    ['another log of the cluster', { logGroup: '/aws/eks/prod/cluster/x' }, settings],
    ['a cluster while newNamespaces is not set', {}, settingsOf({ clusters: [{ name: 'demo' }] })],
  ])('is refused for a log of %s', ([, source, given]) => {
    expect(() => narrowed(['team-a'], source, given)).toThrow(NotCoveredError);
  });

  test('any other run stays as it is', () => {
    const invocation: RunRequest = { origin: 'manual', action: 'refresh', namespaces: ['x'] };
    expect(narrowToLogged(settings, invocation, FUNCTION)).toBe(invocation);
  });

  test('whatever is in a batch, it narrows the settings or is a typed error that shows nothing of it', () => {
    const secret = { responseObject: { data: passwordCanary }, metadata: { name: 'team-a' } };
    const records = mutated([created('team-a'), created('team-b', secret), created(passwordCanary)]);
    const batch = {
      messageType: 'DATA_MESSAGE',
      owner: '111122223333',
      logGroup: '/aws/eks/prod/cluster',
      logEvents: [{ id: '1', timestamp: 1, message: JSON.stringify(created('team-a', secret)) }],
    };
    const events = fc.oneof(
      fc.array(fc.oneof(records, fc.string()), { maxLength: 4 }).map((messages) =>
        logBatch(
          messages.map((one) => (typeof one === 'string' ? one : (JSON.stringify(one) ?? ''))),
          {
            cluster: 'prod',
          },
        ),
      ),
      mutated([batch]).map(packed),
      fc.string().map((data) => ({ awslogs: { data } })),
      fc.uint8Array().map((bytes) => ({ awslogs: { data: gzipSync(bytes).toString('base64') } })),
    );
    fc.assert(
      fc.property(events, (event) => {
        try {
          const invocation = narrowToLogged(settings, readEvent(event), FUNCTION);
          expect(['p', 'dev']).toEqual(expect.arrayContaining([...(invocation.clusters ?? ['all'])]));
          for (const name of invocation.namespaces ?? []) expect(name).toMatch(/^[a-z0-9-]{1,63}$/);
          expect(JSON.stringify(invocation)).not.toContain(passwordCanary);
          resolveScope(settings, invocation);
        } catch (error) {
          expect(error).toBeInstanceOf(HelperError);
          expect([EventError, NotCoveredError].some((known) => error instanceof known)).toBe(true);
          expect(JSON.stringify([error, String(error)])).not.toContain(passwordCanary);
        }
      }),
      { numRuns: 500 },
    );
  });
});

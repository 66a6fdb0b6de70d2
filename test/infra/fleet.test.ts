import { runInNewContext } from 'node:vm';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { SettingsInput } from '../../infra/index.ts';
import { EcrRegistryHelperStack } from '../../infra/stack.ts';
import type { ClusterReport, Report } from '../../lambda/refresh/report.ts';
import { rowsOf } from '../unit/markdown-tables.ts';
import { alarmOf, alarmsOf, widgetsOf } from './monitored.ts';
import { definitionOf, execute, STARTED, StateError } from './state-machine.ts';
import { DEMO, HOME, newApp, resource, synth } from './synth.ts';

const FLEET = { ...DEMO, fleet: true };
const { template } = synth(() => ({ settings: FLEET }));
const definition = definitionOf(template);
const machine = resource(template, 'AWS::StepFunctions::StateMachine');
const refresher = resource(template, 'AWS::Lambda::Function', 'HelperRefresher');
const failedQueue = resource(template, 'AWS::SQS::Queue', 'HelperRetriesFailed');

const arn = (name: string) => `arn:aws:eks:eu-west-1:111122223333:cluster/${name}`;
const names = (count: number) => Array.from({ length: count }, (_, at) => arn(`c${at}`));

function report(id: string, cluster: Partial<ClusterReport> = {}): Partial<Report> {
  const counts = { created: 0, refreshed: 1, unchanged: 0, skipped: 0, blocked: 0, failed: 0 };
  const { ok = true } = cluster;
  return {
    ok,
    action: 'refresh',
    clusters: [{ id, ok, durationMs: 1, ...counts, problems: [], ...cluster }],
  };
}

interface Summary {
  readonly results: { id: string; ok: boolean; reason?: string }[];
}

/** A function that finds these clusters, refreshes each as `refresh` says, and throws when one failed; and a queue. */
function world(
  ids: string[],
  refresh: (id: string, nth: number) => unknown,
  { incomplete = 0, tooLarge = false } = {},
) {
  const seen = {
    discoveries: 0,
    events: [] as unknown[],
    queued: [] as unknown[],
    summary: undefined as Summary | undefined,
    most: 0,
  };
  const tries = new Map<string, number>();
  let running = 0;
  const answer = async (event: { action: string; clusters: string[] } & Summary) => {
    if (event.action === 'discover') {
      seen.discoveries += 1;
      if (tooLarge) throw new StateError('FleetTooLargeError');
      const ok = seen.discoveries > incomplete;
      return {
        ok,
        action: 'discover',
        items: ids.map((id) => ({ action: 'refresh', clusters: [id] })),
        problems: ok ? [] : [{ where: '444455556666 eu-west-1', reason: 'no right to list', remedy: 'x' }],
      };
    }
    if (event.action === 'summarize') {
      seen.summary = event;
      if (event.results.some((result) => !result.ok)) throw new StateError('RefreshFailedError');
      return { ok: true };
    }
    seen.events.push(event);
    const [id = ''] = event.clusters;
    const nth = tries.get(id) ?? 0;
    tries.set(id, nth + 1);
    running += 1;
    seen.most = Math.max(seen.most, running);
    await Promise.resolve();
    running -= 1;
    return refresh(id, nth);
  };
  const port = async (task: string, given: never) => {
    const { FunctionName, Payload, QueueUrl, MessageBody } = given as Record<string, unknown>;
    if (task === 'lambda:invoke') {
      expect(FunctionName).toBe(`<${refresher.id}>`);
      return { StatusCode: 200, Payload: await answer(Payload as Parameters<typeof answer>[0]) };
    }
    expect([task, QueueUrl]).toEqual(['sqs:sendMessage', `<${failedQueue.id}>`]);
    seen.queued.push(JSON.parse(String(MessageBody)));
    return { MessageId: '1' };
  };
  return { seen, run: () => execute(definition, {}, port) };
}

describe('a run of the fleet', () => {
  it('runs each cluster with its item alone, no more at once than set, and summarizes all', async () => {
    const ids = names(50);
    const { seen, run } = world(ids, (id) => report(id));
    await run();
    expect(seen.events).toEqual(ids.map((id) => ({ action: 'refresh', clusters: [id], startedAt: STARTED })));
    expect(seen.summary?.results).toEqual(ids.map((id) => ({ id, ok: true })));
    expect(seen.most).toBe(20);
    expect(seen.queued).toEqual([]);
  });

  it.each([
    [
      'an error of the cluster',
      { error: { code: 'NoError', reason: 'it is gone', remedy: 'x' } },
      'it is gone',
    ],
    [
      'a namespace that failed, not one that is blocked',
      {
        problems: [
          { namespace: 'a', secret: 's', outcome: 'blocked' as const, reason: 'theirs', remedy: '' },
          { namespace: 'b', secret: 's', outcome: 'failed' as const, reason: 'ours', remedy: '' },
        ],
      },
      'ours',
    ],
    ['nothing by itself', {}, 'its report is in the log'],
  ])(
    'survives one that was not ok, for %s, and gives it to the queue of failed runs',
    async (_, cluster, reason) => {
      const ids = names(3);
      const bad = arn('c1');
      const { seen, run } = world(ids, (id) => report(id, id === bad ? { ...cluster, ok: false } : {}));
      await expect(run()).rejects.toMatchObject({ name: 'RefreshFailedError' });
      expect(seen.events).toHaveLength(3);
      expect(seen.summary?.results).toEqual([
        { id: arn('c0'), ok: true },
        { id: bad, ok: false, reason },
        { id: arn('c2'), ok: true },
      ]);
      expect(seen.queued).toEqual([
        { requestPayload: { action: 'refresh', clusters: [bad], startedAt: STARTED } },
      ]);
    },
  );

  it('survives one whose run threw, and names the error', async () => {
    const { seen, run } = world(names(2), (id) => {
      if (id === arn('c0')) throw new StateError('NotCoveredError', '{"trace":[]}');
      return report(id);
    });
    await expect(run()).rejects.toThrow();
    expect(seen.events).toHaveLength(2);
    expect(seen.summary?.results[0]).toEqual({ id: arn('c0'), ok: false, reason: 'NotCoveredError' });
    expect(seen.queued).toEqual([
      { requestPayload: { action: 'refresh', clusters: [arn('c0')], startedAt: STARTED } },
    ]);
  });

  it('survives one whose answer is more than a state takes', async () => {
    const { seen, run } = world(names(2), (id) => (id === arn('c0') ? 'x'.repeat(300_000) : report(id)));
    await expect(run()).rejects.toMatchObject({ name: 'RefreshFailedError' });
    expect(seen.summary?.results).toEqual([
      { id: arn('c0'), ok: false, reason: 'States.DataLimitExceeded' },
      { id: arn('c1'), ok: true },
    ]);
  });

  it('does not ask again for a fleet that is too large', async () => {
    const { seen, run } = world([], () => undefined, { tooLarge: true });
    await expect(run()).rejects.toMatchObject({ name: 'FleetTooLargeError' });
    expect(seen.discoveries).toBe(1);
  });

  it('tries again where Lambda itself failed', async () => {
    const { seen, run } = world(names(1), (id, nth) => {
      if (nth < 3) throw new StateError('Lambda.TooManyRequestsException');
      return report(id);
    });
    await run();
    expect(seen.events).toHaveLength(4);
    expect(seen.summary?.results).toEqual([{ id: arn('c0'), ok: true }]);
  });

  it('discovers again what it could not list, after the found clusters are fresh', async () => {
    const { seen, run } = world(names(2), (id) => report(id), { incomplete: 3 });
    await run();
    expect(seen.discoveries).toBe(4);
    expect(seen.events).toHaveLength(8);
    // the later looks write only what is left
    expect(new Set(seen.events.map((event) => (event as { startedAt: string }).startedAt))).toEqual(
      new Set([STARTED]),
    );
    expect(seen.summary?.results).toHaveLength(2);
  });

  it('fails in the end with what could still not be looked through', async () => {
    const { seen, run } = world(names(2), (id) => report(id), { incomplete: 4 });
    await expect(run()).rejects.toMatchObject({
      name: 'NotAllFound',
      message: expect.stringContaining('444455556666 eu-west-1'),
    });
    expect(seen.discoveries).toBe(4);
  });

  it('says also of none that it was none, and sums nothing up', async () => {
    const { seen, run } = world([], () => undefined, { incomplete: 4 });
    await expect(run()).rejects.toMatchObject({ name: 'NotAllFound' });
    expect(seen.summary).toBeUndefined();
  });

  it('fails with the clusters that failed, of the last look alone', async () => {
    const bad = (id: string) =>
      report(id, { ok: false, error: { code: 'NoError', reason: 'down', remedy: '' } });
    const never = world(names(2), bad, { incomplete: 4 });
    await expect(never.run()).rejects.toMatchObject({ name: 'RefreshFailedError' });
    const first = world(names(1), (id, nth) => (nth === 0 ? bad(id) : report(id)), { incomplete: 1 });
    await first.run();
    expect(first.seen.discoveries).toBe(2);
    const last = world(names(1), (id, nth) => (nth === 1 ? bad(id) : report(id)), { incomplete: 1 });
    await expect(last.run()).rejects.toMatchObject({ name: 'RefreshFailedError' });
  });

  it('has room for 1,000 clusters with the longest names that all failed for long reasons', async () => {
    const long = (at: number) =>
      `arn:aws-us-gov:eks:us-gov-west-1:111122223333:cluster/${String(at).padStart(100, 'x')}`;
    const ids = Array.from({ length: 1000 }, (_, at) => long(at));
    const reason = 'the EKS cluster does not '.repeat(20);
    const { seen, run } = world(ids, (id) =>
      report(id, { ok: false, error: { code: 'NoError', reason, remedy: '' } }),
    );
    await expect(run()).rejects.toMatchObject({ name: 'RefreshFailedError' });
    expect(seen.summary?.results).toHaveLength(1000);
    expect(seen.queued).toHaveLength(1000);
  });
});

/** What the code of a function sends to Step Functions, with the SDK of Lambda's runtime in this shape. */
async function startedBy(code: string, env: Record<string, string>): Promise<unknown> {
  class StartExecutionCommand {
    readonly input: unknown;
    constructor(input: unknown) {
      this.input = input;
    }
  }
  class SFNClient {
    async send(command: StartExecutionCommand) {
      return command.input;
    }
  }
  const exports: { handler?: () => Promise<unknown> } = {};
  const runtime = { require: () => ({ SFNClient, StartExecutionCommand }), exports, process: { env } };
  runInNewContext(code, runtime);
  return exports.handler?.();
}

describe('what starts it', () => {
  it('is the schedule, as a role for rules of this account alone', () => {
    const scheduled = resource(template, 'AWS::Events::Rule').properties;
    const role = resource(template, 'AWS::IAM::Role', 'HelperFleetRuleRole');
    expect(scheduled).toMatchObject({ ScheduleExpression: 'rate(8 hours)' });
    expect(scheduled.Targets).toEqual([
      {
        Id: 'Target0',
        Arn: { Ref: machine.id },
        Input: '{}',
        RoleArn: { 'Fn::GetAtt': [role.id, 'Arn'] },
      },
    ]);
    expect(role.properties.AssumeRolePolicyDocument.Statement).toEqual([
      {
        Action: 'sts:AssumeRole',
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } },
      },
    ]);
  });

  describe('after a deployment', () => {
    const starter = (of: Template) => resource(of, 'AWS::Lambda::Function', 'HelperFleetStarter');
    const trigger = (of: Template) => resource(of, 'Custom::Trigger');

    it('is a function that may do nothing else, without waiting for the result', async () => {
      const { properties } = starter(template);
      const sent = await startedBy(properties.Code.ZipFile, { STATE_MACHINE_ARN: 'arn:of:machine' });
      expect(sent).toEqual({ stateMachineArn: 'arn:of:machine' });
      expect(properties.Environment.Variables.STATE_MACHINE_ARN).toEqual({ Ref: machine.id });
      expect(trigger(template).properties).toMatchObject({
        HandlerArn: { Ref: resource(template, 'AWS::Lambda::Version', 'HelperFleetStarter').id },
        InvocationType: 'Event',
      });
      const role = resource(template, 'AWS::IAM::Role', 'HelperFleetStarterRole');
      expect(role.properties).not.toHaveProperty('ManagedPolicyArns');
      const { Statement } = resource(template, 'AWS::IAM::Policy', 'HelperFleetStarterRole').properties
        .PolicyDocument;
      expect(Statement.map(({ Action }: { Action: unknown }) => Action)).toEqual([
        ['logs:CreateLogStream', 'logs:PutLogEvents'],
        'states:StartExecution',
      ]);
      expect(Statement[1].Resource).toEqual({ Ref: machine.id });
    });

    it('waits for all that a run needs, and for no rule', () => {
      const { dependsOn } = trigger(template);
      expect(dependsOn).toEqual(
        expect.arrayContaining([
          machine.id,
          resource(template, 'Custom::AWSCDK-EKS-KubernetesResource').id,
          resource(template, 'AWS::EKS::AccessEntry', 'HelperAccessClusterdemoEntry').id,
          resource(template, 'AWS::IAM::Policy', 'HelperRole').id,
          resource(template, 'AWS::IAM::Policy', 'HelperFleetRole').id,
          resource(template, 'AWS::IAM::Policy', 'HelperFleetStarterRole').id,
        ]),
      );
      const rules = Object.keys(template.findResources('AWS::Events::Rule'));
      expect(rules).toHaveLength(1);
      expect(dependsOn).not.toContain(rules[0]);
    });

    it.each<[string, SettingsInput, boolean]>([
      ['that changes nothing', FLEET, false],
      ['that changes the settings', { ...FLEET, secrets: [{ name: 'other' }] }, true],
    ])('%s: starts again: %j', (_, settings, expected) => {
      const { template: next } = synth(() => ({ settings }));
      const changed =
        JSON.stringify(trigger(next).properties) !== JSON.stringify(trigger(template).properties);
      expect(changed).toBe(expected);
    });
  });

  it('is nobody but a person while it is not enabled', () => {
    const { template: off } = synth(() => ({ settings: { ...FLEET, enabled: false } }));
    expect(resource(off, 'AWS::Events::Rule').properties.State).toBe('DISABLED');
    expect(alarmsOf(off).map(({ id }) => id)).not.toContain(alarmOf(template, 'SilentFleet').id);
  });
});

it('takes the number of clusters at once, also for retries by the queue', () => {
  const { template: wide } = synth(() => ({ settings: FLEET, fleetConcurrency: 100 }));
  expect(definitionOf(wide).States.RefreshAll?.MaxConcurrency).toBe(100);
  const { ScalingConfig } = resource(wide, 'AWS::Lambda::EventSourceMapping').properties;
  expect(ScalingConfig).toEqual({ MaximumConcurrency: 100 });
  for (const fleetConcurrency of [0, 1, 1.5, 1001]) {
    expect(() => synth(() => ({ settings: FLEET, fleetConcurrency }))).toThrow(
      `fleetConcurrency: ${fleetConcurrency} is not a whole number from 2 to 1000`,
    );
  }
});

it('has alarms of the fleet, as the guide says, and none of each cluster', () => {
  const { template: many } = synth(() => ({
    settings: { ...FLEET, clusters: [{ name: 'a' }, { name: 'b' }] },
  }));
  const alarms = alarmsOf(many).map(({ id, metric, properties }) => ({
    alarm: id.replace(/^HelperMonitoring(\w+)[0-9A-F]{8}$/, '$1'),
    watches: metric.name,
    dimensions: Object.keys(metric.dimensions).join(', '),
    'without data': properties.TreatMissingData,
  }));
  const own = alarms.filter(
    ({ alarm }) => !['Policy', 'FailedRun', 'DeadLetter', 'Throttled'].includes(alarm),
  );
  const rows = rowsOf('docs/guides/fleets.md', 'Alarms').map(({ 'in alarm when': _, ...row }) => row);
  expect(new Set(rows)).toEqual(new Set(own));
  expect(alarmOf(many, 'SilentFleet').properties.EvaluationPeriods).toBe(9);
});

it('shows the fleet on the dashboard, and no line for each cluster', () => {
  const text = JSON.stringify(widgetsOf(template));
  for (const metric of ['DiscoveredClusters', 'FailedClusters', 'ExecutionsFailed'])
    expect(text).toContain(metric);
  expect(text).not.toContain('SEARCH');
});

it('still lets the role into listed clusters', () => {
  resource(template, 'AWS::EKS::AccessEntry', 'HelperAccessClusterdemoEntry');
  expect(resource(template, 'AWS::Events::Rule', 'HelperSchedule').dependsOn).toContain(
    resource(template, 'Custom::AWSCDK-EKS-KubernetesResource').id,
  );
});

it('has an output with the command that starts it, in place of that for the function', () => {
  const stack = new EcrRegistryHelperStack(newApp(), 'Test', { settings: FLEET, env: HOME });
  const outputs = Template.fromStack(stack).findOutputs('*');
  expect(JSON.stringify(outputs.StartCommand?.Value)).toContain('aws stepfunctions start-execution');
  const { id } = resource(Template.fromStack(stack), 'AWS::StepFunctions::StateMachine');
  expect(outputs.StateMachineArn?.Value).toEqual({ Ref: id });
  expect(outputs).not.toHaveProperty('InvokeCommand');
});

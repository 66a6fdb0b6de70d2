import { CfnParameter } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { APP_FLAGS } from '../../infra/function.ts';
import { EcrRegistryHelperStack } from '../../infra/stack.ts';
import { LONGEST_GAP_MINUTES, longestGapMinutes, staleAfterHours } from '../../lambda/settings/schedule.ts';
import { alarmOf, alarmsOf, queriesOf, textOf, widgetsOf } from './monitored.ts';
import { DEMO, HOME, newApp, resource, synth } from './synth.ts';

const demo = synth(() => ({ settings: DEMO }));
const HOUR = 3600;

describe('a cluster that had no complete refresh', () => {
  const { properties } = alarmOf(demo.template, 'ClusterdemoStale');

  it('is in alarm when nine hours had none, as missing beats are zeros', () => {
    expect(properties).toMatchObject({
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      EvaluationPeriods: 9,
      TreatMissingData: 'breaching',
    });
    expect(properties).not.toHaveProperty('DatapointsToAlarm');
    expect(properties.Metrics).toEqual([
      { Id: 'expr_1', Expression: 'FILL(beat, 0)', Label: 'complete refreshes of demo', ReturnData: true },
      {
        Id: 'beat',
        MetricStat: {
          Metric: {
            Namespace: 'EcrRegistryHelper',
            MetricName: 'ClusterFresh',
            Dimensions: [
              { Name: 'cluster', Value: 'demo' },
              { Name: 'service', Value: 'ecr-registry-helper' },
            ],
          },
          Period: HOUR,
          Stat: 'Maximum',
        },
        ReturnData: false,
      },
    ]);
  });

  it('is not in alarm in the first half hour, in which the first refresh runs', () => {
    expect(properties.WarmUpConfiguration).toEqual({
      WarmUpPeriodDurationInMinutes: 30,
      OnlyStartEvaluatingAfterWarmUpPeriodEnds: true,
    });
  });

  it.each([
    ['rate(8 hours)', 9],
    ['rate(30 minutes)', 2],
    ['rate(1 hour)', 2],
    ['rate(90 minutes)', 3],
    ['cron(0 0,10,20 * * ? *)', 11],
    ['cron(0 6,14,22 * * ? *)', 9],
  ])('with the schedule %s is in alarm after %i hours', (schedule, hours) => {
    const { template } = synth(() => ({ settings: { ...DEMO, schedule } }));
    const { properties: alarm } = alarmOf(template, 'ClusterdemoStale');
    expect(alarm.EvaluationPeriods).toBe(hours);
    expect(textOf(alarm.AlarmDescription)).toContain(`no complete refresh for ${hours} hours`);
  });

  it('is in alarm an hour to two after the longest gap, before its tokens expire, and within the longest period of an alarm', () => {
    const schedule = fc.oneof(
      fc.integer({ min: 2, max: LONGEST_GAP_MINUTES }).map((minutes) => `rate(${minutes} minutes)`),
      fc.tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 1, max: 10 })).map(([minute, step]) => {
        return `cron(${minute} 0/${step} * * ? *)`;
      }),
    );
    fc.assert(
      fc.property(schedule, (expression) => {
        const gap = longestGapMinutes(expression) ?? Number.NaN;
        const minutes = 60 * staleAfterHours(expression);
        expect(minutes - gap).toBeGreaterThanOrEqual(60);
        expect(minutes - gap).toBeLessThan(120);
        expect(minutes).toBeLessThan(12 * 60);
        // PutMetricAlarm: 7 days of periods, of an hour or more each
        expect(minutes).toBeLessThanOrEqual(7 * 24 * 60);
      }),
    );
  });

  it('is watched by an alarm of its own', () => {
    const clusters = [{ name: 'demo' }, { name: 'demo', id: 'far', region: 'us-west-2' }];
    const { template } = synth(() => ({ settings: { clusters } }));
    const watched = ['ClusterdemoStale', 'ClusterfarStale'].map((id) => alarmOf(template, id).metric);
    expect(watched.map(({ dimensions }) => dimensions.cluster)).toEqual(['demo', 'far']);
  });

  it('is not watched while the schedule is suspended, and nothing else is less watched', () => {
    const { template } = synth(() => ({ settings: { ...DEMO, enabled: false } }));
    const names = (alarms: { id: string }[]) => alarms.map(({ id }) => id);
    const stale = alarmOf(demo.template, 'ClusterdemoStale').id;
    expect(names(alarmsOf(template))).toEqual(names(alarmsOf(demo.template)).filter((id) => id !== stale));
  });
});

describe('an alarm', () => {
  const function_ = resource(demo.template, 'AWS::Lambda::Function', 'HelperRefresher').id;
  const deadLetters = resource(demo.template, 'AWS::SQS::Queue', 'HelperRetriesDead').id;

  it.each([
    ['FailedRun', 'AWS/Lambda', 'Errors', { FunctionName: { Ref: function_ } }, 'Sum', HOUR, 'notBreaching'],
    [
      'Throttled',
      'AWS/Lambda',
      'Throttles',
      { FunctionName: { Ref: function_ } },
      'Sum',
      HOUR,
      'notBreaching',
    ],
    [
      'DeadLetter',
      'AWS/SQS',
      'ApproximateNumberOfMessagesVisible',
      { QueueName: { 'Fn::GetAtt': [deadLetters, 'QueueName'] } },
      'Maximum',
      300,
      'ignore',
    ],
    [
      'ClusterdemoBlocked',
      'EcrRegistryHelper',
      'SecretsBlocked',
      { service: 'ecr-registry-helper', cluster: 'demo' },
      'Maximum',
      HOUR,
      'ignore',
    ],
  ])('%s: %s %s, one is enough', (id, namespace, name, dimensions, Statistic, Period, TreatMissingData) => {
    const { metric, properties } = alarmOf(demo.template, id);
    expect(metric).toEqual({ namespace, name, dimensions });
    expect(properties).toMatchObject({
      ...{ Statistic, Period, TreatMissingData },
      Threshold: 1,
      EvaluationPeriods: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    });
  });

  it('notifies the topic when it starts and when it ends', () => {
    const topic = { Ref: resource(demo.template, 'AWS::SNS::Topic').id };
    const alarms = alarmsOf(demo.template);
    expect(alarms).toHaveLength(6);
    for (const { properties } of alarms) {
      expect(properties).toMatchObject({ AlarmActions: [topic], OKActions: [topic] });
      expect(properties).not.toHaveProperty('ActionsEnabled', false);
    }
  });

  it.each([
    ['stale/demo', 'doctor --cluster demo', 'stale-cluster'],
    ['blocked/demo', 'status --cluster demo', 'blocked-namespaces'],
    ['policy', 'doctor', 'admission-policy'],
    ['failed-run', 'doctor', 'failed-run'],
    ['dead-letter', 'status', 'dead-letter'],
    ['throttled', 'aws lambda get-function-concurrency', 'throttled-function'],
  ])('%s says what happened, and has the command, the dashboard and the runbook', (name, command, anchor) => {
    const full = `ecr-registry-helper/${name}`;
    const found = alarmsOf(demo.template).filter(({ properties }) => properties.AlarmName === full);
    const lines = found.map(({ properties }) => textOf(properties.AlarmDescription).split('\n'));
    const run = command.startsWith('aws ')
      ? `${command} --function-name <${function_}>`
      : `npx ecr-registry-helper ${command} --function <${function_}>`;
    expect(lines).toEqual([
      [
        expect.stringMatching(/^[A-Z].*\.$/),
        `See why: ${run} --region eu-west-1`,
        'Dashboard: https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/ecr-registry-helper-eu-west-1',
        `Runbook: docs/operate/alarm-${anchor}.md`,
      ],
    ]);
  });

  it('has the command of the app that deployed it', () => {
    const { template } = synth((stack) => {
      stack.node.setContext(APP_FLAGS, '-c cluster=demo');
      return { settings: DEMO };
    });
    const { properties } = alarmOf(template, 'FailedRun');
    expect(textOf(properties.AlarmDescription)).toContain('See why: npm run -s cli -- doctor --function <');
  });

  it('of a fleet shows the executions that failed', () => {
    const { template } = synth(() => ({ settings: { ...DEMO, fleet: true } }));
    const { properties } = alarmOf(template, 'FailedFleet');
    const machine = resource(template, 'AWS::StepFunctions::StateMachine').id;
    expect(properties.AlarmName).toBe('ecr-registry-helper/failed-fleet');
    expect(textOf(properties.AlarmDescription)).toContain(
      `See why: aws stepfunctions list-executions --state-machine-arn <${machine}> --status-filter FAILED --max-items 1 --region eu-west-1\n`,
    );
  });
});

describe('the admission policy', () => {
  it.each([
    ['of a deployment', DEMO],
    ['of a fleet', { ...DEMO, fleet: true }],
  ])('%s is watched by one alarm for all clusters, over a whole gap of the schedule', (_, settings) => {
    const { template } = synth(() => ({ settings }));
    const { metric, properties } = alarmOf(template, 'Policy');
    const dimensions = { service: 'ecr-registry-helper' };
    expect(metric).toEqual({ namespace: 'EcrRegistryHelper', name: 'PolicyProblems', dimensions });
    expect(properties).toMatchObject({
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      Threshold: 1,
      EvaluationPeriods: 9,
      DatapointsToAlarm: 1,
      TreatMissingData: 'notBreaching',
    });
    expect(properties.Metrics[0].Expression).toBe('FILL(problems, 0)');
  });
});

describe('the dashboard', () => {
  const widgets = widgetsOf(demo.template);

  it('shows first the state of all alarms', () => {
    const [first] = widgets;
    expect(first?.type).toBe('alarm');
    const ids = [
      'ClusterdemoStale',
      'ClusterdemoBlocked',
      'Policy',
      'FailedRun',
      'DeadLetter',
      'Throttled',
    ].map((id) => alarmOf(demo.template, id).id);
    expect(ids).toHaveLength(alarmsOf(demo.template).length);
    expect(first?.properties.alarms).toEqual(ids.map((id) => `<${id}>`));
  });

  it('shows what the function and its queues did, and what its log says to the saved queries', () => {
    const log = resource(demo.template, 'AWS::Logs::LogGroup', 'HelperLog').id;
    const text = JSON.stringify(widgets);
    for (const metric of ['Invocations', 'Errors', 'Throttles', 'Duration', 'NumberOfMessagesNotVisible']) {
      expect(text).toContain(metric);
    }
    const queries = widgets.flatMap(({ type, properties }) => (type === 'log' ? [properties] : []));
    expect(queries.map(({ title, query }) => [title, query])).toEqual(
      [...queriesOf(demo.template)].map(([name, query]) => [name, `SOURCE '<${log}>' | ${query}`]),
    );
  });

  it('takes more clusters than one widget of alarms', () => {
    const clusters = Array.from({ length: 60 }, (_, at) => ({ name: `c${at}`, rbac: 'manual' as const }));
    const { template } = synth(() => ({ settings: { clusters } }));
    const shown = widgetsOf(template).flatMap(({ type, properties }) =>
      type === 'alarm' ? [properties.alarms.length] : [],
    );
    expect(shown).toEqual([100, 24]);
  });
});

describe('the stack has an output with the URL of the dashboard', () => {
  const addressIn = (env: typeof HOME) => {
    const stack = new EcrRegistryHelperStack(newApp(), 'Test', { settings: DEMO, env });
    const { DashboardUrl } = Template.fromStack(stack).findOutputs('*');
    return DashboardUrl?.Value;
  };

  it.each([
    ['eu-west-1', 'console.aws.amazon.com'],
    ['cn-north-1', 'console.amazonaws.cn'],
    ['us-gov-west-1', 'console.amazonaws-us-gov.com'],
    ['eusc-de-east-1', 'console.amazonaws-eusc.eu'],
  ])('in %s', (region, host) => {
    expect(addressIn({ ...HOME, region })).toBe(
      `https://${host}/cloudwatch/home?region=${region}#dashboards/dashboard/ecr-registry-helper-${region}`,
    );
  });

  it.each(['us-iso-east-1', 'us-isob-east-1', 'eu-isoe-west-1', 'us-isof-south-1'])(
    'in %s, whose console is not public, only its name',
    (region) => {
      expect(addressIn({ ...HOME, region })).toBe(`ecr-registry-helper-${region}`);
    },
  );

  it('wherever it goes', () => {
    expect(addressIn({})?.['Fn::Join'][1]).toEqual([
      'https://',
      { 'Fn::FindInMap': [expect.stringMatching(/ConsoleHosts/), { Ref: 'AWS::Partition' }, 'host'] },
      '/cloudwatch/home?region=',
      { Ref: 'AWS::Region' },
      '#dashboards/dashboard/ecr-registry-helper-',
      { Ref: 'AWS::Region' },
    ]);
  });
});

it("saves queries over the function's log, in a folder of the deployment", () => {
  const log = resource(demo.template, 'AWS::Logs::LogGroup', 'HelperLog').id;
  const saved = Object.values(demo.template.findResources('AWS::Logs::QueryDefinition'));
  const folder = /^ecr-registry-helper\//;
  for (const { Properties } of saved) expect(Properties.Name).toMatch(folder);
  expect(saved.map(({ Properties }) => Properties.Name.replace(folder, ''))).toEqual([
    'Failed runs',
    'Problems by namespace',
    'Runs and durations',
  ]);
  for (const { Properties } of saved) expect(Properties.LogGroupNames).toEqual([{ Ref: log }]);
});

it('gives the function no permission for it', () => {
  const actions = JSON.stringify(resource(demo.template, 'AWS::IAM::Policy', 'HelperRole').properties);
  expect(actions).not.toMatch(/cloudwatch:|sns:/);
});

it('takes names and schedules that are known only at deployment', () => {
  const { template, stack } = synth((stack) => {
    const text = (id: string) => new CfnParameter(stack, id).valueAsString;
    return {
      settings: {
        name: text('Name'),
        clusters: [{ name: text('One') }, { name: text('Two') }],
        schedule: text('Schedule'),
        alarmEmail: 'on-call@example.com',
      },
    };
  });
  const stale = ['Cluster0Stale', 'Cluster1Stale'].map((id) => alarmOf(template, id));
  expect(stale.map(({ metric }) => metric.dimensions)).toEqual([
    { service: { Ref: 'Name' }, cluster: { Ref: 'One' } },
    { service: { Ref: 'Name' }, cluster: { Ref: 'Two' } },
  ]);
  // the longest gap that the function would take, and an hour
  for (const { properties } of stale) expect(properties.EvaluationPeriods).toBe(11);
  expect(JSON.stringify(widgetsOf(template))).toContain('service=\\"<Name>\\"');
  Annotations.fromStack(stack).hasNoWarning('*', Match.anyValue());
});

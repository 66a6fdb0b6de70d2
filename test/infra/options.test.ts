import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import { describe, expect, it } from 'vitest';
import { EcrRegistryHelperAccessStack } from '../../infra/access-stack.ts';
import { EcrRegistryHelper, type SettingsInput } from '../../infra/index.ts';
import { applyOptions } from '../../infra/options.ts';
import { EcrRegistryHelperStack } from '../../infra/stack.ts';
import { checkSettings } from '../../lambda/settings/rules.ts';
import { DEMO, HOME, newApp, resource, synth } from './synth.ts';

const KEY = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const FAR_KEY = KEY.replace('eu-west-1', 'us-west-2');
const far = { accountId: '111122223333', region: 'us-west-2' };
const vpc = { vpcId: 'vpc-0a1b2c3d', subnetIds: ['subnet-0a1b2c3d'], securityGroupIds: ['sg-0a1b2c3d'] };

const settings: SettingsInput = {
  accountId: '111122223333',
  region: 'eu-west-1',
  fleet: true,
  clusters: [{ name: 'demo' }, { name: 'far', ...far }],
  secrets: [{ repositories: ['base'] }],
  accessStacks: [{ ...far, vpc, kmsKeyArn: FAR_KEY }],
  tags: [{ key: 'cost-center', value: 'platform' }],
  logRetentionDays: 365,
  kmsKeyArn: KEY,
  permissionsBoundary: 'boundaries/team',
  stateMachineLogs: true,
};

const TAGGABLE =
  /^AWS::(Lambda::Function|IAM::Role|Logs::LogGroup|SQS::Queue|SNS::Topic|CloudWatch::Alarm|EKS::AccessEntry|StepFunctions::StateMachine)$/;

/** As the app makes it. */
function stackOf(make: (app: App) => Stack): Stack {
  const stack = make(newApp());
  applyOptions(stack, checkSettings(settings));
  return stack;
}

const main = stackOf((app) => new EcrRegistryHelperStack(app, 'Main', { settings, env: HOME }));
const access = stackOf(
  (app) =>
    new EcrRegistryHelperAccessStack(app, 'Access', {
      settings,
      env: { account: far.accountId, region: far.region },
    }),
);

const all = (stack: Stack, type: string) =>
  Object.entries(Template.fromStack(stack).findResources(type)).map(([id, { Properties }]) => ({
    id,
    properties: Properties ?? {},
  }));

describe.each([
  ['the main stack', main, KEY],
  ['an access stack', access, FAR_KEY],
])('in %s', (_, stack, key) => {
  it('every resource that takes tags has those of the settings, and the stack for the others', () => {
    const resources: [string, { Type: string; Properties?: unknown }][] = Object.entries(
      Template.fromStack(stack).toJSON().Resources,
    );
    // CDK cannot tag what runs its triggers
    const taggable = resources.filter(([id, { Type }]) => TAGGABLE.test(Type) && !id.startsWith('AWSCDK'));
    expect(taggable.length).toBeGreaterThan(8);
    for (const [id, { Properties }] of taggable) {
      expect(JSON.stringify(Properties), id).toMatch(/\{"Key":"cost-center","Value":"platform"\}/);
    }
    expect(stack.tags.tagValues()).toEqual({ 'cost-center': 'platform' });
  });

  it('every role has the permissions boundary of its account, also those of CDK', () => {
    const roles = all(stack, 'AWS::IAM::Role');
    expect(roles.length).toBeGreaterThan(2);
    for (const { id, properties } of roles) {
      expect([id, properties.PermissionsBoundary]).toEqual([
        id,
        'arn:aws:iam::111122223333:policy/boundaries/team',
      ]);
    }
  });

  it('every log group is kept as long as the settings say, under their key', () => {
    const groups = all(stack, 'AWS::Logs::LogGroup');
    expect(groups.length).toBeGreaterThan(1);
    for (const { properties } of groups) {
      expect(properties).toMatchObject({ RetentionInDays: 365, KmsKeyId: key });
    }
  });

  it('every function logs to a log group of the stack', () => {
    const groups = all(stack, 'AWS::Logs::LogGroup').map(({ id }) => id);
    const functions = all(stack, 'AWS::Lambda::Function');
    expect(functions.length).toBeGreaterThan(2);
    for (const { id, properties } of functions) {
      expect([id, groups]).toEqual([id, expect.arrayContaining([properties.LoggingConfig?.LogGroup?.Ref])]);
    }
  });

  it('the environment of the refresher is under the key, and lacks what only the deployment needs', () => {
    const [refresher] = all(stack, 'AWS::Lambda::Function').filter(
      ({ properties }) => properties.Environment?.Variables?.SETTINGS,
    );
    expect(refresher?.properties.KmsKeyArn).toBe(key);
    const { name, tags, kmsKeyArn, logRetentionDays, permissionsBoundary, stateMachineLogs, ...travels } =
      settings;
    expect(JSON.parse(refresher?.properties.Environment.Variables.SETTINGS)).toEqual(travels);
  });
});

it('queues and topic are under the key of the settings', () => {
  for (const { properties } of [...all(main, 'AWS::SQS::Queue'), ...all(main, 'AWS::SNS::Topic')]) {
    expect(properties.KmsMasterKeyId).toBe(KEY);
  }
});

it('a key of the settings leaves your own topic alone', () => {
  const alarmTopic = 'arn:aws:sns:eu-west-1:111122223333:on-call';
  const { template } = synth(() => ({ settings: { ...DEMO, kmsKeyArn: KEY, alarmTopic } }));
  template.resourceCountIs('AWS::SNS::Topic', 0);
});

it('properties come before the settings', () => {
  const { template } = synth((stack) => ({
    settings: { ...DEMO, logRetentionDays: 30, permissionsBoundary: 'team' },
    logRetention: 7,
    permissionsBoundary: iam.ManagedPolicy.fromManagedPolicyName(stack, 'Mine', 'mine'),
  }));
  expect(resource(template, 'AWS::Logs::LogGroup', 'HelperLog').properties.RetentionInDays).toBe(7);
  expect(resource(template, 'AWS::IAM::Role', 'HelperRole').properties.PermissionsBoundary).toMatch(/mine$/);
});

describe('the state machine', () => {
  const logging = (stack: Stack) => all(stack, 'AWS::StepFunctions::StateMachine')[0]?.properties;

  it('logs its executions without their data, in a group whose name CloudWatch Logs lets through', () => {
    const { LoggingConfiguration } = logging(main);
    expect(LoggingConfiguration).toMatchObject({ Level: 'ALL' });
    expect(LoggingConfiguration).not.toHaveProperty('IncludeExecutionData', true);
    const [group] = all(main, 'AWS::Logs::LogGroup').filter(({ id }) => id.startsWith('HelperFleetLog'));
    expect(group?.properties.LogGroupName).toBe('/aws/vendedlogs/states/ecr-registry-helper');
    expect(JSON.stringify(LoggingConfiguration.Destinations)).toContain(String(group?.id));
  });

  it('does not by default', () => {
    const { stack } = synth(() => ({ settings: { ...DEMO, fleet: true } }));
    expect(logging(stack)).not.toHaveProperty('LoggingConfiguration');
  });
});

describe('checkov skips what it gets wrong', () => {
  const skipped = (stack: Stack, type: string) =>
    Object.values(Template.fromStack(stack).findResources(type)).flatMap(({ Metadata }) => {
      const skip: { id: string; comment: string }[] = Metadata?.checkov?.skip ?? [];
      return skip.map(({ id, comment }) => `${id}: ${comment}`);
    });
  const plain = synth(() => ({ settings: DEMO })).stack;

  it('of the functions that refresh', () => {
    const wrong = 'CKV_AWS_45: the settings have ids of accounts and names of secrets, and no secret';
    expect(skipped(plain, 'AWS::Lambda::Function')).toEqual([
      wrong,
      'CKV_AWS_116: its failed runs go to a queue (EventInvokeConfig)',
    ]);
    expect(skipped(access, 'AWS::Lambda::Function')).toEqual([
      wrong,
      'CKV_AWS_116: a caller waits for its result',
    ]);
  });

  it('of the queues, unless they are under a key', () => {
    const wrong = 'CKV_AWS_27: it is encrypted, by the key of SQS';
    expect(skipped(plain, 'AWS::SQS::Queue')).toEqual([wrong, wrong]);
    expect(skipped(main, 'AWS::SQS::Queue')).toEqual([]);
  });
});

describe('what people look for is called by the name of the deployment', () => {
  const { template } = synth(() => ({
    settings: {
      ...{ ...DEMO, name: 'pulls', fleet: true, storedChanges: true },
      secrets: [{ registries: [{ type: 'stored', secretId: 'hub' }] }],
    },
  }));

  it.each([
    ['AWS::Lambda::Function', 'HelperRefresher', 'FunctionName', 'pulls'],
    ['AWS::Events::Rule', 'HelperSchedule', 'Name', 'pulls'],
    ['AWS::Events::Rule', 'HelperStoredChanges', 'Name', 'pulls-stored-changes'],
    ['AWS::SQS::Queue', 'HelperRetriesFailed', 'QueueName', 'pulls-failed'],
    ['AWS::SQS::Queue', 'HelperRetriesDead', 'QueueName', 'pulls-dead-letter'],
    ['AWS::SNS::Topic', 'HelperMonitoring', 'TopicName', 'pulls-alarms'],
    ['AWS::StepFunctions::StateMachine', 'HelperFleet', 'StateMachineName', 'pulls'],
    ['AWS::CloudWatch::Dashboard', 'HelperMonitoring', 'DashboardName', 'pulls-eu-west-1'],
  ])('%s %s', (type, id, field, name) => {
    expect(resource(template, type, id).properties[field]).toBe(name);
  });

  it('but not the log, which stays when the stack goes: a second deployment would find its name taken', () => {
    expect(resource(template, 'AWS::Logs::LogGroup', 'HelperLog').properties).not.toHaveProperty(
      'LogGroupName',
    );
    const groups = Object.entries(template.findResources('AWS::Logs::LogGroup'));
    const [, log] = groups.find(([id]) => id.startsWith('HelperLog')) ?? [];
    expect(log).toHaveProperty('DeletionPolicy', 'RetainExceptOnCreate');
  });
});

it('in an app without our feature flags no log group is left to Lambda either', () => {
  const stack = new Stack(new App(), 'Test', { env: HOME });
  new EcrRegistryHelper(stack, 'Helper', { settings: { ...DEMO, alarmEmail: 'me@example.com' } });
  const functions = all(stack, 'AWS::Lambda::Function');
  expect(functions).toHaveLength(4);
  for (const { id, properties } of functions) {
    expect([id, properties.LoggingConfig?.LogGroup]).toEqual([id, { Ref: expect.any(String) }]);
  }
});

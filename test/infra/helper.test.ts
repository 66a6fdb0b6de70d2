import { CfnParameter, Duration, Stack } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { describe, expect, it } from 'vitest';
import { APP_FLAGS } from '../../infra/function.ts';
import type { SettingsInput } from '../../infra/index.ts';
import { DEMO, HOME, newApp, resource, synth } from './synth.ts';

const demo = synth(() => ({ settings: DEMO }));

describe('with nothing but a cluster', () => {
  it('runs the bundle on Node 24 for as long as Lambda lets it, logging JSON', () => {
    const { properties } = resource(demo.template, 'AWS::Lambda::Function', 'HelperRefresher');
    expect(properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Architectures: ['arm64'],
      Timeout: 900,
      MemorySize: 512,
      LoggingConfig: { LogFormat: 'JSON', LogGroup: { Ref: expect.stringMatching(/^HelperLog/) } },
    });
    expect(properties).not.toHaveProperty('ReservedConcurrentExecutions');
    expect(properties).not.toHaveProperty('VpcConfig');
  });

  it('gives it the settings as they were written, and no way to another endpoint', () => {
    const { properties } = resource(demo.template, 'AWS::Lambda::Function', 'HelperRefresher');
    expect(properties.Environment.Variables).toEqual({
      SETTINGS: JSON.stringify(DEMO),
      RULE_NAME: resource(demo.template, 'AWS::Events::Rule').properties.Name,
      AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
      // for the commands that it prints: cdk deploy takes a stack by its path
      DEPLOYED_BY: 'Test',
    });
  });

  it.each([
    ['short', {}, true],
    ['as long as they may be', { $schema: 'x'.repeat(3_420) }, false],
  ])('gives it long flags of the app where the settings are %s: %o', (_, more, isGiven) => {
    const flags = `-c settings=${'x'.repeat(200)}`;
    const { template } = synth((stack) => {
      stack.node.setContext(APP_FLAGS, flags);
      return { settings: { ...DEMO, ...more } };
    });
    const { properties } = resource(template, 'AWS::Lambda::Function', 'HelperRefresher');
    expect(properties.Environment.Variables.DEPLOYED_BY).toBe(isGiven ? flags : undefined);
  });

  it('has a role of its own without managed policies', () => {
    const { properties } = resource(demo.template, 'AWS::IAM::Role', 'HelperRole');
    expect(properties).not.toHaveProperty('ManagedPolicyArns');
    expect(properties.AssumeRolePolicyDocument.Statement[0].Principal).toEqual({
      Service: 'lambda.amazonaws.com',
    });
  });

  it('keeps its log for three months', () => {
    expect(resource(demo.template, 'AWS::Logs::LogGroup', 'HelperLog').properties.RetentionInDays).toBe(90);
  });

  it('refreshes every eight hours, once its access entry exists', () => {
    const rule = resource(demo.template, 'AWS::Events::Rule');
    const handler = resource(demo.template, 'AWS::Lambda::Function', 'HelperRefresher');
    expect(rule.properties).toMatchObject({ ScheduleExpression: 'rate(8 hours)', State: 'ENABLED' });
    expect(rule.properties.Targets).toEqual([{ Arn: { 'Fn::GetAtt': [handler.id, 'Arn'] }, Id: 'Target0' }]);
    expect(rule.dependsOn).toEqual(
      expect.arrayContaining([
        resource(demo.template, 'Custom::AWSCDK-EKS-KubernetesResource').id,
        resource(demo.template, 'AWS::EKS::AccessEntry', 'HelperAccessClusterdemoEntry').id,
      ]),
    );
  });

  it('refreshes after each deployment without waiting for the result, once its access entry exists', () => {
    const trigger = resource(demo.template, 'Custom::Trigger');
    const version = resource(demo.template, 'AWS::Lambda::Version');
    expect(trigger.properties).toMatchObject({ HandlerArn: { Ref: version.id }, InvocationType: 'Event' });
    expect(trigger.dependsOn).toEqual(
      expect.arrayContaining([
        resource(demo.template, 'Custom::AWSCDK-EKS-KubernetesResource').id,
        resource(demo.template, 'AWS::EKS::AccessEntry', 'HelperAccessClusterdemoEntry').id,
        resource(demo.template, 'AWS::IAM::Policy', 'HelperRole').id,
        resource(demo.template, 'AWS::Lambda::EventInvokeConfig', 'HelperRefresherCurrentVersion').id,
      ]),
    );
  });
});

describe('a run that failed', () => {
  const failed = resource(demo.template, 'AWS::SQS::Queue', 'HelperRetriesFailed');
  const dead = resource(demo.template, 'AWS::SQS::Queue', 'HelperRetriesDead');

  it('is repeated twice and then queued, also when it was the first after a deployment', () => {
    const version = resource(demo.template, 'AWS::Lambda::Version');
    const configs = Object.values(demo.template.findResources('AWS::Lambda::EventInvokeConfig'));
    expect(configs.map(({ Properties }) => Properties.Qualifier)).toEqual([
      '$LATEST',
      { 'Fn::GetAtt': [version.id, 'Version'] },
    ]);
    for (const { Properties } of configs) {
      expect(Properties).toMatchObject({
        MaximumRetryAttempts: 2,
        MaximumEventAgeInSeconds: 3600,
        DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': [failed.id, 'Arn'] } } },
      });
    }
  });

  it('is retried every half hour for six hours, then stays for two weeks', () => {
    expect(failed.properties).toMatchObject({
      VisibilityTimeout: 30 * 60,
      RedrivePolicy: { maxReceiveCount: 12, deadLetterTargetArn: { 'Fn::GetAtt': [dead.id, 'Arn'] } },
    });
    expect(dead.properties.MessageRetentionPeriod).toBe(14 * 24 * 3600);
  });

  it('is retried alone', () => {
    demo.template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 1,
      Enabled: true,
      EventSourceArn: { 'Fn::GetAtt': [failed.id, 'Arn'] },
    });
  });

  it('is in encrypted queues that take only TLS', () => {
    for (const queue of [failed, dead]) {
      expect(queue.properties.SqsManagedSseEnabled).toBe(true);
      demo.template.hasResourceProperties('AWS::SQS::QueuePolicy', {
        Queues: [{ Ref: queue.id }],
        PolicyDocument: {
          Statement: [
            Match.objectLike({
              Effect: 'Deny',
              Action: 'sqs:*',
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            }),
          ],
        },
      });
    }
  });
});

it('does nothing by itself while it is not enabled', () => {
  const { template } = synth(() => ({ settings: { ...DEMO, enabled: false } }));
  expect(resource(template, 'AWS::Events::Rule').properties.State).toBe('DISABLED');
  expect(resource(template, 'AWS::Lambda::EventSourceMapping').properties.Enabled).toBe(false);
  template.resourceCountIs('Custom::Trigger', 0);
});

it('takes its schedule from the settings', () => {
  const { template } = synth(() => ({ settings: { ...DEMO, schedule: 'cron(0 0/6 * * ? *)' } }));
  expect(resource(template, 'AWS::Events::Rule').properties.ScheduleExpression).toBe('cron(0 0/6 * * ? *)');
});

it('takes what the deployment has its own ways for', () => {
  const { template } = synth((stack) => ({
    settings: { ...DEMO, clusters: [{ name: 'demo', rbac: 'manual' }] },
    memorySize: 256,
    timeout: Duration.minutes(5),
    logRetention: RetentionDays.ONE_YEAR,
    logKey: new kms.Key(stack, 'LogKey'),
    queueKey: new kms.Key(stack, 'QueueKey'),
    environmentKey: new kms.Key(stack, 'EnvironmentKey'),
    permissionsBoundary: iam.ManagedPolicy.fromManagedPolicyName(stack, 'Boundary', 'boundary'),
  }));
  const key = (id: string) => ({ 'Fn::GetAtt': [resource(template, 'AWS::KMS::Key', id).id, 'Arn'] });
  expect(resource(template, 'AWS::Lambda::Function', 'HelperRefresher').properties).toMatchObject({
    MemorySize: 256,
    Timeout: 300,
    KmsKeyArn: key('EnvironmentKey'),
  });
  for (const { Properties } of Object.values(template.findResources('AWS::Logs::LogGroup'))) {
    expect(Properties).toMatchObject({ RetentionInDays: 365, KmsKeyId: key('LogKey') });
  }
  for (const { Properties } of Object.values(template.findResources('AWS::SQS::Queue'))) {
    expect(Properties.KmsMasterKeyId).toEqual(key('QueueKey'));
  }
  expect(resource(template, 'AWS::IAM::Role', 'HelperRole').properties.PermissionsBoundary).toBe(
    'arn:aws:iam::111122223333:policy/boundary',
  );
});

describe('a role that is given', () => {
  const assumedBy = new iam.ServicePrincipal('lambda.amazonaws.com');

  it('gets the rights when it is made in the same stack', () => {
    const { template } = synth((stack) => ({
      settings: DEMO,
      role: new iam.Role(stack, 'Mine', { assumedBy }),
    }));
    const { id } = resource(template, 'AWS::IAM::Role', 'Mine');
    expect(resource(template, 'AWS::IAM::Policy', 'Mine').properties.Roles).toEqual([{ Ref: id }]);
    expect(
      resource(template, 'AWS::EKS::AccessEntry', 'HelperAccessClusterdemoEntry').properties.PrincipalArn,
    ).toEqual({ 'Fn::GetAtt': [id, 'Arn'] });
  });

  it('is refused from another stack, and when it is only known by its ARN', () => {
    const otherStack = new Stack(newApp(), 'Other', { env: HOME });
    const other = new iam.Role(otherStack, 'Foreign', { assumedBy });
    expect(() => synth(() => ({ settings: DEMO, role: other }))).toThrow(
      /Other\/Foreign is not made in the stack Test/,
    );
    expect(() =>
      synth((stack) => ({
        settings: DEMO,
        role: iam.Role.fromRoleArn(stack, 'Known', 'arn:aws:iam::111122223333:role/known') as iam.Role,
      })),
    ).toThrow(/Test\/Known is not made in the stack Test/);
  });
});

describe('in a VPC', () => {
  const vpc = {
    vpcId: 'vpc-0a1b2c3d',
    subnetIds: ['subnet-0a1b2c3d', 'subnet-0b1b2c3d'],
    securityGroupIds: ['sg-0a1b2c3d'],
  };

  it('is attached where the settings say, and so is kubectl', () => {
    const { template } = synth(() => ({ settings: { ...DEMO, vpc } }));
    for (const id of ['HelperRefresher', 'HelperAccessKubectlProviderHandler']) {
      expect(resource(template, 'AWS::Lambda::Function', id).properties.VpcConfig).toEqual({
        SubnetIds: vpc.subnetIds,
        SecurityGroupIds: vpc.securityGroupIds,
      });
    }
  });

  it('goes out over IPv6 too, to dual-stack endpoints, where the settings say so', () => {
    const function_ = ({ template }: Pick<ReturnType<typeof synth>, 'template'>) =>
      resource(template, 'AWS::Lambda::Function', 'HelperRefresher').properties;
    const on = function_(synth(() => ({ settings: { ...DEMO, vpc: { ...vpc, ipv6: true } } })));
    expect(on.VpcConfig.Ipv6AllowedForDualStack).toBe(true);
    expect(on.Environment.Variables.AWS_USE_DUALSTACK_ENDPOINT).toBe('true');
    for (const settings of [DEMO, { ...DEMO, vpc }, { ...DEMO, vpc: { ...vpc, ipv6: false } }]) {
      const off = function_(synth(() => ({ settings })));
      expect(off.VpcConfig ?? {}).not.toHaveProperty('Ipv6AllowedForDualStack');
      expect(off.Environment.Variables).not.toHaveProperty('AWS_USE_DUALSTACK_ENDPOINT');
    }
  });

  it('allows egress over IPv6 by its own security group, in a VPC of the app', () => {
    const { template } = synth((stack) => {
      const net = new ec2.Vpc(stack, 'Net', { ipProtocol: ec2.IpProtocol.DUAL_STACK });
      return { settings: DEMO, vpc: net, ipv6: true };
    });
    const group = resource(template, 'AWS::EC2::SecurityGroup', 'HelperSecurityGroup').properties;
    expect(group.SecurityGroupEgress).toContainEqual(expect.objectContaining({ CidrIpv6: '::/0' }));
    const { VpcConfig } = resource(template, 'AWS::Lambda::Function', 'HelperRefresher').properties;
    expect(VpcConfig.Ipv6AllowedForDualStack).toBe(true);
  });

  it('takes a VPC of the app, and makes a security group', () => {
    const { template } = synth((stack) => ({ settings: DEMO, vpc: new ec2.Vpc(stack, 'Net') }));
    const group = resource(template, 'AWS::EC2::SecurityGroup', 'HelperSecurityGroup');
    const { VpcConfig } = resource(template, 'AWS::Lambda::Function', 'HelperRefresher').properties;
    expect(VpcConfig.SecurityGroupIds).toEqual([{ 'Fn::GetAtt': [group.id, 'GroupId'] }]);
    expect(JSON.stringify(VpcConfig.SubnetIds)).toContain('NetPrivateSubnet1');
  });

  it('is refused when it is given twice, or in part', () => {
    expect(() => synth((stack) => ({ settings: { ...DEMO, vpc }, vpc: new ec2.Vpc(stack, 'Net') }))).toThrow(
      /vpc: given both/,
    );
    for (const half of [{ securityGroups: [] }, { ipv6: true }]) {
      expect(() => synth(() => ({ settings: DEMO, ...half }))).toThrow(/vpc: .* without it/);
    }
    expect(() => synth(() => ({ settings: { ...DEMO, vpc }, ipv6: true }))).toThrow(/vpc: given both/);
  });
});

it('takes texts that are known only at deployment', () => {
  const { template } = synth((stack) => {
    const text = (id: string) => new CfnParameter(stack, id).valueAsString;
    return {
      settings: {
        name: text('Name'),
        clusters: [{ name: text('Cluster') }],
        secrets: [{ registries: [{ type: 'stored', secretId: text('Stored'), kmsKeyArn: text('Key') }] }],
        schedule: text('Schedule'),
      },
    };
  });
  const { SETTINGS } = resource(template, 'AWS::Lambda::Function', 'HelperRefresher').properties.Environment
    .Variables;
  expect(SETTINGS['Fn::Join'][1]).toEqual([
    '{"name":"',
    { Ref: 'Name' },
    '","clusters":[{"name":"',
    { Ref: 'Cluster' },
    '"}],"secrets":[{"registries":[{"type":"stored","secretId":"',
    { Ref: 'Stored' },
    '","kmsKeyArn":"',
    { Ref: 'Key' },
    '"}]}],"schedule":"',
    { Ref: 'Schedule' },
    '"}',
  ]);
  expect(resource(template, 'AWS::EKS::AccessEntry', 'HelperAccessCluster0Entry').properties).toMatchObject({
    ClusterName: { Ref: 'Cluster' },
    KubernetesGroups: [{ Ref: 'Name' }],
  });
});

describe('two registries of an entry', () => {
  const settings = (
    ...registries: Exclude<NonNullable<SettingsInput['secrets']>[number], { type: unknown }>['registries'][]
  ) => ({
    ...DEMO,
    secrets: registries.map((two) => ({ registries: two })),
  });

  it('are refused where the place of the stack makes them one', () => {
    const here = { type: 'ecr' as const, accountId: '111122223333', region: 'eu-west-1' };
    for (const registries of [
      [here, { type: 'ecr' as const }],
      [{ type: 'ecr' as const }, here],
    ]) {
      expect(() => synth(() => ({ settings: settings(registries) }))).toThrow(
        /secrets\[0\]\.registries\[1\]: registries\[0\] serves ECR of 111122223333 in eu-west-1/,
      );
      expect(() => synth(() => ({ settings: settings(registries) }), { region: 'us-east-1' })).not.toThrow();
    }
  });
});

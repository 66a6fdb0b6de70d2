import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { EcrRegistryHelper } from './helper.ts';
import type { HelperStackProps } from './options.ts';

/** The stack that `cdk deploy` makes: one helper, and the outputs that a person needs to operate it. */
export class EcrRegistryHelperStack extends Stack {
  readonly helper: EcrRegistryHelper;

  constructor(scope: Construct, id: string, { settings, ...props }: HelperStackProps) {
    super(scope, id, {
      description: 'Keeps Amazon ECR image-pull secrets fresh in the namespaces of Kubernetes clusters',
      ...props,
    });
    this.helper = new EcrRegistryHelper(this, 'Helper', { settings });
    const { refresher, role, rule, logGroup, failedQueue, deadLetterQueue, monitoring, fleet } = this.helper;
    const output = (name: string, value: string, description: string) =>
      new CfnOutput(this, name, { value, description });
    output('FunctionName', refresher.functionName, 'The function that refreshes the secrets');
    output('FunctionRoleArn', role.roleArn, 'The role in the access entries of the clusters');
    output('FailedQueueUrl', failedQueue.queueUrl, 'Queue of failed runs, which retries them');
    output(
      'DeadLetterQueueUrl',
      deadLetterQueue.queueUrl,
      'Queue of failed runs that are not retried any more',
    );
    output('LogGroupName', logGroup.logGroupName, 'The log of the function');
    output('RuleName', rule.ruleName, 'The rule that starts the function by schedule');
    output('AlarmTopicArn', monitoring.topic.topicArn, 'SNS topic for alarms');
    output('DashboardUrl', monitoring.dashboardUrl, 'Freshness, failures and durations');
    if (fleet) {
      const { stateMachineArn } = fleet.stateMachine;
      output(
        'StateMachineArn',
        stateMachineArn,
        'The state machine that refreshes all clusters of the fleet',
      );
      output(
        'StartCommand',
        `aws stepfunctions start-execution --state-machine-arn ${stateMachineArn} --region ${this.region}`,
        'Refreshes all clusters of the fleet now',
      );
      return;
    }
    output(
      'InvokeCommand',
      // without a longer read timeout the CLI invokes again after 60 s
      `aws lambda invoke --function-name ${refresher.functionName} --region ${this.region} --cli-binary-format raw-in-base64-out --cli-read-timeout 900 --payload '{}' /dev/stdout`,
      'Refreshes all secrets now and prints the report',
    );
  }
}

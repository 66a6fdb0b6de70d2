import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { SettingsInput } from '../lambda/settings.ts';
import { dashboardUrl } from './console.ts';
import { EcrRegistryHelper } from './refresher.ts';

export interface EcrRegistryHelperStackProps extends StackProps {
  readonly settings: SettingsInput;
}

/** The stack that `cdk deploy` makes: one helper, and what a person needs to run it and look after it. */
export class EcrRegistryHelperStack extends Stack {
  readonly helper: EcrRegistryHelper;

  constructor(scope: Construct, id: string, { settings, ...props }: EcrRegistryHelperStackProps) {
    super(scope, id, {
      description: 'Keeps Amazon ECR image-pull secrets fresh in the namespaces of Kubernetes clusters',
      ...props,
    });
    this.helper = new EcrRegistryHelper(this, 'Helper', { settings });
    const { refresher, role, failedQueue, monitoring, fleet } = this.helper;
    const output = (name: string, value: string, description: string) =>
      new CfnOutput(this, name, { value, description });
    output('FunctionName', refresher.functionName, 'The function that refreshes the secrets');
    output('FunctionRoleArn', role.roleArn, 'The role that the access entries of the clusters name');
    output('FailedQueueUrl', failedQueue.queueUrl, 'Runs that failed wait here to be tried again');
    output('AlarmTopicArn', monitoring.topic.topicArn, 'The alarms speak to it: subscribe to it');
    output(
      'DashboardUrl',
      dashboardUrl(this, monitoring.dashboard.dashboardName),
      'Whether all is fresh, what failed and how long it took',
    );
    if (fleet) {
      output(
        'StartCommand',
        `aws stepfunctions start-execution --state-machine-arn ${fleet.stateMachine.stateMachineArn} --region ${this.region}`,
        'Refreshes all clusters of the fleet now',
      );
      return;
    }
    output(
      'InvokeCommand',
      // the CLI gives up after 60 s and invokes again unless told otherwise
      `aws lambda invoke --function-name ${refresher.functionName} --region ${this.region} --cli-binary-format raw-in-base64-out --cli-read-timeout 900 --payload '{}' /dev/stdout`,
      'Refreshes all secrets now and prints the report',
    );
  }
}

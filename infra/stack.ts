import { type App, CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { accessPlaces } from '../lambda/settings/locations.ts';
import type { Settings } from '../lambda/settings/schema.ts';
import { EcrRegistryHelperAccessStack } from './access-stack.ts';
import { EcrRegistryHelper, type EcrRegistryHelperProps } from './helper.ts';
import { applyOptions, type HelperStackProps } from './options.ts';

type MainStackProps = HelperStackProps & Pick<EcrRegistryHelperProps, 'refreshOnDeploy'>;

/**
 * Adds a deployment to an app: the main stack, and an access stack for each other account and region.
 * @param settings checked, those of the properties
 * @throws SettingsError
 */
export function addStacks(app: App, settings: Settings, props: MainStackProps): void {
  applyOptions(new EcrRegistryHelperStack(app, settings.name, props), settings);
  for (const { accountId: account, region } of accessPlaces(settings)) {
    const id = `${settings.name}-access-${account}-${region}`;
    const access = { settings: props.settings, env: { account, region } };
    applyOptions(new EcrRegistryHelperAccessStack(app, id, access), settings);
  }
}

/** The stack that `cdk deploy` makes: one helper, and the outputs that a person needs to operate it. */
export class EcrRegistryHelperStack extends Stack {
  readonly helper: EcrRegistryHelper;

  constructor(scope: Construct, id: string, { settings, refreshOnDeploy, ...props }: MainStackProps) {
    super(scope, id, {
      description: 'Keeps Amazon ECR image-pull secrets fresh in the namespaces of Kubernetes clusters',
      ...props,
    });
    this.helper = new EcrRegistryHelper(this, 'Helper', { settings, refreshOnDeploy });
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

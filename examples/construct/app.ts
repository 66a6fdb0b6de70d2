import { App, CfnOutput, Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { EcrRegistryHelper, type SettingsInput } from 'ecr-registry-helper';

const app = new App();
// without an account and region, as CDK would need credentials to look up their availability zones
const stack = new Stack(app, 'Platform');

// what this app has anyway
const vpc = new ec2.Vpc(stack, 'Vpc', { maxAzs: 2 });
const images = new ecr.Repository(stack, 'Images', { repositoryName: 'platform/base' });
const pages = new sns.Topic(stack, 'Pages', { enforceSSL: true });
pages.addSubscription(new EmailSubscription('on-call@example.com'));
pages.grantPublish(new iam.ServicePrincipal('cloudwatch.amazonaws.com'));

const settings: SettingsInput = {
  clusters: [{ name: 'prod' }],
  secrets: [{ registries: [{ type: 'ecr', repositories: [images.repositoryName, 'team-*'] }] }],
};
const helper = new EcrRegistryHelper(stack, 'PullSecrets', {
  settings,
  // the API server of prod has a private endpoint in this VPC
  vpc,
  alarmTopic: pages,
  logRetention: RetentionDays.ONE_YEAR,
});

// the command line finds the function and its role by these outputs: npx ecr-registry-helper doctor --stack Platform
new CfnOutput(stack, 'FunctionName', { value: helper.refresher.functionName });
new CfnOutput(stack, 'FunctionRoleArn', { value: helper.role.roleArn });

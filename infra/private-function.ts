import { Duration, Stack } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { accessRoleName, credentialsRoleName, type Place } from '../lambda/settings/places.ts';
import { checkSize, type Settings, type SettingsInput } from '../lambda/settings.ts';
import { bundleFolder } from './bundle.ts';
import type { Network } from './network.ts';
import { roleArn } from './rights/credentials-role.ts';
import { pullRolePrefix } from './rights/pull-roles.ts';

export interface PrivateFunctionProps {
  readonly settings: Settings;
  /** As they were written, for the function reads them again. */
  readonly input: SettingsInput;
  readonly home: Place;
  /** Of the access stack, which the function at home assumes to invoke it. */
  readonly role: iam.Role;
  readonly network: Network;
}

/** The function in the VPC of a place: it does there what the one at home is asked for and hands on. */
export class PrivateFunction extends Construct {
  readonly function: lambda.Function;

  constructor(scope: Construct, id: string, { settings, input, home, role, network }: PrivateFunctionProps) {
    super(scope, id);
    const stack = Stack.of(this);
    checkSize(input);
    const logGroup = new logs.LogGroup(this, 'Log', { retention: logs.RetentionDays.THREE_MONTHS });
    logGroup.grantWrite(role);
    this.function = new lambda.Function(this, 'Function', {
      // known at home, which reads nothing of this stack
      functionName: accessRoleName(settings.name, stack.region),
      description: 'Refreshes the ECR pull secrets of the clusters that are reached from this VPC',
      code: lambda.Code.fromAsset(bundleFolder()),
      handler: 'index.handler',
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      // ends before the one at home, which waits for it
      timeout: Duration.minutes(14),
      memorySize: 512,
      role,
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      environment: {
        SETTINGS: stack.toJsonString(input),
        POWERTOOLS_SERVICE_NAME: settings.name,
        ACCESS_ROLE_ARN: roleArn(stack, stack.account, accessRoleName(settings.name, stack.region)),
        CREDENTIALS_ROLE_ARN: roleArn(stack, home.accountId, credentialsRoleName(settings.name, home.region)),
        ...(settings.secrets.some(({ repositories }) => repositories) && {
          PULL_ROLE_PREFIX: roleArn(stack, home.accountId, pullRolePrefix(settings.name, home.region)),
        }),
        AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
      },
      vpc: network.vpc,
      vpcSubnets: { subnets: network.subnets },
      securityGroups: network.securityGroups,
    });
  }
}

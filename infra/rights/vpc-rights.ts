import { ArnFormat, type Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Right } from './rights.ts';

/** What Lambda does to attach a function: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html */
const ATTACH = [
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

/** What Lambda does as a function's role to attach it to a VPC, denied to what runs in the function. */
export function vpcRights(stack: Stack): Right[] {
  return [
    {
      sid: 'AttachToVpc',
      why: "Lambda makes the function's network interfaces with this role, before their ids are known",
      actions: ATTACH,
      resources: ['*'],
    },
    {
      sid: 'NoVpcByCode',
      why: 'that is for Lambda to do; what runs in a function carries this key',
      effect: iam.Effect.DENY,
      actions: ATTACH,
      resources: ['*'],
      conditions: {
        ArnLike: {
          'lambda:SourceFunctionArn': stack.formatArn({
            service: 'lambda',
            resource: 'function',
            resourceName: '*',
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        },
      },
    },
  ];
}

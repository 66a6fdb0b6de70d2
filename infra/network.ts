import { Validations } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import type { Settings } from '../lambda/settings/schema.ts';

export interface NetworkProps {
  /**
   * The VPC of the function, for API servers without a public endpoint. Their security groups must allow that of the
   * function on port 443, and ECR, EKS, STS and Secrets Manager must be reachable (NAT or endpoints).
   * @default - none, or that of `settings.vpc`
   */
  readonly vpc?: ec2.IVpc;
  /** The subnets of the function. @default - the private subnets with egress */
  readonly vpcSubnets?: ec2.SubnetSelection;
  /** The security groups of the function. @default - a new one that allows all egress and no ingress */
  readonly securityGroups?: ec2.ISecurityGroup[];
  /** Also allows egress over IPv6, to the dual-stack endpoints of AWS. The subnets must have IPv6 ranges. @default false */
  readonly ipv6?: boolean;
}

/** What a function is attached to. */
export interface Network {
  readonly vpc: ec2.IVpc;
  readonly subnets: ec2.ISubnet[];
  readonly securityGroups: ec2.ISecurityGroup[];
  readonly ipv6: boolean;
}

/**
 * The network of the props or of the settings, without look-ups; undefined if neither names one.
 * @throws SettingsError when both name one, or subnets, security groups or IPv6 come without a VPC
 */
export function resolveNetwork(
  scope: Construct,
  { vpc, vpcSubnets, securityGroups, ipv6 }: NetworkProps,
  setting: Settings['vpc'],
): Network | undefined {
  const hasOptions = vpcSubnets || securityGroups || ipv6;
  if (setting) {
    if (vpc || hasOptions || ipv6 !== undefined) {
      throw new SettingsError('vpc: given both in the settings and as a property of the construct');
    }
    const { vpcId, subnetIds, securityGroupIds } = setting;
    // CDK wants one zone for each subnet, and does not use it here
    const zones = { availabilityZones: subnetIds, privateSubnetIds: subnetIds };
    const known = ec2.Vpc.fromVpcAttributes(scope, 'Vpc', { vpcId, ...zones });
    Validations.of(known).acknowledge({
      id: '@aws-cdk/aws-ec2:noSubnetRouteTableId',
      reason: 'a function is attached to subnets and does not change their routes',
    });
    return {
      vpc: known,
      subnets: known.privateSubnets,
      securityGroups: securityGroupIds.map((id, at) =>
        ec2.SecurityGroup.fromSecurityGroupId(scope, `SecurityGroup${at}`, id, { mutable: false }),
      ),
      ipv6: setting.ipv6 ?? false,
    };
  }
  if (!vpc) {
    if (hasOptions) throw new SettingsError('vpc: subnets, security groups or ipv6 were given without it');
    return undefined;
  }
  return {
    vpc,
    subnets: vpc.selectSubnets(vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS }).subnets,
    securityGroups: securityGroups ?? [
      new ec2.SecurityGroup(scope, 'SecurityGroup', {
        vpc,
        description: 'ecr-registry-helper',
        ...(ipv6 && { allowAllIpv6Outbound: true }),
      }),
    ],
    ipv6: ipv6 ?? false,
  };
}

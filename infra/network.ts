import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { SettingsError } from '../lambda/errors.ts';
import type { Settings } from '../lambda/settings.ts';
import { acknowledgeKnownVpc } from './acknowledgements.ts';

export interface NetworkProps {
  /**
   * The VPC of the function, for API servers that have no public endpoint. Their security groups must let the
   * function's in on port 443, and ECR, EKS, STS and Secrets Manager must be reachable (NAT or endpoints).
   * @default - none, or that of `settings.vpc`
   */
  readonly vpc?: ec2.IVpc;
  /** @default - the private subnets with a way out */
  readonly vpcSubnets?: ec2.SubnetSelection;
  /** @default - one of its own that lets everything out and nothing in */
  readonly securityGroups?: ec2.ISecurityGroup[];
}

/** Where a function is attached. */
export interface Network {
  readonly vpc: ec2.IVpc;
  readonly subnets: ec2.ISubnet[];
  readonly securityGroups: ec2.ISecurityGroup[];
}

/**
 * The network that props or settings ask for, without look-ups; undefined if none.
 * @throws SettingsError when both name one, or subnets or security groups come without a VPC
 */
export function networkOf(
  scope: Construct,
  { vpc, vpcSubnets, securityGroups }: NetworkProps,
  setting: Settings['vpc'],
): Network | undefined {
  if (setting && (vpc || vpcSubnets || securityGroups)) {
    throw new SettingsError('vpc: given both in the settings and as a property of the construct');
  }
  if (setting) {
    const { vpcId, subnetIds, securityGroupIds } = setting;
    // one zone for each subnet is asked for, and never looked at
    const zones = { availabilityZones: subnetIds, privateSubnetIds: subnetIds };
    const known = ec2.Vpc.fromVpcAttributes(scope, 'Vpc', { vpcId, ...zones });
    acknowledgeKnownVpc(known);
    return {
      vpc: known,
      subnets: known.privateSubnets,
      securityGroups: securityGroupIds.map((id, at) =>
        ec2.SecurityGroup.fromSecurityGroupId(scope, `SecurityGroup${at}`, id, { mutable: false }),
      ),
    };
  }
  if (!vpc) {
    if (vpcSubnets || securityGroups) {
      throw new SettingsError('vpc: subnets and security groups were given without it');
    }
    return undefined;
  }
  return {
    vpc,
    subnets: vpc.selectSubnets(vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS }).subnets,
    securityGroups: securityGroups ?? [
      new ec2.SecurityGroup(scope, 'SecurityGroup', { vpc, description: 'ecr-registry-helper' }),
    ],
  };
}

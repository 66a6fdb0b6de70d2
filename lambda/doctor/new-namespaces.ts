import { DescribeSubscriptionFiltersCommand } from '@aws-sdk/client-cloudwatch-logs';
import type { AwsAccess } from '../aws.ts';
import type { ClusterEndpoint } from '../cluster/eks.ts';
import { codeOf } from '../errors.ts';
import type { ClusterSettings } from '../settings.ts';
import type { Finding } from './doctor-report.ts';
import { DEPLOY, failed, passed, unknown } from './findings.ts';

/** Of a log group: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html */
const MOST_FILTERS = 2;
const step = 'new namespaces';

/**
 * Whether the log group of a cluster sends its records to the function. Does not throw.
 * @param functionName of the deployed function; undefined where this runs outside of its deployment
 */
export async function examineSubscription(
  aws: AwsAccess,
  { name }: Pick<ClusterSettings, 'name'>,
  functionName: string | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const logGroupName = `/aws/eks/${name}/cluster`;
  const object = `log group ${logGroupName}`;
  if (!functionName) {
    const reason = 'it is not known here which function it should tell';
    return unknown(step, object, reason, 'Send { "action": "doctor" } to the deployed function.');
  }
  const look = `aws logs describe-subscription-filters --region ${aws.region} --log-group-name ${logGroupName}`;
  try {
    const command = new DescribeSubscriptionFiltersCommand({ logGroupName });
    const { subscriptionFilters = [] } = await aws.logs().send(command, { abortSignal: signal });
    if (subscriptionFilters.some(({ destinationArn }) => destinationArn?.split(':')[6] === functionName)) {
      return passed(step, object, 'a subscription filter sends its records to the function');
    }
    if (subscriptionFilters.length < MOST_FILTERS) {
      const reason = 'no subscription filter sends its records to the function';
      return failed(step, object, reason, `Deploy it again: ${DEPLOY}`);
    }
    const names = subscriptionFilters.map(({ filterName }) => JSON.stringify(filterName)).join(' and ');
    const remedy = `Let one of them go or its reader share the other (docs/guides/new-namespaces.md), then: ${DEPLOY}. See whose they are: ${look}`;
    return failed(step, object, `both of its subscription filters are taken, by ${names}`, remedy);
  } catch (fault) {
    const code = codeOf(fault);
    if (code === 'ResourceNotFoundException') {
      return failed(step, object, 'it is not there', `${turnOn(name, aws.region)}, then: ${DEPLOY}`);
    }
    const reason = `CloudWatch Logs did not tell its subscription filters (${code})`;
    return unknown(step, object, reason, `Look at them: ${look}`);
  }
}

/** Whether a cluster writes the records that its log group is to send. */
export function examineAuditLog(
  { name, region }: Pick<ClusterSettings, 'name'> & { region: string },
  { isAudited }: Pick<ClusterEndpoint, 'isAudited'>,
  where: string,
): Finding {
  const object = `audit log of ${where}`;
  if (isAudited) return passed(step, object, 'it is on');
  return failed(step, object, 'it is off, so nothing tells of new namespaces', `${turnOn(name, region)}.`);
}

function turnOn(name: string, region: string): string {
  return `Turn the audit log on: aws eks update-cluster-config --region ${region} --name ${name} --logging '{"clusterLogging":[{"types":["audit"],"enabled":true}]}'`;
}

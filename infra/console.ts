import { CfnMapping, type Stack } from 'aws-cdk-lib';

/** Where a person looks at a dashboard of the stack. */
export function dashboardUrl(stack: Stack, dashboardName: string): string {
  const hosts = new CfnMapping(stack, 'ConsoleHosts', {
    // none is needed where the partition is known at synth
    lazy: true,
    mapping: {
      aws: { host: 'console.aws.amazon.com' },
      'aws-cn': { host: 'console.amazonaws.cn' },
      'aws-us-gov': { host: 'console.amazonaws-us-gov.com' },
      'aws-eusc': { host: 'console.amazonaws-eusc.eu' },
    },
  });
  const console = `https://${hosts.findInMap(stack.partition, 'host')}/cloudwatch/home`;
  return `${console}?region=${stack.region}#dashboards/dashboard/${dashboardName}`;
}

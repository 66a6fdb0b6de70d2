import { CfnMapping, type Stack, Token } from 'aws-cdk-lib';

const HOSTS: Readonly<Record<string, { host: string }>> = {
  aws: { host: 'console.aws.amazon.com' },
  'aws-cn': { host: 'console.amazonaws.cn' },
  'aws-us-gov': { host: 'console.amazonaws-us-gov.com' },
  'aws-eusc': { host: 'console.amazonaws-eusc.eu' },
};

/** Where a person looks at a dashboard of the stack; its name alone in a partition whose console is not public. */
export function dashboardUrl(stack: Stack, dashboardName: string): string {
  if (!Token.isUnresolved(stack.partition) && !(stack.partition in HOSTS)) return dashboardName;
  // none is needed where the partition is known at synth
  const hosts = new CfnMapping(stack, 'ConsoleHosts', { lazy: true, mapping: { ...HOSTS } });
  const console = `https://${hosts.findInMap(stack.partition, 'host')}/cloudwatch/home`;
  return `${console}?region=${stack.region}#dashboards/dashboard/${dashboardName}`;
}
